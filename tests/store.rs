//! The store when disks fail: every step of a run, a collection and an import is made to fail in every way, and what is
//! left behind must be whole, must be gone on from, and must be told of in words that help.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use simclr::base::{Error, ErrorKind, Result};
use simclr::engine::store::{Artifact, Disk, FreedKind, HeldLock, Imported, LeftoverKind, RealDisk, Sharing};
use simclr::engine::{
    Context, Event, EventSink, Graph, Outcome, RunOptions, Stage, StageId, StageStatus, State, Store,
};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A way for a step to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Half of it is done, then the disk is full.
    NoSpace,
    NoPermission,
    ReadOnly,
    /// Half of a file is written, and it is called a success.
    Truncated,
    /// A bit of a file is wrong, and it is called a success.
    Flipped,
    /// Nothing is written, and it is called a success.
    Missing,
    /// Half of it is done, and nothing at all after it.
    PowerCut,
}

const LOUD: [Fault; 4] = [Fault::NoSpace, Fault::NoPermission, Fault::ReadOnly, Fault::PowerCut];
const SILENT: [Fault; 3] = [Fault::Truncated, Fault::Flipped, Fault::Missing];

/// A step of the store, or of a stage that writes a file.
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

/// A disk whose step number `at` fails. Without a fault it counts the steps.
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

    /// Counts a step; says how it fails.
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

    /// A step that is done or not.
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
        // No test cuts the power of this machine, so the time of a true flush is saved.
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

/// A stage that writes its parameters and its inputs' lines, and a plot in a directory.
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
    fn run(&self, context: &Context<'_>) -> Result<String> {
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
        Ok(format!("wrote {}", lines.lines().count()))
    }
}

const KINDS: [&str; 5] = ["dataset", "split", "pretrain", "features", "linear_eval"];

/// dataset -> split -> pretrain -> features -> linear_eval, and further kinds.
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

/// The key of the stage of a kind.
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

fn run_with(graph: &Graph, store: &Store, force: &[&str]) -> Result<Outcome> {
    let force = force.iter().map(ToString::to_string).collect();
    let options = RunOptions { force, ..RunOptions::default() };
    simclr::engine::run(graph, store, &options, &Events::default(), &AtomicBool::new(false))
}

fn open(root: &Path, disk: &Arc<FaultyDisk>) -> Store {
    Store::open_with(root, disk.clone()).unwrap()
}

/// A directory that goes away; in memory where the system has such a place, since there are ten thousands of small files.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A directory with a store in which the whole chain is finished.
fn finished() -> (TempDir, Graph, Store) {
    let (directory, disk) = (scratch(), Arc::default());
    let (graph, store) = (chain(&disk, &[]), open(directory.path(), &disk));
    run_with(&graph, &store, &[]).unwrap();
    (directory, graph, store)
}

/// Content of every file below a directory, by name.
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

/// What must be the same in every run: all but the record.
fn content(store: &Store, kind: &str, key: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = files_below(&store.place(kind, key));
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

/// Names in a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// No directory of a run, no lock file and nothing in the trash.
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

/// An error that a user can do something about, of this directory.
fn assert_helps(error: &Error, directory: &Path, what: &str) {
    assert_eq!(error.kind(), ErrorKind::Stage, "{what}: {error}");
    assert!(error.to_string().contains(directory.to_str().unwrap()), "{what}: {error}");
    assert!(error.next_step().is_some(), "{what}: {error}");
}

/// A store with all that a run can meet: `split` is there and will be replaced by force, `pretrain` is damaged,
/// `features` was being written when a run was killed, `linear_eval` was being replaced then, and more is left over.
fn eventful() -> (TempDir, Graph, Store) {
    let (directory, graph, store) = finished();
    let place = |kind: &str| store.place(kind, &key(&graph, kind));
    fs::write(place("pretrain").join("lines.txt"), "half").unwrap();
    fs::rename(place("features"), place("features").with_extension("partial")).unwrap();
    fs::rename(place("linear_eval"), place("linear_eval").with_extension("replaced")).unwrap();
    let other = "0123456789abcdef0123456789abcdef";
    let left_over = [
        place("dataset").with_extension("checkpoints"),
        place("dataset").with_extension("replaced"),
        store.place("pretrain", other).with_extension("partial"),
        store.directory().join(".trash").join("health-1"),
    ];
    for directory in left_over {
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("state.bin"), "of a killed run").unwrap();
    }
    fs::write(store.directory().join(".locks").join(format!("pretrain-{other}.lock")), "").unwrap();
    (directory, graph, store)
}

/// Runs the eventful store on a disk, replacing `split`.
fn run_eventful(root: &Path, disk: &Arc<FaultyDisk>) -> Result<Outcome> {
    run_with(&chain(disk, &[]), &open(root, disk), &["split"])
}

/// Every number of a step that a run of the eventful store takes, and the step.
fn steps_of_a_run(original: &Path) -> Vec<(usize, Step)> {
    let (directory, disk) = (scratch(), Arc::default());
    copy_directory(original, directory.path());
    let outcome = run_eventful(directory.path(), &disk).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (3, 2));
    assert_tidy(&open(directory.path(), &disk), "the unbroken run");
    disk.steps().into_iter().enumerate().collect()
}

/// Breaks one step of a run, then runs again on a sound disk.
fn break_a_run(original: &Path, expected: &Store, at: usize, fault: Fault, what: &str) {
    let directory = scratch();
    copy_directory(original, directory.path());
    let broken = run_eventful(directory.path(), &FaultyDisk::new(at, fault));
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
        assert_eq!(outcome.computed, 1, "{what}: the broken run called itself finished");
    }
    for kind in KINDS {
        store.verify(kind, &key(&graph, kind)).unwrap();
        let content = |store: &Store| content(store, kind, &key(&graph, kind));
        assert_eq!(content(&store), content(expected), "{what}: {kind}");
    }
    let damaged = names(&store.directory().join("pretrain")).into_iter().filter(|name| name.ends_with(".damaged-1"));
    assert_eq!(damaged.count(), 1, "{what}: what was damaged is set aside, once");
    assert_tidy(&store, what);
}

fn break_every_step(faults: &[Fault], is_broken: impl Fn(Step) -> bool) {
    let (original, _, _) = eventful();
    let (_directory, _, expected) = finished();
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
fn a_run_survives_any_step_that_fails() {
    break_every_step(&LOUD, |_| true);
}

#[test]
fn a_run_survives_any_file_that_is_not_what_was_written() {
    break_every_step(&SILENT, |step| step == Step::Write);
}

#[test]
fn what_a_disk_loses_after_the_run_is_found_by_verifying() {
    let (_expected_directory, graph, expected) = finished();
    for name in ["lines.txt", "plots/loss.svg", "key.json", "manifest.json"] {
        for fault in SILENT {
            let (directory, _, store) = finished();
            let (what, key) = (format!("{name} with {fault:?}"), key(&graph, "pretrain"));
            let path = store.place("pretrain", &key).join(name);
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
fn an_old_artifact_stays_when_the_new_one_cannot_come_in() {
    let (directory, graph, store) = finished();
    let (place, disk) = (store.place("split", &key(&graph, "split")), Arc::default());
    run_with(&chain(&disk, &[]), &open(directory.path(), &disk), &["split"]).unwrap();
    let renames: Vec<usize> = (0..disk.steps().len()).filter(|at| disk.steps()[*at] == Step::Rename).collect();
    assert_eq!(renames.len(), 2, "out of the way and into place");
    for at in renames {
        let disk = FaultyDisk::new(at, Fault::NoPermission);
        let before = fs::read(place.join("record.json")).unwrap();
        let error = run_with(&chain(&disk, &[]), &open(directory.path(), &disk), &["split"]).unwrap_err();
        assert_helps(&error, directory.path(), "split");
        assert_eq!(fs::read(place.join("record.json")).unwrap(), before);
        assert_eq!(names(place.parent().unwrap()).len(), 1);
    }
}

#[test]
fn an_old_artifact_comes_back_when_the_new_one_is_not_whole() {
    let (_directory, graph, store) = finished();
    let key = key(&graph, "split");
    let place = store.place("split", &key);
    copy_directory(&place, &place.with_extension("replaced"));
    fs::remove_file(place.join("manifest.json")).unwrap();
    let outcome = run_with(&graph, &store, &[]).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (0, 5));
    assert_eq!(names(place.parent().unwrap()), [key.clone(), format!("{key}.damaged-1")]);
    store.verify("split", &key).unwrap();
}

#[test]
fn what_another_killed_run_left_since_the_start_is_no_obstacle() {
    let (_directory, graph, store) = finished();
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
fn artifacts_are_listed_with_what_is_known_of_them() {
    let (_directory, graph, store) = eventful();
    let artifacts = store.artifacts();
    let kinds: HashSet<&str> = artifacts.iter().map(|artifact| artifact.kind.as_str()).collect();
    assert_eq!(kinds, HashSet::from(["dataset", "split", "pretrain"]));
    assert!(artifacts.windows(2).all(|pair| pair[0].written >= pair[1].written));
    for Artifact { kind, key, bytes, record, damage, .. } in &artifacts {
        let files = files_below(&store.place(kind, key));
        assert_eq!(*bytes, files.values().map(|file| file.len() as u64).sum::<u64>());
        assert_eq!(record.as_ref().unwrap().stage, format!("{kind}.main"));
        assert_eq!(damage.is_some(), kind == "pretrain", "{damage:?}");
    }
    // What the store did not make is not its own.
    fs::write(store.directory().join("split").join("notes.txt"), "").unwrap();
    fs::create_dir(store.directory().join("split").join(format!("{}.backup", key(&graph, "split")))).unwrap();
    assert_eq!(store.artifacts(), artifacts);
}

#[test]
fn leftovers_are_listed_and_say_what_is_in_use() {
    let (_directory, graph, store) = eventful();
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

/// Takes a lock as another process would.
fn hold(store: &Store, kind: &str, key: &str) -> File {
    let path = store.directory().join(".locks").join(format!("{kind}-{key}.lock"));
    RealDisk.try_lock(&path, Sharing::Exclusive).unwrap().unwrap()
}

#[test]
fn a_run_holds_the_lock_of_the_stage_that_it_computes() {
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
fn setting_aside_needs_something_and_its_lock() {
    let (directory, graph, store) = finished();
    let key = key(&graph, "split");
    let lock = hold(&store, "split", &key);
    let error = store.set_damaged_aside("split", &key).unwrap_err();
    assert!(error.what().contains("another run"), "{error}");
    assert_helps(&error, directory.path(), "held");
    drop(lock);
    store.set_damaged_aside("split", &key).unwrap();
    assert_eq!(store.state("split", &key), State::Missing);
    for error in [store.set_damaged_aside("split", &key).unwrap_err(), store.verify("split", &key).unwrap_err()] {
        assert!(error.what().contains("not there"), "{error}");
        assert_helps(&error, directory.path(), "missing");
    }
}

/// Keys of some kinds.
fn keys(graph: &Graph, kinds: &[&str]) -> HashSet<String> {
    kinds.iter().map(|kind| key(graph, kind)).collect()
}

#[test]
fn a_collection_frees_what_is_not_kept_and_a_dry_one_says_the_same() {
    let (_directory, graph, store) = eventful();
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
    assert_eq!(listed.len(), 5, "checkpoints of kept keys stay, and the last whole one: {listed:?}");
    assert_eq!(dry.bytes, dry.freed.iter().map(|freed| freed.bytes).sum::<u64>());
    assert_eq!(store.collect(&keep, false).unwrap(), dry);
    assert_eq!(store.collect(&keep, false).unwrap().freed, []);
    assert!(checkpoints.is_dir());
    assert!(names(&store.directory().join(".trash")).is_empty());
    // What was kept, or was about to be replaced, is still there for the next run.
    let outcome = run_with(&graph, &store, &[]).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (3, 2));
    store.collect(&HashSet::new(), false).unwrap();
    assert!(store.artifacts().is_empty() && store.leftovers().is_empty());
}

#[test]
fn a_collection_touches_nothing_that_is_locked() {
    let (_directory, graph, store) = eventful();
    let before = files_below(store.directory());
    let _locks: Vec<File> = KINDS.iter().map(|kind| hold(&store, kind, &key(&graph, kind))).collect();
    let dry = store.collect(&HashSet::new(), true).unwrap();
    assert_eq!(dry.freed.len(), 1, "the one of another key: {dry:?}");
    assert_eq!(store.collect(&HashSet::new(), false).unwrap(), dry);
    let mut after = files_below(store.directory());
    assert_eq!(names(&store.directory().join(".locks")).len(), KINDS.len() + 1, "those that are held, and the store's");
    after.retain(|name, _| !name.starts_with(".locks"));
    let stays = |name: &String| KINDS.iter().any(|kind| name.starts_with(&format!("{kind}/{}", key(&graph, kind))));
    assert_eq!(after, before.into_iter().filter(|(name, _)| stays(name)).collect());
}

#[test]
fn collecting_where_there_is_no_store_makes_none() {
    let directory = scratch();
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.collect(&HashSet::new(), false).unwrap().freed, []);
    assert!(names(directory.path()).is_empty());
}

#[test]
fn a_collection_waits_for_runs_that_start_and_sees_what_they_wrote() {
    let (_directory, graph, store) = &finished();
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
    // One that does not want to wait gives up, and what it would have freed stays.
    let _registered = store.register(|| Ok(())).unwrap();
    let stop = || Err(Error::new(ErrorKind::Interrupted, "interrupted"));
    let error = store.collect_with(false, stop, || Ok(HashSet::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(store.artifacts().len(), 2);
}

#[test]
fn a_run_that_starts_waits_for_a_collection() {
    let (_directory, _, store) = finished();
    let is_registered = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let keep = || {
            let register = || is_registered.store(store.register(|| Ok(())).is_ok(), Ordering::SeqCst);
            scope.spawn(register);
            std::thread::sleep(Duration::from_millis(100));
            assert!(!is_registered.load(Ordering::SeqCst), "the collection is under way");
            Ok(HashSet::new())
        };
        store.collect_with(false, || Ok(()), keep).unwrap();
    });
    assert!(is_registered.into_inner());
}

#[test]
fn a_collection_survives_any_step_that_fails() {
    let (original, graph, _) = eventful();
    let keep = keys(&graph, &["dataset", "pretrain"]);
    let collect = |disk: &Arc<FaultyDisk>| {
        let directory = scratch();
        copy_directory(original.path(), directory.path());
        let collected = open(directory.path(), disk).collect(&keep, false);
        (directory, collected)
    };
    let disk = Arc::default();
    let (unbroken, _) = collect(&disk);
    for at in 0..disk.steps().len() {
        for fault in LOUD {
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
            assert_eq!(kept(directory.path()), kept(unbroken.path()), "{what}");
            // Its lock files and the trash are the next run's to clean up.
            run_with(&chain(&Arc::default(), &[]), &store, &[]).unwrap();
            assert_tidy(&store, &what);
        }
    }
}

#[test]
fn an_import_brings_the_same_artifact_with_its_record() {
    let (_directory, graph, source) = finished();
    let root = scratch();
    let store = Store::open(root.path()).unwrap();
    let key = key(&graph, "pretrain");
    assert_eq!(store.import(&source, "pretrain", &key).unwrap(), Imported::Copied);
    assert_eq!(store.import(&source, "pretrain", &key).unwrap(), Imported::AlreadyThere);
    store.verify("pretrain", &key).unwrap();
    let files = |store: &Store| files_below(&store.place("pretrain", &key));
    assert_eq!(files(&store), files(&source));
    assert_tidy(&store, "after an import");
    // What is damaged here is set aside for it.
    fs::write(store.place("pretrain", &key).join("lines.txt"), "half").unwrap();
    assert_eq!(store.import(&source, "pretrain", &key).unwrap(), Imported::Copied);
    assert_eq!(files(&store), files(&source));
    assert_eq!(store.leftovers()[0].what, LeftoverKind::Damaged);
    // A record that cannot be read is no content.
    fs::write(source.place("pretrain", &key).join("record.json"), "{").unwrap();
    store.set_damaged_aside("pretrain", &key).unwrap();
    store.import(&source, "pretrain", &key).unwrap();
    assert_eq!(content(&store, "pretrain", &key), content(&source, "pretrain", &key));
    assert_eq!(store.artifacts()[0].record, None);
}

#[test]
fn an_import_refuses_what_is_missing_damaged_or_being_written() {
    let (directory, graph, source) = finished();
    let root = scratch();
    let store = Store::open(root.path()).unwrap();
    let refused = |kind: &str, why: &str, directory: &Path| {
        let error = store.import(&source, kind, &key(&graph, kind)).unwrap_err();
        assert!(error.what().contains(why), "{error}");
        assert_helps(&error, directory, why);
    };
    let place = |kind: &str| source.place(kind, &key(&graph, kind));
    fs::remove_dir_all(place("dataset")).unwrap();
    refused("dataset", "not there", directory.path());
    let text = fs::read_to_string(place("split").join("lines.txt")).unwrap();
    fs::write(place("split").join("lines.txt"), text.replace("of", "fo")).unwrap();
    refused("split", "lines.txt is not what was written", directory.path());
    // A manifest of somebody else's must not lead out of the directory.
    let manifest = fs::read_to_string(place("pretrain").join("manifest.json")).unwrap();
    for name in ["../../../../stolen", "/etc/hosts", ""] {
        fs::write(place("pretrain").join("manifest.json"), manifest.replace("lines.txt", name)).unwrap();
        refused("pretrain", "no file of the artifact", directory.path());
    }
    fs::rename(place("features"), source.place("split", &key(&graph, "features"))).unwrap();
    let error = store.import(&source, "split", &key(&graph, "features")).unwrap_err();
    assert!(error.what().contains("not of kind split"), "{error}");
    fs::create_dir_all(store.directory().join(".locks")).unwrap();
    let _lock = hold(&store, "linear_eval", &key(&graph, "linear_eval"));
    refused("linear_eval", "another run", root.path());
    assert!(store.artifacts().is_empty() && store.leftovers().is_empty());
}

#[test]
fn an_import_survives_any_step_that_fails() {
    let (_directory, graph, source) = finished();
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
        for &fault in LOUD.iter().chain(silent) {
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
fn an_output_directory_that_is_removed_during_a_run_is_an_error_and_the_next_run_goes_on() {
    let root = scratch();
    let directory = root.path().join("outputs");
    let disk = Arc::default();
    let graph = chain_with(&disk, &[], |context| {
        let is_first = context.stage == "pretrain.main";
        let remove =
            |directory: &Path| fs::remove_dir_all(directory).map_err(|error| Error::io("remove", directory, &error));
        if is_first { remove(context.output().ancestors().nth(3).unwrap()) } else { Ok(()) }
    });
    // The stage makes a directory for its plots and so its output directory again; its input is gone for good.
    let error = run_with(&graph, &Store::open(&directory).unwrap(), &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stage);
    assert!(error.to_string().contains(directory.to_str().unwrap()), "{error}");
    let store = Store::open(&directory).unwrap();
    run_with(&chain(&disk, &[]), &store, &[]).unwrap();
    assert_tidy(&store, "after the next run");
}

/// A path of the store is never followed out of it by a link that somebody put there.
#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_leftover_is_removed_and_not_followed() {
    let (directory, graph, store) = finished();
    let elsewhere: PathBuf = directory.path().join("mine");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("thesis.txt"), "years of work").unwrap();
    let partial = store.place("split", &key(&graph, "split")).with_extension("partial");
    std::os::unix::fs::symlink(&elsewhere, &partial).unwrap();
    run_with(&graph, &store, &["split"]).unwrap();
    assert!(elsewhere.join("thesis.txt").exists() && !partial.exists());
    std::os::unix::fs::symlink(&elsewhere, &partial).unwrap();
    store.collect(&HashSet::new(), false).unwrap();
    assert!(elsewhere.join("thesis.txt").exists() && fs::symlink_metadata(&partial).is_err());
}
