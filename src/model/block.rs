//! A residual block: `relu(units(x) + x)`, with a projection of x where shapes differ.

use crate::base::Result;
use crate::model::architecture::BlockShape;
use crate::model::unit::{BackwardContext, ForwardContext, IndexCounter, InputGradient, Unit, UnitActivations};
use crate::nn::{Backend, BufferPool};

/// The units of a block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    units: Vec<Unit>,
    last: Unit,
    shortcut: Option<Unit>,
}

/// Activations of a block saved for the backward pass.
#[derive(Debug)]
pub(super) struct BlockActivations<D: Backend> {
    /// The block's input.
    pub(super) input: D::Map,
    /// Saved activations and output of each unit but the last.
    units: Vec<(UnitActivations<D>, D::Map)>,
    last: UnitActivations<D>,
    shortcut: Option<UnitActivations<D>>,
}

impl<D: Backend> BlockActivations<D> {
    pub(super) fn release(self, buffers: &mut BufferPool<D>) {
        buffers.release_map(self.input);
        for (saved, output) in self.units {
            saved.release(buffers);
            buffers.release_map(output);
        }
        self.last.release(buffers);
        if let Some(saved) = self.shortcut {
            saved.release(buffers);
        }
    }
}

impl Block {
    /// Returns `None` for a block without units.
    pub(super) fn new(shape: &BlockShape, indices: &mut IndexCounter) -> Option<Self> {
        let mut units: Vec<Unit> = shape.units.iter().map(|unit| Unit::new(unit, indices)).collect();
        let last = units.pop()?;
        Some(Self { units, last, shortcut: shape.shortcut.as_ref().map(|unit| Unit::new(unit, indices)) })
    }

    /// Returns the saved activations and the output.
    pub(super) fn forward<D: Backend>(
        &self,
        context: &mut ForwardContext<'_, D>,
        input: D::Map,
    ) -> Result<(BlockActivations<D>, D::Map)> {
        let mut units: Vec<(UnitActivations<D>, D::Map)> = Vec::new();
        for unit in &self.units {
            let from = units.last().map_or(&input, |(_, output)| output);
            let forward = unit.forward(context, from, None, true)?;
            units.push(forward);
        }
        let shortcut = self.shortcut.as_ref().map(|unit| unit.forward(context, &input, None, false)).transpose()?;
        let residual = shortcut.as_ref().map_or(&input, |(_, output)| output);
        let from = units.last().map_or(&input, |(_, output)| output);
        let (last, output) = self.last.forward(context, from, Some(residual), true)?;
        let shortcut = shortcut.map(|(saved, projected)| {
            context.buffers.release_map(projected);
            saved
        });
        Ok((BlockActivations { input, units, last, shortcut }, output))
    }

    /// Backpropagates the gradient of the output; returns the block's input and its gradient.
    pub(super) fn backward<D: Backend>(
        &self,
        context: &mut BackwardContext<'_, D>,
        saved: BlockActivations<D>,
        output: D::Map,
        mut gradient: D::Map,
    ) -> Result<(D::Map, D::Map)> {
        let BlockActivations { input, mut units, last, shortcut } = saved;
        // Gradient along the main path, from the last unit's input down to the first unit's output.
        let mut main = context.buffers.acquire_map(context.rows * self.last.input_len())?;
        let from = units.last().map_or(&input, |(_, output)| output);
        self.last.backward(context, last, from, Some(&output), &mut gradient, InputGradient::Write(&mut main))?;
        context.buffers.release_map(output);
        // Shortcut path; `gradient` is now that of the sum before the last ReLU.
        if let (Some(unit), Some(saved)) = (&self.shortcut, shortcut) {
            let mut projected = context.buffers.acquire_map(context.rows * unit.input_len())?;
            unit.backward(context, saved, &input, None, &mut gradient, InputGradient::Write(&mut projected))?;
            context.buffers.release_map(std::mem::replace(&mut gradient, projected));
        }
        for unit in self.units.iter().rev() {
            let Some((saved, output)) = units.pop() else { break };
            match units.last() {
                Some((_, from)) => {
                    let mut below = context.buffers.acquire_map(context.rows * unit.input_len())?;
                    unit.backward(context, saved, from, Some(&output), &mut main, InputGradient::Write(&mut below))?;
                    context.buffers.release_map(std::mem::replace(&mut main, below));
                }
                None => {
                    unit.backward(context, saved, &input, Some(&output), &mut main, InputGradient::Add(&mut gradient))?;
                }
            }
            context.buffers.release_map(output);
        }
        context.buffers.release_map(main);
        Ok((input, gradient))
    }
}
