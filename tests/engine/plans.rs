//! What a plan says beside what runs: in the stages' own words, how long, how much memory, and what cannot be.

use super::*;
use simclr::engine::Cost;

/// A stage with words of its own for a field, and perhaps no device.
struct Speaking {
    digest: &'static str,
    obstacle: bool,
}

impl Stage for Speaking {
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
    fn run(&self, context: &Context<'_>) -> Result<String> {
        write(context, "lines.txt", self.digest).map(|()| String::new())
    }
    fn obstacle(&self) -> Option<Error> {
        self.obstacle.then(|| Error::stage("there is no GPU"))
    }
    fn explain(&self, parameter: &str, artifact: &Path) -> Option<String> {
        let old = fs::read_to_string(artifact.join("lines.txt")).unwrap();
        (parameter == "content.files").then(|| format!("3 files changed since {old}"))
    }
}

fn speaking(digest: &'static str, obstacle: bool) -> (Graph, [StageId; 3]) {
    let mut graph = Graph::new();
    let dataset = graph.add(Box::new(Speaking { digest, obstacle }), &[]).unwrap();
    let split = graph.add(Box::new(fake("split", json!({"seed": 1}))), &[("dataset", dataset)]).unwrap();
    let pretrain = graph.add(Box::new(fake("pretrain", json!({"epochs": 1}))), &[("split", split)]).unwrap();
    (graph, [dataset, split, pretrain])
}

#[test]
fn a_stage_says_in_its_own_words_what_a_changed_field_means() {
    let place = place();
    place.run(&speaking("one", false).0).unwrap();
    let (changed, _) = speaking("two", false);
    let expected = ["3 files changed since one", "input dataset changed", "input split changed"];
    assert_eq!(place.reasons(&changed), expected);
    // Where the changed stage is there already, the stage behind it tells.
    place.run_with(&changed, &only(&["dataset"]), &Events::default()).unwrap();
    assert_eq!(place.reasons(&changed)[1], "input dataset changed (3 files changed since one)");
}

#[test]
fn what_cannot_run_is_said_with_all_that_needs_it() {
    let place = place();
    let reasons = place.reasons(&speaking("one", true).0);
    assert_eq!(reasons, ["cannot run: there is no GPU", "cannot run: needs dataset", "cannot run: needs split.main"]);
    place.run(&speaking("one", false).0).unwrap();
    assert_eq!(place.reasons(&speaking("one", true).0), ["cached"; 3], "what is there needs no device");
}

#[test]
fn times_are_estimated_from_the_work_and_the_time_of_earlier_stages_of_the_kind() {
    let place = place();
    let graph = |epochs: u32| {
        let mut graph = Graph::new();
        let slow = Fake {
            parameters: json!({ "epochs": epochs }),
            ..failing("pretrain", |context| {
                std::thread::sleep(Duration::from_millis(60));
                write(context, "a.txt", "a").map(|()| String::new())
            })
        };
        let id = graph.add(Box::new(slow), &[]).unwrap();
        graph.set_cost(id, Cost { work: f64::from(epochs) * 100.0, memory: 7 });
        graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
        graph
    };
    let entries = |graph: &Graph| simclr::engine::plan(graph, &place.store).unwrap();
    let first = entries(&graph(1));
    assert_eq!((first[0].cost, first[0].seconds), (Some(Cost { work: 100.0, memory: 7 }), None));
    place.run(&graph(1)).unwrap();
    let tenfold = entries(&graph(10));
    let seconds = tenfold[0].seconds.unwrap();
    let took = place.store.record("pretrain", &entries(&graph(1))[0].key).unwrap().seconds;
    assert!((seconds / (10.0 * took) - 1.0).abs() < 1e-9, "{seconds} for ten times {took}");
    assert_eq!((tenfold[1].cost, tenfold[1].seconds), (None, None), "nothing is known of its cost");
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
