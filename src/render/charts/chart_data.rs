//! The data of a figure as JSON for the script of the page.
//!
//! A figure on the page holds
//!
//! ```html
//! <figure id="NAME">
//!   <div class="plot">
//!     <svg class="chart wide">…</svg>     shown from 700 px on and in print
//!     <svg class="chart narrow">…</svg>   shown below
//!   </div>
//!   <script type="application/json" class="chart-data">…</script>
//! </figure>
//! ```
//!
//! The JSON of a line chart, with `null` for a missing number:
//!
//! ```text
//! { "kind": "lines",
//!   "panels": [ {
//!     "title": "100 % of labels",             empty if there is one panel
//!     "x": AXIS, "y": AXIS,
//!     "references": [ { "y": 0.24, "text": "majority class: 24.0 %" } ],
//!     "series": [ {
//!       "key": 0,                             series with the same key share a legend entry (`data-key`), if there is one
//!       "name": "h (64-d)",                   empty if the figure has one series only
//!       "class": "linear-0",                  CSS class that sets `color`
//!       "dash": "dash",                       "solid", "dash", "dot" or "dash-dot"
//!       "marker": "circle",                   "circle", "square", "diamond", "triangle", "down", "plus" or "cross"
//!       "marked": true,                       whether each point has its marker
//!       "points": [[1, 0.41], [2, null]],
//!       "intervals": [[0.35, 0.47], …],       of each point; absent without intervals
//!       "singles": [[1, 0.40], …],            values of single seeds; absent without them
//!       "best": 7,                            index of the point whose weights were kept; absent without one
//!       "steps": [12, 24]                     x of each point as a number of optimizer steps; absent if unknown
//!       "stage": "pretrain.main[seed 1]"      stage of a training curve; absent for other lines
//!     } ]
//!   } ] }
//! AXIS = { "title": "Epoch", "format": "epoch", "scale": "linear", "low": 0, "high": 8, "ticks": [[0, "0"], …] }
//! ```
//!
//! A published page has the seconds that each stage took, by name, in `<script type="application/json" id="seconds-by-name">`:
//! an epoch of a curve took its share of them.
//!
//! `format` is "epoch" (a whole number), "number", "percent" (0.41 is shown as "41.0 %"), "points" (0.029 as "+2.9"), or
//! "category" (the text of the tick at that value). `scale` is "linear" or "log".
//!
//! The JSON of a scatter plot:
//!
//! ```text
//! { "kind": "points", "classes": ["cat", "dog"], "panels": [ { "title": "h (64-d)", "labels": [0, 1, null] } ] }
//! ```
//!
//! `labels` has the class of every point in the order of the images, with `null` for a point that is not drawn.
//!
//! Elements of both SVGs, with lengths in its units (CSS pixels at its natural width):
//!
//! ```text
//! <g class="panel" data-panel="0" data-frame="LEFT TOP RIGHT BOTTOM">   the plotting area
//!   <g class="axis-x">, <g class="axis-y">                              ticks, their labels and grid lines
//!   <g class="reference" data-reference="0">
//!   <g class="series linear-0" data-series="0">                         index into the panel's "series"
//!     <path class="line">, then whiskers, then <path class="mark">; `data-dodge="DX"` if shifted to the right
//!   <g class="points class-3" data-class="3">                           one <path>: the k-th `M` is the k-th point of
//!                                                                       the class; the M of a point is its center
//! <g class="entry" data-key="0">                                        legend entry (symbol and name)
//! <g class="entry" data-class="3">                                      the same of a class
//! ```

use crate::base::text::is_hidden;
use crate::render::draw::Axis;
use serde::Serialize;

/// The data of a figure.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum ChartData<'a> {
    /// A line chart.
    Lines { panels: Vec<LinesData<'a>> },
    /// A scatter plot.
    Points { classes: &'a [String], panels: Vec<PointsData<'a>> },
}

/// The data of a panel with lines.
#[derive(Serialize)]
pub(crate) struct LinesData<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: AxisData<'a>,
    pub(crate) y: AxisData<'a>,
    pub(crate) references: Vec<ReferenceData<'a>>,
    pub(crate) series: Vec<SeriesData<'a>>,
}

/// The data of an axis.
#[derive(Serialize)]
pub(crate) struct AxisData<'a> {
    title: &'a str,
    format: &'static str,
    scale: &'static str,
    low: f64,
    high: f64,
    ticks: &'a [(f64, String)],
}

impl<'a> AxisData<'a> {
    pub(crate) fn of(axis: &'a Axis) -> Self {
        let scale = if axis.is_log { "log" } else { "linear" };
        Self {
            title: &axis.title,
            format: axis.format.name(),
            scale,
            low: axis.low,
            high: axis.high,
            ticks: &axis.ticks,
        }
    }
}

/// A reference line.
#[derive(Serialize)]
pub(crate) struct ReferenceData<'a> {
    pub(crate) y: f64,
    pub(crate) text: &'a str,
}

/// The data of a series.
#[derive(Serialize)]
pub(crate) struct SeriesData<'a> {
    pub(crate) key: usize,
    pub(crate) name: &'a str,
    pub(crate) class: String,
    pub(crate) dash: &'static str,
    pub(crate) marker: &'static str,
    pub(crate) marked: bool,
    pub(crate) points: &'a [(f64, f64)],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) intervals: &'a [(f64, f64)],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) singles: &'a [(f64, f64)],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) best: Option<usize>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) steps: &'a [f64],
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) stage: &'a str,
}

/// The data of a panel with points.
#[derive(Serialize)]
pub(crate) struct PointsData<'a> {
    pub(crate) title: &'a str,
    pub(crate) labels: Vec<Option<usize>>,
}

impl ChartData<'_> {
    /// Returns it as JSON that cannot end the element that it is in: `<` and hidden characters are escapes.
    pub(crate) fn json(&self) -> Option<String> {
        let json = serde_json::to_string(self).ok()?;
        let mut escaped = String::with_capacity(json.len());
        for c in json.chars() {
            if matches!(c, '<' | '>' | '&') || is_hidden(c) {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
            } else {
                escaped.push(c);
            }
        }
        Some(escaped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_hidden_characters_are_escapes() {
        let classes = ["</script>\u{202e}\u{e0001}&\n\"".to_owned()];
        let json = ChartData::Points { classes: &classes, panels: Vec::new() }.json().unwrap();
        assert!(json.chars().all(|c| c.is_ascii_graphic() && !"<>&".contains(c)), "{json}");
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["classes"][0], classes[0].as_str());
        assert_eq!(back["kind"], "points");
    }
}
