//! Several processes on one store, some of them killed.

use super::*;

/// Returns a graph of one stage that is slow in the child and fast in the parent, with the same key in both.
fn slow_graph(pause: Duration) -> Graph {
    let mut graph = Graph::new();
    let slow = fake_with("pretrain", move |context| {
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
    let Some(directory) = child_directory() else { return };
    let store = Store::open(&directory).unwrap();
    let graph = slow_graph(Duration::from_secs(600));
    let _ = simclr::engine::run(&graph, &store, &RunOptions::default(), &Events::default(), &AtomicBool::new(false));
}

#[test]
fn a_killed_run_leaves_no_artifact() {
    let fixture = fixture();
    let graph = slow_graph(Duration::ZERO);
    let key = graph.key(graph.iter().next().unwrap()).to_owned();
    let partial = format!("{key}.partial");
    let start = || {
        let child = KilledOnDrop(child("processes::child_that_is_killed", fixture.directory.path()).spawn().unwrap());
        let half = fixture.store.directory().join("pretrain").join(&partial).join("half.txt");
        wait_for("the child is in the middle of the stage", || half.exists());
        child
    };

    let first = start();
    // A concurrent run does not touch what a running one writes.
    fixture.run(&chain(0.1, 0).0).unwrap();
    assert!(fixture.names("pretrain").contains(&partial));
    drop(first);
    assert_eq!(fixture.store.state("pretrain", &key), ArtifactState::Missing);
    // A later run, of other stages, removes the leftovers.
    fixture.run(&chain(0.2, 0).0).unwrap();
    assert!(!fixture.names("pretrain").contains(&partial));

    drop(start());
    let outcome = fixture.run(&graph).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (1, 0));
    fixture.store.verify("pretrain", &key).unwrap();
    assert!(!fixture.store.artifact_path("pretrain", &key).join("half.txt").exists());
    assert!(!fixture.names("pretrain").contains(&partial));
}

/// Returns a graph of three stages that append their names to a file when they run.
fn counting_graph(directory: &Path) -> Graph {
    let mut graph = Graph::new();
    let mut before = None;
    for kind in ["split", "pretrain", "features"] {
        let counter = directory.join("counter.txt");
        let counting = fake_with(kind, move |context| {
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

#[test]
fn child_beside_another() {
    let Some(directory) = child_directory() else { return };
    let store = Store::open(&directory).unwrap();
    let graph = counting_graph(&directory);
    let outcome =
        simclr::engine::run(&graph, &store, &RunOptions::default(), &Events::default(), &AtomicBool::new(false))
            .unwrap();
    println!("stages {}", outcome.computed + outcome.cached);
}

#[test]
fn two_processes_at_once_compute_each_stage_once() {
    let fixture = fixture();
    let start = || child("processes::child_beside_another", fixture.directory.path()).spawn().unwrap();
    for child in [start(), start(), start()] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("stages 3"));
    }
    assert_eq!(stages_run(fixture.directory.path()), ["split.main", "pretrain.main", "features.main"]);
}

#[test]
fn two_threads_at_once_compute_each_stage_once() {
    let fixture = fixture();
    let graph = counting_graph(fixture.directory.path());
    std::thread::scope(|scope| {
        let runs = [0; 4].map(|_| scope.spawn(|| fixture.run(&graph).unwrap()));
        let computed: usize = runs.into_iter().map(|run| run.join().unwrap().computed).sum();
        assert_eq!(computed, 3);
    });
    assert_eq!(stages_run(fixture.directory.path()).len(), 3);
}

#[test]
fn child_that_fills_its_quota() {
    let Some(directory) = child_directory() else { return };
    let store = Store::open(&directory).unwrap();
    let mut graph = Graph::new();
    let large =
        fake_with("pretrain", |context| write(context, "weights.bin", &"x".repeat(1 << 20)).map(|()| String::new()));
    graph.add(Box::new(large), &[]).unwrap();
    let run = simclr::engine::run(&graph, &store, &RunOptions::default(), &Events::default(), &AtomicBool::new(false));
    println!("{}", run.unwrap_err());
}

#[cfg(unix)]
#[test]
fn a_write_that_does_not_fit_is_an_error_and_leaves_nothing() {
    let fixture = fixture();
    let program = std::env::current_exe().unwrap();
    let mut shell = Command::new("sh");
    // No file above 64 blocks; without the trap the limit kills the process.
    shell.args([
        "-c",
        "trap '' XFSZ; ulimit -f 64; exec \"$0\" processes::child_that_fills_its_quota --exact --nocapture",
    ]);
    let output = shell.arg(program).env(CHILD, fixture.directory.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("pretrain.main: ") && text.contains("cannot write"), "{text}");
    assert!(fixture.names("pretrain").is_empty());
}
