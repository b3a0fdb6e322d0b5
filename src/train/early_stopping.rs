//! When to stop training a classifier.

use crate::train::EpochRecord;

/// Watches the loss on pictures that are not trained on; smaller is better.
///
/// As Keras' `EarlyStopping`: training stops at the `patience`-th epoch in a row that is no better than the best. A
/// loss that is not a number is never better. Without such pictures the last epoch is taken as the best.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    patience: Option<usize>,
    /// From 1; 0 while no epoch is the best.
    best_epoch: usize,
    best_loss: Option<f64>,
    waited: usize,
}

impl EarlyStopping {
    /// Stops after `patience` epochs (0 is as 1) in a row without a better loss; never without a patience.
    pub fn new(patience: Option<usize>) -> Self {
        Self { patience, best_epoch: 0, best_loss: None, waited: 0 }
    }

    /// As it was after these epochs.
    pub fn after(patience: Option<usize>, records: &[EpochRecord]) -> Self {
        let mut stopping = Self::new(patience);
        records.iter().for_each(|record| {
            stopping.observe(record);
        });
        stopping
    }

    /// Takes what an epoch measured; whether it is the best so far, so that its weights are to be kept.
    pub fn observe(&mut self, record: &EpochRecord) -> bool {
        let improved = match (record.selection_loss, self.best_loss) {
            (Some(loss), Some(best)) => loss < best,
            (Some(loss), None) => !loss.is_nan(),
            (None, _) => true,
        };
        if improved {
            (self.best_epoch, self.best_loss) = (record.epoch, record.selection_loss);
        }
        self.waited = if improved { 0 } else { self.waited + 1 };
        improved
    }

    /// Whether training is to stop.
    pub fn is_over(&self) -> bool {
        self.patience.is_some_and(|patience| self.waited >= patience.max(1))
    }

    /// The epoch, from 1, with the best loss; 0 while there is none.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::EpochMeans;

    fn records(losses: &[Option<f64>]) -> Vec<EpochRecord> {
        let record = |(i, loss): (usize, &Option<f64>)| EpochRecord {
            selection_loss: *loss,
            ..EpochMeans::default().record(i + 1)
        };
        losses.iter().enumerate().map(record).collect()
    }

    #[test]
    fn stops_after_patience_and_remembers_the_best() {
        let records = records(&[1.0, 1.0, 0.5, f64::NAN, 0.6].map(Some));
        let mut stopping = EarlyStopping::new(Some(2));
        let seen: Vec<_> = records.iter().map(|record| (stopping.observe(record), stopping.is_over())).collect();
        assert_eq!(seen, [(true, false), (false, false), (true, false), (false, false), (false, true)]);
        assert_eq!(stopping.best_epoch(), 3);
        for epochs in 0..=records.len() {
            let replayed = EarlyStopping::after(Some(2), &records[..epochs]);
            assert_eq!(replayed.is_over(), epochs == 5, "after {epochs} epochs");
            assert_eq!(replayed.best_epoch(), [0, 1, 1, 3, 3, 3][epochs]);
        }
    }

    #[test]
    fn without_patience_it_never_stops() {
        let records = records(&[Some(0.0); 100]);
        let stopping = EarlyStopping::after(None, &records);
        assert_eq!((stopping.is_over(), stopping.best_epoch()), (false, 1));
    }

    #[test]
    fn without_pictures_to_choose_on_the_last_epoch_is_the_best() {
        let stopping = EarlyStopping::after(Some(1), &records(&[None; 3]));
        assert_eq!((stopping.is_over(), stopping.best_epoch()), (false, 3));
    }
}
