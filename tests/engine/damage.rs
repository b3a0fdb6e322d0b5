//! Damaged artifacts.

use super::*;

#[test]
fn damaged_artifacts_are_set_aside_and_computed_again() {
    let fixture = fixture();
    let (graph, ids) = chain(0.1, 0);
    fixture.run(&graph).unwrap();
    let pretrain = fixture.store.artifact_path("pretrain", graph.key(ids[1]));
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
        assert!(fixture.store.artifact("pretrain", graph.key(ids[1])).is_none());
        assert!(fixture.reasons(&graph)[1].starts_with("damaged: "), "{:?}", fixture.reasons(&graph));
        let events = Events::default();
        let outcome = fixture.run_with(&graph, &RunOptions::default(), &events).unwrap();
        assert_eq!((outcome.computed, outcome.cached), (1, 3));
        let aside = format!("{}.damaged-{}", graph.key(ids[1]), number + 1);
        assert!(events.warnings()[0].contains(&aside), "{:?}", events.warnings());
        assert!(fixture.names("pretrain").contains(&aside));
        fixture.store.verify("pretrain", graph.key(ids[1])).unwrap();
    }
}

#[test]
fn verify_finds_changed_bytes_and_an_artifact_under_a_wrong_name() {
    let fixture = fixture();
    let (graph, ids) = chain(0.1, 0);
    fixture.run(&graph).unwrap();
    let (kind, key) = ("pretrain", graph.key(ids[1]));
    let directory = fixture.store.artifact_path(kind, key);
    let text = fs::read_to_string(directory.join("lines.txt")).unwrap();
    fs::write(directory.join("lines.txt"), text.replace('1', "2")).unwrap();
    assert!(fixture.store.artifact(kind, key).is_some(), "sizes alone do not show it");
    assert!(fixture.store.verify(kind, key).unwrap_err().to_string().contains("lines.txt"));
    fs::rename(&directory, fixture.store.artifact_path(kind, "0123")).unwrap();
    assert!(matches!(fixture.store.state(kind, "0123"), ArtifactState::Damaged(_)));
}

fn with_verify(verify: Verify) -> RunOptions {
    RunOptions { verify, ..RunOptions::default() }
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// Returns the content of all artifacts of a graph, without records.
fn contents(fixture: &StoreFixture, graph: &Graph) -> Vec<Vec<u8>> {
    let files = ["lines.txt", "key.json", "manifest.json"];
    let of = |id: StageId| {
        files.map(|name| fs::read(fixture.store.artifact_path(graph.kind(id), graph.key(id)).join(name)).unwrap())
    };
    graph.iter().flat_map(of).collect()
}

#[test]
fn a_flipped_bit_in_any_file_is_detected_before_it_is_read() {
    for file in ["lines.txt", "manifest.json", "key.json", "record.json"] {
        for is_read in [true, false] {
            let fixture = fixture();
            let (graph, ids) = chain(0.1, 0);
            fixture.run(&graph).unwrap();
            let before = contents(&fixture, &graph);
            flip(&fixture.store.artifact_path("pretrain", graph.key(ids[1])).join(file));
            if is_read {
                fs::remove_dir_all(fixture.store.artifact_path("features", graph.key(ids[2]))).unwrap();
            }
            assert!(fixture.reasons(&graph)[1].starts_with("damaged: "), "{file}: {:?}", fixture.reasons(&graph));
            let events = Events::default();
            let outcome = fixture.run_with(&graph, &RunOptions::default(), &events).unwrap();
            assert_eq!(outcome.computed, 1 + usize::from(is_read), "{file}");
            assert!(events.warnings()[0].contains(".damaged-1"), "{:?}", events.warnings());
            assert!(contents(&fixture, &graph) == before, "{file}");
        }
    }
}

#[test]
fn artifacts_computed_from_a_damaged_one_are_recomputed() {
    for is_stopped_between in [false, true] {
        let fixture = fixture();
        let (graph, ids) = chain(0.1, 0);
        fixture.run(&graph).unwrap();
        let before = contents(&fixture, &graph);
        // Without verification the damaged artifact is read, and the records do not have its digest.
        flip(&fixture.store.artifact_path("pretrain", graph.key(ids[1])).join("lines.txt"));
        for id in &ids[2..] {
            fs::remove_dir_all(fixture.store.artifact_path(graph.kind(*id), graph.key(*id))).unwrap();
        }
        assert_eq!(fixture.run_with(&graph, &with_verify(Verify::Size), &Events::default()).unwrap().computed, 2);
        assert!(contents(&fixture, &graph) != before);
        let reasons = fixture.reasons(&graph);
        assert!(reasons[1].starts_with("damaged: "), "{reasons:?}");
        assert!(
            reasons[2].contains("may have been computed from the damaged artifact of pretrain.main"),
            "{reasons:?}"
        );
        // The records of features and linear_eval have no digests of their inputs.
        assert!(reasons[3].contains("stale artifact of features.main"), "{reasons:?}");
        let events = Events::default();
        if is_stopped_between {
            fixture.run_with(&graph, &only(&["pretrain"]), &events).unwrap();
        }
        let outcome = fixture.run_with(&graph, &RunOptions::default(), &events).unwrap();
        assert_eq!(outcome.computed, if is_stopped_between { 2 } else { 3 });
        let asides = events.warnings().iter().filter(|text| text.contains("may have been computed from it")).count();
        assert_eq!(asides, 2, "{:?}", events.warnings());
        assert!(contents(&fixture, &graph) == before);
        assert_eq!(fixture.run(&graph).unwrap().computed, 0);
    }
}

/// Returns split -> features -> linear_eval, where features calls `work` first.
fn chain_with(work: impl Fn(&Context<'_>) -> Result<()> + Send + Sync + 'static) -> (Graph, [StageId; 3]) {
    let plain = fake("features", json!({}));
    let write_lines = plain.work;
    let work: Work = Box::new(move |context| work(context).and_then(|()| write_lines(context)));
    let mut graph = Graph::new();
    let split = graph.add(Box::new(fake("split", json!({"seed": 1}))), &[]).unwrap();
    let stage = Fake { name: plain.name, work, ..fake("features", json!({})) };
    let features = graph.add(Box::new(stage), &[("split", split)]).unwrap();
    let linear = graph.add(Box::new(fake("linear_eval", json!({}))), &[("features", features)]).unwrap();
    (graph, [split, features, linear])
}

#[test]
fn an_input_that_changes_while_it_is_read_is_detected() {
    // The stage may then fail, or return a wrong result.
    for fails in [false, true] {
        for truncates in [false, true] {
            let (clean, _) = chain_with(|_| Ok(()));
            let expected = fixture();
            expected.run(&clean).unwrap();

            let times = AtomicUsize::new(0);
            let (graph, _) = chain_with(move |context| {
                if times.fetch_add(1, Ordering::Relaxed) > 0 {
                    return Ok(());
                }
                let input = context.input("split")?.join("lines.txt");
                if truncates {
                    fs::write(&input, "").unwrap()
                } else {
                    flip(&input)
                }
                assert!(context.check_inputs().unwrap_err().to_string().contains("split"));
                if fails { Err(Error::stage("what is this?")) } else { Ok(()) }
            });
            let (fixture, events) = (fixture(), Events::default());
            let outcome = fixture.run_with(&graph, &RunOptions::default(), &events).unwrap();
            assert_eq!((outcome.computed, outcome.cached), (3, 0));
            let warnings = events.warnings().join("\n");
            assert!(warnings.contains("split.main changed while it was read"), "{warnings}");
            assert!(warnings.contains(".damaged-1"), "{warnings}");
            assert!(contents(&fixture, &graph) == contents(&expected, &clean));
        }
    }
}

#[test]
fn a_store_that_keeps_changing_is_an_error() {
    let (graph, _) = chain_with(|context| {
        flip(&context.input("split")?.join("lines.txt"));
        Ok(())
    });
    let fixture = fixture();
    let error = fixture.run(&graph).unwrap_err();
    assert!(error.to_string().contains("20 times") && error.kind() == ErrorKind::Stage, "{error}");
    assert!(error.next_step().unwrap().contains("disk"), "{error}");
}

#[test]
fn an_artifact_whose_input_has_changed_is_recomputed() {
    let fixture = fixture();
    let number = AtomicUsize::new(0);
    let unsteady = fake_with("features", move |context| {
        write(context, "lines.txt", &number.fetch_add(1, Ordering::Relaxed).to_string()).map(|()| String::new())
    });
    let mut graph = Graph::new();
    let features = graph.add(Box::new(unsteady), &[]).unwrap();
    let linear = graph.add(Box::new(fake("linear_eval", json!({}))), &[("features", features)]).unwrap();
    let report = graph.add(Box::new(fake("report", json!({}))), &[("0", linear)]).unwrap();
    let first = fixture.run(&graph).unwrap();
    assert_eq!(first.computed, 3);
    let read = |outcome: &RunOutcome, id| fs::read_to_string(outcome.artifact(id).unwrap().join("lines.txt")).unwrap();
    assert!(read(&first, report).starts_with('0'));
    // By the run that recomputes the input, or by the next one if that run does not include the stages behind it.
    let second = fixture.run_with(&graph, &force(&["features"]), &Events::default()).unwrap();
    assert_eq!((second.computed, second.cached), (3, 0));
    assert!(read(&second, report).starts_with('1'));
    let options = RunOptions { only: vec!["features".into()], ..force(&["features"]) };
    fixture.run_with(&graph, &options, &Events::default()).unwrap();
    let third = fixture.run(&graph).unwrap();
    assert!(read(&third, report).starts_with('2'), "{}", read(&third, report));
    assert_eq!(fixture.run(&graph).unwrap().computed, 0);
}

#[test]
fn imported_manifests_are_bounded_and_stay_inside_their_directory() {
    let fixture = fixture();
    let (graph, ids) = chain(0.1, 0);
    fixture.run(&graph).unwrap();
    let (kind, key) = ("pretrain", graph.key(ids[1]));
    let path = fixture.store.artifact_path(kind, key).join("manifest.json");
    let file = |name: &str| json!({ "name": name, "bytes": 0, "blake3": "0" });
    let names = |count: usize| (0..count).map(|n| file(&format!("{n:07}"))).collect::<Vec<_>>();
    let cases = [
        (names(900_000), "more than any stage writes"),
        (vec![file("b"), file("a")], "not sorted"),
        (vec![file("a"), file("a")], "not sorted"),
        (vec![file("../a")], "not a file of the artifact"),
        (vec![file("/dev/zero")], "not a file of the artifact"),
    ];
    for (files, what) in cases {
        fs::write(&path, json!({ "key": key, "files": files }).to_string()).unwrap();
        let start = Instant::now();
        assert!(
            matches!(fixture.store.state(kind, key), ArtifactState::Damaged(damage) if damage.contains(what)),
            "{what}"
        );
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_read() {
    let fixture = fixture();
    let (graph, ids) = chain(0.1, 0);
    fixture.run(&graph).unwrap();
    let directory = fixture.store.artifact_path("pretrain", graph.key(ids[1]));
    for name in ["lines.txt", "key.json", "manifest.json", "record.json"] {
        let aside = fixture.directory.path().join("aside");
        fs::rename(directory.join(name), &aside).unwrap();
        assert!(Command::new("mkfifo").arg(directory.join(name)).status().unwrap().success());
        assert!(matches!(fixture.store.state("pretrain", graph.key(ids[1])), ArtifactState::Damaged(_)), "{name}");
        assert!(fixture.store.verify("pretrain", graph.key(ids[1])).is_err(), "{name}");
        fs::remove_file(directory.join(name)).unwrap();
        std::os::unix::fs::symlink("/dev/zero", directory.join(name)).unwrap();
        assert!(matches!(fixture.store.state("pretrain", graph.key(ids[1])), ArtifactState::Damaged(_)), "{name}");
        assert!(fixture.store.record("pretrain", graph.key(ids[1])).is_err() || name != "record.json");
        fs::remove_file(directory.join(name)).unwrap();
        fs::rename(&aside, directory.join(name)).unwrap();
    }
    fixture.store.verify("pretrain", graph.key(ids[1])).unwrap();
}
