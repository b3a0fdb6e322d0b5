//! Arguments of the commands that inspect runs and artifacts.

use super::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The output directory of a command.
#[derive(Args, Debug)]
pub(crate) struct OutputArguments {
    /// Directory of artifacts, runs and reports
    #[arg(long, value_name = "DIR", default_value = "outputs")]
    pub output: PathBuf,
}

/// Arguments of `status`.
#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    /// Run to show: latest, a study, an id or its prefix, STUDY/ID [default: list all runs]
    pub run: Option<String>,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// List every run, not only the latest; of a run, every stage of a sweep
    #[arg(long)]
    pub all: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `open`.
#[derive(Args, Debug)]
pub(crate) struct OpenArguments {
    /// The run: latest, a study, an id or its prefix, STUDY/ID [default: latest]
    pub run: Option<String>,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `compare`.
#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// Baseline run: latest, a study, an id or its prefix, STUDY/ID; RUN@SETTING=VALUE for a variant of a sweep
    #[arg(value_name = "A")]
    pub first: String,
    /// Run to compare with the baseline
    #[arg(value_name = "B")]
    pub second: String,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// Show every metric and list every stage of a sweep
    #[arg(long)]
    pub all: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `cache`.
#[derive(Args, Debug)]
pub(crate) struct CacheArguments {
    /// The `cache` command to run.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// The `cache` commands.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List the artifacts and the runs that use them
    #[command(after_help = "\
Examples:
  simclr cache ls
  simclr cache ls --format json")]
    Ls(CacheListArguments),
    /// Verify every artifact against its digest; exit code 3 if one is damaged
    #[command(after_help = "\
Examples:
  simclr cache verify
  simclr cache verify --set-aside && simclr run study.toml")]
    Verify(VerifyArguments),
    /// Delete artifacts not used by recent, pinned or active runs
    #[command(after_help = "\
Examples:
  simclr cache gc --dry-run                             what would be deleted
  simclr cache gc --keep 1")]
    Gc(CollectArguments),
    /// Copy missing artifacts from another output directory
    #[command(after_help = "\
Examples:
  simclr cache import /mnt/cluster/outputs")]
    Import(ImportArguments),
    /// Protect the artifacts of a run from `cache gc`
    #[command(after_help = "\
Examples:
  simclr cache pin latest
  simclr cache pin quickstart/20260414-0903")]
    Pin(PinArguments),
    /// Remove the protection of a run
    #[command(after_help = "\
Examples:
  simclr cache unpin latest")]
    Unpin(PinArguments),
}

/// Arguments of `cache pin` and `cache unpin`.
#[derive(Args, Debug)]
pub(crate) struct PinArguments {
    /// The run: latest, a study, an id or its prefix, STUDY/ID
    pub run: String,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `cache ls`.
#[derive(Args, Debug)]
pub(crate) struct CacheListArguments {
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// List every artifact of a sweep
    #[arg(long)]
    pub all: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `cache verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// Set damaged artifacts aside, so that the next run recomputes them
    #[arg(long)]
    pub set_aside: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `cache gc`.
#[derive(Args, Debug)]
pub(crate) struct CollectArguments {
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// How many of the latest runs of each study to keep
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub keep: usize,
    /// Show what would be deleted, without deleting anything
    #[arg(long)]
    pub dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `cache import`.
#[derive(Args, Debug)]
pub(crate) struct ImportArguments {
    /// The other output directory
    #[arg(value_name = "DIR")]
    pub from: PathBuf,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
}
