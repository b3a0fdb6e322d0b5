//! Parallel stages, runs that keep going after failures, and several processes on one store.

use super::*;
use std::collections::BTreeSet;
use std::sync::Arc;

fn with_jobs(jobs: usize) -> RunOptions {
    RunOptions { jobs, ..RunOptions::default() }
}

fn keep_going(jobs: usize) -> RunOptions {
    RunOptions { jobs, keep_going: true, ..RunOptions::default() }
}

/// Barrier with a timeout: `count` stages wait for each other, then continue together.
struct Barrier(AtomicUsize, usize);

impl Barrier {
    fn of(count: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0), count))
    }
    fn join(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        wait_for("the others", || self.0.load(Ordering::SeqCst) >= self.1);
    }
}

/// Returns a stage of kind `work` with this number that calls `work` first.
fn numbered(number: usize, work: impl Fn(&Context<'_>) -> Result<()> + Send + Sync + 'static) -> Fake {
    let plain = fake("work", json!({ "number": number }));
    let write_lines = plain.work;
    let work: Work = Box::new(move |context| work(context).and_then(|()| write_lines(context)));
    Fake { name: format!("work.{number}"), work, ..plain }
}

fn statuses(outcome: &RunOutcome) -> Vec<StageStatus> {
    outcome.stages.iter().map(|stage| stage.status).collect()
}

#[test]
fn independent_stages_run_in_parallel_if_allowed() {
    let fixture = fixture();
    let barrier = Barrier::of(3);
    let mut graph = Graph::new();
    let first = graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    for number in 0..3 {
        let barrier = Arc::clone(&barrier);
        let stage = numbered(number, move |_| {
            barrier.join();
            Ok(())
        });
        graph.add(Box::new(stage), &[("split", first)]).unwrap();
    }
    let outcome = fixture.run_with(&graph, &with_jobs(3), &Events::default()).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (4, 0));
}

#[test]
fn one_job_follows_the_order_of_the_graph_and_more_jobs_give_the_same_artifacts() {
    let wide = || {
        let mut graph = Graph::new();
        let mut ids = Vec::new();
        for number in 0..12 {
            let inputs: Vec<(String, StageId)> =
                (0..number).filter(|input| number % (input + 2) == 0).map(|i| (format!("in{i}"), ids[i])).collect();
            let inputs: Vec<(&str, StageId)> = inputs.iter().map(|(role, id)| (role.as_str(), *id)).collect();
            ids.push(graph.add(Box::new(numbered(number, |_| Ok(()))), &inputs).unwrap());
        }
        graph
    };
    let (one, four) = (fixture(), fixture());
    let events = Events::default();
    let first = one.run_with(&wide(), &with_jobs(1), &events).unwrap();
    let started: Vec<String> = events.0.lock().unwrap().iter().filter_map(started_stage).collect();
    assert_eq!(started, (0..12).map(|number| format!("work.{number}")).collect::<Vec<_>>());
    let second = four.run_with(&wide(), &with_jobs(4), &Events::default()).unwrap();
    for (one, four) in first.artifacts.iter().zip(&second.artifacts) {
        for name in ["lines.txt", "manifest.json", "key.json"] {
            let read = |directory: &Option<PathBuf>| fs::read(directory.as_ref().unwrap().join(name)).unwrap();
            assert_eq!(read(one), read(four));
        }
    }
}

fn started_stage(event: &Event) -> Option<String> {
    if let Event::Started { stage } = event { Some(stage.clone()) } else { None }
}

/// `split` is read by `work.0`, which fails until the file `fixed` exists, and by `work.1`; `work.2` reads 0, `work.3`
/// reads 1 and 2, `work.4` reads 1.
fn broken_graph(fixed: PathBuf) -> Graph {
    let mut graph = Graph::new();
    let split = graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    let fails = numbered(0, move |_| match fixed.exists() {
        true => Ok(()),
        false => Err(Error::stage("it broke").help("fix it")),
    });
    let zero = graph.add(Box::new(fails), &[("split", split)]).unwrap();
    let mut add =
        |number, inputs: &[(&str, StageId)]| graph.add(Box::new(numbered(number, |_| Ok(()))), inputs).unwrap();
    let one = add(1, &[("split", split)]);
    let two = add(2, &[("zero", zero)]);
    add(3, &[("one", one), ("two", two)]);
    add(4, &[("one", one)]);
    graph
}

#[test]
fn keep_going_computes_all_stages_that_do_not_depend_on_the_failed_one() {
    for jobs in [1, 3] {
        let fixture = fixture();
        let fixed = fixture.directory.path().join("fixed");
        let graph = broken_graph(fixed.clone());
        let events = Events::default();
        let outcome = fixture.run_with(&graph, &keep_going(jobs), &events).unwrap();
        use StageStatus::{Cached, Computed, Failed, Skipped};
        assert_eq!(statuses(&outcome), [Computed, Failed, Computed, Skipped, Skipped, Computed]);
        assert!(!outcome.is_complete());
        let [(failed, error)] = &outcome.failures[..] else { panic!("{:?}", outcome.failures) };
        assert_eq!(graph.name(*failed), "work.0");
        assert_eq!(error.to_string(), "work.0: it broke\n  help: fix it");
        assert!(outcome.skipped.iter().all(|(_, because)| because == failed));
        let skipped: BTreeSet<String> = events.0.lock().unwrap().iter().filter_map(skipped_stage).collect();
        assert_eq!(skipped, BTreeSet::from(["work.2".to_owned(), "work.3".to_owned()]));

        fs::write(&fixed, "").unwrap();
        let outcome = fixture.run_with(&graph, &keep_going(jobs), &Events::default()).unwrap();
        assert_eq!(statuses(&outcome), [Cached, Computed, Cached, Computed, Computed, Cached]);
        assert!(outcome.is_complete());
    }
}

fn skipped_stage(event: &Event) -> Option<String> {
    if let Event::Skipped { stage, .. } = event { Some(stage.clone()) } else { None }
}

#[test]
fn without_keep_going_a_failure_stops_parallel_stages_and_is_the_error() {
    let fixture = fixture();
    let barrier = Barrier::of(2);
    let mut graph = Graph::new();
    let (first, second) = (Arc::clone(&barrier), barrier);
    let endless = numbered(0, move |context| {
        first.join();
        loop {
            context.check_interrupted()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let failing = numbered(1, move |_| {
        second.join();
        Err(Error::stage("it broke"))
    });
    graph.add(Box::new(endless), &[]).unwrap();
    graph.add(Box::new(failing), &[]).unwrap();
    graph.add(Box::new(numbered(2, |_| panic!("a stage was started after the failure"))), &[]).unwrap();
    let events = Events::default();
    let error = fixture.run_with(&graph, &with_jobs(2), &events).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Stage, "work.1: it broke"));
    let failed = events.0.lock().unwrap().iter().filter(|event| matches!(event, Event::Failed { .. })).count();
    assert_eq!(failed, 1, "the stage that was stopped did not fail");
    assert!(fixture.names("work").is_empty());
}

#[test]
fn an_interrupt_is_the_error_even_with_keep_going() {
    let fixture = fixture();
    let graph = broken_graph(fixture.directory.path().join("fixed"));
    let flag = AtomicBool::new(true);
    let run = simclr::engine::run(&graph, &fixture.store, &keep_going(2), &Events::default(), &flag);
    assert_eq!(run.unwrap_err().kind(), ErrorKind::Interrupted);
}

/// Stage for which this machine has no device.
struct Impossible;

impl Stage for Impossible {
    fn name(&self) -> String {
        "work.gpu".into()
    }
    fn kind(&self) -> &'static str {
        "work"
    }
    fn version(&self) -> u32 {
        1
    }
    fn parameters(&self) -> Value {
        json!({ "device": "cuda" })
    }
    fn run(&self, _: &Context<'_>) -> Result<StageSummary> {
        panic!("it cannot be computed")
    }
    fn obstacle(&self) -> Option<Error> {
        Some(Error::stage("there is no GPU").help("set device = \"cpu\""))
    }
}

#[test]
fn a_stage_that_cannot_run_is_reported_before_any_work() {
    let fixture = fixture();
    let mut graph = Graph::new();
    let split = graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    let gpu = graph.add(Box::new(Impossible), &[("split", split)]).unwrap();
    graph.add(Box::new(numbered(1, |_| Ok(()))), &[("gpu", gpu)]).unwrap();
    let error = fixture.run(&graph).unwrap_err();
    assert_eq!(error.to_string(), "work.gpu: there is no GPU\n  help: set device = \"cpu\"");
    assert!(fixture.names("split").is_empty());
    let outcome = fixture.run_with(&graph, &keep_going(1), &Events::default()).unwrap();
    use StageStatus::{Computed, Failed, Skipped};
    assert_eq!(statuses(&outcome), [Computed, Failed, Skipped]);
    assert_eq!(outcome.failures[0].1.to_string(), error.to_string(), "it was tried");
}

#[test]
fn a_run_that_finds_a_stage_locked_computes_another_one_meanwhile() {
    let fixture = fixture();
    let barrier = Barrier::of(2);
    let mut graph = Graph::new();
    for number in 0..2 {
        let barrier = Arc::clone(&barrier);
        let stage = numbered(number, move |_| {
            barrier.join();
            Ok(())
        });
        graph.add(Box::new(stage), &[]).unwrap();
    }
    std::thread::scope(|scope| {
        let runs = [0; 2].map(|_| scope.spawn(|| fixture.run(&graph).unwrap()));
        for run in runs {
            let outcome = run.join().unwrap();
            assert_eq!((outcome.computed, outcome.cached), (1, 1));
        }
    });
}

/// Returns forty stages in five layers of eight, each reading two of the previous layer and appending its name to a
/// file.
fn layered_graph(directory: &Path) -> Graph {
    let mut graph = Graph::new();
    let mut before: Vec<StageId> = Vec::new();
    for layer in 0..5 {
        let mut ids = Vec::new();
        for column in 0..8 {
            let counter = directory.join("counter.txt");
            let stage = numbered(8 * layer + column, move |context| {
                let mut file = OpenOptions::new().create(true).append(true).open(&counter).unwrap();
                file.write_all(format!("{}\n", context.stage).as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(3));
                Ok(())
            });
            let inputs: Vec<(&str, StageId)> = match before.is_empty() {
                true => Vec::new(),
                false => vec![("left", before[column]), ("right", before[(column + 3) % 8])],
            };
            ids.push(graph.add(Box::new(stage), &inputs).unwrap());
        }
        before = ids;
    }
    graph
}

#[test]
fn child_of_eight() {
    let Some(directory) = child_directory() else { return };
    let store = Store::open(&directory).unwrap();
    let graph = layered_graph(&directory);
    let outcome =
        simclr::engine::run(&graph, &store, &with_jobs(2), &Events::default(), &AtomicBool::new(false)).unwrap();
    println!("stages {}", outcome.computed + outcome.cached);
}

#[test]
fn eight_processes_on_one_store_compute_each_stage_once() {
    let fixture = fixture();
    let children = [0; 8].map(|_| child("schedule::child_of_eight", fixture.directory.path()).spawn().unwrap());
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("stages 40"));
    }
    let mut ran = stages_run(fixture.directory.path());
    ran.sort();
    let mut all: Vec<String> = (0..40).map(|number| format!("work.{number}")).collect();
    all.sort();
    assert_eq!(ran, all);
    let graph = layered_graph(fixture.directory.path());
    for id in graph.iter() {
        fixture.store.verify(graph.kind(id), graph.key(id)).unwrap();
    }
}
