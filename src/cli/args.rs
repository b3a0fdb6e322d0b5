//! Command-line arguments of every command.

mod cluster;
mod doctor;
mod records;
mod start;
mod values;

pub(crate) use cluster::{CancelArguments, ClusterArguments, CollectRunArguments, SubmitArguments, WorkArguments};
pub(crate) use doctor::{DoctorArguments, PrecisionArgument};
pub(crate) use records::{
    CacheArguments, CacheCommand, CacheListArguments, CollectArguments, CompareArguments, ImportArguments,
    OpenArguments, PinArguments, StatusArguments, VerifyArguments,
};
pub(crate) use start::{CompletionsArguments, InitArguments, SchemaArguments, SchemaOf};
pub(crate) use values::{Format, RanksArgument, ResultsFormat};

use crate::engine::store::Verify;
use crate::executor::EXECUTORS;
use crate::sinks::SINKS;
use crate::study::DeviceChoice;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use values::{DEVICES, RANKS, VERIFY, executors, minutes, sink_names};

/// Declarative pipelines for self-supervised image learning with SimCLR.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  simclr run pipelines/quickstart.toml                 compute what is missing, render the report
  simclr run study.toml --set pretrain.main.epochs=50  with one value changed
  simclr plan study.toml                               what would run, and why
  simclr compare 20260414-0903 latest                  what differs between two runs

Exit codes:
  0 success   1 a bug in simclr   2 invalid command line or pipeline file   3 a stage failed
  5 some stages failed, the others finished (run --keep-going, collect)
  10 some stages would run (plan --exit-code), or are still in the queue (collect)
  75 another process has taken over a stage on a shared store, or a rank waited in vain for another
  130 interrupted";

const RUN_EXAMPLES: &str = "\
Examples:
  simclr run pipelines/quickstart.toml
  simclr run study.toml --set seed=7 --set pretrain.main.loss.nt_xent.temperature=0.5
  simclr run study.toml --only pretrain                 only pretraining and what it needs
  simclr run study.toml --force 'linear_eval.depths*'   recompute these
  simclr run sweep.toml --jobs 2 --keep-going           two stages at a time, despite failures
  simclr run study.toml --watch                         a page that shows the run while it is running
  simclr run sweep.toml --executor slurm                on a cluster; Ctrl-C leaves the jobs in the queue
  mpirun -np 4 simclr run study.toml --ranks auto       training on 4 processes";

/// Returns the examples of `run`, what each sink writes, and where each executor computes.
fn run_help() -> String {
    let sinks = SINKS.iter().map(|kind| format!("\n  {:<12}{}", kind.name, kind.about));
    let executors = EXECUTORS.iter().map(|kind| format!("\n  {:<12}{}", kind.name, kind.about));
    format!("{RUN_EXAMPLES}\n\nSinks:{}\n\nExecutors:{}", sinks.collect::<String>(), executors.collect::<String>())
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compute every missing stage of a pipeline and render its report
    #[command(after_help = run_help())]
    Run(RunArguments),
    /// Submit the missing stages of a pipeline to a cluster and return
    #[command(after_help = "\
Examples:
  simclr submit sweep.toml --cluster cluster.toml
  simclr submit sweep.toml --dry-run                    the tasks and what they ask for
  simclr submit study.toml --executor local             in the background of this machine

Continue with `simclr status`, `simclr collect` and `simclr cancel`; docs/cluster.md explains the settings.")]
    Submit(SubmitArguments),
    /// Collect the results of a submitted run, and submit again what was lost
    #[command(after_help = "\
Examples:
  simclr collect latest --wait
  simclr collect temperature                            what has finished so far; exit code 10 if that is not all")]
    Collect(CollectRunArguments),
    /// Cancel a submitted run; finished stages and checkpoints are kept
    #[command(after_help = "\
Examples:
  simclr cancel latest")]
    Cancel(CancelArguments),
    /// Compute the stages of a task of a submitted run
    #[command(hide = true)]
    Work(WorkArguments),
    /// Show what a run would compute, and why
    #[command(after_help = "\
Examples:
  simclr plan study.toml
  simclr plan study.toml --set seed=7 --format json
  simclr plan study.toml --exit-code || simclr run study.toml")]
    Plan(PlanArguments),
    /// Check a pipeline file and its data
    #[command(after_help = "\
Examples:
  simclr validate study.toml")]
    Validate(ValidateArguments),
    /// Show the networks of a pipeline: layers, shapes, parameters
    #[command(after_help = "\
Examples:
  simclr summary pipelines/imagenet5.toml
  simclr summary study.toml --format json")]
    Summary(SummaryArguments),
    /// Render augmented pairs of images as a PNG
    #[command(after_help = "\
Examples:
  simclr preview study.toml
  simclr preview study.toml --augment simclr --count 16 --out pairs.png")]
    Preview(PreviewArguments),
    /// Re-render the report of a finished pipeline, or compare several runs in one page
    #[command(after_help = "\
Examples:
  simclr report study.toml
  simclr report quickstart temperature                  a page that compares the latest runs of two studies
  simclr report 20260414-0903 latest --out comparison")]
    Report(ReportArguments),
    /// Open the report of a run in the browser
    #[command(after_help = "\
Examples:
  simclr open                                           the latest run
  simclr open quickstart")]
    Open(OpenArguments),
    /// List the runs, or show the stages and progress of one run
    #[command(after_help = "\
Examples:
  simclr status                                         the latest runs
  simclr status latest                                  the stages of the latest run
  simclr status quickstart --format json")]
    Status(StatusArguments),
    /// Compare the settings and results of two runs
    #[command(after_help = "\
Examples:
  simclr compare 20260414-0903 latest
  simclr compare sweep@temperature=0.1 sweep@temperature=0.5   two variants of a run
  simclr compare quickstart/20260414-0903 quickstart --format json")]
    Compare(CompareArguments),
    /// Manage the artifacts in the store
    #[command(
        arg_required_else_help = true,
        after_help = "\
Examples:
  simclr cache ls
  simclr cache gc --dry-run"
    )]
    Cache(CacheArguments),
    /// Check a device, every operation and whole training steps against a slow reference, or the file system of a store
    #[command(after_help = doctor::HELP)]
    Doctor(DoctorArguments),
    /// Write a small pipeline file to start from
    #[command(after_help = "\
Examples:
  simclr init                                           pipeline.toml, on synthetic signs
  simclr init study.toml --data data/mine               on your own images
  simclr init study.toml --data data/mine/list.csv      on the images that a CSV file lists")]
    Init(InitArguments),
    /// Print the JSON Schema of pipeline files or cluster files, for editors, or of report.json
    #[command(after_help = "\
Examples:
  simclr schema > pipeline.schema.json
  simclr schema report > report.schema.json
  simclr schema cluster > cluster.schema.json")]
    Schema(SchemaArguments),
    /// Print shell completions
    #[command(after_help = "\
Examples:
  simclr completions bash > ~/.local/share/bash-completion/completions/simclr
  simclr completions zsh > ~/.zfunc/_simclr")]
    Completions(CompletionsArguments),
}

/// A pipeline file and overrides of its values.
#[derive(Args, Debug)]
pub(crate) struct PipelineArguments {
    /// Pipeline file
    pub file: PathBuf,
    /// Override a value of the pipeline: a dotted path and a TOML value
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
}

/// Output directory, device, verification and threads.
#[derive(Args, Debug)]
pub(crate) struct StoreArguments {
    /// Directory for artifacts, runs and reports
    #[arg(long, value_name = "DIR", default_value = "outputs")]
    pub output: PathBuf,
    /// Device, overriding the pipeline: auto, cpu, cuda, cuda:1
    #[arg(long, value_parser = DEVICES, hide_possible_values = true)]
    pub device: Option<DeviceChoice>,
    /// When to verify artifacts against their digests, overriding the pipeline: changed, always, size
    #[arg(long, value_name = "WHEN", value_parser = VERIFY, hide_possible_values = true)]
    pub verify: Option<Verify>,
    /// Worker threads; results do not depend on the number [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// Arguments of `run`.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The store.
    #[command(flatten)]
    pub store: StoreArguments,
    /// Run only these stages and what they need: a name, a prefix, or a pattern with *
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Recompute these stages even if their artifacts exist: a name, a prefix, or a pattern with *
    #[arg(long, value_name = "NAME")]
    pub force: Vec<String>,
    /// Compute up to N stages in parallel; they share the worker threads, and their memory adds up
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// After a failure, continue with stages that do not depend on it; exit code 5
    #[arg(long, short)]
    pub keep_going: bool,
    /// Minutes between checkpoints, from which interrupted training resumes; 0 for every step
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0, value_parser = minutes)]
    pub checkpoint_every: f64,
    /// Divide the shards of training stages among N ranks, threads of this process; auto: among the processes that
    /// mpirun or srun has started
    #[arg(long, value_name = "N", value_parser = RANKS, hide_possible_values = true)]
    pub ranks: Option<RanksArgument>,
    /// Minutes, or 20 times the median, after which a step of several ranks is given up; exit code 75
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0, value_parser = minutes)]
    pub step_timeout: f64,
    /// Run even if the estimated memory exceeds this machine's
    #[arg(long)]
    pub force_memory: bool,
    /// Show what would run and exit
    #[arg(long)]
    pub dry_run: bool,
    /// Also write events and metrics to the run's directory in another format
    #[arg(long, value_name = "NAME", value_parser = sink_names())]
    pub sink: Vec<String>,
    /// Write a page to the run's directory that shows the run while it is running, and print its path
    #[arg(long)]
    pub watch: bool,
    /// Where the stages are computed: local, in this process, or slurm
    #[arg(long, value_name = "NAME", default_value = "local", value_parser = executors(), hide_possible_values = true)]
    pub executor: String,
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterArguments,
    /// How to print the results [default: text on a terminal, else markdown]
    #[arg(long, value_enum)]
    pub format: Option<ResultsFormat>,
    /// Hide progress; print only warnings, errors and results
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `plan`.
#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The store.
    #[command(flatten)]
    pub store: StoreArguments,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// List every stage of a sweep, with whole reasons
    #[arg(long)]
    pub all: bool,
    /// Exit with code 10 if any stage would run
    #[arg(long)]
    pub exit_code: bool,
}

/// Arguments of `validate`.
#[derive(Args, Debug)]
pub(crate) struct ValidateArguments {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The store.
    #[command(flatten)]
    pub store: StoreArguments,
}

/// Arguments of `summary`.
#[derive(Args, Debug)]
pub(crate) struct SummaryArguments {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Number of classes of supervised networks [default: counted in the data]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub classes: Option<u16>,
}

/// Arguments of `preview`.
#[derive(Args, Debug)]
pub(crate) struct PreviewArguments {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The store.
    #[command(flatten)]
    pub store: StoreArguments,
    /// Augmentation policy [default: that of the first pretraining stage]
    #[arg(long, value_name = "NAME")]
    pub augment: Option<String>,
    /// Number of images
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub count: u16,
    /// PNG file to write [default: DIR/STUDY/preview.png]
    #[arg(long, value_name = "PNG")]
    pub out: Option<PathBuf>,
}

/// Arguments of `report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// A pipeline file; or two or more runs to compare: latest, a study, an id or its prefix, STUDY/ID
    #[arg(value_name = "FILE|RUN", required = true)]
    pub targets: Vec<PathBuf>,
    /// Override a value of the pipeline: a dotted path and a TOML value
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Directory to write a comparison to [default: comparisons/A+B in the output directory]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The store.
    #[command(flatten)]
    pub store: StoreArguments,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
