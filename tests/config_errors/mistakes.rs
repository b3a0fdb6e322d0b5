//! Typical mistakes, each with the full text of its errors (`expected/NAME.txt`).
//! After a change of messages: UPDATE_EXPECTED=1 cargo test --test config_errors mistakes, then review the diff.

use simclr::dataset::ClassCount;
use simclr::document::Diagnostics;
use simclr::pipeline::{LoadedStudy, parse};
use std::path::Path;

const BASE: &str = include_str!("base.toml");

/// A mistake: a replacement in the valid file.
struct Mistake {
    name: &'static str,
    from: &'static str,
    to: &'static str,
}

const fn mistake(name: &'static str, from: &'static str, to: &'static str) -> Mistake {
    Mistake { name, from, to }
}

const MISTAKES: [Mistake; 60] = [
    mistake(
        "bn-momentum-out-of-range",
        "{ width = 0.5 } }\nprojection",
        "{ width = 0.5, bn_momentum = 1.5 } }\nprojection",
    ),
    mistake("unknown-batch-norm", "epochs = 20", "epochs = 20\nbatch_norm = \"view\""),
    mistake("batch-size-with-running-statistics", "depths = [0, 1, 2]", "depths = [0, 1, 2]\nstatistics_batch = 32"),
    mistake("unknown-key", "temperature = 0.1", "temprature = 0.1"),
    mistake("unknown-key-alias", "{ learning_rate = 0.1 } }\nepochs", "{ lr = 0.1 } }\nepochs"),
    mistake(
        "key-of-another-table",
        "batch_size = 64\n\n[pretrain.second]",
        "batch_size = 64\ntemperature = 0.5\n\n[pretrain.second]",
    ),
    mistake("top-level-key-in-a-section", "image_size = 64", "image_size = 64\nseed = 3"),
    mistake("unknown-key-without-a-suggestion", "image_size = 64", "image_size = 64\nxyzzy = 3"),
    mistake("unknown-section", "[linear_eval.depths]", "[linear_evaluation.depths]"),
    mistake("unknown-kind", "resnet18 = { width = 0.5 } }\nprojection", "resnet19 = { width = 0.5 } }\nprojection"),
    mistake("unknown-operator", "{ random_resized_crop = {} }", "{ random_crop = {} }"),
    mistake("unknown-value", "{ strength = 1.0 }", "{ strength = 1.0, order = \"rand\" }"),
    mistake(
        "two-kinds",
        "optimizer = { sgd = { learning_rate = 0.1 } }",
        "optimizer = { sgd = { learning_rate = 0.1 }, adam = { learning_rate = 0.1 } }",
    ),
    mistake("no-kind", "optimizer = { sgd = { learning_rate = 0.1 } }", "optimizer = {}"),
    mistake("kind-as-string", "optimizer = { sgd = { learning_rate = 0.1 } }", "optimizer = \"sgd\""),
    mistake("number-as-string", "temperature = 0.1", "temperature = \"0.1\""),
    mistake("fractional-epochs", "epochs = 20", "epochs = 20.5"),
    mistake("list-expected", "depths = [0, 1, 2]", "depths = 2"),
    mistake("element-of-wrong-type", "depths = [0, 1, 2]", "depths = [0, \"one\", 2]"),
    mistake("pair-of-three", "{ random_resized_crop = {} }", "{ random_resized_crop = { scale = [0.1, 0.5, 1.0] } }"),
    mistake("out-of-range", "temperature = 0.1", "temperature = -0.1"),
    mistake("not-a-number", "temperature = 0.1", "temperature = nan"),
    mistake("too-large-a-number", "seed = 1", "seed = 99999999999999999999999999999999999999999999"),
    mistake("negative", "epochs = 20", "epochs = -1"),
    mistake("batch-of-one", "batch_size = 64", "batch_size = 1"),
    mistake("fraction-out-of-range", "[0.1, 1.0]", "[0.1, 10]"),
    mistake("fraction-twice", "[0.1, 1.0]", "[0.1, 0.1]"),
    mistake("missing-key", "epochs = 20\nbatch_size = 64\n\n[pretrain.second]", "epochs = 20\n\n[pretrain.second]"),
    mistake(
        "missing-section",
        "[dataset]\nsource = { prefixed = { train = \"images/train\", test = \"images/test\" } }\nimage_size = 64",
        "",
    ),
    mistake("section-without-a-name", "[knn_eval.knn]", "[knn_eval]"),
    mistake("array-of-tables", "[knn_eval.knn]", "[[knn_eval]]"),
    mistake("name-with-a-space", "[knn_eval.knn]", "[knn_eval.\"k n n\"]"),
    mistake("unknown-reference", "from = \"main\"\ndepths", "from = \"mian\"\ndepths"),
    mistake("unknown-policy", "augment = \"views\"\nencoder", "augment = \"crops\"\nencoder"),
    mistake("cycle", "augment = \"views\"\nencoder", "augment = \"views\"\ninit_from = \"second\"\nencoder"),
    mistake("starts-from-itself", "init_from = \"main\"", "init_from = \"second\""),
    mistake(
        "start-with-another-encoder",
        "init_from = \"main\"\nencoder = { resnet18 = { width = 0.5 } }",
        "init_from = \"main\"\nencoder = { tiny = {} }",
    ),
    mistake("depth-beyond-the-head", "depths = [0, 1, 2]", "depths = [0, 1, 2, 3]"),
    mistake("depth-twice", "depths = [0, 1, 2]", "depths = [0, 1, 1]"),
    mistake(
        "values-out-of-unit-range",
        "  { color_jitter",
        "  { normalize = { mean = [0, 0, 0], std = [1, 1, 1] } },\n  { color_jitter",
    ),
    mistake("too-much-hue", "strength = 1.0", "strength = 3.0"),
    mistake(
        "nesterov-without-momentum",
        "sgd = { learning_rate = 0.1 } }\nepochs = 20\nbatch_size = 64\n\n[pretrain.second]",
        "sgd = { learning_rate = 0.1, nesterov = true } }\nepochs = 20\nbatch_size = 64\n\n[pretrain.second]",
    ),
    mistake(
        "warm-up-longer-than-the-run",
        "epochs = 20\nbatch_size = 64\n\n[pretrain.second]",
        "epochs = 20\nbatch_size = 64\nschedule = { cosine = { warmup_epochs = 30 } }\n\n[pretrain.second]",
    ),
    mistake(
        "milestones-out-of-order",
        "epochs = 20\nbatch_size = 64\n\n[pretrain.second]",
        "epochs = 20\nbatch_size = 64\nschedule = { step = { milestones = [15, 10] } }\n\n[pretrain.second]",
    ),
    mistake(
        "patience-without-early-stopping",
        "[supervised.baseline]",
        "[supervised.baseline]\nearly_stopping = false\npatience = 3",
    ),
    mistake(
        "nothing-to-validate-on",
        "image_size = 64",
        "image_size = 64\nvalidation_fraction = 0\n\n[linear_eval.by-epochs]\nfrom = \"main\"\nepochs = 10",
    ),
    mistake("lbfgs-for-a-network", "[supervised.baseline]", "[supervised.baseline]\noptimizer = { lbfgs = {} }"),
    mistake(
        "epochs-with-lbfgs",
        "[linear_eval.depths]",
        "[linear_eval.depths]\noptimizer = { lbfgs = { c = 1 } }\nepochs = 20\npatience = 3",
    ),
    mistake("c-out-of-range", "[linear_eval.depths]", "[linear_eval.depths]\noptimizer = { lbfgs = { c = [1, 0] } }"),
    mistake("c-twice", "[linear_eval.depths]", "[linear_eval.depths]\noptimizer = { lbfgs = { c = [1, 0.1, 1] } }"),
    mistake("steps-and-epochs", "[supervised.baseline]", "[supervised.baseline]\nsteps = 100\nepochs = 20"),
    mistake(
        "patience-and-patience-steps",
        "[supervised.baseline]",
        "[supervised.baseline]\npatience = 5\npatience_steps = 100",
    ),
    mistake("policy-called-none", "[augment.views]", "[augment.none]\nops = []\n\n[augment.views]"),
    mistake("sweep-of-an-unknown-stage", "\"pretrain.second.epochs\"", "\"pretrain.secnd.epochs\""),
    mistake("sweep-of-an-unknown-key", "\"pretrain.second.epochs\"", "\"pretrain.second.epoch\""),
    mistake(
        "invalid-value-replaced-by-the-sweep",
        "epochs = 20\nbatch_size = 64\n\n[linear_eval",
        "epochs = \"20\"\nbatch_size = 64\n\n[linear_eval",
    ),
    mistake("sweep-value-out-of-range", "= [10, 20]", "= [10, 2_000_000]"),
    mistake("syntax", "image_size = 64", "image_size = "),
    mistake("string-without-quotes", "image_size = 64", "image_size = 64\nfit = squash"),
    mistake("duplicate-key", "seed = 1", "seed = 1\nseed = 2"),
];

#[test]
fn the_file_without_a_mistake_is_valid() {
    let loaded = load(BASE, &[]).unwrap();
    assert_eq!(loaded.study.variants.len(), 2);
    assert_eq!(loaded.study.variants[1].settings, [("pretrain.second.epochs".into(), "20".into())]);
    loaded.check_counts(&classes(100, 10, 50)).unwrap();
}

#[test]
fn mistakes_in_the_file() {
    for Mistake { name, from, to } in MISTAKES {
        assert!(BASE.contains(from), "{name}: {from:?} is not in the file");
        let text = BASE.replacen(from, to, 1);
        check(name, load(&text, &[]).err());
    }
}

#[test]
fn many_mistakes_are_reported_at_once() {
    let picked = [
        "unknown-key",
        "out-of-range",
        "unknown-reference",
        "depth-twice",
        "two-kinds",
        "unknown-operator",
        "negative",
    ];
    let mut text = BASE.to_owned();
    for Mistake { from, to, .. } in MISTAKES.iter().filter(|mistake| picked.contains(&mistake.name)) {
        text = text.replacen(from, to, 1);
    }
    let errors = load(&text, &[]).unwrap_err();
    // `out-of-range` finds nothing to replace after `unknown-key`.
    assert_eq!(errors.count(), picked.len() - 1, "{errors}");
    check("many-at-once", Some(errors));
}

#[test]
fn mistakes_on_the_command_line() {
    for (name, setting) in [
        ("set-out-of-range", "pretrain.main.epochs=-3"),
        ("set-of-wrong-type", "pretrain.main.epochs=many"),
        ("set-unknown-key", "pretrain.main.epoch=3"),
        ("set-unknown-stage", "pretrain.mian.epochs=3"),
        ("set-without-a-value", "pretrain.main.epochs"),
        ("set-broken-value", "linear_eval.depths.depths=[0, 1"),
        ("set-missing-element", "augment.views.ops.7.color_jitter.p=1"),
    ] {
        check(name, load(BASE, &[setting.to_owned()]).err());
    }
}

#[test]
fn mistakes_that_depend_on_the_number_of_images() {
    let few = [("a", 100, 10, 50), ("rare", 4, 1, 2)].map(|(name, train, validation, test)| ClassCount {
        name: name.into(),
        train,
        validation,
        test,
    });
    for (name, classes) in [
        ("batch-larger-than-the-data", classes(30, 3, 50)),
        ("fraction-leaves-a-class-empty", few.to_vec()),
        ("perplexity-too-large", classes(100, 10, 20)),
        ("more-neighbors-than-images", classes(9, 1, 50)),
    ] {
        check(name, load(BASE, &[]).unwrap().check_counts(&classes).err());
    }
    let clustered = format!("{BASE}\n[cluster_eval.k]\nfrom = \"main\"\ndepths = [0, 3]\nclusters = 501\n");
    check("clusters-of-a-depth-that-does-not-exist", load(&clustered, &[]).err());
    let clustered = clustered.replace("[0, 3]", "[0]");
    check("more-clusters-than-images", load(&clustered, &[]).unwrap().check_counts(&classes(100, 10, 50)).err());
    let early = ["linear_eval.depths.epochs=10", "supervised.baseline.patience=5"].map(str::to_owned);
    check("no-validation-images", load(BASE, &early).unwrap().check_counts(&classes(100, 0, 50)).err());
    load(BASE, &[]).unwrap().check_counts(&classes(100, 0, 50)).unwrap();
}

#[test]
fn mistakes_of_the_file_as_a_whole() {
    check("empty", load("", &[]).err());
    check("blank", load("\n\n  \t\n", &[]).err());
    check("no-stage", load("[dataset]\nsource = { shapes = {} }\nimage_size = 32\n", &[]).err());
}

fn classes(train: usize, validation: usize, test: usize) -> Vec<ClassCount> {
    ["a", "b"].map(|name| ClassCount { name: name.into(), train, validation, test }).to_vec()
}

fn load(text: &str, overrides: &[String]) -> Result<LoadedStudy, Diagnostics> {
    parse(text, Path::new("study.toml"), overrides)
}

fn check(name: &str, errors: Option<Diagnostics>) {
    let errors = errors.unwrap_or_else(|| panic!("{name} is not an error"));
    for error in errors.iter() {
        assert!(error.line > 0 && error.column > 0, "{name} has no location:\n{errors}");
    }
    let text = format!("{errors}\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/config_errors/expected/{name}.txt"));
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} reports\n{text}\ninstead of\n{expected}");
}
