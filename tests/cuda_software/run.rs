//! Runs of the program on the software device, and what they exercised.

use crate::toolchain::Toolchain;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

/// What all runs together have exercised.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) functions: BTreeSet<String>,
    pub(crate) kernels: BTreeSet<String>,
    pub(crate) failures: u64,
}

pub(crate) static TOTALS: Mutex<Totals> =
    Mutex::new(Totals { functions: BTreeSet::new(), kernels: BTreeSet::new(), failures: 0 });

/// The end of a run.
pub(crate) struct Outcome {
    /// `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Calls by function.
    pub(crate) calls: BTreeMap<String, u64>,
    /// Launches by kernel, and convolutions by direction and precision.
    pub(crate) launches: BTreeMap<String, u64>,
    /// Calls that the device refused.
    pub(crate) refused: Vec<String>,
    pub(crate) injected: u64,
}

impl Outcome {
    /// Checks that the program succeeded and that every call was valid.
    pub(crate) fn expect_success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        assert!(self.refused.is_empty(), "{:#?}", self.refused);
        self
    }
}

/// Prepares a run.
pub(crate) fn command(toolchain: &Toolchain, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("LD_LIBRARY_PATH", &toolchain.libraries).env("RUST_BACKTRACE", "0");
    command.env("XDG_CACHE_HOME", &toolchain.libraries);
    if let Some(library) = &toolchain.address_sanitizer {
        // What the driver keeps until the process ends is not a leak.
        command.env("LD_PRELOAD", library).env("ASAN_OPTIONS", "detect_leaks=0");
    }
    command
}

/// Runs a program to its end with settings of the device: `SOFTWARE_SCHEDULE`, `SOFTWARE_FAIL`, `SOFTWARE_MEMORY`.
pub(crate) fn run(toolchain: &Toolchain, program: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report");
    let mut command = command(toolchain, program, arguments);
    // Without kernels that an earlier run has compiled, unless `settings` name another directory.
    command.env("XDG_CACHE_HOME", directory.path()).envs(settings.iter().copied());
    let output = command.env("SOFTWARE_REPORT", &report).output().unwrap();
    read(&output, [report])
}

/// Returns the end of a run with the reports of its processes, and adds them to the totals.
pub(crate) fn read(output: &Output, reports: impl IntoIterator<Item = PathBuf>) -> Outcome {
    let mut outcome = Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        calls: BTreeMap::new(),
        launches: BTreeMap::new(),
        refused: Vec::new(),
        injected: 0,
    };
    reports.into_iter().for_each(|report| outcome.read(&fs::read_to_string(report).unwrap_or_default()));
    let mut totals = TOTALS.lock().unwrap();
    totals.functions.extend(outcome.calls.keys().cloned());
    totals.kernels.extend(outcome.launches.keys().cloned());
    totals.failures += outcome.injected;
    outcome
}

impl Outcome {
    fn read(&mut self, report: &str) {
        for line in report.lines() {
            let (kind, rest) = line.split_once(' ').unwrap();
            let counted = || {
                let (name, count) = rest.rsplit_once(' ').unwrap();
                (name.to_owned(), count.parse().unwrap())
            };
            match kind {
                "function" => self.calls.extend([counted()]),
                "kernel" => self.launches.extend([counted()]),
                "refused" => self.refused.push(rest.to_owned()),
                "injected" => self.injected += rest.parse::<u64>().unwrap(),
                _ => panic!("{line}"),
            }
        }
    }
}
