//! What a network has: its parameters, its running statistics and the rows of its summary.

use crate::model::parameters::{ParameterSpec, StatisticsSpec};
use crate::model::summary::SummaryRow;

/// Everything that the layers of a network register when they are created, in torchvision's order, those of the head
/// last. A layer finds its values by the indices that it gets here.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry {
    pub(super) parameters: Vec<ParameterSpec>,
    pub(super) statistics: Vec<StatisticsSpec>,
    pub(super) rows: Vec<SummaryRow>,
}

impl Registry {
    /// Starts the row of a layer; `output` is its shape and `macs` those of one image.
    pub(super) fn row(&mut self, name: &str, kind: impl Into<String>, output: Vec<usize>, macs: u64) {
        let (name, kind) = (name.to_owned(), kind.into());
        self.rows.push(SummaryRow { name, kind, output, parameters: 0, trainable: 0, multiply_adds: macs });
    }

    /// Registers a parameter of the last row and returns its index.
    pub(super) fn parameter(&mut self, spec: ParameterSpec) -> usize {
        self.count(spec.layout.len(), true);
        self.parameters.push(spec);
        self.parameters.len() - 1
    }

    /// Registers the running mean and variance of a batch norm, which is the last row, and returns their index.
    pub(super) fn statistics(&mut self, name: &str, channels: usize) -> usize {
        self.count(2 * channels, false);
        self.statistics.push(StatisticsSpec { name: name.to_owned(), channels });
        self.statistics.len() - 1
    }

    fn count(&mut self, values: usize, trainable: bool) {
        if let Some(row) = self.rows.last_mut() {
            row.parameters += values as u64;
            row.trainable += if trainable { values as u64 } else { 0 };
        }
    }
}

/// Returns the shape of a feature map.
pub(super) fn square(side: usize, channels: usize) -> Vec<usize> {
    vec![side, side, channels]
}
