//! `extends`: what a file inherits from its base, and how errors in either are reported.

use crate::directory::Directory;
use simclr::dataset::SourceConfig;
use simclr::optim::OptimizerConfig;
use simclr::pipeline::{LoadedStudy, parse};
use simclr::stages::{Augment, Dataset, LinearEval, Pretrain};
use simclr::study::{Pipeline, Ref, StageKind};
use std::path::{Path, PathBuf};

const BASE: &str = include_str!("base.toml");

fn extending(over: &str) -> Directory {
    Directory::with(&[("base.toml", BASE), ("study.toml", &format!("extends = \"base.toml\"\n{over}"))])
}

fn first(loaded: &LoadedStudy) -> &Pipeline {
    &loaded.study.variants[0].pipeline
}

fn table<K: StageKind>(loaded: &LoadedStudy) -> &K::Config {
    first(loaded).all::<K>().next().unwrap().1
}

#[test]
fn the_file_overrides_the_base_and_inherits_the_rest() {
    let loaded = extending("seed = 7\n[pretrain.main]\nepochs = 3\n").load("study.toml", &[]);
    let pipeline = first(&loaded);
    let (_, main) = pipeline.all::<Pretrain>().next().unwrap();
    assert_eq!((pipeline.seed, main.epochs, main.batch_size), (7, 3, 64));
    let names: Vec<&str> = pipeline.all::<Pretrain>().map(|(name, _)| name).collect();
    assert_eq!(names, ["main", "second"], "the base's order is kept");
    assert_eq!(pipeline.get(&Ref::<Augment>::new("views")).unwrap().ops.len(), 2);
}

#[test]
fn lists_are_replaced() {
    let over = "augment.views.ops = [{ grayscale = {} }]\nlinear_eval.depths.depths = [0]";
    let loaded = extending(over).load("study.toml", &[]);
    assert_eq!(first(&loaded).get(&Ref::<Augment>::new("views")).unwrap().ops.len(), 1);
    assert_eq!(table::<LinearEval>(&loaded).depths, [0]);
}

#[test]
fn a_different_kind_replaces_the_choice_and_the_same_kind_merges() {
    let sgd = "pretrain.main.optimizer = { sgd = { momentum = 0.5 } }";
    let loaded = extending(sgd).load("study.toml", &[]);
    let OptimizerConfig::Sgd(sgd) = &table::<Pretrain>(&loaded).optimizer else { panic!() };
    assert_eq!((sgd.learning_rate, sgd.momentum), (0.1, 0.5));
    let adam = "pretrain.main.optimizer = { adam = { learning_rate = 0.2 } }";
    let loaded = extending(adam).load("study.toml", &[]);
    let OptimizerConfig::Adam(adam) = &table::<Pretrain>(&loaded).optimizer else { panic!() };
    assert_eq!(adam.learning_rate, 0.2);
}

#[test]
fn name_and_title_are_not_inherited() {
    let base = format!("{BASE}\n[report]\ntitle = \"The base\"\n");
    let directory = Directory::with(&[("base.toml", &base), ("study.toml", "extends = \"base.toml\"")]);
    let study = directory.load("study.toml", &[]).study;
    assert_eq!((study.name.as_str(), study.title.as_str()), ("study", "study"));
    directory.write("own.toml", b"extends = \"base.toml\"\nname = \"mine\"\nreport.title = \"Mine\"");
    let study = directory.load("own.toml", &[]).study;
    assert_eq!((study.name.as_str(), study.title.as_str()), ("mine", "Mine"));
    assert_eq!(directory.load("base.toml", &[]).study.title, "The base");
}

#[test]
fn the_sweep_is_replaced_as_a_whole() {
    assert_eq!(extending("").load("study.toml", &[]).study.variants.len(), 2);
    let loaded = extending("[sweep]\nseed = [1, 2, 3]").load("study.toml", &[]);
    assert_eq!(loaded.study.variants.len(), 3);
    assert_eq!(loaded.study.variants[0].settings, [("seed".to_owned(), "1".to_owned())]);
    assert_eq!(extending("[sweep]").load("study.toml", &[]).study.variants.len(), 1, "an empty sweep removes it");
}

#[test]
fn partial_files_in_a_chain_make_a_whole_pipeline() {
    let (data, stages) = BASE.split_once("[augment.views]").unwrap();
    let directory = Directory::with(&[
        ("data.toml", data),
        ("stages.toml", &format!("extends = \"data.toml\"\nseed = 2\n[augment.views]{stages}")),
        ("study.toml", "extends = \"stages.toml\"\ndevice = \"cpu\""),
    ]);
    let loaded = directory.load("study.toml", &[]);
    assert_eq!(first(&loaded).seed, 2);
    let files: Vec<PathBuf> = loaded.files().map(|(path, _)| path.to_owned()).collect();
    assert_eq!(files, ["study.toml", "stages.toml", "data.toml"].map(|name| directory.path(name)));
    assert_eq!(loaded.files().last().unwrap().1, data);
    assert_eq!(directory.error("data.toml", &[]), "data.toml:1:1: the file declares no stages");
    assert!(directory.errors("stages.toml", &["dataset.image_size=4"]).to_string().contains("--set"));
}

#[test]
fn settings_of_the_command_line_override_all_files() {
    let directory = extending("seed = 7");
    assert_eq!(first(&directory.load("study.toml", &["seed=9", "pretrain.main.epochs=1"])).seed, 9);
    assert_eq!(directory.load("study.toml", &["pretrain.second.epochs=1"]).study.variants.len(), 1);
}

#[test]
fn paths_are_relative_to_the_file_they_are_written_in() {
    let directories = |loaded: &LoadedStudy| match &table::<Dataset>(loaded).source {
        SourceConfig::FilenamePrefix(directories) => (directories.train.clone(), directories.test.clone().unwrap()),
        _ => panic!(),
    };
    let over = "extends = \"../shared/base.toml\"\ndataset.source.filename_prefix.test = \"mine\"";
    let directory = Directory::with(&[("shared/base.toml", BASE), ("mine/study.toml", over)]);
    let expected = (directory.path("mine/../shared/images/train"), directory.path("mine/mine"));
    assert_eq!(directories(&directory.load("mine/study.toml", &[])), expected);
    let set = directory.load("mine/study.toml", &["dataset.source.filename_prefix.train=\"set\""]);
    assert_eq!(directories(&set), (directory.path("mine/set"), directory.path("mine/mine")));

    // Through two files, and for swept values.
    directory.write("study.toml", b"extends = \"mine/study.toml\"");
    let expected = (directory.path("mine/../shared/images/train"), directory.path("mine/mine"));
    assert_eq!(directories(&directory.load("study.toml", &[])), expected);
    let swept = "extends = \"base.toml\"\n[sweep]\ndataset.source.filename_prefix.train = [\"a\", \"/b\"]";
    directory.write("shared/swept.toml", swept.as_bytes());
    directory.write("study.toml", b"extends = \"shared/swept.toml\"");
    let loaded = directory.load("study.toml", &[]);
    let trains: Vec<PathBuf> = loaded
        .study
        .variants
        .iter()
        .map(|variant| match &variant.pipeline.all::<Dataset>().next().unwrap().1.source {
            SourceConfig::FilenamePrefix(directories) => directories.train.clone(),
            _ => panic!(),
        })
        .collect();
    assert_eq!(trains, [directory.path("shared/a"), PathBuf::from("/b")]);
}

#[test]
fn a_base_may_be_an_absolute_path() {
    let directory = Directory::with(&[("base.toml", BASE)]);
    let text = format!("extends = {:?}", directory.path("base.toml"));
    let loaded = parse(&text, Path::new("/nowhere/study.toml"), &[]).unwrap();
    let SourceConfig::FilenamePrefix(directories) = &table::<Dataset>(&loaded).source else { panic!() };
    assert_eq!(directories.train, directory.path("images/train"));
}

#[test]
fn an_unreadable_base_is_reported_where_it_is_named() {
    let directory = Directory::with(&[("bases.toml", BASE), ("empty.toml", " \n"), ("part.toml", "seed = 1")]);
    directory.write("bytes.toml", b"seed = 1\nname = \"\xff\"\n");
    directory.write("large.toml", &vec![b'#'; 2 << 20]);
    std::fs::create_dir(directory.path("directory")).unwrap();
    let errors = |base: &str| {
        directory.write("study.toml", format!("seed = 1\nextends = {base}\n").as_bytes());
        directory.errors("study.toml", &[])
    };
    for (base, message) in [
        ("\"base.toml\"", "cannot read the pipeline file"),
        ("\"empty.toml\"", "the file is empty"),
        ("\"bytes.toml\"", "not UTF-8 text: line 2"),
        ("\"large.toml\"", "larger than 1 MB"),
        ("\"directory\"", "cannot read the pipeline file"),
        ("\"\"", "the path is empty"),
        ("\"a\\u0000b\"", "cannot read the pipeline file"),
        ("3", "expected a string, found the number 3"),
        ("[\"part.toml\"]", "expected a string, found a list"),
        ("{ file = \"part.toml\" }", "expected a string, found a table"),
    ] {
        let errors = errors(base);
        let error = errors.iter().next().unwrap();
        assert_eq!((errors.count(), error.line, error.column), (1, 2, 11), "{errors}");
        assert!(error.message.contains(message) && !error.help.is_empty(), "{errors}");
        assert!(error.source.ends_with("study.toml"), "{errors}");
    }
    assert!(errors("\"base.toml\"").to_string().contains("did you mean"), "a similar file is suggested");
}

#[test]
fn files_cannot_form_a_cycle() {
    let directory = Directory::with(&[
        ("self.toml", "extends = \"./self.toml\""),
        ("a.toml", "extends = \"b.toml\""),
        ("b.toml", "seed = 1\nextends = \"c/../a.toml\""),
        ("c/d.toml", ""),
    ]);
    assert_eq!(directory.error("self.toml", &[]), "self.toml:1:11: the file extends itself");
    let cycle = "`extends` forms a cycle: a.toml -> b.toml -> c/../a.toml";
    assert_eq!(directory.error("a.toml", &[]), format!("b.toml:2:11: {cycle}"));
}

#[test]
fn the_length_of_a_chain_is_limited() {
    let directory = Directory::with(&[("16.toml", BASE)]);
    for number in 0..16 {
        directory.write(&format!("{number}.toml"), format!("extends = \"{}.toml\"", number + 1).as_bytes());
    }
    assert_eq!(directory.load("0.toml", &[]).files().count(), 17);
    directory.write("study.toml", b"extends = \"0.toml\"");
    assert_eq!(directory.error("study.toml", &[]), "15.toml:1:11: more than 16 files in a chain of `extends`");
}

#[test]
fn errors_in_a_base_are_located_in_it() {
    let broken = |from: &str, to: &str, over: &str| {
        assert!(BASE.contains(from), "{from}");
        let base = BASE.replacen(from, to, 1);
        let over = format!("extends = \"base.toml\"\n{over}");
        Directory::with(&[("base.toml", &base), ("study.toml", &over)]).error("study.toml", &[])
    };
    for (from, to, error) in [
        ("temperature = 0.1", "temprature = 0.1", "base.toml:18:22: unknown key `temprature`"),
        ("epochs = 20", "epochs = -1", "base.toml:20:10: `epochs` must be between 0 and 1000000, got -1"),
        ("init_from = \"main\"", "init_from = \"mian\"", "base.toml:25:13: there is no `[pretrain.mian]`"),
        ("[10, 20]", "[10, true]", "base.toml:48:33: `epochs`: expected a whole number, found `true`"),
        ("name = \"base\"", "name = 3", "base.toml:1:8: `name`: expected a string, found the number 3"),
    ] {
        assert_eq!(broken(from, to, ""), error);
    }
    // A value of a wrong type is an error even if the file replaces it.
    let replaced = broken("epochs = 20", "epochs = \"x\"", "pretrain.main.epochs = 1");
    assert_eq!(replaced, "base.toml:20:10: `epochs`: expected a whole number, found a string");
    // A key missing from the merged table is reported in the file that set the table last.
    let missing = broken("batch_size = 64\n", "", "pretrain.main.epochs = 1");
    assert_eq!(missing, "study.toml:2:10: `[pretrain.main]` is missing the key `batch_size`");
}

#[test]
fn syntax_errors_of_a_base_are_located_in_it() {
    let directory = Directory::with(&[("base.toml", "seed = 1\nname = \n"), ("study.toml", "extends = \"base.toml\"")]);
    let errors = directory.errors("study.toml", &[]);
    let error = errors.iter().next().unwrap();
    assert!(error.source.ends_with("base.toml") && error.line == 2, "{errors}");
}

#[test]
fn extends_is_only_a_key_of_the_file() {
    let directory = extending("");
    for (setting, message) in [
        ("extends=\"base.toml\"", "`extends` cannot be set on the command line"),
        ("extends.x=1", "`extends` cannot be set on the command line"),
        ("sweep.extends=[\"base.toml\"]", "`extends` cannot be swept"),
    ] {
        let errors = directory.errors("study.toml", &[setting]);
        let error = errors.iter().next().unwrap();
        assert_eq!((errors.count(), error.message), (1, message), "{errors}");
        assert!(error.source.starts_with("--set") && !error.help.is_empty(), "{errors}");
    }
    let swept = extending("[sweep]\nextends = [\"base.toml\"]").error("study.toml", &[]);
    assert_eq!(swept, "study.toml:3:1: `extends` cannot be swept");
    let in_a_section = extending("[report]\nextends = \"base.toml\"").errors("study.toml", &[]);
    assert!(in_a_section.to_string().contains("`extends` belongs at the top of the file"), "{in_a_section}");
}
