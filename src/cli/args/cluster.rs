//! Arguments of the commands that compute on a cluster.

use super::records::OutputArguments;
use super::values::{executors, minutes};
use super::{PipelineArguments, ResultsFormat, StoreArguments};
use clap::Args;
use std::path::PathBuf;

/// The settings of a cluster.
#[derive(Args, Debug)]
pub(crate) struct ClusterArguments {
    /// Settings of the cluster [default: $SIMCLR_CLUSTER, else ~/.config/simclr/cluster.toml]
    #[arg(long, value_name = "FILE")]
    pub cluster: Option<PathBuf>,
}

/// Arguments of `submit`.
#[derive(Args, Debug)]
pub(crate) struct SubmitArguments {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The store.
    #[command(flatten)]
    pub store: StoreArguments,
    /// Where the stages are computed: slurm, or local (in the background of this machine)
    #[arg(long, value_name = "NAME", default_value = "slurm", value_parser = executors(), hide_possible_values = true)]
    pub executor: String,
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterArguments,
    /// Submit only these stages and what they need: a name, a prefix, or a pattern with *
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Minutes between checkpoints, from which interrupted training resumes; 0 for every step
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0, value_parser = minutes)]
    pub checkpoint_every: f64,
    /// Show the tasks and what they ask for, and submit nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `collect`.
#[derive(Args, Debug)]
pub(crate) struct CollectRunArguments {
    /// The run: latest, a study, an id or its prefix, STUDY/ID
    pub run: String,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// Wait until all tasks have ended
    #[arg(long)]
    pub wait: bool,
    /// How to print the results [default: text on a terminal, else markdown]
    #[arg(long, value_enum)]
    pub format: Option<ResultsFormat>,
    /// Hide progress; print only warnings, errors and results
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `cancel`.
#[derive(Args, Debug)]
pub(crate) struct CancelArguments {
    /// The run: latest, a study, an id or its prefix, STUDY/ID
    pub run: String,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `work`, which a task of a submitted run calls.
#[derive(Args, Debug)]
pub(crate) struct WorkArguments {
    /// Directory of the run.
    pub run: PathBuf,
    /// Number of the array.
    #[arg(long, value_name = "N")]
    pub array: usize,
    /// Number of the task in the array [default: that of the job]
    #[arg(long, value_name = "N")]
    pub task: Option<usize>,
}
