//! A residual block: `relu(units(x) + x)`, with a projection of x where the shapes differ.

use crate::base::Result;
use crate::model::architecture::BlockShape;
use crate::model::unit::{InputGradient, Pass, PassBack, Places, Unit, UnitTrace};
use crate::nn::{Backend, BufferPool};

/// The units of a block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    units: Vec<Unit>,
    last: Unit,
    shortcut: Option<Unit>,
}

/// What a block keeps for the way back.
#[derive(Debug)]
pub(super) struct BlockTrace<D: Backend> {
    /// The block's input.
    pub(super) input: D::Map,
    /// Of each unit but the last: its trace and its output.
    units: Vec<(UnitTrace<D>, D::Map)>,
    last: UnitTrace<D>,
    shortcut: Option<UnitTrace<D>>,
}

impl<D: Backend> BlockTrace<D> {
    pub(super) fn release(self, buffers: &mut BufferPool<D>) {
        buffers.release_map(self.input);
        for (trace, output) in self.units {
            trace.release(buffers);
            buffers.release_map(output);
        }
        self.last.release(buffers);
        if let Some(trace) = self.shortcut {
            trace.release(buffers);
        }
    }
}

impl Block {
    /// A block without units is none.
    pub(super) fn new(shape: &BlockShape, places: &mut Places) -> Option<Self> {
        let mut units: Vec<Unit> = shape.units.iter().map(|unit| Unit::new(unit, places)).collect();
        let last = units.pop()?;
        Some(Self { units, last, shortcut: shape.shortcut.as_ref().map(|unit| Unit::new(unit, places)) })
    }

    /// Gives what the way back needs, and the output.
    pub(super) fn forward<D: Backend>(&self, pass: &mut Pass<'_, D>, input: D::Map) -> Result<(BlockTrace<D>, D::Map)> {
        let mut units: Vec<(UnitTrace<D>, D::Map)> = Vec::new();
        for unit in &self.units {
            let from = units.last().map_or(&input, |(_, output)| output);
            let traced = unit.forward(pass, from, None, true)?;
            units.push(traced);
        }
        let shortcut = self.shortcut.as_ref().map(|unit| unit.forward(pass, &input, None, false)).transpose()?;
        let residual = shortcut.as_ref().map_or(&input, |(_, output)| output);
        let from = units.last().map_or(&input, |(_, output)| output);
        let (last, output) = self.last.forward(pass, from, Some(residual), true)?;
        let shortcut = shortcut.map(|(trace, projected)| {
            pass.buffers.release_map(projected);
            trace
        });
        Ok((BlockTrace { input, units, last, shortcut }, output))
    }

    /// From the gradient of the output to that of the input; both the block's input and its output are given back.
    pub(super) fn backward<D: Backend>(
        &self,
        pass: &mut PassBack<'_, D>,
        trace: BlockTrace<D>,
        output: D::Map,
        mut gradient: D::Map,
    ) -> Result<(D::Map, D::Map)> {
        let BlockTrace { input, mut units, last, shortcut } = trace;
        // The gradients of the row's maps, from the last unit's input down to the first unit's output.
        let mut row = pass.buffers.acquire_map(pass.rows * self.last.input_len())?;
        let from = units.last().map_or(&input, |(_, output)| output);
        self.last.backward(pass, last, from, Some(&output), &mut gradient, InputGradient::Write(&mut row))?;
        pass.buffers.release_map(output);
        // The residual path. `gradient` is now what passed the last ReLU.
        if let (Some(unit), Some(trace)) = (&self.shortcut, shortcut) {
            let mut projected = pass.buffers.acquire_map(pass.rows * unit.input_len())?;
            unit.backward(pass, trace, &input, None, &mut gradient, InputGradient::Write(&mut projected))?;
            pass.buffers.release_map(std::mem::replace(&mut gradient, projected));
        }
        for unit in self.units.iter().rev() {
            let Some((trace, output)) = units.pop() else { break };
            match units.last() {
                Some((_, from)) => {
                    let mut below = pass.buffers.acquire_map(pass.rows * unit.input_len())?;
                    unit.backward(pass, trace, from, Some(&output), &mut row, InputGradient::Write(&mut below))?;
                    pass.buffers.release_map(std::mem::replace(&mut row, below));
                }
                None => {
                    unit.backward(pass, trace, &input, Some(&output), &mut row, InputGradient::Add(&mut gradient))?;
                }
            }
            pass.buffers.release_map(output);
        }
        pass.buffers.release_map(row);
        Ok((input, gradient))
    }
}
