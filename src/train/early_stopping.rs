//! When to stop training a classifier.

/// Watches a loss on pictures that are not trained on; smaller is better.
///
/// As Keras' `EarlyStopping`: training stops at the `patience`-th epoch in a row that is no better than the best. A
/// loss that is not a number is never better.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    patience: Option<usize>,
    best: Option<(usize, f64)>,
    waited: usize,
}

/// What an observation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The best loss so far: keep the weights.
    Improved,
    /// Not the best: go on.
    Wait,
    /// Not the best for too long: stop.
    Stop,
}

impl EarlyStopping {
    /// Stops after `patience` epochs in a row without a better loss; never without one.
    pub fn new(patience: Option<usize>) -> Self {
        Self { patience, best: None, waited: 0 }
    }

    /// Takes the loss after an epoch.
    pub fn observe(&mut self, epoch: usize, loss: f64) -> Verdict {
        if !loss.is_nan() && self.best.is_none_or(|(_, best)| loss < best) {
            self.best = Some((epoch, loss));
            self.waited = 0;
            return Verdict::Improved;
        }
        self.waited += 1;
        if self.patience.is_some_and(|patience| self.waited >= patience) { Verdict::Stop } else { Verdict::Wait }
    }

    /// The epoch with the best loss, once there is one.
    pub fn best_epoch(&self) -> Option<usize> {
        self.best.map(|(epoch, _)| epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_after_patience_and_remembers_the_best() {
        let mut stopping = EarlyStopping::new(Some(2));
        let verdicts: Vec<_> =
            [1.0, 1.0, 0.5, f64::NAN, 0.6].iter().enumerate().map(|(i, &loss)| stopping.observe(i, loss)).collect();
        use Verdict::{Improved, Stop, Wait};
        assert_eq!(verdicts, [Improved, Wait, Improved, Wait, Stop]);
        assert_eq!(stopping.best_epoch(), Some(2));
    }

    #[test]
    fn without_patience_it_never_stops() {
        let mut stopping = EarlyStopping::new(None);
        assert!((0..100).all(|epoch| stopping.observe(epoch, epoch as f64) != Verdict::Stop));
        assert_eq!(stopping.best_epoch(), Some(0));
    }
}
