//! Damaged artifacts.

use super::*;

#[test]
fn damaged_artifacts_are_set_aside_and_computed_again() {
    let place = place();
    let (graph, ids) = chain(0.1, 0);
    place.run(&graph).unwrap();
    let pretrain = place.store.place("pretrain", graph.key(ids[1]));
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
        assert!(place.store.artifact("pretrain", graph.key(ids[1])).is_none());
        assert!(place.reasons(&graph)[1].starts_with("damaged: "), "{:?}", place.reasons(&graph));
        let events = Events::default();
        let outcome = place.run_with(&graph, &RunOptions::default(), &events).unwrap();
        assert_eq!((outcome.computed, outcome.cached), (1, 3));
        let aside = format!("{}.damaged-{}", graph.key(ids[1]), number + 1);
        assert!(events.warnings()[0].contains(&aside), "{:?}", events.warnings());
        assert!(place.names("pretrain").contains(&aside));
        place.store.verify("pretrain", graph.key(ids[1])).unwrap();
    }
}

#[test]
fn verify_finds_changed_bytes_and_an_artifact_under_a_wrong_name() {
    let place = place();
    let (graph, ids) = chain(0.1, 0);
    place.run(&graph).unwrap();
    let (kind, key) = ("pretrain", graph.key(ids[1]));
    let folder = place.store.place(kind, key);
    let text = fs::read_to_string(folder.join("lines.txt")).unwrap();
    fs::write(folder.join("lines.txt"), text.replace('1', "2")).unwrap();
    assert!(place.store.artifact(kind, key).is_some(), "sizes alone cannot tell");
    assert!(place.store.verify(kind, key).unwrap_err().to_string().contains("lines.txt"));
    fs::rename(&folder, place.store.place(kind, "0123")).unwrap();
    assert!(matches!(place.store.state(kind, "0123"), State::Damaged(_)));
}
