//! The report: plots, tables and one offline HTML page, rendered from plain data.
//!
//! [`Report`] holds everything a report shows; [`write()`] renders it into a directory. Nothing here depends on stages,
//! stores or the clock: equal input gives equal bytes.

pub(crate) mod correctness;
pub mod data;
pub(crate) mod stage_table;

mod accuracy_tables;
pub(crate) mod brief;
mod charts;
mod comparison_table;
mod comparisons;
mod csv_table;
mod dataset_facts;
mod dataset_tables;
mod draw;
mod graph;
mod groups;
mod html;
pub(crate) mod image_data;
mod key_figures;
mod latex;
mod markdown;
pub(crate) mod merge;
mod page;
mod pairs;
mod plots;
mod similarities;
mod sweep_table;
mod table;
mod tables;
mod times;
mod transfer;
mod verdict;
mod words;
mod write;

pub use correctness::Correctness;
pub use data::{Report, schema};
pub(crate) use graph::{StageState, StageWork, svg as graph_svg};
pub use markdown::results_markdown;
pub(crate) use page::live::{LivePage, live_page};
pub use pairs::pairs_png;
pub use stage_table::{Cell, CellFormat, StageColumn, StageTable};
pub(crate) use times::StageTimes;
pub(crate) use times::with_run;
pub(crate) use times::with_times;
pub(crate) use write::RESULTS;
pub use write::write;
