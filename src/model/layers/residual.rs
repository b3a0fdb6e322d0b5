//! A residual block: `relu(units(x) + x)`, with a projection of x where shapes differ.

use crate::base::Result;
use crate::model::layers::unit::{InputGradient, UnitOutput};
use crate::model::layers::{BackwardPass, ForwardPass, MapLayer, Unit};
use crate::nn::Backend;

/// A residual block. Its last unit adds the shortcut before its ReLU.
#[derive(Clone, Debug)]
pub(in crate::model) struct Residual {
    pub(in crate::model) first: Unit,
    pub(in crate::model) middle: Vec<Unit>,
    pub(in crate::model) last: Unit,
    /// The projection of the input, without ReLU; `None` where the shapes are the same.
    pub(in crate::model) shortcut: Option<Unit>,
}

impl MapLayer for Residual {
    fn forward<D: Backend>(&self, pass: &mut ForwardPass<'_, D>, input: &[D::Map]) -> Result<Vec<D::Map>> {
        let mut map = self.first.forward(pass, input, None, true)?;
        for unit in &self.middle {
            let output = unit.forward(pass, &map, None, true)?;
            pass.save_maps(std::mem::replace(&mut map, output));
        }
        let projected = self.shortcut.as_ref().map(|unit| unit.forward(pass, input, None, false)).transpose()?;
        let output = self.last.forward(pass, &map, Some(projected.as_deref().unwrap_or(input)), true)?;
        if let Some(projected) = projected {
            pass.buffers.release_maps(projected);
        }
        pass.save_maps(map);
        Ok(output)
    }

    fn backward<D: Backend>(
        &self,
        pass: &mut BackwardPass<'_, D>,
        input: &[D::Map],
        output: Vec<D::Map>,
        mut gradient: Vec<D::Map>,
    ) -> Result<Vec<D::Map>> {
        // Input of the unit above and its gradient, along the main path.
        let mut map = pass.saved.pop_maps()?;
        let mut main = pass.acquire_maps(self.last.input_len())?;
        self.last.backward(
            pass,
            &map,
            UnitOutput::AfterSum(&output),
            &mut gradient,
            InputGradient::Write(&mut main),
        )?;
        pass.buffers.release_maps(output);
        // Shortcut path; `gradient` is now that of the sum before the last ReLU.
        if let Some(unit) = &self.shortcut {
            let mut projected = pass.acquire_maps(unit.input_len())?;
            unit.backward(pass, input, UnitOutput::None, &mut gradient, InputGradient::Write(&mut projected))?;
            pass.buffers.release_maps(std::mem::replace(&mut gradient, projected));
        }
        for unit in self.middle.iter().rev() {
            let from = pass.saved.pop_maps()?;
            let mut below = pass.acquire_maps(unit.input_len())?;
            unit.backward(pass, &from, UnitOutput::AfterNorm(&map), &mut main, InputGradient::Write(&mut below))?;
            pass.buffers.release_maps(std::mem::replace(&mut main, below));
            pass.buffers.release_maps(std::mem::replace(&mut map, from));
        }
        self.first.backward(pass, input, UnitOutput::AfterNorm(&map), &mut main, InputGradient::Add(&mut gradient))?;
        pass.buffers.release_maps(map);
        pass.buffers.release_maps(main);
        Ok(gradient)
    }
}
