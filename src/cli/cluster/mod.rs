//! Commands that compute on a cluster: a run is submitted, its tasks `work`, and whoever asks collects it.

mod cancel;
mod collect;
mod follow;
mod plan;
mod shown;
mod submit;
mod work;

pub(super) use cancel::cancel;
pub(super) use collect::collect;
pub(super) use shown::task_rows;
pub(super) use submit::{run, submit};
pub(super) use work::work;

use super::failure::Failure;
use super::run::Study;
use crate::base::{Error, Result, files};
use crate::engine::{StageId, Store};
use crate::executor::submission::{ClusterDirectory, Submission, SubmittedStage};
use crate::pipeline::{self, Assembly};
use crate::runs::RESOLVED;
use crate::study::DeviceChoice;

/// Loads the pipeline of a submitted run as it was submitted.
fn reopen(directory: &ClusterDirectory, submission: &Submission) -> Result<Study, Failure> {
    let job = &submission.job;
    let text = files::read_text(&directory.run().join(RESOLVED))?;
    let loaded = pipeline::parse(&text, &job.pipeline, &[])?;
    let store = Store::open(&job.output)?;
    let device = job.device.as_deref().and_then(DeviceChoice::parse);
    let assembly = pipeline::assemble(&loaded, &job.output, device)?;
    Ok(Study { loaded, assembly, store })
}

/// Finds the submitted stages in the graph by their keys.
///
/// # Errors
/// A key comes out otherwise than when the run was submitted.
fn find_stages<'a>(
    assembly: &Assembly,
    submission: &Submission,
    stages: impl Iterator<Item = &'a SubmittedStage>,
) -> Result<Vec<StageId>> {
    let find = |stage: &SubmittedStage| assembly.graph.with_key(&stage.key).ok_or_else(|| changed(submission, stage));
    stages.map(find).collect()
}

fn changed(submission: &Submission, stage: &SubmittedStage) -> Error {
    let (then, now) = (&submission.job.simclr, env!("CARGO_PKG_VERSION"));
    let what = if then == now {
        "the data has".to_owned()
    } else {
        format!("the data or the program ({then}, now {now}) has")
    };
    let error = Error::usage(format!("{what} changed since the run was submitted: its key comes out otherwise"));
    error.at(stage.name.clone()).help("submit the pipeline again; artifacts that are still valid are kept")
}
