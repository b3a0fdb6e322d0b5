//! Keys depend on everything that determines an artifact and on nothing else.

use super::*;

fn key_of(stage: Fake) -> String {
    let mut graph = Graph::new();
    let id = graph.add(Box::new(stage), &[]).unwrap();
    graph.key(id).to_owned()
}

#[test]
fn a_key_depends_on_everything_that_determines_the_content_and_on_nothing_else() {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let base = key_of(fake("pretrain", parse(r#"{"a": {"x": 1, "y": [1, 2]}, "b": 0.5}"#)));
    assert_eq!(base, key_of(fake("pretrain", parse(r#"{"b": 0.5, "a": {"y": [1, 2], "x": 1}}"#))));
    let other_name = Fake { name: "elsewhere".into(), ..fake("pretrain", parse(r#"{"b":0.5,"a":{"y":[1,2],"x":1}}"#)) };
    assert_eq!(base, key_of(other_name));

    let mut keys = vec![base];
    for parameters in [
        r#"{"a": {"x": 2, "y": [1, 2]}, "b": 0.5}"#,
        r#"{"a": {"x": 1, "y": [2, 1]}, "b": 0.5}"#,
        r#"{"a": {"x": 1, "y": [1, 2]}, "b": 0.25}"#,
        r#"{"a": {"x": 1, "y": [1, 2]}, "b": null}"#,
        r#"{"a": {"x": 1, "y": [1, 2]}}"#,
        r#"{"a": {"x": 1, "y": [1, 2], "b": 0.5}}"#,
    ] {
        keys.push(key_of(fake("pretrain", parse(parameters))));
    }
    let same = || fake("pretrain", parse(r#"{"a": {"x": 1, "y": [1, 2]}, "b": 0.5}"#));
    keys.push(key_of(Fake { version: 2, ..same() }));
    keys.push(key_of(Fake { kind: "supervised", ..same() }));
    let mut graph = Graph::new();
    let input = graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    for role in ["split", "other"] {
        let id = graph.add(Box::new(same()), &[(role, input)]).unwrap();
        keys.push(graph.key(id).to_owned());
    }
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

#[test]
fn a_change_affects_every_stage_behind_it_and_no_other() {
    let ((old, ids), (new, _)) = (chain(0.1, 0), chain(0.5, 0));
    let changed: Vec<bool> = ids.iter().map(|id| old.key(*id) != new.key(*id)).collect();
    assert_eq!(changed, [false, true, true, true]);
    let (new, _) = chain(0.1, 1);
    let changed: Vec<bool> = ids.iter().map(|id| old.key(*id) != new.key(*id)).collect();
    assert_eq!(changed, [false, false, true, true]);
}

#[test]
fn equal_stages_are_one_and_names_are_unique() {
    let mut graph = Graph::new();
    let mut add = |seed: u64| graph.add(Box::new(fake("split", json!({"seed": seed}))), &[]).unwrap();
    let (first, again, other, third) = (add(1), add(1), add(2), add(3));
    assert_eq!(first, again);
    assert_eq!(graph.len(), 3);
    let names: Vec<&str> = [first, other, third].iter().map(|id| graph.name(*id)).collect();
    assert_eq!(names, ["split.main", "split.main (2)", "split.main (3)"]);
    assert_eq!(graph.with_name("split.main (2)"), Some(other));
}

#[test]
fn mistakes_of_the_caller_are_bugs() {
    let mut graph = Graph::new();
    let id = graph.add(Box::new(fake("split", json!({}))), &[]).unwrap();
    let bug = |graph: &mut Graph, stage: Fake, inputs: &[(&str, StageId)]| {
        assert_eq!(graph.add(Box::new(stage), inputs).unwrap_err().kind(), ErrorKind::Bug);
    };
    bug(&mut graph, fake("split", json!(3)), &[]);
    bug(&mut graph, fake("../split", json!({})), &[]);
    bug(&mut graph, fake("", json!({})), &[]);
    bug(&mut graph, fake("features", json!({})), &[("split", id), ("split", id)]);
    bug(&mut Graph::new(), fake("features", json!({})), &[("split", id)]);
}
