//! Sentences made from the numbers of events, for the terminal and the log.

use crate::base::human;
use crate::engine::{Figure, Progress, StageSummary, TrainingSpeed};

/// Formats the details of progress besides its counts: `epoch 3/20  loss 2.310 (chance 5.541) ...`, or the unit.
pub(crate) fn detail(progress: &Progress) -> String {
    let Some(metrics) = &progress.training else { return progress.unit.clone() };
    let chance = metrics.chance_loss.map(|chance| format!(" (chance {chance:.3})")).unwrap_or_default();
    format!(
        "epoch {}/{}  loss {:.3}{chance}  accuracy {:.3}  lr {:.2e}  {:.0} views/s  waiting {:.1} %",
        metrics.epoch,
        metrics.epochs,
        metrics.loss,
        metrics.accuracy,
        metrics.learning_rate,
        metrics.views_per_second,
        100.0 * metrics.waiting,
    )
}

/// Formats progress: `3/20 (15 %)  images`.
pub(crate) fn progress(progress: &Progress) -> String {
    human::progress(progress.done, progress.total, &detail(progress))
}

/// Formats where a training run resumes.
pub(crate) fn resumed(epoch: u64, step: u64) -> String {
    format!("resuming from epoch {epoch}, step {step}")
}

/// Formats a speed: `767 views/s, 0.1 % of the time waiting for data, 182 GFLOP/s of a peak of 191 (95 %)`.
pub(crate) fn speed(speed: &TrainingSpeed) -> String {
    let TrainingSpeed { views_per_second, waiting, gigaflops, peak_gigaflops } = speed;
    let of_peak = peak_gigaflops.map(|peak| format!(" of a peak of {peak:.0} ({:.0} %)", 100.0 * gigaflops / peak));
    let (waiting, of_peak) = (100.0 * waiting, of_peak.unwrap_or_default());
    format!(
        "{views_per_second:.0} views/s, {waiting:.1} % of the time waiting for data, {gigaflops:.0} GFLOP/s{of_peak}"
    )
}

/// Formats the result of a stage: `accuracy 59.2 % [53.0 %, 65.1 %]`.
pub(crate) fn summary(summary: &StageSummary) -> String {
    let figures: Vec<String> = summary.0.iter().map(figure).collect();
    figures.join(", ")
}

fn figure(figure: &Figure) -> String {
    match figure {
        Figure::Count { name, value } => format!("{value} {name}"),
        Figure::Number { name, value } => format!("{name} {value:.3}"),
        Figure::Fraction { name, value, interval: (low, high) } => {
            let [value, low, high] = [*value, *low, *high].map(human::percent);
            format!("{name} {value} [{low}, {high}]")
        }
        Figure::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::TrainingMetrics;

    #[test]
    fn numbers_become_the_sentences_of_the_terminal() {
        let metrics = TrainingMetrics {
            epoch: 3,
            epochs: 20,
            loss: 2.3104,
            chance_loss: Some(5.5413),
            accuracy: 0.5,
            learning_rate: 0.098,
            gradient_norm: 1.0,
            views_per_second: 410.4,
            waiting: 0.0123,
        };
        let step = Progress { done: 5, total: 20, unit: "steps".into(), training: Some(metrics) };
        let line = "5/20 (25 %)  epoch 3/20  loss 2.310 (chance 5.541)  accuracy 0.500  lr 9.80e-2  410 views/s  \
                    waiting 1.2 %";
        assert_eq!(progress(&step), line);
        let mut fast =
            TrainingSpeed { views_per_second: 767.4, waiting: 0.001, gigaflops: 182.0, peak_gigaflops: None };
        assert_eq!(speed(&fast), "767 views/s, 0.1 % of the time waiting for data, 182 GFLOP/s");
        fast.peak_gigaflops = Some(191.0);
        assert!(speed(&fast).ends_with("182 GFLOP/s of a peak of 191 (95 %)"));
    }

    #[test]
    fn summaries_list_their_figures() {
        assert_eq!(summary(&StageSummary::default()), "");
        let pretrain = StageSummary::default().number("loss", 1.23456).number("contrastive accuracy", 0.5);
        assert_eq!(summary(&pretrain), "loss 1.235, contrastive accuracy 0.500");
        let evaluation = StageSummary::default().fraction("accuracy", 0.592, (0.53, 0.651));
        assert_eq!(summary(&evaluation), "accuracy 59.2 % [53.0 %, 65.1 %]");
        assert_eq!(summary(&StageSummary::default().count("images", 3).text("widths [4]")), "3 images, widths [4]");
    }
}
