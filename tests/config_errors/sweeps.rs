//! `[sweep]`: groups of keys that vary together, and short names of swept keys.

use simclr::document::Diagnostics;
use simclr::pipeline::{LoadedStudy, parse};
use simclr::stages::Pretrain;
use std::path::Path;

/// Returns the valid file up to its sweep.
fn base() -> &'static str {
    include_str!("base.toml").split_once("[sweep]").unwrap().0
}

fn try_load(sweep: &str, overrides: &[&str]) -> Result<LoadedStudy, Diagnostics> {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    parse(&format!("{}{sweep}", base()), Path::new("study.toml"), &overrides)
}

/// Returns the values of each variant.
fn values(sweep: &str, overrides: &[&str]) -> Vec<Vec<String>> {
    let loaded = try_load(sweep, overrides).unwrap_or_else(|errors| panic!("{errors}"));
    let values = |settings: &[(String, String)]| settings.iter().map(|(_, value)| value.clone()).collect();
    loaded.study.variants.iter().map(|variant| values(&variant.settings)).collect()
}

const GROUP: &str = "[[sweep.together]]\n\"pretrain.main.batch_size\" = [8, 16]\n\"pretrain.main.optimizer.sgd.learning_rate\" = [1e-1, 0.2]\n";

#[test]
fn values_of_a_group_vary_together() {
    assert_eq!(values(GROUP, &[]), [["8", "1e-1"], ["16", "0.2"]]);
    assert_eq!(values(&GROUP.replace("[[sweep.together]]", "[sweep.together]"), &[]), [["8", "1e-1"], ["16", "0.2"]]);
    let tables = "[sweep.together.pretrain.main]\nbatch_size = [8, 16]\noptimizer.sgd.learning_rate = [1e-1, 0.2]";
    assert_eq!(values(tables, &[]), [["8", "1e-1"], ["16", "0.2"]]);
    let loaded = try_load(GROUP, &[]).unwrap();
    let sizes: Vec<usize> = loaded
        .study
        .variants
        .iter()
        .map(|variant| variant.pipeline.all::<Pretrain>().next().unwrap().1.batch_size)
        .collect();
    assert_eq!(sizes, [8, 16]);
}

#[test]
fn groups_come_after_keys_in_the_combinations() {
    let sweep = format!(
        "{GROUP}[[sweep.together]]\nseed = [1, 2]\nknn_eval.knn.k = [3, 4]\n[sweep]\n\"pretrain.second.epochs\" = [10, 20]\n"
    );
    let expected = [
        ["10", "8", "1e-1", "1", "3"],
        ["10", "8", "1e-1", "2", "4"],
        ["10", "16", "0.2", "1", "3"],
        ["10", "16", "0.2", "2", "4"],
    ];
    let values = values(&sweep, &[]);
    assert_eq!(values.len(), 8);
    assert_eq!(values[..4], expected);
}

#[test]
fn a_group_may_repeat_a_value_but_not_a_combination() {
    let sweep = "[sweep.together]\nseed = [1, 1, 2]\nknn_eval.knn.k = [3, 4, 3]\n";
    assert_eq!(values(sweep, &[]), [["1", "3"], ["1", "4"], ["2", "3"]]);
}

#[test]
fn a_key_that_is_set_leaves_its_group() {
    assert_eq!(values(GROUP, &["pretrain.main.batch_size=32"]), [["1e-1"], ["0.2"]]);
    let both = ["pretrain.main.batch_size=32", "pretrain.main.optimizer.sgd.learning_rate=1.0"];
    assert_eq!(values(GROUP, &both), [Vec::<String>::new()]);
    assert_eq!(values(GROUP, &["pretrain.main.optimizer={ adam = { learning_rate = 0.1 } }"]), [["8"], ["16"]]);
    let added = ["sweep.together.seed=[1, 2]", "sweep.together.\"knn_eval.knn.k\"=[3, 4]"];
    assert_eq!(values("", &added), [["1", "3"], ["2", "4"]]);
}

#[test]
fn mistakes_in_groups() {
    let line = base().lines().count() + 1;
    for (sweep, at, message) in [
        (
            "[[sweep.together]]\nseed = [1, 2]\nknn_eval.knn.k = [3]",
            (2, 18),
            "`knn_eval.knn.k` has 1 value, but `seed` has 2 values",
        ),
        ("[[sweep.together]]\nseed = [1]\nknn_eval.knn.k = []", (2, 18), "the list of values is empty"),
        ("[[sweep.together]]", (0, 1), "the group has no keys"),
        ("[sweep.together]", (0, 8), "the group has no keys"),
        ("[sweep]\ntogether = []", (1, 12), "the list of groups is empty"),
        ("[sweep]\ntogether = 3", (1, 12), "`together`: expected a table, found the number 3"),
        ("[sweep]\ntogether = [[\"seed\"]]", (1, 13), "`together`: expected a table, found a list"),
        ("[sweep.together]\nseed = 3", (1, 8), "expected a list of values, found the number 3"),
        ("[sweep.together]\nseed = [1, 1]", (1, 12), "the value 1 is listed twice"),
        (
            "[sweep.together]\nseed = [1, 2, 1]\nknn_eval.knn.k = [3, 4, 3]",
            (1, 15),
            "the combination 1, 3 is listed twice",
        ),
        ("[sweep]\nseed = [1]\n[sweep.together]\nseed = [2]", (3, 1), "`seed` is swept twice"),
        ("[[sweep.together]]\nseed = [1]\n[[sweep.together]]\nseed = [2]", (3, 1), "`seed` is swept twice"),
        (
            "[sweep]\n\"pretrain.main.loss\" = [{ nt_xent = {} }]\n[sweep.together]\n\"pretrain.main.loss.nt_xent.temperature\" = [2]",
            (3, 2),
            "`pretrain.main.loss.nt_xent.temperature` is inside `pretrain.main.loss`, which is also swept",
        ),
        (
            "[sweep]\n\"pretrain.main.loss.nt_xent.temperature\" = [1]\n\"pretrain.main.loss\" = [{ nt_xent = {} }]",
            (2, 2),
            "`pretrain.main.loss.nt_xent.temperature` is inside `pretrain.main.loss`, which is also swept",
        ),
        ("[sweep.together]\nname = [\"a\"]", (1, 1), "`name` cannot be swept"),
        ("[sweep.together]\n\"seed.\" = [1]", (1, 7), "expected a key"),
        ("[sweep.together]\nseed = [1, -2]", (1, 12), "`seed` must be at least 0, got -2"),
    ] {
        let errors = try_load(sweep, &[]).expect_err(sweep);
        let error = errors.iter().next().unwrap();
        assert_eq!((errors.count(), error.message), (1, message), "{errors}");
        assert_eq!((error.line, error.column), (line + at.0, at.1), "{errors}");
    }
}

#[test]
fn the_number_of_combinations_counts_groups_once() {
    let list = |count: usize| format!("{:?}", (0..count).collect::<Vec<_>>());
    let k = |count: usize| format!("{:?}", (1..=count).collect::<Vec<_>>());
    let sweep = format!("[sweep.together]\nseed = {}\n\"knn_eval.knn.k\" = {}\n", list(4500), k(4500));
    assert_eq!(values(&sweep, &["sweep.device=[\"cpu\", \"auto\"]"]).len(), 9000);
    let errors = try_load(&sweep, &["sweep.device=[\"cpu\", \"auto\", \"cuda\"]"]).unwrap_err();
    assert!(errors.to_string().contains("more than 10000 combinations"), "{errors}");
}

#[test]
fn too_many_stages_are_rejected_before_they_are_expanded() {
    let start = std::time::Instant::now();
    let list = |count: usize| format!("{:?}", (0..count).collect::<Vec<_>>());
    let many = |section: &str, keys: &str| -> String {
        (0..1500).map(|number| format!("[{section}.s{number}]\n{keys}\n")).collect::<String>()
    };
    let fractions: Vec<f64> = (0..1001).map(|number| 1.0 - f64::from(number) * 1e-4).collect();
    for (text, message) in [
        (format!("[sweep]\nseed = {}\n", list(9999)), "more than 100000 stages"),
        (format!("[sweep]\nseed = {}\n{}", list(9999), many("knn_eval", "from = \"main\"")), "more than 1000 tables"),
        (many("augment", "ops = []"), "more than 1000 tables `[augment....]`"),
        (format!("[knn_eval.other]\nfrom = \"main\"\nlabeled_fraction = {fractions:?}\n"), "more than 1000 values"),
        (format!("[sweep]\n\"knn_eval.knn.labeled_fraction\" = [{fractions:?}]\n"), "more than 1000 values"),
    ] {
        let errors = try_load(&text, &[]).unwrap_err();
        assert!(errors.count() == 1 && errors.to_string().contains(message), "{message}: {errors}");
    }
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn short_names_distinguish_swept_keys() {
    let sweep = format!("{GROUP}[sweep]\nseed = [1, 2]\n\"pretrain.second.optimizer.sgd.learning_rate\" = [0.1]\n");
    let loaded = try_load(&sweep, &[]).unwrap();
    let names: Vec<(&str, &str)> = loaded.study.short_names().into_iter().collect();
    assert_eq!(
        names,
        [
            ("pretrain.main.batch_size", "batch_size"),
            ("pretrain.main.optimizer.sgd.learning_rate", "main.optimizer.sgd.learning_rate"),
            ("pretrain.second.optimizer.sgd.learning_rate", "second.optimizer.sgd.learning_rate"),
            ("seed", "seed"),
        ]
    );
}
