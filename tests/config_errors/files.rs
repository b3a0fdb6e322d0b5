//! Unreadable files, and the interpretation of valid ones.

use simclr::dataset::SourceConfig;
use simclr::document::Diagnostics;
use simclr::pipeline::{load, parse};
use simclr::stages::SelectOn;
use simclr::stages::linear_eval::LinearTraining;
use simclr::stages::supervised::Budget;
use simclr::stages::{Dataset, Embed, KnnEval, LinearEval, Pretrain, Supervised};
use simclr::study::{DeviceChoice, Pipeline, StageKind};
use simclr::train::{Monitor, Patience, StoppingRule};
use std::path::{Path, PathBuf};

const BASE: &str = include_str!("base.toml");

fn base(overrides: &[&str]) -> Pipeline {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let loaded = parse(BASE, Path::new("/studies/base.toml"), &overrides).unwrap_or_else(|errors| panic!("{errors}"));
    loaded.study.variants[0].pipeline.clone()
}

fn errors_of(bytes: &[u8]) -> Diagnostics {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("study.toml");
    std::fs::write(&path, bytes).unwrap();
    load(&path, &[]).unwrap_err()
}

#[test]
fn a_missing_file_suggests_a_similar_name() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("quickstart.toml"), "").unwrap();
    let path = directory.path().join("quikstart.toml");
    let errors = load(&path, &[]).unwrap_err().to_string();
    assert!(errors.contains("cannot read the pipeline file"), "{errors}");
    assert!(errors.contains(path.to_str().unwrap()), "{errors}");
    assert!(errors.contains("did you mean") && errors.contains("quickstart.toml"), "{errors}");
}

#[test]
fn a_directory_is_not_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let errors = load(directory.path(), &[]).unwrap_err().to_string();
    assert!(errors.contains("cannot read the pipeline file"), "{errors}");
}

#[cfg(unix)]
#[test]
fn a_pipe_cannot_be_extended_and_does_not_block() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::write(directory.path().join("study.toml"), "extends = \"pipe.toml\"").unwrap();
    let errors = load(&directory.path().join("study.toml"), &[]).unwrap_err().to_string();
    assert!(errors.contains("cannot extend") && errors.contains("not a regular file"), "{errors}");
    load(Path::new("/dev/zero"), &[]).unwrap_err();
}

#[test]
fn bytes_that_are_not_text() {
    let errors = errors_of(b"seed = 1\nname = \"\xff\"\n").to_string();
    assert!(errors.contains("not UTF-8") && errors.contains("line 2"), "{errors}");
    errors_of(&[0; 100]);
}

#[test]
fn a_file_that_is_far_too_large() {
    let errors = errors_of(&vec![b'#'; 2 << 20]).to_string();
    assert!(errors.contains("larger than 1 MB"), "{errors}");
}

#[test]
fn a_byte_order_mark_and_windows_line_endings_are_accepted() {
    let text = format!("\u{feff}{}", BASE.replace('\n', "\r\n"));
    parse(&text, Path::new("base.toml"), &[]).unwrap_or_else(|errors| panic!("{errors}"));
}

/// Threads of tests have small stacks (2 MB), so unbounded recursion would overflow.
#[test]
fn deep_nesting_is_an_error() {
    const DEEP: usize = 60_000;
    let dotted = "a.".repeat(DEEP);
    let keys = "a.".repeat(70) + "a";
    let inline = format!("x = {}1{}", format!("{{ {keys} = ").repeat(70), " }".repeat(70));
    for text in [
        format!("x = {}{}", "[".repeat(DEEP), "]".repeat(DEEP)),
        format!("x = {}{}", "{ a = ".repeat(DEEP), "}".repeat(DEEP)),
        format!("x = {}", "[".repeat(DEEP)),
        format!("{dotted}a = 1"),
        format!("[{dotted}a]"),
        format!("x = {{ {dotted}a = 1 }}"),
        inline.clone(),
        format!("{BASE}\n[{keys}]\n{keys}.{inline}"),
        format!("{BASE}\n\"{dotted}a\" = [1]"),
    ] {
        let errors = parse(&text, Path::new("deep.toml"), &[]).unwrap_err();
        assert!(errors.to_string().len() < 100_000);
    }
    for setting in
        [format!("{dotted}a=1"), format!("seed={}", "[".repeat(DEEP)), format!("seed={}", "{a=".repeat(DEEP))]
    {
        parse(BASE, Path::new("deep.toml"), &[setting]).unwrap_err();
    }
}

#[test]
fn long_lines_and_many_errors_stay_short() {
    let ops = "{ horizontal_flp = {} }, ".repeat(10_000);
    let text = BASE.replacen("ops = [", &format!("ops = [{ops}"), 1);
    let errors = parse(&text, Path::new("long.toml"), &[]).unwrap_err();
    assert_eq!(errors.count(), 10_000);
    assert_eq!(errors.iter().count(), 50);
    let shown = errors.to_string();
    assert!(shown.lines().all(|line| line.len() < 400), "{shown}");
    assert!(shown.ends_with("10000 errors, of which the first 50 are shown"), "{shown}");
}

#[test]
fn paths_are_relative_to_the_directory_of_the_file() {
    let SourceConfig::FilenamePrefix(directories) = first::<Dataset>(&base(&[])).source.clone() else { panic!() };
    assert_eq!(directories.train, Path::new("/studies/images/train"));
    assert_eq!(directories.test, Some(PathBuf::from("/studies/images/test")));
    let pipeline = base(&["dataset.source.filename_prefix.train=\"/elsewhere\""]);
    let SourceConfig::FilenamePrefix(directories) = first::<Dataset>(&pipeline).source.clone() else { panic!() };
    assert_eq!(directories.train, Path::new("/elsewhere"));
}

#[test]
fn devices() {
    assert_eq!(base(&[]).device, DeviceChoice::Auto);
    assert_eq!(base(&["device=cpu"]).device, DeviceChoice::Cpu);
    assert_eq!(base(&["device=cuda"]).device, DeviceChoice::Cuda(None));
    assert_eq!(base(&["device=cuda:3"]).device, DeviceChoice::Cuda(Some(3)));
    for wrong in ["device=gpu", "device=cuda:", "device=cuda:-1", "device=cuda:99999999999999999999", "device=0"] {
        parse(BASE, Path::new("base.toml"), &[wrong.to_owned()]).unwrap_err();
    }
}

#[test]
fn settings_override_the_file_and_its_sweep() {
    assert_eq!(base(&["seed = 7"]).seed, 7);
    assert_eq!(first::<LinearEval>(&base(&["linear_eval.depths.depths=[1]"])).depths, [1]);
    let half = base(&["linear_eval.depths.labeled_fraction=0.5"]);
    assert_eq!(first::<LinearEval>(&half).labeled_fraction.as_slice(), [0.5]);
    let epochs = "pretrain.second.epochs=30".to_owned();
    let loaded = parse(BASE, Path::new("base.toml"), &[epochs]).unwrap();
    assert_eq!(loaded.study.variants.len(), 1);
    let seeds = "sweep.seed=[1, 2, 3]".to_owned();
    let loaded = parse(BASE, Path::new("base.toml"), &[seeds]).unwrap();
    let settings: Vec<Vec<&str>> = loaded
        .study
        .variants
        .iter()
        .map(|variant| variant.settings.iter().map(|(_, value)| value.as_str()).collect())
        .collect();
    assert_eq!(settings.len(), 6);
    assert_eq!(settings[..3], [["10", "1"], ["10", "2"], ["10", "3"]], "the first key is the slowest");
}

#[test]
fn pretraining_stages_come_after_the_stages_they_start_from() {
    let text =
        BASE.replace("pretrain.main", "pretrain.zz").replace("init_from = \"main\"", "").replace("\"main\"", "\"zz\"");
    let text = text.replacen("augment = \"views\"\nencoder", "augment = \"views\"\ninit_from = \"second\"\nencoder", 1);
    let loaded = parse(&text, Path::new("base.toml"), &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&str> = loaded.study.variants[0].pipeline.all::<Pretrain>().map(|(name, _)| name).collect();
    assert_eq!(names, ["second", "zz"]);
}

#[test]
fn omitted_keys_have_their_documented_defaults() {
    let pipeline = base(&[]);
    let linear = |settings: &[&str]| first::<LinearEval>(&base(settings)).training();
    let LinearTraining::Lbfgs { c, select_on: SelectOn::Validation, .. } = linear(&[]) else { panic!("it has epochs") };
    assert_eq!((c.len(), c[0], c[16]), (17, 1e-6, 100.0));
    assert_eq!(linear(&[]), linear(&["linear_eval.depths.optimizer={ lbfgs = {} }"]));
    let LinearTraining::Lbfgs { c, .. } = linear(&["linear_eval.depths.optimizer={ lbfgs = { c = [1, 0.5] } }"]) else {
        panic!("it has epochs")
    };
    assert_eq!(c, [0.5, 1.0]);
    assert_eq!(first::<KnnEval>(&pipeline).k, 20);
    assert_eq!(first::<KnnEval>(&pipeline).labeled_fraction.as_slice(), [1.0]);
    // A default equals its kind with an empty table.
    let second = second(&pipeline);
    assert_eq!(second.loss, self::second(&base(&["pretrain.second.loss={ nt_xent = {} }"])).loss);
    assert_eq!(second.schedule, self::second(&base(&["pretrain.second.schedule={ cosine = {} }"])).schedule);
    // Any key of minibatch training selects minibatch training with its defaults.
    let by_adam = linear(&["linear_eval.depths.optimizer={ adam = { learning_rate = 1e-3 } }"]);
    for setting in [
        "schedule={ constant = {} }",
        "epochs=100",
        "batch_size=64",
        "early_stopping=true",
        "monitor=loss",
        "patience=10",
    ] {
        assert_eq!(linear(&[&format!("linear_eval.depths.{setting}")]), by_adam, "{setting}");
    }
    let LinearTraining::Epochs { epochs: 100, training } = by_adam else { panic!("it is exact") };
    assert_eq!((training.batch_size, training.stopping), (64, Some(stopping(Monitor::Loss, Patience::Epochs(10)))));
    let LinearTraining::Epochs { training, .. } = linear(&["linear_eval.depths.early_stopping=false"]) else {
        panic!("it is exact")
    };
    assert_eq!(training.stopping, None);
    let written = base(&["embed.tsne.method={ tsne = {} }"]);
    assert_eq!(first::<Embed>(&pipeline).method, first::<Embed>(&written).method);
}

fn first<K: StageKind>(pipeline: &Pipeline) -> &K::Config {
    pipeline.all::<K>().next().unwrap().1
}

fn second(pipeline: &Pipeline) -> &<Pretrain as StageKind>::Config {
    pipeline.all::<Pretrain>().nth(1).unwrap().1
}

fn stopping(monitor: Monitor, patience: Patience) -> StoppingRule {
    StoppingRule { monitor, patience }
}

#[test]
fn a_supervised_network_has_steps_or_epochs_and_early_stopping_if_a_key_enables_it() {
    for (settings, budget, rule) in [
        (&[][..], Budget::Steps(2000), None),
        (&["steps=500"], Budget::Steps(500), None),
        (&["epochs=60"], Budget::Epochs(60), None),
        (&["epochs=60", "early_stopping=false"], Budget::Epochs(60), None),
        (&["epochs=60", "patience=15"], Budget::Epochs(60), Some(stopping(Monitor::Accuracy, Patience::Epochs(15)))),
        (
            &["epochs=60", "early_stopping=true"],
            Budget::Epochs(60),
            Some(stopping(Monitor::Accuracy, Patience::Epochs(10))),
        ),
        (&["early_stopping=true"], Budget::Steps(2000), Some(stopping(Monitor::Accuracy, Patience::Steps(500)))),
        (&["monitor=loss"], Budget::Steps(2000), Some(stopping(Monitor::Loss, Patience::Steps(500)))),
        (&["patience_steps=70"], Budget::Steps(2000), Some(stopping(Monitor::Accuracy, Patience::Steps(70)))),
    ] {
        let settings: Vec<String> = settings.iter().map(|setting| format!("supervised.baseline.{setting}")).collect();
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let pipeline = base(&settings);
        let network = first::<Supervised>(&pipeline);
        assert_eq!((network.budget(), network.training().stopping), (budget, rule), "{settings:?}");
    }
}

#[test]
fn a_supervised_network_is_augmented_as_pretraining_by_default() {
    let policy =
        |pipeline: &Pipeline| first::<Supervised>(pipeline).policy(pipeline).map(|policy| policy.name().to_owned());
    assert_eq!(policy(&base(&[])).as_deref(), Some("views"));
    assert_eq!(policy(&base(&["supervised.baseline.augment=none"])), None);
    assert_eq!(policy(&base(&["supervised.baseline.augment=views"])).as_deref(), Some("views"));
    let other = "[augment.other]\nops = [{ horizontal_flip = {} }]\n\n[pretrain.second]\naugment = \"other\"";
    let text = BASE.replacen("[pretrain.second]\naugment = \"views\"", other, 1);
    let with_other = |settings: &[String]| {
        let loaded = parse(&text, Path::new("base.toml"), settings).unwrap_or_else(|errors| panic!("{errors}"));
        policy(&loaded.study.variants[0].pipeline)
    };
    assert_eq!(with_other(&["supervised.baseline.init_from=second".to_owned()]).as_deref(), Some("other"));
    assert_eq!(with_other(&[]).as_deref(), Some("views"), "the first pretraining stage in the file");
}

#[test]
fn a_large_sweep_is_checked_and_a_larger_one_rejected() {
    let sweep = |count: usize| {
        let seeds: Vec<String> = (0..count).map(|seed| seed.to_string()).collect();
        let text = format!("{BASE}seed = [{}]\n", seeds.join(", "));
        parse(&text, Path::new("base.toml"), &[])
    };
    assert_eq!(sweep(1000).unwrap().study.variants.len(), 2000);
    let errors = sweep(5001).unwrap_err().to_string();
    assert!(errors.contains("more than 10000 combinations"), "{errors}");
}

#[test]
fn names_that_cannot_be_directories() {
    for name in ["", ".", "..", "a/b", "a\\\\b", "CON:", " a", "a.", &"a".repeat(101)] {
        let text = BASE.replacen("name = \"base\"", &format!("name = \"{name}\""), 1);
        let errors = parse(&text, Path::new("base.toml"), &[]).unwrap_err();
        assert_eq!(errors.count(), 1, "{errors}");
    }
    let unnamed = BASE.replacen("name = \"base\"\n", "", 1);
    assert_eq!(parse(&unnamed, Path::new("/x/study one.toml"), &[]).unwrap().study.name, "study one");
    parse(&unnamed, Path::new("/x/a:b.toml"), &[]).unwrap_err();
}

#[test]
fn names_reserved_by_the_output_directory_are_rejected_from_any_origin() {
    let unnamed = BASE.replacen("name = \"base\"\n", "", 1);
    for name in ["runs", "Store-v1", "digests.json", "nul"] {
        let set = [format!("name=\"{name}\"")];
        let set = parse(BASE, Path::new("base.toml"), &set).unwrap_err().to_string();
        assert!(set.contains("`name` is"), "{set}");
        let stem = parse(&unnamed, Path::new(&format!("{name}.toml")), &[]).unwrap_err().to_string();
        assert!(
            stem.contains("the file name cannot be used as the study name") && stem.contains("add `name"),
            "{stem}"
        );
    }
    let hidden = BASE.replacen("\"base\"", "\"a\\u202egpj.exe\"", 1);
    let errors = parse(&hidden, Path::new("base.toml"), &[]).unwrap_err().to_string();
    assert!(errors.contains("U+202E"), "{errors}");
}

#[test]
fn numbers_in_messages_are_short() {
    for setting in ["pretrain.main.loss.nt_xent.temperature=-1e308", "knn_eval.knn.temperature=-5e-324"] {
        let errors = parse(BASE, Path::new("base.toml"), &[setting.to_owned()]).unwrap_err().to_string();
        assert!(errors.len() < 500, "{errors}");
    }
    let huge = "embed.tsne.method.tsne.iterations=18446744073709551615".to_owned();
    let errors = parse(BASE, Path::new("base.toml"), &[huge]).unwrap_err().to_string();
    assert!(errors.contains("between 1 and 1000000"), "{errors}");
}

#[test]
fn a_long_setting_is_shortened_in_messages() {
    let errors = parse(BASE, Path::new("base.toml"), &[format!("seed=\"{}\"", "a".repeat(60_000))]).unwrap_err();
    assert!(errors.to_string().len() < 2000, "{errors}");
}
