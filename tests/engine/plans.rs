//! Plans: reasons, explanations by the stages, estimated time and memory, and stages that cannot run.

use super::*;
use simclr::engine::Cost;

/// Stage that explains a changed field, optionally without a device.
struct Explaining {
    digest: &'static str,
    obstacle: bool,
}

impl Stage for Explaining {
    fn name(&self) -> String {
        "dataset".into()
    }
    fn kind(&self) -> &'static str {
        "dataset"
    }
    fn version(&self) -> u32 {
        1
    }
    fn parameters(&self) -> Value {
        json!({ "content": { "files": self.digest }, "image_size": 32, "broken_files": "stop" })
    }
    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        write(context, "lines.txt", self.digest).map(|()| StageSummary::default())
    }
    fn obstacle(&self) -> Option<Error> {
        self.obstacle.then(|| Error::stage("there is no GPU"))
    }
    fn explain(&self, parameter: &str, artifact: &Path) -> Option<String> {
        let old = fs::read_to_string(artifact.join("lines.txt")).unwrap();
        (parameter == "content.files").then(|| format!("3 files changed since {old}"))
    }
}

fn explaining_graph(digest: &'static str, obstacle: bool) -> (Graph, [StageId; 3]) {
    let mut graph = Graph::new();
    let dataset = graph.add(Box::new(Explaining { digest, obstacle }), &[]).unwrap();
    let split = graph.add(Box::new(fake("split", json!({"seed": 1}))), &[("dataset", dataset)]).unwrap();
    let pretrain = graph.add(Box::new(fake("pretrain", json!({"epochs": 1}))), &[("split", split)]).unwrap();
    (graph, [dataset, split, pretrain])
}

#[test]
fn a_stage_explains_a_changed_field() {
    let fixture = fixture();
    fixture.run(&explaining_graph("one", false).0).unwrap();
    let (changed, _) = explaining_graph("two", false);
    let expected = ["3 files changed since one", "input dataset changed", "input split changed"];
    assert_eq!(fixture.reasons(&changed), expected);
    // If the changed stage is already cached, the stage behind it gives the explanation.
    fixture.run_with(&changed, &only(&["dataset"]), &Events::default()).unwrap();
    assert_eq!(fixture.reasons(&changed)[1], "input dataset changed (3 files changed since one)");
}

#[test]
fn a_stage_that_cannot_run_blocks_the_stages_behind_it() {
    let fixture = fixture();
    let reasons = fixture.reasons(&explaining_graph("one", true).0);
    assert_eq!(reasons, ["cannot run: there is no GPU", "cannot run: needs dataset", "cannot run: needs split.main"]);
    fixture.run(&explaining_graph("one", false).0).unwrap();
    assert_eq!(fixture.reasons(&explaining_graph("one", true).0), ["cached"; 3], "cached stages need no device");
}

#[test]
fn times_are_estimated_from_the_work_and_the_time_of_earlier_stages_of_the_kind() {
    let fixture = fixture();
    let graph = |epochs: u32| {
        let mut graph = Graph::new();
        let slow = Fake {
            parameters: json!({ "epochs": epochs }),
            ..fake_with("pretrain", |context| {
                std::thread::sleep(Duration::from_millis(60));
                write(context, "a.txt", "a").map(|()| String::new())
            })
        };
        let id = graph.add(Box::new(slow), &[]).unwrap();
        graph.set_cost(id, Cost { work: f64::from(epochs) * 100.0, memory: 7 });
        graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
        graph
    };
    let entries = |graph: &Graph| simclr::engine::plan(graph, &fixture.store).unwrap();
    let first = entries(&graph(1));
    assert_eq!((first[0].cost, first[0].seconds), (Some(Cost { work: 100.0, memory: 7 }), None));
    fixture.run(&graph(1)).unwrap();
    let tenfold = entries(&graph(10));
    let seconds = tenfold[0].seconds.unwrap();
    let took = fixture.store.record("pretrain", &entries(&graph(1))[0].key).unwrap().seconds;
    assert!((seconds / (10.0 * took) - 1.0).abs() < 1e-9, "{seconds} for ten times {took}");
    assert_eq!((tenfold[1].cost, tenfold[1].seconds), (None, None), "its cost is unknown");
}

#[test]
fn plans_give_reasons() {
    let fixture = fixture();
    let (graph, _) = chain(0.1, 0);
    assert_eq!(fixture.reasons(&graph), ["new"; 4]);
    fixture.run(&graph).unwrap();
    assert_eq!(fixture.reasons(&graph), ["cached"; 4]);
    let input = |role| format!("input {role} changed");
    let temperature = "loss.nt_xent.temperature 0.1 -> 0.5".to_owned();
    let expected = ["cached".to_owned(), temperature, input("pretrain"), input("features")];
    assert_eq!(fixture.reasons(&chain(0.5, 0).0), expected);
    let (deeper, _) = chain(0.1, 1);
    assert_eq!(fixture.reasons(&deeper), ["cached", "cached", "depth 0 -> 1", "input features changed"]);
}

#[test]
fn a_reason_names_the_nearest_artifact_and_what_changed_in_a_cached_input() {
    let fixture = fixture();
    for temperature in [0.1, 0.5] {
        fixture.run(&chain(temperature, 0).0).unwrap();
    }
    // Most similar to (0.5, 1) are the features of 0.5, not the first or newest ones.
    assert_eq!(fixture.reasons(&chain(0.5, 1).0)[2], "depth 0 -> 1");
    assert_eq!(fixture.reasons(&chain(0.1, 1).0)[2], "depth 0 -> 1");
    // Pretraining and features at 0.9 are cached, so the line of the missing linear evaluation has the reason.
    let (other, _) = chain(0.9, 0);
    fixture.run_with(&other, &only(&["features"]), &Events::default()).unwrap();
    let reason = &fixture.reasons(&other)[3];
    assert_eq!(reason, "input features changed (loss.nt_xent.temperature 0.5 -> 0.9)");
}

#[test]
fn times_are_estimated_from_records_of_such_hardware_on_any_host() {
    let fixture = fixture();
    let mut graph = Graph::new();
    let id = graph.add(Box::new(fake("pretrain", json!({ "epochs": 1 }))), &[]).unwrap();
    graph.set_cost(id, Cost { work: 100.0, memory: 7 });
    fixture.run(&graph).unwrap();
    let path = fixture.store.artifact_path("pretrain", graph.key(id)).join("record.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let here = simclr::engine::StageHardware::cpu();
    assert_eq!((&record["processor"], &record["kernel"]), (&json!(here.processor), &json!(here.kernel)));
    // Without a digest of itself and the field that all records with one have, as in records of earlier versions.
    record.as_object_mut().unwrap().retain(|name, _| name != "blake3" && name != "inputs");
    record["seconds"] = json!(50.0);
    let host = record["host"].clone();
    let mut seconds = |processor: Value, host: Value| {
        record["processor"] = processor;
        record["host"] = host;
        fs::write(&path, record.to_string()).unwrap();
        simclr::engine::plan(&graph, &fixture.store).unwrap()[0].seconds
    };
    assert_eq!(seconds(json!(here.processor), json!("another")), Some(50.0), "the same processor on another host");
    assert_eq!(seconds(json!("another"), host.clone()), None, "another processor on a host of this name");
    assert_eq!(seconds(json!(""), host), Some(50.0), "a record of an earlier version of this host");
    assert_eq!(seconds(json!(""), json!("another")), None);
}
