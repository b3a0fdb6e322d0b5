//! A study run from a program, without the command line.

use crate::base::{Error, Result};
use crate::engine::{EventSink, RunOptions, RunOutcome, Store, run};
use crate::pipeline::{AssembleError, Assembly, LoadedStudy, assemble};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// A study that was run.
pub struct Executed {
    assembly: Assembly,
    outcome: RunOutcome,
}

/// Runs a study, or only the stages that `options` requests, reusing the artifacts in the store below `output`.
///
/// ```
/// use simclr::engine::{NoEvents, RunOptions};
/// use simclr::pipeline::{execute, parse};
///
/// let file = r#"
///     dataset = { source = { shapes = { train = 60, test = 30, classes = 3 } }, image_size = 16 }
///     augment.views.ops = [{ random_resized_crop = {} }]
///     [pretrain.main]
///     augment = "views"
///     encoder = { tiny = { width = 0.25 } }
///     projection = { layers = [8] }
///     optimizer = { adam = { learning_rate = 1e-3 } }
///     epochs = 1
///     batch_size = 16
/// "#;
/// let output = tempfile::tempdir()?;
/// let study = parse(file, std::path::Path::new("study.toml"), &[])?;
/// let options = RunOptions { only: vec!["pretrain".to_owned()], ..RunOptions::default() };
/// let run = execute(&study, output.path(), &options, &NoEvents)?;
/// assert!(run.artifact("pretrain.main")?.join("model.safetensors").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The data cannot be read, the configuration does not fit it, or a stage failed.
pub fn execute(
    loaded: &LoadedStudy,
    output: &Path,
    options: &RunOptions,
    events: &dyn EventSink,
) -> Result<Executed, AssembleError> {
    let assembly = assemble(loaded, output, None)?;
    let store = Store::open(output)?;
    let outcome = run(&assembly.graph, &store, options, events, &AtomicBool::new(false))?;
    Ok(Executed { assembly, outcome })
}

impl Executed {
    /// Returns the directory of the artifact of the stage with this name, such as `pretrain.main`.
    ///
    /// # Errors
    /// There is no such stage, or it was not requested.
    pub fn artifact(&self, stage: &str) -> Result<&Path> {
        let id = self.assembly.graph.with_name(stage);
        let id = id.ok_or_else(|| Error::usage(format!("the study has no stage `{stage}`")))?;
        self.outcome.artifact(id).map(|path| path.as_path())
    }

    /// Returns the name and the artifact directory of each stage that has one; stages come after those that they read.
    pub fn artifacts(&self) -> impl Iterator<Item = (&str, &Path)> {
        let artifact = |id| Some((self.assembly.graph.name(id), self.outcome.artifact(id).ok()?.as_path()));
        self.assembly.graph.iter().filter_map(artifact)
    }
}
