//! Records of runs: written during runs, read back, and used by `status`, `compare` and `cache`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

use assert_cmd::Command;
use serde_json::{Value, json};
use simclr::base::{Error, ErrorKind, Result};
use simclr::engine::{self, Context, Event, EventSink, Graph, Progress, RunOptions, Stage, StageSummary, Store};
use simclr::runs::{self, Recorder, RunDescription, RunState, StageState};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tempfile::TempDir;

// ---- The recorder, with trivial stages.

/// Stage that succeeds with this metric, or fails without one.
struct Toy {
    name: &'static str,
    metrics: Option<f64>,
}

impl Stage for Toy {
    fn name(&self) -> String {
        self.name.to_owned()
    }
    fn kind(&self) -> &'static str {
        "toy"
    }
    fn version(&self) -> u32 {
        4
    }
    fn parameters(&self) -> Value {
        json!({ "name": self.name })
    }
    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        fs::write(context.output().join("file"), self.name).unwrap();
        let summary = |value| StageSummary::default().text(format!("found {value}"));
        self.metrics.map(summary).ok_or_else(|| Error::stage("it does not work"))
    }
    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        assert_eq!(fs::read_to_string(artifact.join("file")).unwrap(), self.name);
        BTreeMap::from([("found".to_owned(), self.metrics.unwrap()), ("infinite".to_owned(), f64::INFINITY)])
    }
}

/// Returns a graph of `good`, then `bad` and `also good`, and `last` after both.
fn toys(bad: Option<f64>) -> Graph {
    let mut graph = Graph::new();
    let mut add = |name, metrics, inputs: &[_]| graph.add(Box::new(Toy { name, metrics }), inputs).unwrap();
    let good = add("good", Some(0.5), &[]);
    let bad = add("bad", bad, &[("good", good)]);
    let also = add("also good", Some(0.25), &[("good", good)]);
    add("last", Some(1.0), &[("also", also), ("bad", bad)]);
    graph
}

/// Returns a temporary directory with a pipeline file, and the path of its output directory.
fn test_directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("toy.toml"), "# the pipeline file").unwrap();
    let output = directory.path().join("out");
    (directory, output)
}

fn record(directory: &TempDir, output: &Path, graph: &Graph, options: &RunOptions) -> (runs::RecordedRun, Vec<String>) {
    let store = Store::open(output).unwrap();
    let file = directory.path().join("toy.toml");
    let description = RunDescription {
        study: "toy",
        file: &file,
        texts: &["# the pipeline file", "seed = 1\n"],
        resolved: "seed = 2\n",
        overrides: &["a=1".to_owned()],
        device: "cpu",
    };
    let recorder = Recorder::create(output, &description, (graph, &store), || Ok(())).unwrap();
    let result = engine::run(graph, &store, options, &recorder, &AtomicBool::new(false));
    let warnings = recorder.finish(result.as_ref().err());
    (runs::find(output, "latest").unwrap(), warnings)
}

fn states(run: &runs::RecordedRun) -> Vec<Option<StageState>> {
    run.record.stages.iter().map(|stage| stage.status).collect()
}

#[test]
fn a_record_holds_settings_and_results() {
    let (directory, output) = test_directory();
    let (run, warnings) = record(&directory, &output, &toys(Some(0.1)), &RunOptions::default());
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!((run.state, run.record.computed, run.record.cached), (RunState::Finished, 4, 0));
    assert_eq!((run.record.overrides.as_slice(), run.record.device.as_str()), (["a=1".to_owned()].as_slice(), "cpu"));
    let bad = &run.record.stages[1];
    assert_eq!((bad.name.as_str(), bad.version), ("bad", 4));
    assert_eq!(bad.summary, StageSummary::default().text("found 0.1"));
    assert_eq!(bad.parameters, json!({ "name": "bad" }));
    assert_eq!(bad.inputs, BTreeMap::from([("good".to_owned(), "good".to_owned())]));
    assert_eq!(bad.metrics, BTreeMap::from([("found".to_owned(), 0.1)]), "non-finite metrics are left out");
    let read = |name: &str| fs::read_to_string(run.directory.join(name)).unwrap();
    let texts = ["pipeline.toml", "extended-1.toml", "resolved.toml"].map(read);
    assert_eq!(texts, ["# the pipeline file", "seed = 1\n", "seed = 2\n"]);
    let log = fs::read_to_string(run.directory.join("log.txt")).unwrap();
    assert!(log.contains("Z  bad: started\n") && log.contains("Z  done bad in "), "{log}");
    assert!(log.contains("Z  finished: computed 4, cached 0 in "), "{log}");
    // The file contains exactly the record.
    let text = fs::read_to_string(run.directory.join("run.json")).unwrap();
    let parsed: runs::RunRecord = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed, run.record);
    assert_eq!(serde_json::to_value(&parsed).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    assert!(!run.directory.join("run.lock").exists(), "the lock is removed with the run");

    let (cached, _) = record(&directory, &output, &toys(Some(0.1)), &RunOptions::default());
    assert_eq!((cached.record.computed, cached.record.cached), (0, 4));
    assert_ne!(cached.id, run.id);
    let [first, second] = [&run, &cached].map(|run| {
        run.record.stages.iter().map(|stage| (stage.metrics.clone(), stage.summary.clone())).collect::<Vec<_>>()
    });
    assert_eq!(first, second, "cached stages have results too");
}

#[test]
fn a_failure_ends_a_run_or_makes_it_partial() {
    let (directory, output) = test_directory();
    let (run, _) = record(&directory, &output, &toys(None), &RunOptions::default());
    assert_eq!((run.state, run.record.failed, run.record.skipped), (RunState::Failed, 1, 0));
    assert_eq!(states(&run)[..2], [Some(StageState::Computed), Some(StageState::Failed)]);
    assert_eq!(states(&run)[3], None, "not reached");
    assert!(run.record.error.as_ref().unwrap().contains("it does not work"));

    let options = RunOptions { keep_going: true, ..RunOptions::default() };
    let (run, _) = record(&directory, &output, &toys(None), &options);
    assert_eq!((run.state, run.record.failed, run.record.skipped), (RunState::Partial, 1, 1));
    let [good, bad, also, last] = states(&run)[..] else { panic!() };
    assert_eq!(good, Some(StageState::Cached));
    assert!(matches!(also, Some(StageState::Cached | StageState::Computed)));
    assert_eq!((bad, last), (Some(StageState::Failed), Some(StageState::Skipped)));
    assert_eq!(run.record.stages[3].reason.as_deref(), Some("bad failed"));
    assert!(run.record.stages[1].reason.as_ref().unwrap().contains("it does not work"));
    assert_eq!(run.record.stages[2].metrics["found"], 0.25);
}

#[test]
fn an_interrupted_stage_has_not_failed() {
    let (directory, output) = test_directory();
    let (graph, store) = (toys(Some(0.1)), Store::open(&output).unwrap());
    let file = directory.path().join("toy.toml");
    let description =
        RunDescription { study: "toy", file: &file, texts: &[], resolved: "", overrides: &[], device: "cpu" };
    let recorder = Recorder::create(&output, &description, (&graph, &store), || Ok(())).unwrap();
    assert_eq!(runs::find(&output, "latest").unwrap().state, RunState::Running);
    recorder.emit(&Event::Started { stage: "good".into() });
    let progress = Progress { done: 3, total: 4, unit: "images".into(), training: None };
    recorder.emit(&Event::Progress { stage: "good".into(), progress });
    // A running run is read from its events.
    let running = runs::find(&output, "latest").unwrap();
    assert_eq!((running.state, states(&running)[0]), (RunState::Running, Some(StageState::Running)));
    assert_eq!(running.record.stages[0].progress.as_ref().map(|progress| progress.done), Some(3));
    assert!(recorder.finish(Some(&Error::new(ErrorKind::Interrupted, "interrupted"))).is_empty());
    let run = runs::find(&output, "latest").unwrap();
    assert_eq!((run.state, states(&run)[0]), (RunState::Interrupted, Some(StageState::Interrupted)));
    assert_eq!(run.record.stages[0].progress, running.record.stages[0].progress);
}

#[test]
fn a_record_that_cannot_be_written_is_a_warning() {
    let (directory, output) = test_directory();
    let (graph, store) = (toys(Some(0.1)), Store::open(&output).unwrap());
    let file = directory.path().join("toy.toml");
    let description =
        RunDescription { study: "toy", file: &file, texts: &[], resolved: "", overrides: &[], device: "cpu" };
    let recorder = Recorder::create(&output, &description, (&graph, &store), || Ok(())).unwrap();
    fs::remove_dir_all(output.join("runs")).unwrap();
    let warnings = recorder.finish(None);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("run.json"), "{warnings:?}");
}

#[test]
fn runs_are_found_by_name() {
    let (directory, output) = test_directory();
    assert!(runs::find(&output, "latest").unwrap_err().what().contains("no runs"));
    let graph = toys(Some(0.1));
    let ids: Vec<String> = (0..2).map(|_| record(&directory, &output, &graph, &RunOptions::default()).0.id).collect();
    let rename =
        |from: &str, to: &str| fs::rename(output.join("runs/toy").join(from), output.join("runs/toy").join(to));
    rename(&ids[0], "20260101-000000-aaaaaa").unwrap();
    rename(&ids[1], "20260101-000000-abbbbb").unwrap();
    fs::create_dir(output.join("runs/other")).unwrap();
    let other = output.join("runs/other/20260301-000000-cccccc");
    fs::create_dir(&other).unwrap();
    fs::copy(output.join("runs/toy/20260101-000000-aaaaaa/run.json"), other.join("run.json")).unwrap();
    let found = |name: &str| runs::find(&output, name).map(|run| run.name());
    for (name, expected) in [
        ("latest", "other/20260301-000000-cccccc"),
        ("toy", "toy/20260101-000000-abbbbb"),
        ("toy/latest", "toy/20260101-000000-abbbbb"),
        ("20260101-000000-aa", "toy/20260101-000000-aaaaaa"),
        ("toy/20260101-000000-aaaaaa", "toy/20260101-000000-aaaaaa"),
        ("202603", "other/20260301-000000-cccccc"),
    ] {
        assert_eq!(found(name).unwrap(), expected, "{name}");
    }
    let error = |name: &str| found(name).unwrap_err();
    let help = |name: &str| error(name).next_step().unwrap().to_owned();
    assert_eq!(error("20260101-000000-a").kind(), ErrorKind::Usage);
    assert_eq!(help("toy/2026"), "one of toy/20260101-000000-abbbbb, toy/20260101-000000-aaaaaa");
    assert!(help("ohter").contains("'other'"), "{}", help("ohter"));
    assert!(help("20260301-000000-cccccd").contains("'20260301-000000-cccccc'"));
    assert!(found("toy/202603").is_err(), "of another study");
}

#[test]
fn the_commit_of_the_pipeline_file_is_recorded() {
    let (directory, output) = test_directory();
    let commit = || record(&directory, &output, &toys(Some(0.1)), &RunOptions::default()).0.record.commit;
    let Some(repository) = Repository::at(directory.path()) else { return };
    assert_eq!(commit(), None, "nothing is committed");
    repository.commit();
    let clean = commit().unwrap();
    assert!(!clean.changed && clean.hash.len() >= 40, "{clean:?}");
}

/// Git repository in a directory.
struct Repository<'a>(&'a Path);

impl<'a> Repository<'a> {
    /// Creates a repository; none if git is not installed.
    fn at(directory: &'a Path) -> Option<Self> {
        let output = std::process::Command::new("git").args(["init", "-q"]).current_dir(directory).output();
        output.is_ok_and(|output| output.status.success()).then_some(Self(directory))
    }

    fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"];
        let mut command = std::process::Command::new("git");
        let output = command.args(identity).args(arguments).current_dir(self.0).env_remove("GIT_DIR").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", "one"]);
    }

    /// Whether a file differs from the commit; none without a commit.
    fn changed(&self, file: &str) -> Option<bool> {
        let file = self.0.join(file);
        runs::Commit::of(&file, &fs::read(&file).unwrap()).map(|commit| commit.changed)
    }
}

#[test]
fn changes_since_the_commit_are_detected_whatever_the_file_name() {
    let directory = tempfile::tempdir().unwrap();
    let Some(repository) = Repository::at(directory.path()) else { return };
    fs::create_dir(directory.path().join("a directory")).unwrap();
    let mut names =
        vec!["study.toml", "a directory/study.toml", "a directory/with space.toml", "-q.toml", "a:b^{tree}.toml"];
    if cfg!(unix) {
        names.extend(["line\nbreak.toml", "\"quotes\"'.toml", "\u{1b}[31m.toml", "Żółw.toml", "*.toml"]);
    }
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    names.iter().for_each(|name| write(name, "seed = 1\n"));
    assert!(names.iter().all(|name| repository.changed(name).is_none()), "no commit yet");
    repository.commit();
    for name in &names {
        assert_eq!(repository.changed(name), Some(false), "{name:?}: clean");
        write(name, "seed = 1\r\n");
        assert_eq!(repository.changed(name), Some(false), "{name:?}: CRLF line endings");
        write(name, "seed = 2\n");
        assert_eq!(repository.changed(name), Some(true), "{name:?}: modified");
    }
    write("new.toml", "seed = 1\n");
    assert_eq!(repository.changed("new.toml"), Some(true), "not in the commit");
    let alone = tempfile::tempdir().unwrap();
    fs::write(alone.path().join("alone.toml"), "").unwrap();
    assert_eq!(Repository(alone.path()).changed("alone.toml"), None, "no repository");
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_to_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let Some(repository) = Repository::at(directory.path()) else { return };
    fs::write(directory.path().join("study.toml"), "seed = 1\n").unwrap();
    std::os::unix::fs::symlink("study.toml", directory.path().join("link.toml")).unwrap();
    repository.commit();
    assert_eq!(repository.changed("link.toml"), Some(false));
}

#[cfg(unix)]
#[test]
fn no_command_configured_in_a_repository_is_run() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let (root, trap) = (directory.path().join("evil"), directory.path().join("trap"));
    fs::create_dir(&root).unwrap();
    let Some(repository) = Repository::at(&root) else { return };
    fs::write(root.join("study.toml"), "seed = 1\n").unwrap();
    repository.commit();
    let sprung = directory.path().join("sprung");
    fs::write(&trap, format!("#!/bin/sh\necho \"$0 $@\" >> '{}'\ncat\n", sprung.display())).unwrap();
    fs::set_permissions(&trap, PermissionsExt::from_mode(0o755)).unwrap();
    let trap = trap.to_str().unwrap();
    fs::write(root.join(".gitattributes"), "* filter=x diff=x merge=x text\n").unwrap();
    for name in [
        "filter.x.clean",
        "filter.x.smudge",
        "filter.x.process",
        "diff.x.textconv",
        "diff.x.command",
        "diff.external",
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "core.alternateRefsCommand",
        "credential.helper",
        "gpg.program",
        "alias.rev-parse",
        "alias.hash-object",
    ] {
        let value = if name.starts_with("alias") { format!("!{trap}") } else { trap.to_owned() };
        repository.git(&["config", name, &value]);
    }
    for hook in ["fsmonitor-watchman", "post-index-change", "reference-transaction", "pre-auto-gc"] {
        fs::copy(trap, root.join(".git/hooks").join(hook)).unwrap();
    }
    // The file differs from the index in time and size.
    fs::write(root.join("study.toml"), "seed = 12\n").unwrap();
    assert_eq!(repository.changed("study.toml"), Some(true));
    // A partial clone fetches missing objects with a command from its configuration.
    repository.git(&["config", "extensions.partialClone", "origin"]);
    repository.git(&["config", "remote.origin.promisor", "true"]);
    repository.git(&["config", "remote.origin.url", &format!("ext::{trap}")]);
    repository.git(&["config", "protocol.ext.allow", "always"]);
    for url in [format!("ext::{trap}"), "ssh://host/repository".to_owned(), "evil://host".to_owned()] {
        repository.git(&["config", "remote.origin.url", &url]);
        fs::remove_dir_all(root.join(".git/objects")).unwrap();
        fs::create_dir(root.join(".git/objects")).unwrap();
        repository.changed("study.toml");
        assert!(!sprung.exists(), "{}", fs::read_to_string(&sprung).unwrap());
    }
}

// ---- The command line.

const PIPELINE: &str = r#"
name = "small"

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
epochs = 1
batch_size = 16

[knn_eval.main]
from = "main"
k = 5
"#;

struct Small {
    _directory: TempDir,
    file: PathBuf,
    output: PathBuf,
}

impl Small {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (file, output) = (directory.path().join("small.toml"), directory.path().join("out"));
        fs::write(&file, PIPELINE).unwrap();
        Self { _directory: directory, file, output }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.args(arguments).arg("--output").arg(&self.output);
        command
    }

    /// Returns exit code, standard output and standard error.
    fn call(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.call(arguments);
        assert_eq!(code, 0, "{arguments:?}: {stdout}{stderr}");
        stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["--format", "json"]].concat())).unwrap()
    }

    fn run(&self, more: &[&str]) {
        self.ok(&[&["run", "-q", self.file.to_str().unwrap()], more].concat());
    }

    /// Starts a run.
    fn start(&self, more: &[&str]) -> Child {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.arg("run").args(more).arg(&self.file);
        command.arg("--output").arg(&self.output).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Starts a run that takes hours.
    fn start_endless(&self) -> Child {
        self.start(&["--set", "pretrain.main.epochs=1000000"])
    }

    /// Waits until the pretraining of a run has reported progress.
    fn wait_for_progress(&self) -> Value {
        self.wait_for(|run| {
            let pretrain = stage(run, "pretrain.main");
            pretrain["status"] == "running" && pretrain["progress"].is_object()
        })
    }

    /// Waits until the newest run is running and `is_wanted` returns true.
    fn wait_for(&self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(120) {
            if self.json(&["status"]).as_array().is_some_and(|runs| !runs.is_empty()) {
                let run = self.json(&["status", "latest"]);
                if run["status"] == "running" && is_wanted(&run) {
                    return run;
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no such run in two minutes");
    }
}

fn stage<'a>(run: &'a Value, name: &str) -> &'a Value {
    run["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap()
}

#[test]
fn a_missing_output_directory_has_no_runs_and_is_not_created() {
    let small = Small::new();
    assert!(small.ok(&["status"]).starts_with("no runs in "));
    assert_eq!(small.json(&["status"]), json!([]));
    assert!(small.ok(&["cache", "ls"]).contains("0 artifacts"));
    assert!(small.ok(&["cache", "verify"]).contains("0 artifacts"));
    assert!(small.ok(&["cache", "gc"]).contains("freed 0 B"));
    for arguments in [&["status", "latest"][..], &["compare", "a", "b"], &["cache", "pin", "latest"]] {
        let (code, _, stderr) = small.call(arguments);
        assert!(code == 2 && stderr.contains("there are no runs"), "{arguments:?}: {stderr}");
    }
    assert!(!small.output.exists());
}

#[test]
fn a_running_run_is_distinguished_from_a_killed_one() {
    let small = Small::new();
    let mut child = small.start_endless();
    let running = small.wait_for_progress();
    assert_eq!(running["status"], "running");
    assert_eq!(stage(&running, "split")["status"], "computed");
    assert!(running["seconds"].as_f64().unwrap() < 1000.0);
    let text = small.ok(&["status", "latest"]);
    assert!(text.contains("running") && text.contains("pretrain.main") && text.contains("epoch"), "{text}");
    // Artifacts of a running run are not collected, however few runs are kept.
    assert_eq!(small.json(&["cache", "gc", "--keep", "0", "--dry-run"])["bytes"], 0);

    child.kill().unwrap();
    child.wait().unwrap();
    let killed = small.json(&["status", "latest"]);
    assert_eq!(killed["status"], "killed");
    assert_eq!(stage(&killed, "pretrain.main")["status"], "interrupted");
    assert_eq!(stage(&killed, "report")["status"], Value::Null);
    assert!(small.ok(&["status"]).contains("killed"));
    assert!(small.json(&["cache", "gc", "--keep", "0", "--dry-run"])["bytes"].as_u64().unwrap() > 0);
}

#[test]
fn a_damaged_published_report_is_published_again() {
    let small = Small::new();
    let file = small.file.to_str().unwrap();
    small.run(&[]);
    let report = small.output.join("small/report");
    let whole = fs::read(report.join("results.md")).unwrap();
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));
    let damages: [Damage<'_>; 4] = [
        ("results.md", &|path| fs::write(path, "").unwrap()),
        ("plots/comparison.svg", &|path| fs::remove_file(path).unwrap()),
        ("index.html", &|path| fs::write(path, fs::read_to_string(path).unwrap().replace('1', "2")).unwrap()),
        (".key", &|path| fs::write(path, "").unwrap()),
    ];
    for (name, damage) in damages {
        for command in [&["run", file][..], &["run", "-q", file], &["report", file]] {
            damage(&report.join(name));
            let (code, _, stderr) = small.call(command);
            assert_eq!(code, 0, "{stderr}");
            assert!(stderr.contains("was damaged") && stderr.contains(name), "{command:?}, {name}: {stderr}");
            assert_eq!(fs::read(report.join("results.md")).unwrap(), whole);
            let (_, _, stderr) = small.call(&["run", file]);
            assert!(!stderr.contains("was damaged"), "{command:?}, {name}: {stderr}");
        }
    }
    assert_eq!(fs::read_dir(small.output.join("small")).unwrap().count(), 1, "nothing is left next to it");
}

#[test]
fn every_run_keeps_its_report() {
    let small = Small::new();
    small.run(&[]);
    small.run(&["--set", "knn_eval.main.k=3"]);
    small.run(&["--set", "knn_eval.main.k=3"]);
    let runs = small.json(&["status"]);
    let read = |run: usize, name: &str| {
        let directory = Path::new(runs[run]["directory"].as_str().unwrap()).join("report");
        fs::read_to_string(directory.join(name)).unwrap()
    };
    let results = [0, 1, 2].map(|run| read(run, "results.md"));
    assert_eq!(results[0], results[1]);
    let pages = [0, 1, 2].map(|run| read(run, "index.html"));
    for (page, run) in pages.iter().zip(runs.as_array().unwrap()) {
        assert!(page.contains(run["id"].as_str().unwrap()), "the page names its run");
    }
    assert!(pages[0].contains("knn_eval.main.k=3") && pages[2].contains("k = 5"), "each page has its settings");
    let (_, text, _) = small.call(&["status", runs[2]["id"].as_str().unwrap()]);
    assert!(text.contains("report/index.html"), "{text}");
    // Runs keep their reports after a collection, and two runs with the same report share its files.
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let svg = Path::new(runs[0]["directory"].as_str().unwrap()).join("report/plots/comparison.svg");
        assert_eq!(fs::metadata(svg).unwrap().nlink(), 3, "the artifact and two runs");
    }
    small.ok(&["cache", "gc", "--keep", "0"]);
    assert_eq!([0, 1, 2].map(|run| read(run, "results.md")), results);
    small.run(&["--set", "knn_eval.main.k=3"]);
    assert!(small.ok(&["cache", "verify"]).contains(" 0 damaged"));
}

#[test]
fn a_run_that_does_not_fit_into_memory_is_refused_before_any_work() {
    let small = Small::new();
    let file = small.file.to_str().unwrap();
    let layers = format!("pretrain.main.projection.layers={:?}", [65536; 16]);
    let run = ["run", file, "--set", &layers];
    let (code, stdout, stderr) = small.call(&run);
    assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
    assert!(stderr.contains("pretrain.main needs about") && stderr.contains("no batch fits"), "{stderr}");
    assert!(stderr.contains("--force-memory") && small.json(&["status"]) == json!([]), "{stderr}");
    // Stages that are not computed are ignored, and the plan only warns.
    small.ok(&[&run[..], &["--only", "dataset", "-q"]].concat());
    let (code, _, stderr) = small.call(&["plan", file, "--set", &layers]);
    assert!(code == 0 && stderr.contains("warning: pretrain.main needs about"), "{stderr}");
}

#[test]
fn a_report_is_found_in_a_read_only_output_directory() {
    let small = Small::new();
    small.run(&[]);
    // With a file in place of the lock directory, no lock can be acquired, even by root.
    fs::remove_dir_all(small.output.join("store-v1/.locks")).unwrap();
    fs::write(small.output.join("store-v1/.locks"), "").unwrap();
    let (code, stdout, stderr) = small.call(&["report", small.file.to_str().unwrap()]);
    assert_eq!((code, stdout.contains("small/report/index.html")), (0, true), "{stdout}{stderr}");
    assert!(stderr.contains("as it was published"), "{stderr}");
}

/// A data set with names that contain terminal escapes, bidirectional controls or spreadsheet formulas.
#[cfg(unix)]
mod hostile_names {
    use super::*;
    use simclr::base::text::is_hidden;

    const CLASSES: [&str; 7] = [
        "\x1b]0;pwn\x07\x1b[31mred\x1b[2J",
        "\u{9b}31mred",
        "a\u{202e}gpj.exe",
        "\n\r\nline",
        "=HYPERLINK(\"x\")",
        "-2+3+cmd|",
        "\t@SUM(1+1)*cmd|",
    ];

    fn hostile() -> Small {
        let small = Small::new();
        let data = small.file.with_file_name("data");
        for (number, class) in CLASSES.iter().enumerate() {
            let directory = data.join(class);
            fs::create_dir_all(&directory).unwrap();
            for image in 0..8_u8 {
                let pixel = |x: u32, y: u32| image::Rgb([(x * 9) as u8, (y * 7) as u8 ^ image, number as u8 * 30]);
                image::RgbImage::from_fn(16, 16, pixel).save(directory.join(format!("\x1b[1A{image}.png"))).unwrap();
            }
        }
        fs::write(data.join(CLASSES[0]).join("\r\x1b[1A\x1b[2K\nerror: all is lost.png"), "not an image").unwrap();
        let text = PIPELINE
            .replace("{ shapes = { train = 60, test = 30, classes = 3 } }", "{ image_folder = { train = \"data\" } }");
        let text = text.replace("image_size = 16", "image_size = 16\nbroken_files = \"skip\"");
        let text = text.replace("k = 5", "k = 2\n[embed.points]\nfrom = \"main\"\nmethod = { pca = {} }");
        let title = "[report]\ntitle = \"</title>\\u001b[31m\\u202e\"\n";
        fs::write(&small.file, format!("{text}{title}")).unwrap();
        small
    }

    fn assert_harmless(what: &str, text: &str) {
        let found = text.chars().find(|c| is_hidden(*c) && *c != '\n');
        assert!(found.is_none(), "{what} has {found:?}:\n{}", text.escape_debug());
    }

    fn files(directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn are_escaped_in_all_output() {
        let small = hostile();
        let file = small.file.to_str().unwrap();
        for arguments in [
            &["validate", file][..],
            &["plan", file],
            &["run", file],
            &["status"],
            &["status", "latest"],
            &["status", "latest", "--format", "json"],
            &["compare", "latest", "latest"],
            &["report", file],
            &["cache", "ls"],
        ] {
            let (code, stdout, stderr) = small.call(arguments);
            assert_eq!(code, 0, "{stdout}{stderr}");
            assert_harmless(&format!("{arguments:?}"), &(stdout + &stderr));
        }
        let run = small.json(&["status", "latest"]);
        let log = fs::read_to_string(Path::new(run["directory"].as_str().unwrap()).join("log.txt")).unwrap();
        assert_harmless("log.txt", &log);
        assert!(log.contains("\\r\\u{1b}[1A\\u{1b}[2K\\nerror: all is lost.png"), "{log}");
        let report = files(&small.output.join("small/report"));
        let ending = |ending: &str| {
            let matching = report.iter().filter(|path| path.extension().is_some_and(|found| found == ending));
            matching.cloned().collect::<Vec<_>>()
        };
        for path in ["html", "md", "svg"].into_iter().flat_map(ending) {
            assert_harmless(&path.display().to_string(), &fs::read_to_string(&path).unwrap());
        }
        let mut tables = ending("csv").into_iter();
        assert!(tables.len() >= 10);
        let cells = |path: PathBuf| {
            let mut rows = csv::Reader::from_path(path).unwrap();
            rows.records()
                .flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        let is_formula = |cell: &String| cell.starts_with(['=', '+', '-', '@', '\t']) && cell.parse::<f64>().is_err();
        assert_eq!(tables.find_map(|path| cells(path).into_iter().find(is_formula)), None);
        let classes = cells(small.output.join("small/report/tables/dataset.csv"));
        assert!(classes.contains(&"'=HYPERLINK(\"x\")".to_owned()), "{classes:?}");
    }
}

#[cfg(unix)]
mod signals {
    use super::*;
    use std::io::{BufRead, BufReader};

    /// Sends signals in quick succession.
    fn send(child: &Child, signals: &[&str]) {
        let kills: Vec<String> = signals.iter().map(|signal| format!("kill -{signal} {}", child.id())).collect();
        assert!(std::process::Command::new("sh").args(["-c", &kills.join("; ")]).status().unwrap().success());
    }

    /// Returns the number of checkpoint files in the store.
    fn checkpoints(small: &Small) -> usize {
        let directories =
            fs::read_dir(small.output.join("store-v1/pretrain")).unwrap().map(|entry| entry.unwrap().path());
        let directories = directories.filter(|path| path.extension().is_some_and(|ending| ending == "checkpoints"));
        directories.map(|directory| fs::read_dir(directory).unwrap().count()).sum()
    }

    #[test]
    fn every_stop_signal_even_repeated_leaves_a_checkpoint() {
        let small = Small::new();
        for signals in [&["TERM", "TERM"][..], &["USR2"], &["XCPU", "XCPU", "TERM"], &["INT"], &["HUP", "INT", "TERM"]]
        {
            let mut child = small.start_endless();
            let before = small.wait_for_progress();
            send(&child, signals);
            assert_eq!(child.wait().unwrap().code(), Some(130), "{signals:?}");
            assert!(checkpoints(&small) > 0, "{signals:?}: no checkpoint");
            let run = small.json(&["status", "latest"]);
            assert_eq!((&run["status"], &run["id"]), (&json!("interrupted"), &before["id"]), "{signals:?}");
            let log = fs::read_to_string(Path::new(run["directory"].as_str().unwrap()).join("log.txt")).unwrap();
            assert_eq!(log.contains("resuming from"), signals != ["TERM", "TERM"], "{signals:?}: {log}");
        }
    }

    #[test]
    fn a_wait_for_the_store_is_reported_and_can_be_interrupted() {
        let small = Small::new();
        small.run(&[]);
        let lock = fs::File::open(small.output.join("store-v1/.locks/store.lock")).unwrap();
        lock.lock().unwrap();
        let file = small.file.to_str().unwrap();
        for command in [&["run", file][..], &["run", "-q", file], &["report", file]] {
            let mut waiting = std::process::Command::new(env!("CARGO_BIN_EXE_simclr"));
            let waiting = waiting.args(command).arg("--output").arg(&small.output).stderr(Stdio::piped());
            let mut child = waiting.stdout(Stdio::null()).spawn().unwrap();
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
            assert!(lines.any(|line| line.starts_with("waiting for `cache gc`")), "{command:?}");
            send(&child, &["TERM"]);
            assert_eq!(child.wait().unwrap().code(), Some(130), "{command:?}");
        }
        lock.unlock().unwrap();
        small.run(&[]);
    }

    #[test]
    fn only_a_second_ctrl_c_ends_a_run_immediately() {
        let small = Small::new();
        // A step takes seconds, and the first signal waits for its end.
        let slow = ["--set", "pretrain.main.encoder={ resnet50 = {} }", "--set", "dataset.image_size=128"];
        let mut child = small.start(&slow);
        small.wait_for(|run| stage(run, "pretrain.main")["status"] == "running");
        send(&child, &["INT"]);
        std::thread::sleep(Duration::from_millis(200));
        send(&child, &["INT"]);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(small.json(&["status", "latest"])["status"], "killed");
    }
}

#[test]
fn two_runs_are_compared_in_settings_and_results() {
    let small = Small::new();
    small.run(&[]);
    small.run(&["--set", "pretrain.main.loss.nt_xent.temperature=0.9", "--set", "knn_eval.main.depths=[0, 1]"]);
    let list = small.json(&["status"]);
    let (newest, oldest) = (list[0]["id"].as_str().unwrap(), list[1]["id"].as_str().unwrap());
    assert!(newest > oldest, "newest first");
    assert_eq!((&list[0]["status"], &list[0]["pinned"]), (&json!("finished"), &json!(false)));

    let compared = small.json(&["compare", oldest, "latest"]);
    let comparison = &compared["comparison"];
    assert_eq!(compared["first"], format!("small/{oldest}"));
    let pretrain = stage(comparison, "pretrain.main");
    assert_eq!(pretrain["changes"].as_array().unwrap().len(), 1);
    assert_eq!(pretrain["changes"][0]["path"], "loss.nt_xent.temperature");
    assert_eq!((&stage(comparison, "split")["same"], &pretrain["same"]), (&json!(true), &json!(false)));
    assert_eq!(comparison["only_second"], json!(["knn_eval.main[depth 1, 100 % labels]"]));
    let metrics = stage(comparison, "knn_eval.main[depth 0, 100 % labels]")["metrics"].as_array().unwrap();
    let accuracy = metrics.iter().find(|metric| metric["metric"] == "accuracy").unwrap();
    let value = |name: &str| accuracy[name].as_f64().unwrap();
    assert!((value("second") - value("first") - value("difference")).abs() < 1e-12);
    assert!(accuracy["interval"][0].as_f64() < accuracy["difference"].as_f64());

    let text = small.ok(&["compare", oldest, "latest"]);
    assert!(text.contains("loss.nt_xent.temperature 0.1 -> 0.9") && text.contains("only in B"), "{text}");
    assert!(!text.contains('\x1b') && !text.contains("frame"), "{text}");
    let same = small.ok(&["compare", "latest", "small"]);
    assert!(same.contains("the settings are the same") && same.contains("all artifacts are the same"), "{same}");
}

#[test]
fn artifacts_of_pinned_and_new_runs_are_kept() {
    let small = Small::new();
    small.run(&[]);
    let first = small.json(&["status"])[0]["id"].as_str().unwrap().to_owned();
    small.run(&["--set", "seed=2"]);
    small.run(&["--set", "seed=3"]);
    let keys = || {
        let list = small.json(&["cache", "ls"]);
        let artifacts = list["artifacts"].as_array().unwrap().clone();
        artifacts
            .into_iter()
            .map(|artifact| (artifact["key"].as_str().unwrap().to_owned(), artifact))
            .collect::<BTreeMap<_, _>>()
    };
    let all = keys();
    assert!(all.values().all(|artifact| artifact["bytes"].as_u64().unwrap() > 0 && artifact["damage"].is_null()));
    let dataset = all.values().find(|artifact| artifact["kind"] == "dataset").unwrap();
    assert_eq!(dataset["runs"].as_array().unwrap().len(), 3, "seeds share the images");

    assert!(small.ok(&["cache", "pin", &first]).contains("pinned"));
    let dry = small.json(&["cache", "gc", "--keep", "1", "--dry-run"]);
    assert_eq!(keys().len(), all.len(), "a dry run changes nothing");
    let freed = small.json(&["cache", "gc", "--keep", "1"]);
    assert_eq!((&freed["freed"], &freed["bytes"]), (&dry["freed"], &dry["bytes"]));
    let kept = keys();
    let used_by = |run: &Value| {
        run["stages"].as_array().unwrap().iter().all(|stage| kept.contains_key(stage["key"].as_str().unwrap()))
    };
    assert!(used_by(&small.json(&["status", &first])) && used_by(&small.json(&["status", "latest"])));
    assert!(kept.len() < all.len(), "the second run is not kept");

    small.ok(&["cache", "unpin", &first]);
    assert!(small.json(&["cache", "gc", "--keep", "1"])["bytes"].as_u64().unwrap() > 0);
    assert!(!keys().contains_key(stage(&small.json(&["status", &first]), "pretrain.main")["key"].as_str().unwrap()));

    // An unreadable record may belong to a pinned run.
    fs::write(small.output.join("runs/small").join(&first).join("run.json"), "{").unwrap();
    let (code, _, stderr) = small.call(&["cache", "gc", "--keep", "0"]);
    assert!(code == 3 && stderr.contains("run.json") && stderr.contains("delete"), "{code} {stderr}");
    let (code, stdout, stderr) = small.call(&["status"]);
    assert!(code == 0 && stdout.contains("finished") && stderr.contains("warning: "), "{stdout}{stderr}");
}

#[test]
fn a_store_without_records_is_not_emptied() {
    let small = Small::new();
    small.run(&[]);
    fs::remove_dir_all(small.output.join("runs")).unwrap();
    let (code, _, stderr) = small.call(&["cache", "gc"]);
    assert!(code == 2 && stderr.contains("no runs"), "{stderr}");
    assert!(small.ok(&["cache", "ls"]).contains("no run"));
}

#[test]
fn damage_is_found_set_aside_and_repaired_by_an_import() {
    let small = Small::new();
    small.run(&[]);
    let copy = small.output.with_file_name("copy");
    let from = small.output.to_str().unwrap().to_owned();
    let import = |output: &Path, from: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.args(["cache", "import", from, "--output"]).arg(output).output().unwrap()
    };
    assert!(import(&copy, &from).status.success());
    assert!(small.ok(&["cache", "verify"]).contains("0 damaged"));

    let latest = small.json(&["status", "latest"]);
    let key = stage(&latest, "features.main")["key"].as_str().unwrap();
    let file = small.output.join("store-v1/features").join(key).join("features.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let (code, stdout, stderr) = small.call(&["cache", "verify"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains("features.safetensors") && stderr.contains("--set-aside"), "{stdout}{stderr}");
    assert!(!import(&copy.with_file_name("third"), &from).status.success(), "damage is not spread");

    let aside = small.json(&["cache", "verify", "--set-aside"]);
    assert_eq!(aside["damaged"][0]["key"], key);
    let repair = import(&small.output, copy.to_str().unwrap());
    let text = String::from_utf8_lossy(&repair.stdout).into_owned();
    assert!(text.contains("copied 1 artifact,"), "{text}");
    assert!(small.ok(&["cache", "verify"]).contains("0 damaged"));
    small.run(&[]);
    assert_eq!(small.json(&["status", "latest"])["computed"], 0);
}

#[test]
fn the_pipeline_written_by_init_is_valid_and_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let call = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.args(arguments).current_dir(directory.path()).output().unwrap()
    };
    let ok = |arguments: &[&str]| {
        let output = call(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    ok(&["init"]);
    ok(&["validate", "pipeline.toml"]);
    assert_eq!(call(&["init"]).status.code(), Some(2), "the file exists");
    ok(&["init", "--force"]);
}
