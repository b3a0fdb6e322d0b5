//! The store with a failing disk: every step of a run, a collection and an import is made to fail in every way.
//! Remaining artifacts must be intact, the next run must succeed, and errors must be helpful.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use simclr::base::{Error, ErrorKind, Result};
use simclr::engine::store::{Artifact, Disk, FreedKind, HeldLock, ImportOutcome, LeftoverKind, RealDisk, Sharing};
use simclr::engine::{
    ArtifactState, Context, Event, EventSink, Graph, RunOptions, RunOutcome, Stage, StageId, StageStatus, StageSummary,
    Store,
};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Way in which a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Half of the step is done, then the disk is full.
    NoSpace,
    NoPermission,
    ReadOnly,
    /// Half of a file is written, and success is reported.
    Truncated,
    /// One bit of a file is wrong, and success is reported.
    Flipped,
    /// Nothing is written, and success is reported.
    Missing,
    /// Half of the step is done, and every later step fails.
    PowerCut,
}

const REPORTED: [Fault; 4] = [Fault::NoSpace, Fault::NoPermission, Fault::ReadOnly, Fault::PowerCut];
const SILENT: [Fault; 3] = [Fault::Truncated, Fault::Flipped, Fault::Missing];

/// Step of the store, or of a stage that writes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    CreateDirectory,
    Write,
    Copy,
    Flush,
    Rename,
    Remove,
    Lock,
    StageWrites,
}

/// Disk whose step number `at` fails. Without a fault it only records the steps.
#[derive(Debug, Default)]
struct FaultyDisk {
    fault: Option<(usize, Fault)>,
    steps: Mutex<Vec<Step>>,
    is_off: AtomicBool,
}

impl FaultyDisk {
    fn new(at: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { fault: Some((at, fault)), ..Self::default() })
    }

    fn steps(&self) -> Vec<Step> {
        self.steps.lock().unwrap().clone()
    }

    /// Records a step and returns its fault, if any.
    fn next(&self, step: Step) -> io::Result<Option<Fault>> {
        if self.is_off.load(Ordering::Relaxed) {
            return Err(error_of(Fault::PowerCut));
        }
        let mut steps = self.steps.lock().unwrap();
        steps.push(step);
        let fault = self.fault.filter(|(at, _)| *at == steps.len() - 1).map(|(_, fault)| fault);
        self.is_off.store(fault == Some(Fault::PowerCut), Ordering::Relaxed);
        Ok(fault)
    }

    /// Performs a step completely or not at all.
    fn all_or_nothing<T>(&self, step: Step, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.next(step)? {
            Some(fault) => Err(error_of(fault)),
            None => work(),
        }
    }

    fn write_bytes(&self, step: Step, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let half = &bytes[..bytes.len() / 2];
        match self.next(step)? {
            None => fs::write(path, bytes),
            Some(Fault::Missing) => Ok(()),
            Some(Fault::Truncated) => fs::write(path, half),
            Some(Fault::Flipped) => {
                let mut bytes = bytes.to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(path, bytes)
            }
            Some(fault @ (Fault::NoSpace | Fault::PowerCut)) => fs::write(path, half).and(Err(error_of(fault))),
            Some(fault @ (Fault::NoPermission | Fault::ReadOnly)) => Err(error_of(fault)),
        }
    }
}

fn error_of(fault: Fault) -> io::Error {
    match fault {
        Fault::NoSpace => io::ErrorKind::StorageFull.into(),
        Fault::NoPermission => io::ErrorKind::PermissionDenied.into(),
        Fault::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
        Fault::Truncated | Fault::Flipped | Fault::Missing | Fault::PowerCut => io::Error::other("the device is gone"),
    }
}

impl Disk for FaultyDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.all_or_nothing(Step::CreateDirectory, || RealDisk.create_directory(path))
    }
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write_bytes(Step::Write, path, bytes)
    }
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.write_bytes(Step::Copy, to, &fs::read(from)?)
    }
    fn flush(&self, path: &Path) -> io::Result<()> {
        // No test cuts the power of this machine, so the real flush is skipped to save time.
        self.all_or_nothing(Step::Flush, || fs::symlink_metadata(path).map(|_| ()))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.all_or_nothing(Step::Rename, || RealDisk.rename(from, to))
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let fault = self.next(Step::Remove)?;
        let Some(fault) = fault else { return RealDisk.remove(path) };
        if let Some(first) = files_below(path).keys().next() {
            fs::remove_file(path.join(first))?;
        }
        Err(error_of(fault))
    }
    fn try_lock(&self, path: &Path, sharing: Sharing) -> io::Result<Option<File>> {
        self.all_or_nothing(Step::Lock, || RealDisk.try_lock(path, sharing))
    }
}

/// Stage that writes its parameters and its inputs' lines, and a plot in a subdirectory.
struct Fake {
    kind: &'static str,
    parameters: Value,
    disk: Arc<FaultyDisk>,
    work: fn(&Context<'_>) -> Result<()>,
}

impl Stage for Fake {
    fn name(&self) -> String {
        format!("{}.main", self.kind)
    }
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn version(&self) -> u32 {
        1
    }
    fn parameters(&self) -> Value {
        self.parameters.clone()
    }
    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        (self.work)(context)?;
        let mut lines = format!("{}\n", self.parameters);
        for directory in context.inputs.values() {
            let path = directory.join("lines.txt");
            lines += &fs::read_to_string(&path).map_err(|error| Error::io("read", &path, &error))?;
        }
        fs::create_dir_all(context.output().join("plots")).unwrap();
        for (name, text) in [("lines.txt", lines.as_str()), ("plots/loss.svg", "<svg/>\n")] {
            let path = context.output().join(name);
            let written = self.disk.write_bytes(Step::StageWrites, &path, text.as_bytes());
            written.map_err(|error| Error::io("write", &path, &error).help("run again"))?;
        }
        Ok(StageSummary::default().count("lines", lines.lines().count()))
    }
}

const KINDS: [&str; 5] = ["dataset", "split", "pretrain", "features", "linear_eval"];

/// Returns dataset -> split -> pretrain -> features -> linear_eval, followed by stages of further kinds.
fn chain(disk: &Arc<FaultyDisk>, further: &[&'static str]) -> Graph {
    chain_with(disk, further, |_| Ok(()))
}

fn chain_with(disk: &Arc<FaultyDisk>, further: &[&'static str], work: fn(&Context<'_>) -> Result<()>) -> Graph {
    let mut graph = Graph::new();
    let mut before: Option<StageId> = None;
    for kind in KINDS.iter().chain(further).copied() {
        let stage = Fake { kind, parameters: json!({ "of": kind }), disk: disk.clone(), work };
        let inputs: Vec<(&str, StageId)> = before.map(|id| ("before", id)).into_iter().collect();
        before = Some(graph.add(Box::new(stage), &inputs).unwrap());
    }
    graph
}

/// Returns the key of the stage of a kind.
fn key(graph: &Graph, kind: &str) -> String {
    graph.key(graph.iter().find(|id| graph.kind(*id) == kind).unwrap()).to_owned()
}

#[derive(Default)]
struct Events(Mutex<Vec<Event>>);

impl EventSink for Events {
    fn emit(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

fn run_with(graph: &Graph, store: &Store, force: &[&str]) -> Result<RunOutcome> {
    let force = force.iter().map(ToString::to_string).collect();
    let options = RunOptions { force, ..RunOptions::default() };
    simclr::engine::run(graph, store, &options, &Events::default(), &AtomicBool::new(false))
}

fn open(root: &Path, disk: &Arc<FaultyDisk>) -> Store {
    Store::open_with(root, disk.clone()).unwrap()
}

/// Returns a temporary directory; in memory where possible, since the tests write tens of thousands of small files.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Returns a directory with a store in which the whole chain is finished.
fn finished_store() -> (TempDir, Graph, Store) {
    let (directory, disk) = (scratch(), Arc::default());
    let (graph, store) = (chain(&disk, &[]), open(directory.path(), &disk));
    run_with(&graph, &store, &[]).unwrap();
    (directory, graph, store)
}

/// Returns the content of every file in a directory, recursively, by name.
fn files_below(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            files.extend(
                files_below(&entry.path()).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
            );
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// Returns the files that must be the same in every run: all except the record.
fn content(store: &Store, kind: &str, key: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = files_below(&store.artifact_path(kind, key));
    files.remove("record.json");
    files
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_directory(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Returns the names in a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Asserts that no directories of killed runs, lock files or trash are left.
fn assert_tidy(store: &Store, what: &str) {
    for kind in store.kinds() {
        for name in names(&store.directory().join(&kind)) {
            assert!(!name.ends_with(".partial") && !name.ends_with(".replaced"), "{what}: {kind}/{name}");
        }
    }
    if cfg!(unix) {
        let locks = names(&store.directory().join(".locks"));
        assert!(locks.iter().all(|name| name == "store.lock"), "{what}: {locks:?}");
    }
    assert!(store.locks().is_empty(), "{what}");
    assert!(names(&store.directory().join(".trash")).is_empty(), "{what}");
}

/// Asserts that an error names this directory and has help.
fn assert_helps(error: &Error, directory: &Path, what: &str) {
    assert_eq!(error.kind(), ErrorKind::Stage, "{what}: {error}");
    assert!(error.to_string().contains(directory.to_str().unwrap()), "{what}: {error}");
    assert!(error.next_step().is_some(), "{what}: {error}");
}

/// Returns a store with everything a run may encounter: `split` is finished and will be forced, `pretrain` is damaged,
/// `features` was being written when a run was killed, `linear_eval` was being replaced, and there are other leftovers.
fn store_with_leftovers() -> (TempDir, Graph, Store) {
    let (directory, graph, store) = finished_store();
    let path_of = |kind: &str| store.artifact_path(kind, &key(&graph, kind));
    fs::write(path_of("pretrain").join("lines.txt"), "half").unwrap();
    fs::rename(path_of("features"), path_of("features").with_extension("partial")).unwrap();
    fs::rename(path_of("linear_eval"), path_of("linear_eval").with_extension("replaced")).unwrap();
    let other = "0123456789abcdef0123456789abcdef";
    let leftovers = [
        path_of("dataset").with_extension("checkpoints"),
        path_of("dataset").with_extension("replaced"),
        store.artifact_path("pretrain", other).with_extension("partial"),
        store.directory().join(".trash").join("health-1"),
    ];
    for directory in leftovers {
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("state.bin"), "of a killed run").unwrap();
    }
    fs::write(store.directory().join(".locks").join(format!("pretrain-{other}.lock")), "").unwrap();
    (directory, graph, store)
}

/// Runs the pipeline in [`store_with_leftovers`] on a disk, forcing `split`.
fn run_with_leftovers(root: &Path, disk: &Arc<FaultyDisk>) -> Result<RunOutcome> {
    run_with(&chain(disk, &[]), &open(root, disk), &["split"])
}

/// Returns the steps of a run in [`store_with_leftovers`], with their numbers.
fn steps_of_a_run(original: &Path) -> Vec<(usize, Step)> {
    let (directory, disk) = (scratch(), Arc::default());
    copy_directory(original, directory.path());
    let outcome = run_with_leftovers(directory.path(), &disk).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (3, 2));
    assert_tidy(&open(directory.path(), &disk), "the run without a fault");
    disk.steps().into_iter().enumerate().collect()
}

/// Makes one step of a run fail, then runs again on a working disk.
fn break_a_run(original: &Path, expected: &Store, at: usize, fault: Fault, what: &str) {
    let directory = scratch();
    copy_directory(original, directory.path());
    let broken = run_with_leftovers(directory.path(), &FaultyDisk::new(at, fault));
    if let Err(error) = &broken {
        assert_helps(error, directory.path(), what);
    }

    let sound = Arc::default();
    let (graph, store) = (chain(&sound, &["report"]), open(directory.path(), &sound));
    let outcome = run_with(&graph, &store, &[]).unwrap();
    let status = |kind: &str| outcome.stages.iter().find(|stage| stage.kind == kind).unwrap().status;
    for kind in ["dataset", "split", "linear_eval"] {
        assert_eq!(status(kind), StageStatus::Cached, "{what}: {kind} was finished and is lost");
    }
    if broken.is_ok() {
        assert_eq!(outcome.computed, 1, "{what}: the faulty run reported success");
    }
    for kind in KINDS {
        store.verify(kind, &key(&graph, kind)).unwrap();
        let content = |store: &Store| content(store, kind, &key(&graph, kind));
        assert_eq!(content(&store), content(expected), "{what}: {kind}");
    }
    let damaged = names(&store.directory().join("pretrain")).into_iter().filter(|name| name.ends_with(".damaged-1"));
    assert_eq!(damaged.count(), 1, "{what}: the damaged artifact is set aside once");
    assert_tidy(&store, what);
}

fn break_every_step(faults: &[Fault], is_broken: impl Fn(Step) -> bool) {
    let (original, _, _) = store_with_leftovers();
    let (_directory, _, expected) = finished_store();
    let mut cases = 0;
    for (at, step) in steps_of_a_run(original.path()) {
        for &fault in faults.iter().filter(|_| is_broken(step)) {
            let what = format!("step {at} ({step:?}) with {fault:?}");
            break_a_run(original.path(), &expected, at, fault, &what);
            cases += 1;
        }
    }
    assert!(cases > 20, "only {cases} cases");
}

#[test]
fn a_run_recovers_from_a_failure_of_any_step() {
    break_every_step(&REPORTED, |_| true);
}

#[test]
fn a_run_recovers_from_silent_corruption_of_any_file() {
    break_every_step(&SILENT, |step| step == Step::Write);
}

#[test]
fn corruption_after_the_run_is_found_by_verify() {
    let (_expected_directory, graph, expected) = finished_store();
    for name in ["lines.txt", "plots/loss.svg", "key.json", "manifest.json"] {
        for fault in SILENT {
            let (directory, _, store) = finished_store();
            let (what, key) = (format!("{name} with {fault:?}"), key(&graph, "pretrain"));
            let path = store.artifact_path("pretrain", &key).join(name);
            let bytes = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            FaultyDisk::new(0, fault).write(&path, &bytes).unwrap();
            assert_helps(&store.verify("pretrain", &key).unwrap_err(), directory.path(), &what);
            let aside = store.set_damaged_aside("pretrain", &key).unwrap();
            assert!(aside.ends_with(format!("{key}.damaged-1")), "{what}");
            let outcome = run_with(&graph, &store, &[]).unwrap();
            assert_eq!((outcome.computed, outcome.cached), (1, 4), "{what}");
            assert_eq!(content(&store, "pretrain", &key), content(&expected, "pretrain", &key), "{what}");
        }
    }
}

#[test]
fn an_old_artifact_stays_when_it_cannot_be_replaced() {
    let (directory, graph, store) = finished_store();
    let (path, disk) = (store.artifact_path("split", &key(&graph, "split")), Arc::default());
    run_with(&chain(&disk, &[]), &open(directory.path(), &disk), &["split"]).unwrap();
    let renames: Vec<usize> = (0..disk.steps().len()).filter(|at| disk.steps()[*at] == Step::Rename).collect();
    assert_eq!(renames.len(), 2, "out of the way and into place");
    for at in renames {
        let disk = FaultyDisk::new(at, Fault::NoPermission);
        let before = fs::read(path.join("record.json")).unwrap();
        let error = run_with(&chain(&disk, &[]), &open(directory.path(), &disk), &["split"]).unwrap_err();
        assert_helps(&error, directory.path(), "split");
        assert_eq!(fs::read(path.join("record.json")).unwrap(), before);
        assert_eq!(names(path.parent().unwrap()).len(), 1);
    }
}

#[test]
fn an_old_artifact_is_restored_when_the_new_one_is_damaged() {
    let (_directory, graph, store) = finished_store();
    let key = key(&graph, "split");
    let path = store.artifact_path("split", &key);
    copy_directory(&path, &path.with_extension("replaced"));
    fs::remove_file(path.join("manifest.json")).unwrap();
    let outcome = run_with(&graph, &store, &[]).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (0, 5));
    assert_eq!(names(path.parent().unwrap()), [key.clone(), format!("{key}.damaged-1")]);
    store.verify("split", &key).unwrap();
}

#[test]
fn leftovers_of_a_run_killed_since_the_start_are_removed() {
    let (_directory, graph, store) = finished_store();
    let forced = chain_with(&Arc::default(), &[], |context| {
        let replaced = context.output().with_extension("replaced");
        fs::create_dir_all(&replaced).unwrap();
        fs::write(replaced.join("lines.txt"), "old").map_err(|error| Error::io("write", &replaced, &error))
    });
    run_with(&forced, &store, &["split"]).unwrap();
    store.verify("split", &key(&graph, "split")).unwrap();
    assert_eq!(names(&store.directory().join("split")).len(), 1);
}

#[test]
fn artifacts_are_listed_with_their_properties() {
    let (_directory, graph, store) = store_with_leftovers();
    let artifacts = store.artifacts();
    let kinds: HashSet<&str> = artifacts.iter().map(|artifact| artifact.kind.as_str()).collect();
    assert_eq!(kinds, HashSet::from(["dataset", "split", "pretrain"]));
    assert!(artifacts.windows(2).all(|pair| pair[0].written >= pair[1].written));
    for Artifact { kind, key, bytes, record, damage, .. } in &artifacts {
        let files = files_below(&store.artifact_path(kind, key));
        assert_eq!(*bytes, files.values().map(|file| file.len() as u64).sum::<u64>());
        assert_eq!(record.as_ref().unwrap().stage, format!("{kind}.main"));
        assert_eq!(damage.is_some(), kind == "pretrain", "{damage:?}");
    }
    // Other files in the store are ignored.
    fs::write(store.directory().join("split").join("notes.txt"), "").unwrap();
    fs::create_dir(store.directory().join("split").join(format!("{}.backup", key(&graph, "split")))).unwrap();
    assert_eq!(store.artifacts(), artifacts);
}

#[test]
fn leftovers_are_listed_with_whether_they_are_in_use() {
    let (_directory, graph, store) = store_with_leftovers();
    let leftovers = store.leftovers();
    let listed: Vec<(&str, LeftoverKind)> = leftovers.iter().map(|l| (l.kind.as_str(), l.what)).collect();
    let expected = [
        ("dataset", LeftoverKind::Checkpoints),
        ("dataset", LeftoverKind::Replaced),
        ("features", LeftoverKind::Partial),
        ("linear_eval", LeftoverKind::Replaced),
        ("pretrain", LeftoverKind::Partial),
    ];
    assert_eq!(listed, expected);
    assert!(leftovers.iter().all(|leftover| !leftover.in_use && leftover.bytes > 0 && leftover.path.is_dir()));
    let lock = hold(&store, "features", &key(&graph, "features"));
    let in_use = store.leftovers().into_iter().filter(|leftover| leftover.in_use).map(|leftover| leftover.kind);
    assert_eq!(in_use.collect::<Vec<_>>(), ["features"]);
    assert_eq!(store.locks(), [HeldLock { kind: "features".into(), key: key(&graph, "features") }]);
    drop(lock);
    assert!(store.locks().is_empty());
}

/// Acquires a lock as another process would.
fn hold(store: &Store, kind: &str, key: &str) -> File {
    let path = store.directory().join(".locks").join(format!("{kind}-{key}.lock"));
    RealDisk.try_lock(&path, Sharing::Exclusive).unwrap().unwrap()
}

#[test]
fn a_run_holds_the_lock_of_the_stage_it_computes() {
    let directory = scratch();
    let disk = Arc::default();
    let graph = chain_with(&disk, &[], |context| {
        let store = Store::open(context.output().ancestors().nth(3).unwrap()).unwrap();
        let key = context.output().file_stem().unwrap().to_str().unwrap().to_owned();
        let kind = context.output().parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(store.locks(), [HeldLock { kind: kind.clone(), key: key.clone() }]);
        let error = store.set_damaged_aside(&kind, &key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stage);
        Ok(())
    });
    let store = open(directory.path(), &disk);
    run_with(&graph, &store, &[]).unwrap();
    run_with(&graph, &store, &["*"]).unwrap();
    assert_tidy(&store, "after two runs");
}

#[test]
fn setting_aside_needs_an_artifact_and_its_lock() {
    let (directory, graph, store) = finished_store();
    let key = key(&graph, "split");
    let lock = hold(&store, "split", &key);
    let error = store.set_damaged_aside("split", &key).unwrap_err();
    assert!(error.what().contains("another run"), "{error}");
    assert_helps(&error, directory.path(), "held");
    drop(lock);
    store.set_damaged_aside("split", &key).unwrap();
    assert_eq!(store.state("split", &key), ArtifactState::Missing);
    for error in [store.set_damaged_aside("split", &key).unwrap_err(), store.verify("split", &key).unwrap_err()] {
        assert!(error.what().contains("missing"), "{error}");
        assert_helps(&error, directory.path(), "missing");
    }
}

/// Returns the keys of some kinds.
fn keys(graph: &Graph, kinds: &[&str]) -> HashSet<String> {
    kinds.iter().map(|kind| key(graph, kind)).collect()
}

#[test]
fn a_collection_frees_what_is_not_kept_and_a_dry_run_lists_the_same() {
    let (_directory, graph, store) = store_with_leftovers();
    let checkpoints = store.checkpoints("features", &key(&graph, "features"));
    fs::create_dir_all(&checkpoints).unwrap();
    let keep = keys(&graph, &["dataset", "pretrain", "features", "linear_eval"]);
    let before = (files_below(store.directory()), names(&store.directory().join(".locks")));
    let dry = store.collect(&keep, true).unwrap();
    assert_eq!(before, (files_below(store.directory()), names(&store.directory().join(".locks"))));
    let listed: Vec<(&str, FreedKind)> = dry.freed.iter().map(|freed| (freed.kind.as_str(), freed.what)).collect();
    for expected in [
        ("split", FreedKind::Artifact),
        ("pretrain", FreedKind::DamagedArtifact),
        ("features", FreedKind::Leftover(LeftoverKind::Partial)),
        ("pretrain", FreedKind::Leftover(LeftoverKind::Partial)),
        ("dataset", FreedKind::Leftover(LeftoverKind::Replaced)),
    ] {
        assert!(listed.contains(&expected), "{expected:?} is not in {listed:?}");
    }
    assert_eq!(listed.len(), 5, "checkpoints of kept keys and the last intact artifact stay: {listed:?}");
    assert_eq!(dry.bytes, dry.freed.iter().map(|freed| freed.bytes).sum::<u64>());
    assert_eq!(store.collect(&keep, false).unwrap(), dry);
    assert_eq!(store.collect(&keep, false).unwrap().freed, []);
    assert!(checkpoints.is_dir());
    assert!(names(&store.directory().join(".trash")).is_empty());
    // Artifacts that were kept or being replaced are available to the next run.
    let outcome = run_with(&graph, &store, &[]).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (3, 2));
    store.collect(&HashSet::new(), false).unwrap();
    assert!(store.artifacts().is_empty() && store.leftovers().is_empty());
}

#[test]
fn a_collection_skips_locked_artifacts() {
    let (_directory, graph, store) = store_with_leftovers();
    let before = files_below(store.directory());
    let _locks: Vec<File> = KINDS.iter().map(|kind| hold(&store, kind, &key(&graph, kind))).collect();
    let dry = store.collect(&HashSet::new(), true).unwrap();
    assert_eq!(dry.freed.len(), 1, "only the leftover of another key: {dry:?}");
    assert_eq!(store.collect(&HashSet::new(), false).unwrap(), dry);
    let mut after = files_below(store.directory());
    assert_eq!(
        names(&store.directory().join(".locks")).len(),
        KINDS.len() + 1,
        "the held locks and the lock of the store"
    );
    after.retain(|name, _| !name.starts_with(".locks"));
    let stays = |name: &String| KINDS.iter().any(|kind| name.starts_with(&format!("{kind}/{}", key(&graph, kind))));
    assert_eq!(after, before.into_iter().filter(|(name, _)| stays(name)).collect());
}

#[test]
fn a_collection_does_not_create_a_store() {
    let directory = scratch();
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.collect(&HashSet::new(), false).unwrap().freed, []);
    assert!(names(directory.path()).is_empty());
}

#[test]
fn a_collection_waits_for_starting_runs_and_sees_their_records() {
    let (_directory, graph, store) = &finished_store();
    let written = Mutex::new(HashSet::new());
    let tries = Mutex::new(0);
    let (first, second) = (store.register(|| Ok(())).unwrap(), store.register(|| Ok(())).unwrap());
    drop(first);
    let waiting = || {
        *tries.lock().unwrap() += 1;
        Ok(())
    };
    let keep = || Ok(written.lock().unwrap().clone());
    std::thread::scope(|scope| {
        let collection = scope.spawn(move || store.collect_with(false, waiting, keep).unwrap());
        while *tries.lock().unwrap() < 3 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(store.artifacts().len(), 5, "a run is starting");
        *written.lock().unwrap() = keys(graph, &["dataset", "split"]);
        drop(second);
        assert_eq!(collection.join().unwrap().freed.len(), 3);
    });
    assert_eq!(store.artifacts().len(), 2);
    // A canceled collection frees nothing.
    let _registered = store.register(|| Ok(())).unwrap();
    let stop = || Err(Error::new(ErrorKind::Interrupted, "interrupted"));
    let error = store.collect_with(false, stop, || Ok(HashSet::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(store.artifacts().len(), 2);
}

#[test]
fn a_starting_run_waits_for_a_collection() {
    let (_directory, _, store) = finished_store();
    let is_registered = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let keep = || {
            let register = || is_registered.store(store.register(|| Ok(())).is_ok(), Ordering::SeqCst);
            scope.spawn(register);
            std::thread::sleep(Duration::from_millis(100));
            assert!(!is_registered.load(Ordering::SeqCst), "the collection is in progress");
            Ok(HashSet::new())
        };
        store.collect_with(false, || Ok(()), keep).unwrap();
    });
    assert!(is_registered.into_inner());
}

#[test]
fn a_collection_recovers_from_a_failure_of_any_step() {
    let (original, graph, _) = store_with_leftovers();
    let keep = keys(&graph, &["dataset", "pretrain"]);
    let collect = |disk: &Arc<FaultyDisk>| {
        let directory = scratch();
        copy_directory(original.path(), directory.path());
        let collected = open(directory.path(), disk).collect(&keep, false);
        (directory, collected)
    };
    let disk = Arc::default();
    let (expected, _) = collect(&disk);
    for at in 0..disk.steps().len() {
        for fault in REPORTED {
            let what = format!("step {at} ({:?}) with {fault:?}", disk.steps()[at]);
            let (directory, collected) = collect(&FaultyDisk::new(at, fault));
            if let Err(error) = collected {
                assert_helps(&error, directory.path(), &what);
            }
            let store = open(directory.path(), &Arc::default());
            for Artifact { kind, key, .. } in store.artifacts().iter().filter(|artifact| artifact.damage.is_none()) {
                store.verify(kind, key).unwrap();
            }
            assert!(store.artifacts().iter().all(|artifact| artifact.damage.is_none() || artifact.kind == "pretrain"));
            store.collect(&keep, false).unwrap();
            let kept = |root: &Path| {
                let mut files = files_below(root);
                files.retain(|name, _| !name.ends_with(".lock"));
                files
            };
            assert_eq!(kept(directory.path()), kept(expected.path()), "{what}");
            // The next run removes its lock files and the trash.
            run_with(&chain(&Arc::default(), &[]), &store, &[]).unwrap();
            assert_tidy(&store, &what);
        }
    }
}

#[test]
fn an_import_copies_the_artifact_with_its_record() {
    let (_directory, graph, source) = finished_store();
    let root = scratch();
    let store = Store::open(root.path()).unwrap();
    let key = key(&graph, "pretrain");
    assert_eq!(store.import(&source, "pretrain", &key).unwrap(), ImportOutcome::Copied);
    assert_eq!(store.import(&source, "pretrain", &key).unwrap(), ImportOutcome::AlreadyPresent);
    store.verify("pretrain", &key).unwrap();
    let files = |store: &Store| files_below(&store.artifact_path("pretrain", &key));
    assert_eq!(files(&store), files(&source));
    assert_tidy(&store, "after an import");
    // A damaged artifact at the destination is set aside.
    fs::write(store.artifact_path("pretrain", &key).join("lines.txt"), "half").unwrap();
    assert_eq!(store.import(&source, "pretrain", &key).unwrap(), ImportOutcome::Copied);
    assert_eq!(files(&store), files(&source));
    assert_eq!(store.leftovers()[0].what, LeftoverKind::Damaged);
    // An unreadable record is not content and is left out.
    fs::write(source.artifact_path("pretrain", &key).join("record.json"), "{").unwrap();
    store.set_damaged_aside("pretrain", &key).unwrap();
    store.import(&source, "pretrain", &key).unwrap();
    assert_eq!(content(&store, "pretrain", &key), content(&source, "pretrain", &key));
    assert_eq!(store.artifacts()[0].record, None);
}

#[test]
fn an_import_refuses_artifacts_that_are_missing_damaged_or_being_written() {
    let (directory, graph, source) = finished_store();
    let root = scratch();
    let store = Store::open(root.path()).unwrap();
    let refused = |kind: &str, why: &str, directory: &Path| {
        let error = store.import(&source, kind, &key(&graph, kind)).unwrap_err();
        assert!(error.what().contains(why), "{error}");
        assert_helps(&error, directory, why);
    };
    let path_of = |kind: &str| source.artifact_path(kind, &key(&graph, kind));
    fs::remove_dir_all(path_of("dataset")).unwrap();
    refused("dataset", "missing", directory.path());
    let text = fs::read_to_string(path_of("split").join("lines.txt")).unwrap();
    fs::write(path_of("split").join("lines.txt"), text.replace("of", "fo")).unwrap();
    refused("split", "lines.txt does not match its digest", directory.path());
    // An untrusted manifest must not refer to files outside the directory.
    let manifest = fs::read_to_string(path_of("pretrain").join("manifest.json")).unwrap();
    for name in ["../../../../stolen", "/etc/hosts", ""] {
        fs::write(path_of("pretrain").join("manifest.json"), manifest.replace("lines.txt", name)).unwrap();
        refused("pretrain", "not a file of the artifact", directory.path());
    }
    fs::rename(path_of("features"), source.artifact_path("split", &key(&graph, "features"))).unwrap();
    let error = store.import(&source, "split", &key(&graph, "features")).unwrap_err();
    assert!(error.what().contains("not of kind split"), "{error}");
    fs::create_dir_all(store.directory().join(".locks")).unwrap();
    let _lock = hold(&store, "linear_eval", &key(&graph, "linear_eval"));
    refused("linear_eval", "another run", root.path());
    assert!(store.artifacts().is_empty() && store.leftovers().is_empty());
}

#[test]
fn an_import_recovers_from_a_failure_of_any_step() {
    let (_directory, graph, source) = finished_store();
    let key = key(&graph, "pretrain");
    let import = |disk: &Arc<FaultyDisk>| {
        let root = scratch();
        let imported = open(root.path(), disk).import(&source, "pretrain", &key);
        (root, imported)
    };
    let disk = Arc::default();
    import(&disk).1.unwrap();
    for (at, step) in disk.steps().into_iter().enumerate() {
        let silent = SILENT.iter().filter(|_| matches!(step, Step::Write | Step::Copy));
        for &fault in REPORTED.iter().chain(silent) {
            let what = format!("step {at} ({step:?}) with {fault:?}");
            let (root, imported) = import(&FaultyDisk::new(at, fault));
            let store = open(root.path(), &Arc::default());
            match imported {
                Err(error) => assert_helps(&error, root.path(), &what),
                Ok(_) => store.verify("pretrain", &key).unwrap(),
            }
            store.import(&source, "pretrain", &key).unwrap();
            store.verify("pretrain", &key).unwrap();
            assert_eq!(content(&store, "pretrain", &key), content(&source, "pretrain", &key), "{what}");
        }
    }
}

#[test]
fn an_output_directory_removed_during_a_run_is_an_error_and_the_next_run_succeeds() {
    let root = scratch();
    let directory = root.path().join("outputs");
    let disk = Arc::default();
    let graph = chain_with(&disk, &[], |context| {
        let is_first = context.stage == "pretrain.main";
        let remove =
            |directory: &Path| fs::remove_dir_all(directory).map_err(|error| Error::io("remove", directory, &error));
        if is_first { remove(context.output().ancestors().nth(3).unwrap()) } else { Ok(()) }
    });
    // The stage recreates its output directory with the directory of its plots, but its input is gone.
    let error = run_with(&graph, &Store::open(&directory).unwrap(), &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stage);
    assert!(error.to_string().contains(directory.to_str().unwrap()), "{error}");
    let store = Store::open(&directory).unwrap();
    run_with(&chain(&disk, &[]), &store, &[]).unwrap();
    assert_tidy(&store, "after the next run");
}

/// The store never follows links that lead out of it.
#[cfg(unix)]
#[test]
fn a_link_named_like_a_leftover_is_removed_and_not_followed() {
    let (directory, graph, store) = finished_store();
    let elsewhere: PathBuf = directory.path().join("mine");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("thesis.txt"), "years of work").unwrap();
    let partial = store.artifact_path("split", &key(&graph, "split")).with_extension("partial");
    std::os::unix::fs::symlink(&elsewhere, &partial).unwrap();
    run_with(&graph, &store, &["split"]).unwrap();
    assert!(elsewhere.join("thesis.txt").exists() && !partial.exists());
    std::os::unix::fs::symlink(&elsewhere, &partial).unwrap();
    store.collect(&HashSet::new(), false).unwrap();
    assert!(elsewhere.join("thesis.txt").exists() && fs::symlink_metadata(&partial).is_err());
}
