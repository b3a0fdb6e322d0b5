//! The page of a run that is running. It refreshes itself until the run has ended, without a script.

use crate::base::Result;
use crate::render::data::{Report, TrainingCurve};
use crate::render::html;
use crate::render::page::view::FigureView;
use crate::render::page::{digest, style};
use crate::render::plots;
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/live.html");
/// Seconds after which the page is loaded again.
const REFRESH: u32 = 3;

/// What the page shows.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct LivePage {
    /// `STUDY/ID`
    pub(crate) run: String,
    /// How it is: "Running", "Ended".
    pub(crate) state: String,
    /// Names and values at the top.
    pub(crate) facts: Vec<(String, String)>,
    /// Name, state and progress of each stage.
    pub(crate) stages: Vec<(String, String, String)>,
    /// Warnings and failures.
    pub(crate) messages: Vec<String>,
    /// Path of the report relative to the page, if there is one.
    pub(crate) report: Option<String>,
}

#[derive(Serialize)]
struct Values<'a> {
    page: &'a LivePage,
    is_running: bool,
    refresh: u32,
    style: String,
    style_digest: String,
    figures: Vec<FigureView<'a>>,
}

/// Renders the page with the curves so far. It refreshes itself while the run `is_running`.
pub(crate) fn live_page(page: &LivePage, curves: Vec<TrainingCurve>, is_running: bool) -> Result<String> {
    let figures = plots::all(&Report { curves, ..Report::default() })?;
    let style = style();
    let values = Values {
        page,
        is_running,
        refresh: REFRESH,
        style_digest: digest(&style),
        style,
        figures: figures.iter().map(FigureView::of).collect(),
    };
    html::fill("live.html", TEMPLATE, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::data::{CurveKind, CurveRow};

    fn page(is_running: bool) -> String {
        let row = |epoch: f64| CurveRow { epoch, loss: 5.0 / epoch, accuracy: 0.1, ..CurveRow::default() };
        let curve = TrainingCurve {
            kind: CurveKind::Pretrain,
            stage: "main".into(),
            loss: "Loss".into(),
            rows: vec![row(1.0), row(2.0)],
            ..TrainingCurve::default()
        };
        let live = LivePage {
            run: "study/<b>".into(),
            state: "Running".into(),
            stages: vec![("pretrain.main".into(), "running".into(), "45 %".into())],
            report: (!is_running).then(|| "report/index.html".to_owned()),
            ..LivePage::default()
        };
        live_page(&live, vec![curve], is_running).unwrap()
    }

    #[test]
    fn only_a_running_run_refreshes() {
        let (running, ended) = (page(true), page(false));
        assert!(
            running.contains("http-equiv=\"refresh\" content=\"3\"") && !running.contains("report&#x2f;index.html")
        );
        assert!(!ended.contains("http-equiv=\"refresh\"") && ended.contains("<a href=\"report&#x2f;index.html\">"));
    }

    #[test]
    fn the_page_has_curves_and_runs_nothing() {
        let page = page(true);
        assert!(page.contains("<svg") && page.contains("study&#x2f;&lt;b&gt;") && !page.contains("<script"));
        assert!(
            page.contains("default-src 'none'") && !page.contains(" style=\"") && !page.contains("http://localhost")
        );
    }
}
