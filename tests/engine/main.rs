//! The engine, with stages that write a line: keys, caching, plans, and what failures, kills and damage leave behind.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

mod model;
mod plans;
mod schedule;

use serde_json::{Value, json};
use simclr::base::{Error, ErrorKind, Result};
use simclr::engine::{
    Context, Event, EventSink, Graph, Outcome, PlanEntry, RunOptions, Stage, StageId, StageStatus, State, Status, Store,
};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a fake stage does; no part of its key.
type Work = Box<dyn Fn(&Context<'_>) -> Result<String> + Send + Sync>;

struct Fake {
    name: String,
    kind: &'static str,
    version: u32,
    parameters: Value,
    work: Work,
}

impl Stage for Fake {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn version(&self) -> u32 {
        self.version
    }
    fn parameters(&self) -> Value {
        self.parameters.clone()
    }
    fn run(&self, context: &Context<'_>) -> Result<String> {
        (self.work)(context)
    }
}

/// A stage called `kind.main` that writes its inputs' lines and its own parameters.
fn fake(kind: &'static str, parameters: Value) -> Fake {
    let text = parameters.to_string();
    let work: Work = Box::new(move |context| {
        let mut lines = String::new();
        for folder in context.inputs.values() {
            lines += &fs::read_to_string(folder.join("lines.txt")).map_err(|e| Error::io("read", folder, &e))?;
        }
        write(context, "lines.txt", &format!("{lines}{text}\n"))?;
        Ok(format!("wrote {}", lines.lines().count() + 1))
    });
    Fake { name: format!("{kind}.main"), kind, version: 1, parameters, work }
}

fn failing(kind: &'static str, work: impl Fn(&Context<'_>) -> Result<String> + Send + Sync + 'static) -> Fake {
    Fake { work: Box::new(work), ..fake(kind, json!({})) }
}

fn write(context: &Context<'_>, name: &str, text: &str) -> Result<()> {
    let path = context.output().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).map_err(|error| Error::io("write", &path, &error))
}

#[derive(Default)]
struct Events(Mutex<Vec<Event>>);

impl EventSink for Events {
    fn emit(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Events {
    fn warnings(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        events
            .iter()
            .filter_map(|e| if let Event::Warning { text, .. } = e { Some(text.clone()) } else { None })
            .collect()
    }
}

/// A store in a folder that is removed at the end.
struct Place {
    folder: tempfile::TempDir,
    store: Store,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    Place { folder, store }
}

impl Place {
    fn run(&self, graph: &Graph) -> Result<Outcome> {
        self.run_with(graph, &RunOptions::default(), &Events::default())
    }
    fn run_with(&self, graph: &Graph, options: &RunOptions, events: &Events) -> Result<Outcome> {
        simclr::engine::run(graph, &self.store, options, events, &AtomicBool::new(false))
    }
    fn reasons(&self, graph: &Graph) -> Vec<String> {
        let reason = |entry: PlanEntry| match entry.status {
            Status::WillRun { reason } => reason,
            Status::CannotRun { reason } => format!("cannot run: {reason}"),
            Status::Cached => "cached".to_owned(),
            Status::NotNeeded => "not needed".to_owned(),
        };
        simclr::engine::plan(graph, &self.store).unwrap().into_iter().map(reason).collect()
    }
    /// Names in the folder of a kind, sorted.
    fn names(&self, kind: &str) -> Vec<String> {
        let entries = fs::read_dir(self.store.folder().join(kind)).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn only(names: &[&str]) -> RunOptions {
    RunOptions { only: names.iter().map(ToString::to_string).collect(), ..RunOptions::default() }
}

fn force(names: &[&str]) -> RunOptions {
    RunOptions { force: names.iter().map(ToString::to_string).collect(), ..RunOptions::default() }
}

/// split -> pretrain -> features -> linear_eval
fn chain(temperature: f64, depth: u32) -> (Graph, [StageId; 4]) {
    let mut graph = Graph::new();
    let split = graph.add(Box::new(fake("split", json!({"seed": 1}))), &[]).unwrap();
    let loss = json!({"loss": {"nt_xent": {"temperature": temperature}}, "epochs": 10});
    let pretrain = graph.add(Box::new(fake("pretrain", loss)), &[("split", split)]).unwrap();
    let inputs = [("pretrain", pretrain), ("split", split)];
    let features = graph.add(Box::new(fake("features", json!({"depth": depth}))), &inputs).unwrap();
    let linear = graph.add(Box::new(fake("linear_eval", json!({"fraction": 0.1}))), &[("features", features)]).unwrap();
    (graph, [split, pretrain, features, linear])
}

fn key_of(stage: Fake) -> String {
    let mut graph = Graph::new();
    let id = graph.add(Box::new(stage), &[]).unwrap();
    graph.key(id).to_owned()
}

#[test]
fn a_key_depends_on_everything_that_decides_the_content_and_on_nothing_else() {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let base = key_of(fake("pretrain", parse(r#"{"a": {"x": 1, "y": [1, 2]}, "b": 0.5}"#)));
    assert_eq!(base, key_of(fake("pretrain", parse(r#"{"b": 0.5, "a": {"y": [1, 2], "x": 1}}"#))));
    let other_name = Fake { name: "elsewhere".into(), ..fake("pretrain", parse(r#"{"b":0.5,"a":{"y":[1,2],"x":1}}"#)) };
    assert_eq!(base, key_of(other_name));

    let mut keys = vec![base];
    for parameters in [
        r#"{"a": {"x": 2, "y": [1, 2]}, "b": 0.5}"#,
        r#"{"a": {"x": 1, "y": [2, 1]}, "b": 0.5}"#,
        r#"{"a": {"x": 1, "y": [1, 2]}, "b": 0.25}"#,
        r#"{"a": {"x": 1, "y": [1, 2]}, "b": null}"#,
        r#"{"a": {"x": 1, "y": [1, 2]}}"#,
        r#"{"a": {"x": 1, "y": [1, 2], "b": 0.5}}"#,
    ] {
        keys.push(key_of(fake("pretrain", parse(parameters))));
    }
    let same = || fake("pretrain", parse(r#"{"a": {"x": 1, "y": [1, 2]}, "b": 0.5}"#));
    keys.push(key_of(Fake { version: 2, ..same() }));
    keys.push(key_of(Fake { kind: "supervised", ..same() }));
    let mut graph = Graph::new();
    let input = graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    for role in ["split", "other"] {
        let id = graph.add(Box::new(same()), &[(role, input)]).unwrap();
        keys.push(graph.key(id).to_owned());
    }
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

#[test]
fn a_change_reaches_every_stage_behind_it_and_no_other() {
    let ((old, ids), (new, _)) = (chain(0.1, 0), chain(0.5, 0));
    let changed: Vec<bool> = ids.iter().map(|id| old.key(*id) != new.key(*id)).collect();
    assert_eq!(changed, [false, true, true, true]);
    let (new, _) = chain(0.1, 1);
    let changed: Vec<bool> = ids.iter().map(|id| old.key(*id) != new.key(*id)).collect();
    assert_eq!(changed, [false, false, true, true]);
}

#[test]
fn equal_stages_are_one_and_names_are_unique() {
    let mut graph = Graph::new();
    let mut add = |seed: u64| graph.add(Box::new(fake("split", json!({"seed": seed}))), &[]).unwrap();
    let (first, again, other, third) = (add(1), add(1), add(2), add(3));
    assert_eq!(first, again);
    assert_eq!(graph.len(), 3);
    let names: Vec<&str> = [first, other, third].iter().map(|id| graph.name(*id)).collect();
    assert_eq!(names, ["split.main", "split.main (2)", "split.main (3)"]);
    assert_eq!(graph.with_name("split.main (2)"), Some(other));
}

#[test]
fn mistakes_of_the_caller_are_bugs() {
    let mut graph = Graph::new();
    let id = graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    let bug = |graph: &mut Graph, stage: Fake, inputs: &[(&str, StageId)]| {
        assert_eq!(graph.add(Box::new(stage), inputs).unwrap_err().kind(), ErrorKind::Bug);
    };
    bug(&mut graph, fake("split", json!(3)), &[]);
    bug(&mut graph, fake("../split", json!({})), &[]);
    bug(&mut graph, fake("", json!({})), &[]);
    bug(&mut graph, fake("features", json!({})), &[("split", id), ("split", id)]);
    bug(&mut Graph::new(), fake("features", json!({})), &[("split", id)]);
}

#[test]
fn a_second_run_computes_nothing() {
    let place = place();
    let (graph, ids) = chain(0.1, 0);
    let first = place.run(&graph).unwrap();
    assert_eq!((first.computed, first.cached), (4, 0));
    let lines = fs::read_to_string(first.artifact(ids[3]).unwrap().join("lines.txt")).unwrap();
    assert_eq!(lines.lines().count(), 5);
    let events = Events::default();
    let second = place.run_with(&graph, &RunOptions::default(), &events).unwrap();
    assert_eq!((second.computed, second.cached), (0, 4));
    assert_eq!(first.artifacts, second.artifacts);
    assert!(events.0.lock().unwrap().iter().all(|event| matches!(event, Event::Cached { .. })));
    for id in ids {
        place.store.verify(graph.kind(id), graph.key(id)).unwrap();
        assert_eq!(&place.store.key_document(graph.kind(id), graph.key(id)).unwrap(), graph.key_document(id));
    }
    assert_eq!(place.store.record("linear_eval", graph.key(ids[3])).unwrap().summary, "wrote 5");
}

#[test]
fn artifacts_of_two_stores_have_the_same_bytes() {
    let (first, second) = (place(), place());
    let (graph, ids) = chain(0.1, 0);
    for place in [&first, &second] {
        place.run(&graph).unwrap();
    }
    for id in ids {
        for name in ["lines.txt", "key.json", "manifest.json"] {
            let read = |place: &Place| fs::read(place.store.place(graph.kind(id), graph.key(id)).join(name)).unwrap();
            assert_eq!(read(&first), read(&second), "{name}");
        }
    }
}

#[test]
fn plans_say_why() {
    let place = place();
    let (graph, _) = chain(0.1, 0);
    assert_eq!(place.reasons(&graph), ["new"; 4]);
    place.run(&graph).unwrap();
    assert_eq!(place.reasons(&graph), ["cached"; 4]);
    let input = |role| format!("input {role} changed");
    let temperature = "loss.nt_xent.temperature 0.1 -> 0.5".to_owned();
    let expected = ["cached".to_owned(), temperature, input("pretrain"), input("features")];
    assert_eq!(place.reasons(&chain(0.5, 0).0), expected);
    let (deeper, _) = chain(0.1, 1);
    assert_eq!(place.reasons(&deeper), ["cached", "cached", "depth 0 -> 1", "input features changed"]);
}

#[test]
fn a_reason_names_the_nearest_artifact_and_what_changed_in_a_cached_input() {
    let place = place();
    for temperature in [0.1, 0.5] {
        place.run(&chain(temperature, 0).0).unwrap();
    }
    // Nearest to (0.5, 1) are the features of 0.5, not the first or the newest of all.
    assert_eq!(place.reasons(&chain(0.5, 1).0)[2], "depth 0 -> 1");
    assert_eq!(place.reasons(&chain(0.1, 1).0)[2], "depth 0 -> 1");
    // Pretraining and features at 0.9 are there; the linear evaluation is not, and why is told in its own line.
    let (other, _) = chain(0.9, 0);
    place.run_with(&other, &only(&["features"]), &Events::default()).unwrap();
    let reason = &place.reasons(&other)[3];
    assert_eq!(reason, "input features changed (loss.nt_xent.temperature 0.5 -> 0.9)");
}

#[test]
fn only_computes_what_is_asked_for_and_what_it_needs() {
    let place = place();
    let (graph, ids) = chain(0.1, 0);
    let outcome = place.run_with(&graph, &only(&["features.main"]), &Events::default()).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (3, 0));
    assert_eq!(outcome.stages[3].status, StageStatus::NotNeeded);
    assert!(outcome.artifact(ids[3]).is_err());
    // What is there is not needed again: the split's artifact may be gone.
    fs::remove_dir_all(place.store.place("split", graph.key(ids[0]))).unwrap();
    let outcome = place.run_with(&graph, &only(&["linear_eval"]), &Events::default()).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (1, 2));
    let error = place.run_with(&graph, &only(&["linear_evla"]), &Events::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("'linear_eval.main'"), "{error}");
}

#[test]
fn force_computes_again_and_tells_of_other_content() {
    let place = place();
    let count = || AtomicUsize::new(0);
    let number = count();
    let unsteady = failing("features", move |context| {
        write(context, "a.txt", &number.fetch_add(1, Ordering::Relaxed).to_string()).map(|()| String::new())
    });
    let mut graph = Graph::new();
    graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    graph.add(Box::new(unsteady), &[]).unwrap();
    place.run(&graph).unwrap();
    let events = Events::default();
    let outcome = place.run_with(&graph, &force(&["split"]), &events).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (1, 1));
    assert!(events.warnings().is_empty());
    let outcome = place.run_with(&graph, &force(&["feat*"]), &events).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (1, 1));
    assert!(events.warnings()[0].contains("not reproducible"));
    assert_eq!(place.names("features").len(), 1, "nothing is left beside the new artifact");
}

#[test]
fn a_failure_names_the_stage_keeps_what_is_finished_and_leaves_nothing_else() {
    let place = place();
    let mut graph = Graph::new();
    let split = graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    let diverged = failing("pretrain", |context| {
        write(context, "weights.bin", "half")?;
        Err(Error::stage("the loss is not finite").at("step 3").help("try a lower learning rate"))
    });
    graph.add(Box::new(diverged), &[("split", split)]).unwrap();
    let error = place.run(&graph).unwrap_err();
    let text = "pretrain.main: step 3: the loss is not finite\n  help: try a lower learning rate";
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Stage, text));
    assert!(place.names("pretrain").is_empty());
    assert!(place.store.artifact("split", graph.key(split)).is_some());
}

#[test]
fn a_panic_is_a_bug_of_the_named_stage_and_leaves_nothing() {
    let place = place();
    let mut graph = Graph::new();
    let panicking = failing("pretrain", |context| {
        write(context, "weights.bin", "half")?;
        let empty: [u8; 0] = [];
        Ok(empty[context.inputs.len()].to_string())
    });
    graph.add(Box::new(panicking), &[]).unwrap();
    let error = place.run(&graph).unwrap_err();
    assert_eq!((error.kind(), error.place()), (ErrorKind::Bug, Some("pretrain.main")));
    assert!(error.what().contains("index out of bounds"), "{error}");
    assert!(place.names("pretrain").is_empty());
}

#[test]
fn an_interrupt_stops_between_stages_and_inside_of_them() {
    let place = place();
    let (graph, _) = chain(0.1, 0);
    let stop = |graph: &Graph, flag: &AtomicBool| {
        simclr::engine::run(graph, &place.store, &RunOptions::default(), &Events::default(), flag).unwrap_err()
    };
    assert_eq!(stop(&graph, &AtomicBool::new(true)).kind(), ErrorKind::Interrupted);
    assert!(place.names("split").is_empty());

    let mut graph = Graph::new();
    let endless = failing("pretrain", |context| {
        loop {
            write(context, "epoch.txt", "1")?;
            context.check_interrupted()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    graph.add(Box::new(endless), &[]).unwrap();
    let flag = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| stop(&graph, &flag));
        std::thread::sleep(Duration::from_millis(50));
        flag.store(true, Ordering::Relaxed);
        assert_eq!(run.join().unwrap().kind(), ErrorKind::Interrupted);
    });
    assert!(place.names("pretrain").is_empty());
}

#[test]
fn damaged_artifacts_are_set_aside_and_computed_again() {
    let place = place();
    let (graph, ids) = chain(0.1, 0);
    place.run(&graph).unwrap();
    let pretrain = place.store.place("pretrain", graph.key(ids[1]));
    let damages: [&dyn Fn(); 5] = [
        &|| fs::write(pretrain.join("lines.txt"), "half").unwrap(),
        &|| fs::remove_file(pretrain.join("lines.txt")).unwrap(),
        &|| fs::remove_file(pretrain.join("manifest.json")).unwrap(),
        &|| fs::write(pretrain.join("manifest.json"), "{").unwrap(),
        &|| {
            fs::remove_dir_all(&pretrain).unwrap();
            fs::write(&pretrain, "a file").unwrap();
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        damage();
        assert!(place.store.artifact("pretrain", graph.key(ids[1])).is_none());
        assert!(place.reasons(&graph)[1].starts_with("damaged: "), "{:?}", place.reasons(&graph));
        let events = Events::default();
        let outcome = place.run_with(&graph, &RunOptions::default(), &events).unwrap();
        assert_eq!((outcome.computed, outcome.cached), (1, 3));
        let aside = format!("{}.damaged-{}", graph.key(ids[1]), number + 1);
        assert!(events.warnings()[0].contains(&aside), "{:?}", events.warnings());
        assert!(place.names("pretrain").contains(&aside));
        place.store.verify("pretrain", graph.key(ids[1])).unwrap();
    }
}

#[test]
fn verify_finds_changed_bytes_and_an_artifact_under_a_wrong_name() {
    let place = place();
    let (graph, ids) = chain(0.1, 0);
    place.run(&graph).unwrap();
    let (kind, key) = ("pretrain", graph.key(ids[1]));
    let folder = place.store.place(kind, key);
    let text = fs::read_to_string(folder.join("lines.txt")).unwrap();
    fs::write(folder.join("lines.txt"), text.replace('1', "2")).unwrap();
    assert!(place.store.artifact(kind, key).is_some(), "sizes alone cannot tell");
    assert!(place.store.verify(kind, key).unwrap_err().to_string().contains("lines.txt"));
    fs::rename(&folder, place.store.place(kind, "0123")).unwrap();
    assert!(matches!(place.store.state(kind, "0123"), State::Damaged(_)));
}

#[test]
fn folders_in_an_artifact_are_kept_and_odd_files_refused() {
    let place = place();
    let mut graph = Graph::new();
    let nested = failing("report", |context| write(context, "plots/a.svg", "<svg/>").map(|()| String::new()));
    let id = graph.add(Box::new(nested), &[]).unwrap();
    place.run(&graph).unwrap();
    place.store.verify("report", graph.key(id)).unwrap();
    for name in ["manifest.json", "key.json", "record.json"] {
        let mut graph = Graph::new();
        graph.add(Box::new(failing("split", |c| write(c, name, "").map(|()| String::new()))), &[]).unwrap();
        assert_eq!(place.run(&graph).unwrap_err().kind(), ErrorKind::Bug);
    }
    #[cfg(unix)]
    {
        let mut graph = Graph::new();
        let link = failing("split", |context| {
            std::os::unix::fs::symlink("/etc/hosts", context.output().join("link")).unwrap();
            Ok(String::new())
        });
        graph.add(Box::new(link), &[]).unwrap();
        assert_eq!(place.run(&graph).unwrap_err().kind(), ErrorKind::Bug);
    }
    assert!(place.names("split").is_empty());
}

#[test]
fn an_output_folder_that_cannot_be_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(Store::open(&file).unwrap_err().kind(), ErrorKind::Stage);
    let store = Store::open(&file.join("below")).unwrap();
    let (graph, _) = chain(0.1, 0);
    let run = simclr::engine::run(&graph, &store, &RunOptions::default(), &Events::default(), &AtomicBool::new(false));
    let error = run.unwrap_err();
    assert_eq!((error.kind(), error.place()), (ErrorKind::Stage, Some("split.main")));
}

/// Tests that need a second process start this binary again with one of these names as its only test; it does
/// nothing where the variable is not set.
const CHILD: &str = "SIMCLR_ENGINE_TEST_FOLDER";

fn child(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, folder);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn child_folder() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Kills the child at the end, however the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A graph of one stage that takes its time in the child and none in the parent; the same key in both.
fn slow_graph(pause: Duration) -> Graph {
    let mut graph = Graph::new();
    let slow = failing("pretrain", move |context| {
        write(context, "weights.bin", "all of it")?;
        write(context, "half.txt", "half")?;
        std::thread::sleep(pause);
        fs::remove_file(context.output().join("half.txt")).unwrap();
        Ok(String::new())
    });
    graph.add(Box::new(slow), &[]).unwrap();
    graph
}

#[test]
fn child_that_is_killed() {
    let Some(folder) = child_folder() else { return };
    let store = Store::open(&folder).unwrap();
    let graph = slow_graph(Duration::from_secs(600));
    let _ = simclr::engine::run(&graph, &store, &RunOptions::default(), &Events::default(), &AtomicBool::new(false));
}

#[test]
fn a_killed_run_leaves_nothing_that_counts() {
    let place = place();
    let graph = slow_graph(Duration::ZERO);
    let key = graph.key(graph.iter().next().unwrap()).to_owned();
    let partial = format!("{key}.partial");
    let start = || {
        let child = Killed(child("child_that_is_killed", place.folder.path()).spawn().unwrap());
        let half = place.store.folder().join("pretrain").join(&partial).join("half.txt");
        wait_for("the child is in mid-stage", || half.exists());
        child
    };

    let first = start();
    // A run beside a living one leaves what that one writes alone.
    place.run(&chain(0.1, 0).0).unwrap();
    assert!(place.names("pretrain").contains(&partial));
    drop(first);
    assert_eq!(place.store.state("pretrain", &key), State::Missing);
    // A later run, of other stages, removes the leftovers.
    place.run(&chain(0.2, 0).0).unwrap();
    assert!(!place.names("pretrain").contains(&partial));

    drop(start());
    let outcome = place.run(&graph).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (1, 0));
    place.store.verify("pretrain", &key).unwrap();
    assert!(!place.store.place("pretrain", &key).join("half.txt").exists());
    assert!(!place.names("pretrain").contains(&partial));
}

/// A graph of three stages that note in a file that they ran.
fn counting_graph(folder: &Path) -> Graph {
    let mut graph = Graph::new();
    let mut before = None;
    for kind in ["split", "pretrain", "features"] {
        let counter = folder.join("counter.txt");
        let counting = failing(kind, move |context| {
            let mut file = OpenOptions::new().create(true).append(true).open(&counter).unwrap();
            writeln!(file, "{}", context.stage).unwrap();
            std::thread::sleep(Duration::from_millis(100));
            write(context, "a.txt", "a").map(|()| String::new())
        });
        let inputs: Vec<(&str, StageId)> = before.map(|id| ("before", id)).into_iter().collect();
        before = Some(graph.add(Box::new(counting), &inputs).unwrap());
    }
    graph
}

fn stages_run(folder: &Path) -> Vec<String> {
    fs::read_to_string(folder.join("counter.txt")).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn child_beside_another() {
    let Some(folder) = child_folder() else { return };
    let store = Store::open(&folder).unwrap();
    let graph = counting_graph(&folder);
    let outcome =
        simclr::engine::run(&graph, &store, &RunOptions::default(), &Events::default(), &AtomicBool::new(false))
            .unwrap();
    println!("stages {}", outcome.computed + outcome.cached);
}

#[test]
fn two_processes_at_once_compute_each_stage_once() {
    let place = place();
    let start = || child("child_beside_another", place.folder.path()).spawn().unwrap();
    for child in [start(), start(), start()] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("stages 3"));
    }
    assert_eq!(stages_run(place.folder.path()), ["split.main", "pretrain.main", "features.main"]);
}

#[test]
fn two_threads_at_once_compute_each_stage_once() {
    let place = place();
    let graph = counting_graph(place.folder.path());
    std::thread::scope(|scope| {
        let runs = [0; 4].map(|_| scope.spawn(|| place.run(&graph).unwrap()));
        let computed: usize = runs.into_iter().map(|run| run.join().unwrap().computed).sum();
        assert_eq!(computed, 3);
    });
    assert_eq!(stages_run(place.folder.path()).len(), 3);
}

#[test]
fn child_that_fills_its_quota() {
    let Some(folder) = child_folder() else { return };
    let store = Store::open(&folder).unwrap();
    let mut graph = Graph::new();
    let large =
        failing("pretrain", |context| write(context, "weights.bin", &"x".repeat(1 << 20)).map(|()| String::new()));
    graph.add(Box::new(large), &[]).unwrap();
    let run = simclr::engine::run(&graph, &store, &RunOptions::default(), &Events::default(), &AtomicBool::new(false));
    println!("{}", run.unwrap_err());
}

#[cfg(unix)]
#[test]
fn a_write_that_does_not_fit_is_an_error_and_leaves_nothing() {
    let place = place();
    let program = std::env::current_exe().unwrap();
    let mut shell = Command::new("sh");
    // No file above 64 blocks; without the trap the limit kills the process.
    shell.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" child_that_fills_its_quota --exact --nocapture"]);
    let output = shell.arg(program).env(CHILD, place.folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("pretrain.main: ") && text.contains("cannot write"), "{text}");
    assert!(place.names("pretrain").is_empty());
}
