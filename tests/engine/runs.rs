//! Runs: what they compute, keep and leave behind.

use super::*;

#[test]
fn a_second_run_computes_nothing() {
    let fixture = fixture();
    let (graph, ids) = chain(0.1, 0);
    let first = fixture.run(&graph).unwrap();
    assert_eq!((first.computed, first.cached), (4, 0));
    let lines = fs::read_to_string(first.artifact(ids[3]).unwrap().join("lines.txt")).unwrap();
    assert_eq!(lines.lines().count(), 5);
    let events = Events::default();
    let second = fixture.run_with(&graph, &RunOptions::default(), &events).unwrap();
    assert_eq!((second.computed, second.cached), (0, 4));
    assert_eq!(first.artifacts, second.artifacts);
    assert!(events.0.lock().unwrap().iter().all(|event| matches!(event, Event::Cached { .. })));
    for id in ids {
        fixture.store.verify(graph.kind(id), graph.key(id)).unwrap();
        assert_eq!(&fixture.store.key_document(graph.kind(id), graph.key(id)).unwrap(), graph.key_document(id));
    }
    assert_eq!(
        fixture.store.record("linear_eval", graph.key(ids[3])).unwrap().summary,
        StageSummary::default().text("wrote 5")
    );
}

#[test]
fn artifacts_of_two_stores_have_the_same_bytes() {
    let (first, second) = (fixture(), fixture());
    let (graph, ids) = chain(0.1, 0);
    for fixture in [&first, &second] {
        fixture.run(&graph).unwrap();
    }
    for id in ids {
        for name in ["lines.txt", "key.json", "manifest.json"] {
            let read = |fixture: &StoreFixture| {
                fs::read(fixture.store.artifact_path(graph.kind(id), graph.key(id)).join(name)).unwrap()
            };
            assert_eq!(read(&first), read(&second), "{name}");
        }
    }
}

#[test]
fn only_computes_the_requested_stages_and_their_inputs() {
    let fixture = fixture();
    let (graph, ids) = chain(0.1, 0);
    let outcome = fixture.run_with(&graph, &only(&["features.main"]), &Events::default()).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (3, 0));
    assert_eq!(outcome.stages[3].status, StageStatus::NotNeeded);
    assert!(outcome.artifact(ids[3]).is_err());
    // Inputs of cached stages are not needed, so the split's artifact may be missing.
    fs::remove_dir_all(fixture.store.artifact_path("split", graph.key(ids[0]))).unwrap();
    let outcome = fixture.run_with(&graph, &only(&["linear_eval"]), &Events::default()).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (1, 2));
    let error = fixture.run_with(&graph, &only(&["linear_evla"]), &Events::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("'linear_eval.main'"), "{error}");
}

#[test]
fn force_recomputes_and_warns_of_different_content() {
    let fixture = fixture();
    let count = || AtomicUsize::new(0);
    let number = count();
    let unsteady = fake_with("features", move |context| {
        write(context, "a.txt", &number.fetch_add(1, Ordering::Relaxed).to_string()).map(|()| String::new())
    });
    let mut graph = Graph::new();
    graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    graph.add(Box::new(unsteady), &[]).unwrap();
    fixture.run(&graph).unwrap();
    let events = Events::default();
    let outcome = fixture.run_with(&graph, &force(&["split"]), &events).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (1, 1));
    assert!(events.warnings().is_empty());
    let outcome = fixture.run_with(&graph, &force(&["feat*"]), &events).unwrap();
    assert_eq!((outcome.computed, outcome.cached), (1, 1));
    assert!(events.warnings()[0].contains("not reproducible"));
    assert_eq!(fixture.names("features").len(), 1, "nothing is left next to the new artifact");
}

#[test]
fn a_failure_names_the_stage_and_keeps_only_finished_artifacts() {
    let fixture = fixture();
    let mut graph = Graph::new();
    let split = graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    let diverged = fake_with("pretrain", |context| {
        write(context, "weights.bin", "half")?;
        Err(Error::stage("the loss is not finite").at("step 3").help("try a lower learning rate"))
    });
    graph.add(Box::new(diverged), &[("split", split)]).unwrap();
    let error = fixture.run(&graph).unwrap_err();
    let text = "pretrain.main: step 3: the loss is not finite\n  help: try a lower learning rate";
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Stage, text));
    assert!(fixture.names("pretrain").is_empty());
    assert!(fixture.store.artifact("split", graph.key(split)).is_some());
}

#[test]
fn a_panic_is_a_bug_of_the_named_stage_and_leaves_nothing() {
    let fixture = fixture();
    let mut graph = Graph::new();
    let panicking = fake_with("pretrain", |context| {
        write(context, "weights.bin", "half")?;
        let empty: [u8; 0] = [];
        Ok(empty[context.inputs.len()].to_string())
    });
    graph.add(Box::new(panicking), &[]).unwrap();
    let error = fixture.run(&graph).unwrap_err();
    assert_eq!((error.kind(), error.place()), (ErrorKind::Bug, Some("pretrain.main")));
    assert!(error.what().contains("index out of bounds"), "{error}");
    assert!(fixture.names("pretrain").is_empty());
}

#[test]
fn an_interrupt_stops_between_and_within_stages() {
    let fixture = fixture();
    let (graph, _) = chain(0.1, 0);
    let stop = |graph: &Graph, flag: &AtomicBool| {
        simclr::engine::run(graph, &fixture.store, &RunOptions::default(), &Events::default(), flag).unwrap_err()
    };
    assert_eq!(stop(&graph, &AtomicBool::new(true)).kind(), ErrorKind::Interrupted);
    assert!(fixture.names("split").is_empty());

    let mut graph = Graph::new();
    let endless = fake_with("pretrain", |context| {
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
    assert!(fixture.names("pretrain").is_empty());
}

#[test]
fn directories_in_an_artifact_are_kept_and_odd_files_refused() {
    let fixture = fixture();
    let mut graph = Graph::new();
    let nested = fake_with("report", |context| write(context, "plots/a.svg", "<svg/>").map(|()| String::new()));
    let id = graph.add(Box::new(nested), &[]).unwrap();
    fixture.run(&graph).unwrap();
    fixture.store.verify("report", graph.key(id)).unwrap();
    for name in ["manifest.json", "key.json", "record.json"] {
        let mut graph = Graph::new();
        graph.add(Box::new(fake_with("split", |c| write(c, name, "").map(|()| String::new()))), &[]).unwrap();
        assert_eq!(fixture.run(&graph).unwrap_err().kind(), ErrorKind::Bug);
    }
    #[cfg(unix)]
    {
        let mut graph = Graph::new();
        let link = fake_with("split", |context| {
            std::os::unix::fs::symlink("/etc/hosts", context.output().join("link")).unwrap();
            Ok(String::new())
        });
        graph.add(Box::new(link), &[]).unwrap();
        assert_eq!(fixture.run(&graph).unwrap_err().kind(), ErrorKind::Bug);
    }
    assert!(fixture.names("split").is_empty());
}

#[test]
fn an_output_directory_that_cannot_exist_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(Store::open(&file).unwrap_err().kind(), ErrorKind::Stage);
    let store = Store::open(&file.join("below")).unwrap();
    let (graph, _) = chain(0.1, 0);
    let run = simclr::engine::run(&graph, &store, &RunOptions::default(), &Events::default(), &AtomicBool::new(false));
    let error = run.unwrap_err();
    assert_eq!((error.kind(), error.place()), (ErrorKind::Stage, Some("split.main")));
}
