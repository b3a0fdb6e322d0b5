//! Parts of a published page that describe the run: how long stages took, and which run it was. They are inserted when
//! the page is published, because the report itself has the same bytes for the same results.

use crate::base::Result;
use crate::render::html;
use serde::Serialize;

const TIMES: &str = include_str!("../../assets/report/times.html");
const RUN: &str = include_str!("../../assets/report/run.html");
/// Position of the section: at the end of `main`.
const MAIN_END: &str = "</main>";
/// Position of the run's facts: below the title.
const HEADER_END: &str = "</header>";

/// How long one stage took, and where it ran.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StageTimes {
    /// Name of the stage.
    pub stage: String,
    /// `4 min 05 s`.
    pub took: String,
    /// Date and time of the computation.
    pub started: String,
    /// Machine and number of threads.
    pub machine: String,
    /// Views per second.
    pub views: String,
    /// Fraction of the time spent waiting for data.
    pub waiting: String,
    /// Measured GFLOP/s of the peak: `27 of 62 (44 %)`.
    pub speed: String,
}

/// Inserts a section with the times of the stages into a page.
///
/// # Errors
/// The template is invalid, which is a bug.
pub(crate) fn with_times(page: &str, rows: &[StageTimes]) -> Result<String> {
    #[derive(Serialize)]
    struct Section<'a> {
        rows: &'a [StageTimes],
    }
    let section = html::fill("times.html", TIMES, Section { rows })?;
    Ok(match page.rsplit_once(MAIN_END) {
        Some((before, after)) => format!("{before}{section}{MAIN_END}{after}"),
        None => page.to_owned(),
    })
}

/// Inserts names and values that describe the run below the title of a page.
///
/// # Errors
/// The template is invalid, which is a bug.
pub(crate) fn with_run(page: &str, facts: &[(String, String)]) -> Result<String> {
    #[derive(Serialize)]
    struct Head<'a> {
        facts: &'a [(String, String)],
    }
    let head = html::fill("run.html", RUN, Head { facts })?;
    Ok(match page.split_once(HEADER_END) {
        Some((before, after)) => format!("{before}{head}{HEADER_END}{after}"),
        None => page.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_last_and_names_are_escaped() {
        let row = StageTimes { stage: "a <b>".into(), took: "1 s".into(), ..StageTimes::default() };
        let page = with_times("<main><p>x</p>\n</main></html>", &[row]).unwrap();
        assert!(page.starts_with("<main><p>x</p>\n<section id=\"times\">"), "{page}");
        assert!(page.contains("a &lt;b&gt;") && page.ends_with("</section></main></html>"), "{page}");
    }

    #[test]
    fn the_run_is_below_the_title() {
        let facts = [("run".to_owned(), "a/<b>".to_owned())];
        let page = with_run("<header><h1>x</h1>\n</header><p></header>", &facts).unwrap();
        assert!(page.starts_with("<header><h1>x</h1>\n<dl class=\"facts run\">"), "{page}");
        assert!(page.contains("<dd>a&#x2f;&lt;b&gt;</dd>") && page.ends_with("</dl></header><p></header>"), "{page}");
    }
}
