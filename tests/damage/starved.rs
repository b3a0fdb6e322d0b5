//! Runs with too little memory or stack: they end with an exit code and advice, never with an abort.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PIPELINE: &str = r#"
[dataset]
source = { shapes = { train = 40, test = 20, classes = 2 } }
image_size = 8

[augment.views]
ops = [{ horizontal_flip = {} }]

[supervised.a]
augment = "views"
encoder = { tiny = { width = 0.1 } }
optimizer = { adam = { learning_rate = 1e-3 } }
steps = 1
batch_size = 4
"#;

/// Runs the program under shell limits.
fn run_under(limits: &str, directory: &Path, arguments: &str) -> Output {
    let script = format!("{limits}; exec '{}' {arguments}", env!("CARGO_BIN_EXE_simclr"));
    Command::new("sh").args(["-c", &script]).current_dir(directory).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{:?} {}", output.status, String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_network_that_does_not_fit_is_refused_and_runs_out_of_memory_when_forced() {
    let directory = tempfile::tempdir().unwrap();
    let wide = PIPELINE.replace("steps = 1", "hidden = [65536, 65536]\nsteps = 1");
    fs::write(directory.path().join("p.toml"), wide).unwrap();
    let refused = run_under("ulimit -v 6000000", directory.path(), "run p.toml --threads 2");
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    assert!(text(&refused).contains("--force-memory"), "{}", text(&refused));
    let forced = run_under("ulimit -v 6000000", directory.path(), "run p.toml --threads 2 --force-memory");
    assert_eq!(forced.status.code(), Some(3), "{}", text(&forced));
    assert!(
        text(&forced).contains("out of memory") && text(&forced).contains("smaller batch_size"),
        "{}",
        text(&forced)
    );
}

#[test]
fn a_small_stack_does_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("p.toml"), PIPELINE).unwrap();
    let run = run_under("ulimit -s 64", directory.path(), "run p.toml --threads 2");
    assert!(run.status.success(), "{}", text(&run));
}

#[test]
fn little_address_space_ends_in_an_error() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("p.toml"), PIPELINE).unwrap();
    for kibibytes in [80_000, 160_000, 320_000] {
        let run = run_under(&format!("ulimit -v {kibibytes}"), directory.path(), "run p.toml --threads 4");
        assert!(matches!(run.status.code(), Some(0 | 3)), "{kibibytes}: {}", text(&run));
        assert!(run.status.success() || text(&run).contains("help: "), "{kibibytes}: {}", text(&run));
    }
}
