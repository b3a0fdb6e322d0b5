//! Chart types, drawn from plain data series.

pub(crate) mod bars;
pub(crate) mod chart_data;
pub(crate) mod heatmap;
pub(crate) mod legend;
pub(crate) mod lines;
pub(crate) mod scatter;
pub(crate) mod series;

pub(crate) use bars::{Bar, BarChart};
pub(crate) use heatmap::Heatmap;
pub(crate) use lines::{LineChart, LinePanel, ReferenceLine};
pub(crate) use scatter::{ScatterChart, ScatterPanel};
pub(crate) use series::{LineSeries, Look};
