//! `simclr open`: opens the report of a run in the browser.

use super::args::OpenArguments;
use super::failure::{Failure, Finish};
use super::output;
use crate::base::{Error, Result};
use crate::runs::{self, RecordedRun};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long to wait for the program that opens the page to fail; it may be the browser itself, which stays.
const TIMEOUT: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(20);

pub(super) fn run(arguments: &OpenArguments) -> Result<Finish, Failure> {
    let page = page(&arguments.output.output, arguments.run.as_deref().unwrap_or(runs::LATEST))?;
    output::print(format!("{}\n", page.display()))?;
    if let Err(why) = open(&page) {
        output::message(format!("nothing could open it here ({why}); open the file in a browser"));
    }
    Ok(Finish::Done)
}

/// Returns the page of a run: while it is running with `--watch`, its live page. Of a study, or of all, it is that of the
/// newest run that has one.
fn page(output: &Path, name: &str) -> Result<PathBuf> {
    let run = runs::find(output, name)?;
    if let Some(page) = page_of(&run) {
        return Ok(page);
    }
    let is_any_study = name == runs::LATEST;
    let is_candidate = |other: &RecordedRun| is_any_study || (name == run.study && other.study == run.study);
    let earlier = runs::list(output).runs.into_iter().filter(is_candidate).find_map(|run| page_of(&run));
    earlier.ok_or_else(|| {
        let error = Error::usage("the run has no report").at(run.name());
        error.help(format!("`simclr status {}` shows how it ended; run the pipeline again to finish it", run.name()))
    })
}

fn page_of(run: &RecordedRun) -> Option<PathBuf> {
    run.live_page().or_else(|| run.page())
}

/// Opens a page with the program of the desktop.
///
/// # Errors
/// There is no such program, or it failed.
fn open(page: &Path) -> Result<(), String> {
    let page = std::path::absolute(page).map_err(|error| error.to_string())?;
    let (program, arguments) = opener()?;
    let mut command = Command::new(program);
    command.args(arguments).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    match wait(&mut child) {
        Some(status) if !status.success() => Err(format!("{program} failed")),
        _ => Ok(()),
    }
}

/// Returns the program of the desktop and its arguments before the page.
fn opener() -> Result<(&'static str, &'static [&'static str]), String> {
    if cfg!(windows) {
        return Ok(("cmd", &["/C", "start", ""]));
    }
    if cfg!(target_os = "macos") {
        return Ok(("open", &[]));
    }
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].into_iter().any(is_set) {
        true => Ok(("xdg-open", &[])),
        // Without a display, xdg-open would start a text browser in this terminal.
        false => Err("there is no display".to_owned()),
    }
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < TIMEOUT {
        if let Some(status) = child.try_wait().ok()? {
            return Some(status);
        }
        std::thread::sleep(POLL);
    }
    None
}
