//! From a pipeline file to a graph, and from a finished run to a report.

mod assemble;
mod execute;
mod language;
mod load;
mod naming;
mod preview;
mod publish;
pub mod report;

pub use assemble::{AssembleError, Assembly, assemble};
pub use execute::{Executed, execute};
pub(crate) use language::language;
pub use language::{reference, schema};
pub use load::{LoadedStudy, load, parse};
pub use preview::preview;
pub use publish::{Published, publish, publish_run, published, results_table};
