//! `simclr doctor --store`: checks the file system of a store, and marks the store as shared between machines.

use super::args::{DoctorArguments, Format};
use super::failure::{Failure, Finish};
use super::table::{Cell, table};
use super::text::{Style, Text};
use super::{exit_code, interrupt, output};
use crate::base::{Error, Result};
use crate::doctor::file_system::{self, OtherLock, StoreCheck, Verdict};
use crate::engine::store::{self, SharedSettings};
use crate::engine::{Store, record};
use serde::Serialize;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(super) fn run(root: &Path, arguments: &DoctorArguments) -> Result<Finish, Failure> {
    if let Some(path) = &arguments.lock_probe {
        let found = file_system::try_lock(path)?;
        return Ok(if found == OtherLock::Held { Finish::Stale } else { Finish::Done });
    }
    if arguments.share {
        store::share(root, None)?;
    }
    let opened = Store::open(root)?;
    if let Some(seconds) = arguments.hold {
        return hold(&opened, root, seconds);
    }
    let settings = opened.shared_settings().cloned();
    let other = |path: &Path| lock_in_another_process(root, path);
    let checks = file_system::check(opened.directory(), settings.as_ref(), &other)?;
    let report =
        StoreReport { version: env!("CARGO_PKG_VERSION"), host: record::host(), store: root, settings, checks };
    match arguments.format {
        Format::Text => output::print(report.text())?,
        Format::Json => output::print_json(&report)?,
    }
    report.verdict()?;
    Ok(Finish::Done)
}

fn hold(store: &Store, root: &Path, seconds: f64) -> Result<Finish, Failure> {
    let interrupted = interrupt::listen()?;
    let place = root.display();
    output::message(format!("holding a lock for {seconds} s: run `simclr doctor --store {place}` on another machine"));
    let time = Duration::from_secs_f64(seconds);
    file_system::hold(store.directory(), &record::host(), time, &|| interrupted.load(Ordering::Relaxed))?;
    Ok(Finish::Done)
}

/// Starts this program again to lock a file.
fn lock_in_another_process(root: &Path, path: &Path) -> Result<OtherLock> {
    let failed = |error: std::io::Error| Error::stage(format!("cannot start another process: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("doctor").arg("--store").arg(root).arg("--lock-probe").arg(path);
    let output = command.stdin(Stdio::null()).output().map_err(failed)?;
    match output.status.code() {
        Some(0) => Ok(OtherLock::Locked),
        Some(code) if code == i32::from(exit_code::STALE) => Ok(OtherLock::Held),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Error::stage(format!("another process cannot lock a file: {said}")))
        }
    }
}

/// The output of `simclr doctor --store`.
#[derive(Serialize)]
struct StoreReport<'a> {
    version: &'static str,
    host: String,
    store: &'a Path,
    /// Settings of a shared store.
    #[serde(rename = "shared")]
    settings: Option<SharedSettings>,
    checks: Vec<StoreCheck>,
}

impl StoreReport<'_> {
    fn text(&self) -> Text {
        let shared = self.settings.as_ref().map(|settings| {
            let SharedSettings { renew_seconds, stale_seconds, latency_seconds } = settings;
            format!(
                "leases are renewed every {renew_seconds} s and stale after {stale_seconds} s; files may be invisible for \
                 {latency_seconds} s"
            )
        });
        let head: Vec<[Cell; 2]> = vec![
            ["store".into(), self.store.display().to_string().into()],
            ["host".into(), self.host.as_str().into()],
            ["shared".into(), shared.unwrap_or_else(|| "no".to_owned()).into()],
        ];
        let rows: Vec<[Cell; 3]> = self.checks.iter().map(|check| self.row(check)).collect();
        Text::join([table(&head, &[]), table(&rows, &[])], "\n")
    }

    fn row(&self, check: &StoreCheck) -> [Cell; 3] {
        let (word, style) = match (check.verdict, &self.settings) {
            (Verdict::Ok, _) => ("ok", Style::Good),
            (Verdict::NotChecked, _) => ("not checked", Style::Dim),
            (Verdict::NeedsLeases, Some(_)) => ("leases decide", Style::Warning),
            (Verdict::NeedsLeases, None) => ("NOT SAFE", Style::Error),
            (Verdict::Broken, _) => ("BROKEN", Style::Error),
        };
        [check.check.into(), Cell::styled(word, Some(style)), check.found.as_str().into()]
    }

    /// Returns an error if the store cannot be used as it is.
    fn verdict(&self) -> Result<()> {
        let find = |verdict| self.checks.iter().find(|check| check.verdict == verdict);
        let error = |check: &StoreCheck| {
            Error::stage(format!("{}: {}", check.check, check.found)).at(self.store.display().to_string())
        };
        match (find(Verdict::Broken), find(Verdict::NeedsLeases), &self.settings) {
            (Some(broken), _, _) => Err(error(broken).help("choose a directory on another file system")),
            (None, Some(unsafe_), None) => {
                Err(error(unsafe_).help("mark the store as shared with --share, or choose a directory on a local disk"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict, settings: Option<SharedSettings>) -> StoreReport<'static> {
        let checks = vec![StoreCheck { check: "locks", verdict, found: "found".to_owned() }];
        StoreReport { version: "1", host: "here".to_owned(), store: Path::new("out"), settings, checks }
    }

    #[test]
    fn locks_that_lie_are_an_error_unless_the_store_is_shared() {
        let shared = || Some(SharedSettings::default());
        for settings in [None, shared()] {
            assert!(report(Verdict::Ok, settings.clone()).verdict().is_ok());
            assert!(report(Verdict::NotChecked, settings.clone()).verdict().is_ok());
            assert!(report(Verdict::Broken, settings).verdict().is_err());
        }
        let error = report(Verdict::NeedsLeases, None).verdict().unwrap_err();
        assert!(error.next_step().is_some_and(|help| help.contains("--share")), "{error}");
        assert!(report(Verdict::NeedsLeases, shared()).verdict().is_ok());
    }
}
