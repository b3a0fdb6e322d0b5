//! What a published page says of the runs behind it: how long things took, and which run it is of. It is put into the page
//! when that is published, since the report itself has the same bytes for the same results.

use crate::base::Result;
use crate::render::html;
use serde::Serialize;

const TIMES: &str = include_str!("../../assets/times.html");
const RUN: &str = include_str!("../../assets/run.html");
/// Where the page has its place for the section; the last thing in its `main`.
const PLACE: &str = "</main>";
/// Where it has its place for the run; below its title.
const HEAD: &str = "</header>";

/// What is known of one stage.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StageTimes {
    /// Name of the stage.
    pub stage: String,
    /// `4 min 05 s`.
    pub took: String,
    /// When it was computed.
    pub started: String,
    /// Machine and threads.
    pub machine: String,
    /// Views a second.
    pub views: String,
    /// Part of the time spent waiting for data.
    pub waiting: String,
    /// `27 of 62 (44 %)`.
    pub speed: String,
}

/// A page of the report with the section in it.
///
/// # Errors
/// The template is wrong, which is a bug.
pub fn with_times(page: &str, rows: &[StageTimes]) -> Result<String> {
    #[derive(Serialize)]
    struct Section<'a> {
        rows: &'a [StageTimes],
    }
    let section = html::fill("times.html", TIMES, Section { rows })?;
    Ok(match page.rsplit_once(PLACE) {
        Some((before, after)) => format!("{before}{}{PLACE}{after}", section),
        None => page.to_owned(),
    })
}

/// A page of the report that says below its title which run it is of, by names and values.
///
/// # Errors
/// The template is wrong, which is a bug.
pub fn with_run(page: &str, facts: &[(String, String)]) -> Result<String> {
    #[derive(Serialize)]
    struct Head<'a> {
        facts: &'a [(String, String)],
    }
    let head = html::fill("run.html", RUN, Head { facts })?;
    Ok(match page.split_once(HEAD) {
        Some((before, after)) => format!("{before}{head}{HEAD}{after}"),
        None => page.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_last_and_names_are_text() {
        let row = StageTimes { stage: "a <b>".into(), took: "1 s".into(), ..StageTimes::default() };
        let page = with_times("<main><p>x</p>\n</main></html>", &[row]).unwrap();
        assert!(page.starts_with("<main><p>x</p>\n<section id=\"times\">"), "{page}");
        assert!(page.contains("a &lt;b&gt;") && page.ends_with("</section></main></html>"), "{page}");
    }

    #[test]
    fn the_run_stands_below_the_title() {
        let facts = [("run".to_owned(), "a/<b>".to_owned())];
        let page = with_run("<header><h1>x</h1>\n</header><p></header>", &facts).unwrap();
        assert!(page.starts_with("<header><h1>x</h1>\n<dl class=\"facts run\">"), "{page}");
        assert!(page.contains("<dd>a&#x2f;&lt;b&gt;</dd>") && page.ends_with("</dl></header><p></header>"), "{page}");
    }
}
