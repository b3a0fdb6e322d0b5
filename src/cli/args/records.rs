//! The arguments of the commands that look back at runs and artifacts.

use super::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Where runs and artifacts are.
#[derive(Args, Debug)]
pub struct OutputArguments {
    /// Directory of artifacts, runs and reports
    #[arg(long, value_name = "DIR", default_value = "outputs")]
    pub output: PathBuf,
}

/// Arguments of `status`.
#[derive(Args, Debug)]
pub struct StatusArguments {
    /// Run to look at: latest, a study, an id or its beginning, STUDY/ID [default: a list of all runs]
    pub run: Option<String>,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// List every run, not only the newest
    #[arg(long, conflicts_with = "run")]
    pub all: bool,
    /// Text for people or JSON for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `compare`.
#[derive(Args, Debug)]
pub struct CompareArguments {
    /// Run that is compared with: latest, a study, an id or its beginning, STUDY/ID
    #[arg(value_name = "A")]
    pub first: String,
    /// Run that is compared
    #[arg(value_name = "B")]
    pub second: String,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// Text for people or JSON for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `cache`.
#[derive(Args, Debug)]
pub struct CacheArguments {
    /// What to do with the artifacts.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// What to do with the artifacts.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// List the artifacts and the runs that use them
    #[command(after_help = "\
Examples:
  simclr cache ls
  simclr cache ls --format json")]
    Ls(CacheListArguments),
    /// Read every artifact and compare digests; exit code 3 if one is damaged
    #[command(after_help = "\
Examples:
  simclr cache verify
  simclr cache verify --set-aside && simclr run study.toml")]
    Verify(VerifyArguments),
    /// Free what the newest runs of each study, pinned runs and living runs do not use
    #[command(after_help = "\
Examples:
  simclr cache gc --dry-run                             what would be freed
  simclr cache gc --keep 1")]
    Gc(CollectArguments),
    /// Copy the artifacts of another output directory that are not here
    #[command(after_help = "\
Examples:
  simclr cache import /mnt/cluster/outputs")]
    Import(ImportArguments),
    /// Keep what a run uses, whatever `cache gc` is told
    #[command(after_help = "\
Examples:
  simclr cache pin latest
  simclr cache pin quickstart/20260414-0903")]
    Pin(PinArguments),
    /// Keep a run no longer than others
    #[command(after_help = "\
Examples:
  simclr cache unpin latest")]
    Unpin(PinArguments),
}

/// Arguments of `cache pin` and `cache unpin`.
#[derive(Args, Debug)]
pub struct PinArguments {
    /// The run: latest, a study, an id or its beginning, STUDY/ID
    pub run: String,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `cache ls`.
#[derive(Args, Debug)]
pub struct CacheListArguments {
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// Text for people or JSON for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `cache verify`.
#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// Move damaged artifacts out of the way, so that the next run makes them anew
    #[arg(long)]
    pub set_aside: bool,
    /// Text for people or JSON for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `cache gc`.
#[derive(Args, Debug)]
pub struct CollectArguments {
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
    /// Runs of each study whose artifacts are kept, the newest
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub keep: usize,
    /// Show what would be freed, and free nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Text for people or JSON for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `cache import`.
#[derive(Args, Debug)]
pub struct ImportArguments {
    /// The other output directory
    #[arg(value_name = "DIR")]
    pub from: PathBuf,
    /// The output directory.
    #[command(flatten)]
    pub output: OutputArguments,
}
