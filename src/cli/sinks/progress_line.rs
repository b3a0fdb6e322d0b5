//! The progress of a run in one line of any width.

use crate::base::human;
use crate::base::text::visible;
use crate::cli::fit::cut_middle;
use crate::engine::TrainingMetrics;
use crate::sinks::OverallProgress;
use crate::sinks::overall::RunningStage;
use std::time::Instant;
use unicode_width::UnicodeWidthStr;

/// Columns between the parts of the line.
const GAP: &str = "  ";
/// Columns to which the name of a stage may be cut.
const MIN_NAME: usize = 12;

/// Returns a line of at most `width` columns: `stage 13 of 27  pretrain.main  45 %  epoch 9/20  loss 2.310  ...`. On a
/// narrow terminal, details are left out first, then the name of the stage and the time left.
pub(super) fn progress_line(overall: &OverallProgress, now: Instant, width: usize) -> String {
    let count = count(overall);
    let left = overall.time_left(now).map(|left| time_left(left.seconds, left.is_minimum)).unwrap_or_default();
    let Some(stage) = overall.running().last() else { return joined(&[count, left], width) };
    let others = match overall.running().len() {
        0 | 1 => String::new(),
        several => format!(" and {} more", several - 1),
    };
    let name = format!("{}{others}", visible(&stage.name));
    let percent = stage.fraction().map(|fraction| format!("{:.0} %", (100.0 * fraction).floor())).unwrap_or_default();
    let fixed = widths(&[&count, &percent, &left]);
    if fixed + GAP.len() + MIN_NAME.min(name.width()) > width {
        return joined(&[count, percent, left], width);
    }
    let mut parts = vec![count, cut_middle(&name, width - fixed - GAP.len()).into_owned(), percent];
    for detail in details(stage) {
        let used = widths(&parts.iter().chain([&left, &detail]).map(String::as_str).collect::<Vec<_>>());
        if used > width {
            break;
        }
        parts.push(detail);
    }
    parts.push(left);
    joined(&parts, width)
}

/// `stage 13 of 27`; with several running ones, the number of those that have ended or run.
fn count(overall: &OverallProgress) -> String {
    let (done, total) = (overall.done(), overall.total());
    let current = (done + overall.running().len()).clamp(1.min(total), total.max(1));
    if total == 0 { String::new() } else { format!("stage {current} of {total}") }
}

/// `4 min 05 s left`; `over 4 min 05 s left` if there are stages without an estimate besides.
fn time_left(seconds: f64, is_minimum: bool) -> String {
    let over = if is_minimum { "over " } else { "" };
    format!("{over}{} left", human::rough_seconds(seconds))
}

/// Returns details of a stage, most important first.
fn details(stage: &RunningStage) -> Vec<String> {
    let Some(progress) = &stage.progress else { return Vec::new() };
    let Some(TrainingMetrics { epoch, epochs, loss, accuracy, views_per_second, .. }) = progress.training else {
        let counted = format!("{}/{} {}", progress.done, progress.total, progress.unit);
        return if progress.total > 0 { vec![counted] } else { Vec::new() };
    };
    vec![
        format!("epoch {epoch}/{epochs}"),
        format!("loss {loss:.3}"),
        format!("{views_per_second:.0} views/s"),
        format!("accuracy {}", human::percent(accuracy)),
    ]
}

fn widths(parts: &[&str]) -> usize {
    let nonempty = parts.iter().filter(|part| !part.is_empty());
    nonempty.map(|part| part.width() + GAP.len()).sum::<usize>().saturating_sub(GAP.len())
}

/// Joins the parts that are not empty; of those that do not fit, the last are left out.
fn joined(parts: &[String], width: usize) -> String {
    let mut parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    while parts.len() > 1 && widths(&parts) > width {
        parts.pop();
    }
    cut_middle(&parts.join(GAP), width).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Event, PlannedStage, Progress};
    use std::time::Duration;

    fn training(overall: &mut OverallProgress, stage: &str, step: u64, now: Instant) {
        let metrics = TrainingMetrics {
            epoch: 9,
            epochs: 20,
            loss: 2.3104,
            chance_loss: None,
            accuracy: 0.5,
            learning_rate: 0.1,
            gradient_norm: 1.0,
            views_per_second: 767.4,
            waiting: 0.0,
        };
        let progress = Progress { done: step, total: 1000, unit: "steps".into(), training: Some(metrics) };
        overall.update(&Event::Progress { stage: stage.into(), progress }, now);
    }

    fn at_work(name: &str) -> (OverallProgress, Instant) {
        let (mut overall, start) = (OverallProgress::default(), Instant::now());
        let planned = |stage: &str| PlannedStage { stage: stage.into(), kind: "k".into(), ..PlannedStage::default() };
        overall.planned(&["first", name, "last"].map(planned));
        overall.update(&Event::Cached { stage: "first".into() }, start);
        overall.update(&Event::Started { stage: name.into() }, start);
        training(&mut overall, name, 400, start);
        let now = start + Duration::from_secs(50);
        training(&mut overall, name, 450, now);
        (overall, now)
    }

    #[test]
    fn details_are_left_out_where_they_do_not_fit() {
        let (overall, now) = at_work("pretrain.main");
        let line = |width| progress_line(&overall, now, width);
        let head = "stage 2 of 3  pretrain.main  45 %  epoch 9/20  loss 2.310";
        assert_eq!(line(200), format!("{head}  767 views/s  accuracy 50.0 %  9 min 10 s left"));
        assert_eq!(line(75), format!("{head}  9 min 10 s left"));
        assert_eq!(line(52), "stage 2 of 3  pretrain.main  45 %  9 min 10 s left");
        assert_eq!(line(40), "stage 2 of 3  45 %  9 min 10 s left");
        assert_eq!(line(20), "stage 2 of 3  45 %");
    }

    #[test]
    fn the_line_fits_any_width_and_has_no_zeros() {
        for name in
            ["pretrain.main", "linear_eval.main[depth 0, 10 % labels, temperature 0.05, seed 3]", "東京東京東京東京"]
        {
            let (overall, now) = at_work(name);
            for width in 1..160 {
                let line = progress_line(&overall, now, width);
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
        let mut overall = OverallProgress::default();
        let now = Instant::now();
        assert_eq!(progress_line(&overall, now, 80), "");
        overall.planned(&[PlannedStage { stage: "a".into(), ..PlannedStage::default() }]);
        overall.update(&Event::Started { stage: "a".into() }, now);
        assert_eq!(progress_line(&overall, now, 80), "stage 1 of 1  a");
        overall.update(&Event::Progress { stage: "a".into(), progress: Progress::default() }, now);
        assert_eq!(progress_line(&overall, now, 80), "stage 1 of 1  a");
    }
}
