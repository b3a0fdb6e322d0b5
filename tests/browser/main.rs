//! Reports in a real browser: their layout, their interaction and their accessibility, at the widths of a screen, a
//! tablet and a phone, in light, in dark and in print. `check.mjs` has the properties.
//!
//! Needs Node, Chromium and the packages of `package.json`, which `.ci/run` installs; skipped without them.

mod reports;

use simclr::render::write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that names the directory with the packages. If it is set, the test is not skipped.
const PACKAGES: &str = "REPORT_CHECKS";
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

#[test]
fn reports_in_a_browser() {
    let given = std::env::var_os(PACKAGES).map(PathBuf::from);
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/browser");
    let packages = given.clone().or_else(|| installed.join("node_modules").is_dir().then_some(installed));
    let (node, chromium) = (program("node"), CHROMIUM.into_iter().find_map(program));
    let (Some(packages), Some(node), Some(chromium)) = (packages, node, chromium) else {
        assert!(given.is_none(), "there is no Node or Chromium");
        eprintln!(
            "skipped: there is no Node or Chromium, or `.ci/run` has not installed the packages of tests/browser"
        );
        return;
    };
    // They stay there, to be looked at.
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports");
    for (name, report) in reports::all() {
        write(&report, &directory.join(name)).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/check.mjs");
    let mut check = Command::new(node);
    check.arg(script).arg(&directory).env(PACKAGES, packages).env("CHROMIUM", chromium);
    let output = check.output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{errors}");
    println!("{out}");
}

/// Returns the path of a program.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|path| path.is_file())
}
