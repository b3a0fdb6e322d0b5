//! The engine, with fake stages: keys, caching, plans, failures, kills and damage.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

mod damage;
mod keys;
mod model;
mod plans;
mod processes;
mod runs;
mod schedule;

use serde_json::{Value, json};
use simclr::base::{Error, ErrorKind, Result};
use simclr::engine::store::Verify;
use simclr::engine::{
    ArtifactState, Context, Event, EventSink, Graph, PlanEntry, PlanStatus, RunOptions, RunOutcome, Stage, StageId,
    StageStatus, StageSummary, Store,
};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Work of a fake stage; not part of its key.
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
    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        (self.work)(context).map(|text| StageSummary::default().text(text))
    }
}

/// Returns a stage named `kind.main` that writes its inputs' lines and its own parameters.
fn fake(kind: &'static str, parameters: Value) -> Fake {
    let text = parameters.to_string();
    let work: Work = Box::new(move |context| {
        let mut lines = String::new();
        for directory in context.inputs.values() {
            lines += &fs::read_to_string(directory.join("lines.txt")).map_err(|e| Error::io("read", directory, &e))?;
        }
        write(context, "lines.txt", &format!("{lines}{text}\n"))?;
        Ok(format!("wrote {}", lines.lines().count() + 1))
    });
    Fake { name: format!("{kind}.main"), kind, version: 1, parameters, work }
}

fn fake_with(kind: &'static str, work: impl Fn(&Context<'_>) -> Result<String> + Send + Sync + 'static) -> Fake {
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

/// Store in a temporary directory.
struct StoreFixture {
    directory: tempfile::TempDir,
    store: Store,
}

fn fixture() -> StoreFixture {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    StoreFixture { directory, store }
}

impl StoreFixture {
    fn run(&self, graph: &Graph) -> Result<RunOutcome> {
        self.run_with(graph, &RunOptions::default(), &Events::default())
    }
    fn run_with(&self, graph: &Graph, options: &RunOptions, events: &Events) -> Result<RunOutcome> {
        simclr::engine::run(graph, &self.store, options, events, &AtomicBool::new(false))
    }
    fn reasons(&self, graph: &Graph) -> Vec<String> {
        let reason = |entry: PlanEntry| match entry.status {
            PlanStatus::WillRun { reason } => reason,
            PlanStatus::CannotRun { reason } => format!("cannot run: {reason}"),
            PlanStatus::Cached => "cached".to_owned(),
            PlanStatus::NotNeeded => "not needed".to_owned(),
        };
        simclr::engine::plan(graph, &self.store).unwrap().into_iter().map(reason).collect()
    }
    /// Returns the names in the directory of a kind, sorted.
    fn names(&self, kind: &str) -> Vec<String> {
        let entries = fs::read_dir(self.store.directory().join(kind)).into_iter().flatten();
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

/// Returns split -> pretrain -> features -> linear_eval.
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

/// Environment variable with the directory for a child process. Tests that need a second process start this binary
/// again with a single test; that test does nothing if the variable is not set.
const CHILD: &str = "SIMCLR_ENGINE_TEST_DIRECTORY";

fn child(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, directory);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn child_directory() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Child process that is killed when the test ends.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "timed out waiting: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stages_run(directory: &Path) -> Vec<String> {
    fs::read_to_string(directory.join("counter.txt")).unwrap().lines().map(str::to_owned).collect()
}
