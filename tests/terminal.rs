//! What a user sees in a terminal: lines that fit, sweeps in few rows, results, comparisons, live pages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;
use unicode_width::UnicodeWidthStr;

const PLAIN: &str = r#"
[dataset]
source = { shapes = { train = 60, test = 30, classes = 3 } }
image_size = 16
validation_fraction = 0.2

[augment.views]
ops = [{ random_resized_crop = { scale = [0.5, 1.0] } }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05 } }
epochs = 2
batch_size = 16

[pretrain.untrained]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05 } }
epochs = 0
batch_size = 16

[knn_eval.main]
from = "main"
k = 5
depths = [0, 1]

[knn_eval.untrained]
from = "untrained"
k = 5
"#;

const SWEEP: &str = "
[sweep]
\"pretrain.main.loss.nt_xent.temperature\" = [0.05, 0.5, 0.9]
";

/// A directory with the finished runs of two studies, `plain` and `sweep`.
struct Studies {
    directory: TempDir,
    plain: PathBuf,
    sweep: PathBuf,
    output: PathBuf,
}

/// Shared by the tests that only read.
static FINISHED: LazyLock<Studies> = LazyLock::new(|| {
    let studies = Studies::new();
    studies.ok(&["run", "-q", studies.plain.to_str().unwrap()]);
    studies.ok(&["run", "-q", studies.sweep.to_str().unwrap()]);
    studies
});

impl Studies {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let [plain, sweep, output] = ["plain.toml", "sweep.toml", "out"].map(|name| directory.path().join(name));
        fs::write(&plain, PLAIN).unwrap();
        fs::write(&sweep, format!("{PLAIN}{SWEEP}")).unwrap();
        Self { directory, plain, sweep, output }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.args(arguments).env_remove("COLUMNS");
        if arguments.first() != Some(&"summary") {
            command.arg("--output").arg(&self.output);
        }
        command
    }

    /// Returns exit code, standard output and standard error.
    fn call_with(&self, columns: Option<usize>, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.command(arguments);
        columns.iter().for_each(|columns| _ = command.env("COLUMNS", columns.to_string()));
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    fn call(&self, arguments: &[&str]) -> (i32, String, String) {
        self.call_with(None, arguments)
    }

    fn ok_with(&self, columns: Option<usize>, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.call_with(columns, arguments);
        assert_eq!(code, 0, "{arguments:?}: {stdout}{stderr}");
        stdout
    }

    fn ok(&self, arguments: &[&str]) -> String {
        self.ok_with(None, arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["--format", "json"]].concat())).unwrap()
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let studies = &*FINISHED;
    let (plain, sweep) = (studies.plain.to_str().unwrap(), studies.sweep.to_str().unwrap());
    let changed = "pretrain.main.optimizer={ adam = { learning_rate = 1e-3 } }";
    for arguments in [
        &["plan", sweep][..],
        &["plan", sweep, "--all"],
        &["plan", sweep, "--set", changed],
        &["plan", sweep, "--set", changed, "--all"],
        &["summary", plain],
        &["status"],
        &["status", "sweep"],
        &["status", "sweep", "--all"],
        &["cache", "ls"],
        &["cache", "ls", "--all"],
        &["compare", "plain", "sweep"],
        &["compare", "plain", "sweep", "--all"],
        &["compare", "sweep@temperature=0.05", "sweep@temperature=0.9"],
        &["run", "-q", "--format", "text", sweep],
    ] {
        for columns in [80, 100, 140] {
            let text = studies.ok_with(Some(columns), arguments);
            let is_path = |line: &str| line.contains("out/") || line.starts_with("report: ");
            let wide = text.lines().find(|line| line.width() > columns && !is_path(line));
            assert_eq!(wide, None, "{columns} columns: {arguments:?}\n{text}");
        }
    }
}

#[test]
fn the_stages_of_a_sweep_are_one_row_unless_all_are_wanted() {
    let studies = &*FINISHED;
    let sweep = studies.sweep.to_str().unwrap();
    for arguments in [&["plan", sweep][..], &["status", "sweep"], &["cache", "ls"]] {
        let (few, all) = (studies.ok(arguments), studies.ok(&[arguments, &["--all"]].concat()));
        assert!(few.contains("pretrain.main[...]  x 3") && few.contains("knn_eval.main[...]  x 6"), "{few}");
        assert!(!all.contains("[...]") && all.contains("pretrain.main[temperature 0.9]"), "{all}");
        assert!(all.lines().count() > few.lines().count() + 10, "{all}");
    }
    let status = studies.ok(&["status", "sweep"]);
    assert!(
        status.lines().any(|line| line.contains("x 6") && line.contains("accuracy") && line.contains(" to ")),
        "{status}"
    );
}

#[test]
fn a_new_stage_is_explained_by_its_own_study() {
    let studies = &*FINISHED;
    let own = studies.ok(&["plan", studies.plain.to_str().unwrap(), "--set", "pretrain.main.batch_size=8"]);
    assert!(own.contains("batch_size 16 -> 8"), "{own}");
    let other = studies.directory.path().join("other.toml");
    fs::write(&other, PLAIN.replace("epochs = 2", "epochs = 4")).unwrap();
    let other = studies.ok(&["plan", other.to_str().unwrap()]);
    let pretrain = other.lines().find(|line| line.contains("pretrain.main")).unwrap();
    assert!(pretrain.contains("will run") && pretrain.trim_end().ends_with("new"), "{other}");
}

#[test]
fn a_run_ends_with_verdict_and_tables_and_with_markdown_in_a_pipe() {
    let studies = &*FINISHED;
    let run = ["run", "-q", studies.plain.to_str().unwrap()];
    let format = |format: &str| studies.ok_with(Some(90), &[&run[..], &["--format", format]].concat());
    let (text, markdown) = (format("text"), format("markdown"));
    let report = format!("report: {}\n", studies.output.join("plain/report/index.html").display());
    assert!(text.ends_with(&report) && !text.contains('|') && !text.contains('\u{1b}'), "{text}");
    let row = text.lines().find(|line| line.trim_start().starts_with("main")).unwrap();
    assert_eq!(row.matches(" %").count(), 3, "labels and two depths: {row}");
    assert_eq!(studies.ok(&run), markdown, "Markdown is the default in a pipe");
    assert!(markdown.contains("| --- |") && markdown.ends_with(&report), "{markdown}");
    let json: Value = serde_json::from_str(&format("json")).unwrap();
    assert!(json["results"]["verdict"][0][1].as_str().unwrap().len() > 20, "{json}");
    assert!(json["results"]["tables"][0]["rows"].as_array().unwrap().len() > 1, "{json}");
}

#[test]
fn results_are_compared_by_what_they_are() {
    let studies = &*FINISHED;
    let comparison = &studies.json(&["compare", "plain", "sweep"])["comparison"];
    let stages = comparison["stages"].as_array().unwrap();
    let of = |name: &str| stages.iter().filter(|stage| stage["name"].as_str().unwrap().starts_with(name)).count();
    assert_eq!((of("pretrain.main"), of("knn_eval.main[depth 0"), of("knn_eval.main[depth 1")), (3, 3, 3));
    assert_eq!((&comparison["only_first"], &comparison["only_second"]), (&Value::from([""; 0]), &Value::from([""; 0])));

    let text = studies.ok(&["compare", "sweep@temperature=0.05", "sweep@temperature=0.9"]);
    assert!(text.contains("temperature 0.05 -> 0.9") && text.contains("knn_eval.main\n"), "{text}");
    assert!(!text.contains("only in"), "{text}");
    let (code, _, stderr) = studies.call(&["compare", "sweep@temperature=7", "sweep"]);
    assert!(code == 2 && stderr.contains("it has temperature=0.05, temperature=0.5"), "{stderr}");
    let (code, _, stderr) = studies.call(&["compare", "foo", "sweep"]);
    assert!(code == 2 && !stderr.contains("did you mean") && stderr.contains("simclr status"), "{stderr}");
}

#[test]
fn reports_of_runs_are_compared_on_one_page() {
    let studies = &*FINISHED;
    let out = studies.directory.path().join("compared");
    let text = studies.ok(&["report", "plain", "sweep", "--out", out.to_str().unwrap()]);
    assert_eq!(text, format!("report: {}\n", out.join("index.html").display()));
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(page.contains("<h1>Comparison of plain and sweep</h1>") && page.contains("run plain"));
    let data: Value = serde_json::from_str(&fs::read_to_string(out.join("report.json")).unwrap()).unwrap();
    let results = data["results"].as_array().unwrap();
    let of = |stage: &str| results.iter().filter(|result| result["stage"] == stage).collect::<Vec<_>>();
    assert_eq!(of("knn_eval.untrained").len(), 1, "the same in both runs");
    assert_eq!(of("knn_eval.untrained")[0]["variant"], "");
    assert_eq!(of("knn_eval.main").len(), 8, "two depths, with one and three temperatures");
    assert!(of("knn_eval.main").iter().all(|result| result["values"][0][0] == "run"));

    studies.ok(&["report", "plain", "sweep"]);
    assert!(studies.output.join("comparisons/plain+sweep/index.html").is_file());
    let taken = studies.directory.path();
    for (arguments, what) in [
        (&["report", "plain", "sweep", "--out", taken.to_str().unwrap()][..], "is not a report"),
        (&["report", "plain", "plain"], "named twice"),
        (&["report", "plain", "nothing"], "no run matches"),
        (&["report", "plain", "sweep", "--set", "seed=1"], "--set"),
        (&["report", studies.plain.to_str().unwrap(), "--out", "x"], "nothing to compare"),
    ] {
        let (code, stdout, stderr) = studies.call(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(what), "{arguments:?}: {stderr}");
    }
    assert!(studies.plain.is_file(), "nothing was replaced");
}

#[test]
fn a_run_without_a_readable_report_is_not_compared() {
    let studies = Studies::new();
    let plain = studies.plain.to_str().unwrap();
    studies.ok(&["run", "-q", plain, "--only", "dataset"]);
    studies.ok(&["run", "-q", plain]);
    let runs = studies.json(&["status"]);
    let ids: Vec<&str> = runs.as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap()).collect();
    let (code, _, stderr) = studies.call(&["report", ids[0], ids[1]]);
    assert!(code == 2 && stderr.contains("the run has no report"), "{stderr}");
    studies.ok(&["run", "-q", plain]);
    let data = studies.output.join("runs/plain").join(ids[0]).join("report/report.json");
    fs::remove_file(&data).unwrap();
    fs::write(&data, "{\"results\": [{\"right\": 7}]}").unwrap();
    let (code, _, stderr) = studies.call(&["report", "latest", ids[0]]);
    assert!(code == 3 && stderr.contains("another version of simclr"), "{stderr}");
}

#[test]
fn a_watched_run_leaves_a_page_that_has_ended() {
    let studies = Studies::new();
    let (code, _, stderr) = studies.call(&["run", "--watch", studies.plain.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    let run = PathBuf::from(studies.json(&["status"])[0]["directory"].as_str().unwrap());
    let page = run.join("live.html");
    assert!(stderr.contains(&format!("live page: {}\n", page.display())), "{stderr}");
    let html = fs::read_to_string(&page).unwrap();
    assert!(!html.contains("http-equiv=\"refresh\"") && html.contains("open the report"), "it has ended");
    assert!(html.contains("pretrain.main") && html.contains("<svg") && !html.contains("<script"));
    assert!(run.join("report/index.html").is_file());
}

#[cfg(unix)]
mod links {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn latest_is_a_link_that_listings_ignore() {
        let studies = Studies::new();
        let latest = studies.output.join("runs/plain/latest");
        for count in 1..=2 {
            studies.ok(&["run", "-q", studies.plain.to_str().unwrap()]);
            let runs = studies.json(&["status"]);
            assert_eq!(runs.as_array().unwrap().len(), count);
            assert_eq!(fs::read_link(&latest).unwrap(), Path::new(runs[0]["id"].as_str().unwrap()));
        }
        assert!(latest.join("report/index.html").is_file());
        studies.ok(&["cache", "gc", "--keep", "1"]);
    }

    #[test]
    fn open_prints_the_page_and_passes_it_to_the_desktop() {
        let studies = &*FINISHED;
        let programs = studies.directory.path().join("bin");
        fs::create_dir(&programs).unwrap();
        let opened = studies.directory.path().join("opened");
        let program = |status: u8| {
            let path = programs.join("xdg-open");
            fs::write(&path, format!("#!/bin/sh\necho \"$1\" > '{}'\nexit {status}\n", opened.display())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        let open = |name: &str, display: &str| {
            let mut command = studies.command(&["open", name]);
            command.env("PATH", &programs).env("DISPLAY", display);
            let output = command.env_remove("WAYLAND_DISPLAY").env_remove("BROWSER").output().unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
        };
        let run = studies.json(&["status", "plain"]);
        let page = format!("{}/report/index.html\n", run["directory"].as_str().unwrap());
        if cfg!(target_os = "linux") {
            program(0);
            assert_eq!(open("plain", ":0"), (0, page.clone(), String::new()));
            assert_eq!(fs::read_to_string(&opened).unwrap(), page);
            program(3);
            let (code, stdout, stderr) = open("plain", ":0");
            assert_eq!((code, stdout.as_str()), (0, page.as_str()));
            assert!(stderr.contains("xdg-open failed"), "{stderr}");
            let (code, stdout, stderr) = open("plain", "");
            assert!(code == 0 && stdout == page && stderr.contains("there is no display"), "{stderr}");
        }
        let (code, _, stderr) = open("nothing", ":0");
        assert!(code == 2 && stderr.contains("no run matches"), "{stderr}");
    }
}
