//! Parts of a published page that describe the run: how long stages took, and which run it was. They are inserted when
//! the page is published, because the report itself has the same bytes for the same results.

use crate::base::{Error, Result};
use crate::render::html;
use serde::Serialize;
use std::collections::BTreeMap;

const TIMES: &str = include_str!("../../assets/report/times.html");
const RUN: &str = include_str!("../../assets/report/run.html");
/// Ends of the graph of stages. The times come after it, at the end of its section.
const GRAPH: [&str; 2] = ["<!--graph-->", "<!--/graph-->"];
const SECTION_END: &str = "</section>";
/// Position of the run's facts: below the title.
const HEADER_END: &str = "</header>";

/// How long one stage took, and where it ran.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StageTimes {
    /// Name of the stage.
    pub stage: String,
    /// `4 min 05 s`.
    pub took: String,
    /// The same in seconds.
    pub seconds: f64,
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

/// Inserts the times of the stages into a page, and replaces its graph of stages by one with times.
///
/// # Errors
/// The template is invalid, which is a bug.
pub(crate) fn with_times(page: &str, rows: &[StageTimes], graph: &str) -> Result<String> {
    #[derive(Serialize)]
    struct Times<'a> {
        rows: &'a [StageTimes],
        /// Seconds by stage as JSON, for the script of the page; markup in names is escaped.
        seconds: String,
    }
    let seconds: BTreeMap<&str, f64> = rows.iter().map(|row| (row.stage.as_str(), row.seconds)).collect();
    let seconds = serde_json::to_string(&seconds)
        .map_err(|error| Error::bug(format!("times have no JSON: {error}")))?
        .replace('<', "\\u003c");
    let times = html::fill("times.html", TIMES, Times { rows, seconds })?;
    let parts = page.split_once(GRAPH[0]).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(GRAPH[1])?;
        let (section, after) = after.split_once(SECTION_END)?;
        Some((before, section, after))
    });
    Ok(match parts {
        Some((before, section, after)) => format!("{before}{graph}{section}{times}{SECTION_END}{after}"),
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
    fn times_follow_the_graph_and_names_are_escaped() {
        let row = StageTimes { stage: "a <b>".into(), took: "1 s".into(), seconds: 1.5, ..StageTimes::default() };
        let page = "<section><div><!--graph-->old<!--/graph--></div></section><section></section>";
        let page = with_times(page, &[row], "<svg/>").unwrap();
        assert!(page.starts_with("<section><div><svg/></div><script type=\"application/json\" id=\"seconds-by-name\">{\"a \\u003cb>\":1.5}</script>"), "{page}");
        assert!(page.contains("a &lt;b&gt;") && page.ends_with("</details></section><section></section>"), "{page}");
        assert_eq!(with_times("<p>", &[], "").unwrap(), "<p>");
    }

    #[test]
    fn the_run_is_below_the_title() {
        let facts = [("run".to_owned(), "a/<b>".to_owned())];
        let page = with_run("<header><h1>x</h1>\n</header><p></header>", &facts).unwrap();
        assert!(page.starts_with("<header><h1>x</h1>\n<dl class=\"facts run\">"), "{page}");
        assert!(page.contains("<dd>a&#x2f;&lt;b&gt;</dd>") && page.ends_with("</dl></header><p></header>"), "{page}");
    }
}
