//! Reports in a real browser: their layout, their interaction and their accessibility, at the widths of a screen, a
//! tablet and a phone, in light, in dark and in print. `check.mjs` has the properties.
//!
//! Needs Node, Chromium and the packages of `package.json`, which `.ci/run` installs; skipped without them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod reports;

use simclr::render::write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that names the directory with the packages. If it is set, the test is not skipped.
const PACKAGES: &str = "REPORT_CHECKS";

#[test]
fn reports_in_a_browser() {
    let Some(packages) = packages() else {
        eprintln!("skipped: `npm ci` has not been run for tests/browser, or there is no Node or Chromium");
        return;
    };
    // They stay there, to be looked at.
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports");
    for (name, report) in reports::all() {
        write(&report, &directory.join(name)).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/check.mjs");
    let output = Command::new("node").arg(script).arg(&directory).env(PACKAGES, packages).output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{out}{errors}");
}

/// Returns the directory with the packages: the one that is given, or that of `.ci/run` if everything else is there.
fn packages() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os(PACKAGES) {
        return Some(given.into());
    }
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/browser");
    let runs =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    let is_complete = installed.join("node_modules").is_dir() && runs("node") && runs("chromium");
    is_complete.then_some(installed)
}
