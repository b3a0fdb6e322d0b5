//! A store that several machines share, on file systems that lie: locks that lock nobody out or do not exist, answers
//! that are lost, names that are visible late, clocks that differ. Each machine is a `Disk` with a `Store` of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

use serde_json::{Value, json};
use simclr::base::{ErrorKind, Result};
use simclr::engine::store::{Disk, HeldLock, LeftoverKind, RealDisk, SharedSettings, Sharing, share};
use simclr::engine::{
    ArtifactState, Context, Graph, NoEvents, RunOptions, RunOutcome, Stage, StageId, StageSummary, Store,
};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// What locks do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Locks {
    /// Every process gets every lock.
    #[default]
    Lying,
    /// `ENOLCK`.
    Missing,
    Sound,
}

/// Machine with a view of a shared file system.
#[derive(Debug, Default)]
struct Machine {
    locks: Locks,
    /// Whether it no longer renews its leases, without noticing.
    is_cut_off: AtomicBool,
    /// Whether renames and links are done and fail nevertheless.
    loses_answers: bool,
    has_no_links: bool,
    /// Is called before an artifact is renamed, and returns when that may happen.
    before_rename: Option<Pause>,
    /// The number of the change that fails, and of the changes so far.
    fails_at: Option<usize>,
    changes: AtomicUsize,
    /// How far the clock of the file server is ahead.
    skew: Duration,
}

/// Suspension of a machine.
#[derive(Clone, Debug, Default)]
struct Pause {
    is_suspended: Arc<AtomicBool>,
    may_resume: Arc<AtomicBool>,
}

impl Machine {
    fn change(&self) -> io::Result<()> {
        let number = self.changes.fetch_add(1, Ordering::SeqCst);
        if self.fails_at == Some(number) { Err(io::Error::other("the server is gone")) } else { Ok(()) }
    }
}

impl Disk for Machine {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        RealDisk.create_directory(path)
    }
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.change()?;
        RealDisk.write(path, bytes)
    }
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.copy(from, to)
    }
    fn flush(&self, path: &Path) -> io::Result<()> {
        fs::symlink_metadata(path).map(drop)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let is_artifact = to.parent().is_some_and(|kind| kind.ends_with("pretrain")) && to.extension().is_none();
        if let (Some(pause), true) = (&self.before_rename, is_artifact) {
            self.is_cut_off.store(true, Ordering::SeqCst);
            pause.is_suspended.store(true, Ordering::SeqCst);
            wait_for("to be resumed", || pause.may_resume.load(Ordering::SeqCst));
        }
        self.change()?;
        RealDisk.rename(from, to)?;
        if self.loses_answers { Err(io::ErrorKind::NotFound.into()) } else { Ok(()) }
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        RealDisk.remove(path)
    }
    fn try_lock(&self, path: &Path, sharing: Sharing) -> io::Result<Option<File>> {
        match self.locks {
            Locks::Sound => RealDisk.try_lock(path, sharing),
            Locks::Lying => File::options().create(true).truncate(false).write(true).open(path).map(Some),
            Locks::Missing => Err(io::Error::from_raw_os_error(if cfg!(target_os = "linux") { 37 } else { 45 })),
        }
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.has_no_links {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.change()?;
        RealDisk.link(from, to)?;
        if self.loses_answers { Err(io::ErrorKind::AlreadyExists.into()) } else { Ok(()) }
    }
    fn touch(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        if self.is_cut_off.load(Ordering::SeqCst) { Ok(()) } else { RealDisk.touch(path) }
    }
    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        Ok(RealDisk.modified(path)? + self.skew)
    }
}

/// A holder that renews has tens of chances until its lease is stale, also on a busy machine.
const PATIENT: SharedSettings = SharedSettings { renew_seconds: 0.1, stale_seconds: 20.0, latency_seconds: 0.3 };
/// For machines that do not renew.
const HASTY: SharedSettings = SharedSettings { renew_seconds: 0.1, stale_seconds: 0.8, latency_seconds: 0.3 };

fn shared(settings: &SharedSettings) -> TempDir {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    share(directory.path(), Some(settings)).unwrap();
    directory
}

fn machine(locks: Locks) -> Arc<Machine> {
    Arc::new(Machine { locks, ..Machine::default() })
}

fn open(root: &Path, machine: &Arc<Machine>) -> Store {
    Store::open_with(root, machine.clone()).unwrap()
}

type Work<'a> = Box<dyn Fn(&Context<'_>) -> Result<()> + Send + Sync + 'a>;

/// Stage that does some work, then writes a file.
struct Fake {
    kind: &'static str,
    work: Work<'static>,
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
        json!({ "of": self.kind })
    }
    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        (self.work)(context)?;
        fs::write(context.output().join("lines.txt"), self.kind)
            .map_err(|error| simclr::base::Error::stage(error.to_string()))?;
        Ok(StageSummary::default())
    }
}

/// Returns `dataset` -> `pretrain`, whose work is given.
fn chain(work: impl Fn(&Context<'_>) -> Result<()> + Send + Sync + 'static) -> (Graph, [StageId; 2]) {
    let mut graph = Graph::new();
    let dataset = graph.add(Box::new(Fake { kind: "dataset", work: Box::new(|_| Ok(())) }), &[]).unwrap();
    let pretrain = Fake { kind: "pretrain", work: Box::new(work) };
    let pretrain = graph.add(Box::new(pretrain), &[("dataset", dataset)]).unwrap();
    (graph, [dataset, pretrain])
}

fn run(graph: &Graph, store: &Store, only: &[&str]) -> Result<RunOutcome> {
    let options = RunOptions { only: only.iter().map(ToString::to_string).collect(), ..RunOptions::default() };
    simclr::engine::run(graph, store, &options, &NoEvents, &AtomicBool::new(false))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits for an event on another thread.
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the artifacts with their files, without records.
fn artifacts(store: &Store) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    for kind in store.kinds() {
        for key in store.keys(&kind) {
            store.verify(&kind, &key).unwrap();
            for name in ["lines.txt", "manifest.json", "key.json"] {
                let path = store.artifact_path(&kind, &key).join(name);
                let text = fs::read_to_string(&path).unwrap();
                files.insert(path.strip_prefix(store.directory()).unwrap().to_owned(), text);
            }
        }
    }
    files
}

/// Returns what a run on a local disk writes.
fn on_a_local_disk() -> BTreeMap<PathBuf, String> {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    run(&chain(|_| Ok(())).0, &store, &[]).unwrap();
    assert!(store.shared_settings().is_none());
    assert!(names(&store.directory().join(".locks")).is_empty(), "no lease and no lock is left");
    artifacts(&store)
}

#[test]
fn a_stage_is_computed_once_whatever_locks_do() {
    for locks in [Locks::Lying, Locks::Missing, Locks::Sound] {
        for has_no_links in [false, true] {
            let directory = shared(&PATIENT);
            let computed = Arc::new(AtomicUsize::new(0));
            let run_once = || {
                let computed = computed.clone();
                let (graph, _) = chain(move |_| {
                    computed.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(300));
                    Ok(())
                });
                let machine = Arc::new(Machine { locks, has_no_links, ..Machine::default() });
                run(&graph, &open(directory.path(), &machine), &[]).unwrap()
            };
            let outcomes: Vec<RunOutcome> = std::thread::scope(|scope| {
                let runs: Vec<_> = (0..4).map(|_| scope.spawn(run_once)).collect();
                runs.into_iter().map(|run| run.join().unwrap()).collect()
            });
            assert_eq!(computed.load(Ordering::SeqCst), 1, "{locks:?}");
            assert_eq!(outcomes.iter().map(|outcome| outcome.computed).sum::<usize>(), 2, "{locks:?}");
            let store = open(directory.path(), &machine(locks));
            assert_eq!(artifacts(&store), on_a_local_disk(), "{locks:?}");
            assert!(store.locks().is_empty() && store.leftovers().is_empty(), "{locks:?}: {:?}", store.leftovers());
            let left = names(&store.directory().join(".locks"));
            assert!(left.iter().all(|name| name.ends_with(".lock")), "{locks:?}: {left:?}");
        }
    }
}

/// A run that computes nothing used to remove what the other was writing, with its lock.
#[test]
fn a_starting_run_leaves_alone_what_another_machine_is_writing() {
    let directory = shared(&PATIENT);
    let (is_writing, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (graph, [dataset, pretrain]) = chain({
        let (is_writing, go_on) = (is_writing.clone(), go_on.clone());
        move |context| {
            fs::write(context.output().join("half.txt"), "half").unwrap();
            is_writing.store(true, Ordering::SeqCst);
            wait_for("to go on", || go_on.load(Ordering::SeqCst));
            assert!(context.output().join("half.txt").exists(), "the other run removed it");
            Ok(())
        }
    });
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run(&graph, &open(directory.path(), &machine(Locks::Lying)), &[]));
        wait_for("the first run writes", || is_writing.load(Ordering::SeqCst));
        let store = open(directory.path(), &machine(Locks::Lying));
        let held = HeldLock { kind: "pretrain".to_owned(), key: graph.key(pretrain).to_owned() };
        assert_eq!(store.locks(), [held]);
        assert_eq!(run(&graph, &store, &["dataset"]).unwrap().cached, 1);
        let keep = HashSet::from([graph.key(dataset).to_owned()]);
        assert_eq!(store.collect(&keep, false).unwrap().freed, [], "it is being written");
        assert_eq!(store.leftovers().iter().map(|leftover| leftover.in_use).collect::<Vec<_>>(), [true]);
        go_on.store(true, Ordering::SeqCst);
        assert_eq!(first.join().unwrap().unwrap().computed, 2);
    });
    let store = open(directory.path(), &machine(Locks::Lying));
    assert_eq!(names(&store.directory().join("pretrain")), [graph.key(pretrain)]);
    assert!(store.artifact_path("pretrain", graph.key(pretrain)).join("half.txt").exists());
}

/// A machine that is cut off computes on, while its stage is taken over.
#[test]
fn an_orphan_is_fenced_and_removes_nothing() {
    let directory = shared(&HASTY);
    let orphan = machine(Locks::Lying);
    let is_taken_over = Arc::new(AtomicBool::new(false));
    let is_writing = Arc::new(AtomicBool::new(false));
    let (graph, [_, pretrain]) = chain({
        let (orphan, is_writing, is_taken_over) = (orphan.clone(), is_writing.clone(), is_taken_over.clone());
        move |context| {
            context.check_inputs()?;
            fs::create_dir_all(&context.checkpoints).unwrap();
            fs::write(context.checkpoints.join("step-1"), "of the orphan").unwrap();
            orphan.is_cut_off.store(true, Ordering::SeqCst);
            is_writing.store(true, Ordering::SeqCst);
            wait_for("another machine takes over", || is_taken_over.load(Ordering::SeqCst));
            let error = context.check_inputs().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Superseded, "before a checkpoint: {error}");
            assert!(context.is_interrupted(), "the stage is asked to stop");
            Ok(())
        }
    });
    let (other, _) = chain({
        let is_taken_over = is_taken_over.clone();
        move |context| {
            let checkpoint = fs::read_to_string(context.checkpoints.join("step-1"));
            assert_eq!(checkpoint.unwrap(), "of the orphan", "it continues from the checkpoint");
            is_taken_over.store(true, Ordering::SeqCst);
            Ok(())
        }
    });
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run(&graph, &open(directory.path(), &orphan), &[]));
        wait_for("the orphan writes", || is_writing.load(Ordering::SeqCst));
        let store = open(directory.path(), &machine(Locks::Lying));
        assert_eq!(run(&other, &store, &[]).unwrap().computed, 1);
        let error = first.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Superseded, "{error}");
        assert!(error.what().contains("taken over") && error.next_step().is_some(), "{error}");
    });
    let store = open(directory.path(), &machine(Locks::Lying));
    assert_eq!(artifacts(&store), on_a_local_disk(), "one artifact");
    let partial: Vec<LeftoverKind> = store.leftovers().into_iter().map(|leftover| leftover.what).collect();
    assert_eq!(partial, [LeftoverKind::Partial], "the orphan removed nothing, not even its own directory");
    assert_eq!(run(&graph, &store, &[]).unwrap().cached, 2);
    assert_eq!(names(&store.directory().join("pretrain")), [graph.key(pretrain)], "the next run removes it");
}

/// It is suspended after its last check, and resumed when another machine has finished the stage.
#[test]
fn an_orphan_does_not_replace_what_was_finished_since_its_last_check() {
    let directory = shared(&HASTY);
    let pause = Pause::default();
    let orphan = Arc::new(Machine { before_rename: Some(pause.clone()), ..Machine::default() });
    let (graph, [_, pretrain]) = chain(|_| Ok(()));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run(&graph, &open(directory.path(), &orphan), &[]));
        wait_for("the orphan is suspended", || pause.is_suspended.load(Ordering::SeqCst));
        let store = open(directory.path(), &machine(Locks::Lying));
        assert_eq!(run(&graph, &store, &[]).unwrap().computed, 1);
        let record = || fs::read(store.artifact_path("pretrain", graph.key(pretrain)).join("record.json")).unwrap();
        let before = record();
        pause.may_resume.store(true, Ordering::SeqCst);
        let error = first.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Superseded, "{error}");
        assert!(record() == before, "the orphan replaced the artifact");
    });
}

/// Writes the lease of a process of another machine, renewed so long ago by the clock of the file server.
fn leave_lease(store: &Store, kind: &str, key: &str, age: Duration) -> PathBuf {
    let path = store.directory().join(".locks").join(format!("{kind}-{key}.owner"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, json!({ "token": "0123456789abcdef", "host": "another", "pid": 1 }).to_string()).unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
    path
}

#[test]
fn a_stale_lease_is_taken_over_and_a_fresh_one_is_not_whatever_the_clock_of_this_machine_says() {
    for skew in [0, 3600, 86_400].map(Duration::from_secs) {
        let directory = shared(&SharedSettings { stale_seconds: 30.0, ..PATIENT });
        let machine = Arc::new(Machine { skew, ..Machine::default() });
        let store = open(directory.path(), &machine);
        let (graph, [_, pretrain]) = chain(|_| Ok(()));
        let key = graph.key(pretrain);
        let partial = store.artifact_path("pretrain", key).with_extension("partial-0123456789abcdef");
        fs::create_dir_all(&partial).unwrap();

        leave_lease(&store, "pretrain", key, Duration::ZERO);
        assert_eq!(store.locks().len(), 1, "{skew:?}");
        let interrupted = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_secs(1));
                interrupted.store(true, Ordering::SeqCst);
            });
            let waiting = simclr::engine::run(&graph, &store, &RunOptions::default(), &NoEvents, &interrupted);
            assert_eq!(waiting.unwrap_err().kind(), ErrorKind::Interrupted, "{skew:?}: it waits");
        });
        assert!(partial.exists(), "{skew:?}");

        leave_lease(&store, "pretrain", key, Duration::from_secs(31));
        assert!(store.locks().is_empty(), "{skew:?}");
        assert_eq!(run(&graph, &store, &[]).unwrap().computed, 1, "{skew:?}");
        run(&graph, &store, &[]).unwrap();
        assert!(!partial.exists(), "{skew:?}: left over of a stale lease");
    }
}

#[test]
fn a_run_recovers_from_a_failure_of_any_change() {
    let expected = on_a_local_disk();
    let counting = machine(Locks::Lying);
    let directory = shared(&HASTY);
    run(&chain(|_| Ok(())).0, &open(directory.path(), &counting), &[]).unwrap();
    let changes = counting.changes.load(Ordering::SeqCst);
    assert!(changes > 30, "{changes} changes");
    for fails_at in 0..changes {
        let directory = shared(&HASTY);
        let failing = Arc::new(Machine { fails_at: Some(fails_at), ..Machine::default() });
        let (graph, _) = chain(|_| Ok(()));
        let first = run(&graph, &open(directory.path(), &failing), &[]);
        if let Err(error) = &first {
            assert_eq!(error.kind(), ErrorKind::Stage, "change {fails_at}: {error}");
        }
        // A lease that could not be removed is one of this process, which lives, and so becomes stale by its age.
        let store = open(directory.path(), &machine(Locks::Lying));
        let second = run(&graph, &store, &[]).unwrap();
        assert!(first.is_err() || second.computed == 0, "change {fails_at}: {second:?}");
        assert_eq!(artifacts(&store), expected, "change {fails_at}");
    }
}

#[test]
fn a_lease_whose_content_cannot_be_read_becomes_stale_too() {
    let directory = shared(&HASTY);
    let store = open(directory.path(), &machine(Locks::Missing));
    let (graph, [_, pretrain]) = chain(|_| Ok(()));
    let lease = leave_lease(&store, "pretrain", graph.key(pretrain), Duration::ZERO);
    fs::write(lease, "").unwrap();
    assert_eq!(run(&graph, &store, &[]).unwrap().computed, 2);
}

#[test]
fn a_rename_whose_answer_was_lost_is_a_success_on_a_shared_store_only() {
    let directory = shared(&PATIENT);
    let machine = Arc::new(Machine { loses_answers: true, ..Machine::default() });
    let (graph, _) = chain(|_| Ok(()));
    assert_eq!(run(&graph, &open(directory.path(), &machine), &[]).unwrap().computed, 2);
    let options = RunOptions { force: vec!["pretrain".to_owned()], ..RunOptions::default() };
    let store = open(directory.path(), &machine);
    let forced = simclr::engine::run(&graph, &store, &options, &NoEvents, &AtomicBool::new(false));
    assert_eq!(forced.unwrap().computed, 1, "an artifact is replaced by two renames");
    assert_eq!(artifacts(&store), on_a_local_disk());
    assert!(store.leftovers().is_empty());

    let local = tempfile::tempdir().unwrap();
    assert_eq!(run(&graph, &open(local.path(), &machine), &[]).unwrap_err().kind(), ErrorKind::Stage);
}

#[test]
fn without_locks_a_local_store_is_still_an_error() {
    let local = tempfile::tempdir().unwrap();
    let (graph, _) = chain(|_| Ok(()));
    let error = run(&graph, &open(local.path(), &machine(Locks::Missing)), &[]).unwrap_err();
    assert!(error.what().contains("cannot lock") && error.next_step().is_some(), "{error}");
}

#[test]
fn an_artifact_that_is_visible_late_is_waited_for_and_not_computed_again() {
    let directory = shared(&SharedSettings { latency_seconds: 30.0, ..PATIENT });
    let (graph, [_, pretrain]) = chain(|_| Ok(()));
    run(&graph, &open(directory.path(), &machine(Locks::Lying)), &[]).unwrap();
    let store = open(directory.path(), &machine(Locks::Lying));
    let key = graph.key(pretrain);
    let (path, hidden) = (store.artifact_path("pretrain", key), directory.path().join("hidden"));
    fs::rename(&path, &hidden).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(500));
            fs::rename(&hidden, &path).unwrap();
        });
        let outcome = run(&graph, &store, &[]).unwrap();
        assert_eq!((outcome.computed, outcome.cached), (0, 2));
    });

    fs::rename(&path, &hidden).unwrap();
    let is_stopped = || false;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            fs::rename(&hidden, &path).unwrap();
        });
        assert!(matches!(store.state_when_visible("pretrain", key, is_stopped), ArtifactState::Intact(_)));
    });
    // What was collected or set aside is not waited for.
    let start = Instant::now();
    store.set_damaged_aside("pretrain", key).unwrap();
    assert_eq!(run(&graph, &store, &[]).unwrap().computed, 1);
    share(directory.path(), Some(&PATIENT)).unwrap();
    let store = open(directory.path(), &machine(Locks::Lying));
    store.collect(&HashSet::new(), false).unwrap();
    assert_eq!(run(&graph, &store, &[]).unwrap().computed, 2);
    assert!(start.elapsed() < Duration::from_secs(30), "it waited for the latency");
}

#[test]
fn an_artifact_that_never_becomes_visible_is_computed_again() {
    let directory = shared(&PATIENT);
    let (graph, [_, pretrain]) = chain(|_| Ok(()));
    let store = open(directory.path(), &machine(Locks::Lying));
    run(&graph, &store, &[]).unwrap();
    fs::remove_dir_all(store.artifact_path("pretrain", graph.key(pretrain))).unwrap();
    assert_eq!(run(&graph, &store, &[]).unwrap().computed, 1);
}

#[test]
fn a_collection_and_starting_runs_exclude_each_other_without_locks() {
    for locks in [Locks::Lying, Locks::Missing] {
        let directory = shared(&PATIENT);
        let (graph, _) = chain(|_| Ok(()));
        let store = open(directory.path(), &machine(locks));
        run(&graph, &store, &[]).unwrap();
        let registration = store.register(|| Ok(())).unwrap();
        let (is_collecting, is_done) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let collector = open(directory.path(), &machine(locks));
            let (is_collecting, is_done) = (&is_collecting, &is_done);
            scope.spawn(move || {
                let waiting = || {
                    is_collecting.store(true, Ordering::SeqCst);
                    Ok(())
                };
                collector.collect_with(false, waiting, || Ok(HashSet::new())).unwrap();
                is_done.store(true, Ordering::SeqCst);
            });
            wait_for("the collection waits", || is_collecting.load(Ordering::SeqCst));
            // Longer than the latency, for which it waits in any case.
            std::thread::sleep(Duration::from_millis(600));
            assert!(!is_done.load(Ordering::SeqCst) && store.artifacts().len() == 2, "{locks:?}: a run is starting");
            // A second run waits for the collection, which waits for the first.
            let mut tries = 0;
            let second = store.register(|| {
                tries += 1;
                if tries > 5 { Err(simclr::base::Error::new(ErrorKind::Interrupted, "enough")) } else { Ok(()) }
            });
            assert!(second.is_err(), "{locks:?}: a collection is announced");
            drop(registration);
        });
        assert!(store.artifacts().is_empty(), "{locks:?}");
        store.register(|| Ok(())).unwrap();
    }
}
