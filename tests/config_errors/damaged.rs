//! Valid files with systematic damage: each is an error in the right file, and on the line of the damage if it has one.

use crate::directory::Directory;
use simclr::document::Diagnostics;
use simclr::pipeline::{load, parse};
use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Sections of named tables.
const NAMED: [&str; 7] = ["augment", "pretrain", "linear_eval", "knn_eval", "cluster_eval", "supervised", "embed"];

/// Keys whose values name other tables.
const REFERENCES: [&str; 3] = ["augment", "from", "init_from"];

/// Keys whose values are words of an enumeration.
const WORDS: [&str; 15] = [
    "device",
    "fit",
    "broken_files",
    "damaged_jpegs",
    "duplicates",
    "draw",
    "order",
    "brightness_mode",
    "clip",
    "stem",
    "variant",
    "similarity",
    "label_draw",
    "select_on",
    "subset",
];

/// Required keys of the tables of a section.
const REQUIRED: [(&str, &[&str]); 8] = [
    ("dataset", &["source", "image_size"]),
    ("augment", &["ops"]),
    ("pretrain", &["augment", "encoder", "projection", "optimizer", "epochs", "batch_size"]),
    ("linear_eval", &["from"]),
    ("knn_eval", &["from"]),
    ("cluster_eval", &["from"]),
    ("supervised", &["encoder"]),
    ("embed", &["from"]),
];

/// A damaged text and the line that an error must report, if any.
struct Damage {
    text: String,
    line: Option<usize>,
}

/// A valid text and its damaged copies.
struct Damages<'a> {
    text: &'a str,
    done: Vec<Damage>,
}

/// Returns all damaged copies of a text; required keys are removed only from a whole pipeline.
fn damages(text: &str, is_whole: bool) -> Vec<Damage> {
    let mut damages = Damages { text, done: Vec::new() };
    damages.table(DeTable::parse(text).unwrap().get_ref(), &[], 0, is_whole);
    damages.syntax();
    damages.done
}

impl Damages<'_> {
    fn line_of(&self, byte: usize) -> usize {
        self.text[..byte].matches('\n').count() + 1
    }

    /// Adds a copy with some bytes replaced; the line of the damage is that of byte `at`.
    fn replace(&mut self, range: Range<usize>, with: &str, at: usize) {
        let text = format!("{}{with}{}", &self.text[..range.start], &self.text[range.end..]);
        self.done.push(Damage { text, line: Some(self.line_of(at)) });
    }

    /// Damages a table; `header` is a byte of the line that names it.
    fn table(&mut self, table: &DeTable<'_>, path: &[&str], header: usize, is_whole: bool) {
        for (key, value) in table {
            let span = key.span();
            let below = [path, &[key.get_ref()]].concat();
            let is_name = match path {
                // `[dataset.NAME]` is a table with a source.
                ["dataset"] => matches!(value.get_ref(), DeValue::Table(set) if set.contains_key("source")),
                [section] => NAMED.contains(section),
                _ => false,
            };
            if !is_name && path.first() != Some(&"sweep") {
                self.replace(span.end..span.end, "_zz", span.start);
            }
            let is_assigned = self.text[span.end..].trim_start_matches('"').trim_start().starts_with('=');
            if is_assigned {
                self.value(&below, value);
            }
            // A swept key may be missing.
            let is_swept = self.text.contains(&format!("\"{}", below.join(".")));
            if is_whole && is_required(&below) && !is_swept {
                self.replace(span.start..value.span().end, "", header);
            }
            if let DeValue::Table(table) = value.get_ref() {
                self.table(table, &below, span.start, is_whole);
            }
        }
    }

    fn value(&mut self, path: &[&str], value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        let key = path.last().copied().unwrap_or_default();
        self.replace(span.clone(), "1979-05-27", span.start);
        match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => {
                self.replace(span.clone(), "nan", span.start);
                self.replace(span.clone(), "99999999999999999999999999", span.start);
                self.replace(span.clone(), "-1", span.start);
            }
            DeValue::String(_) if REFERENCES.contains(&key) => {
                self.replace(span.clone(), "\"nowhere\"", span.start);
            }
            DeValue::String(_) if WORDS.contains(&key) => self.replace(span.clone(), "\"zz\"", span.start),
            DeValue::Array(items) => items.iter().for_each(|item| self.item(path, item)),
            _ => {}
        }
    }

    fn item(&mut self, path: &[&str], item: &Spanned<DeValue<'_>>) {
        self.value(path, item);
        if let DeValue::Table(table) = item.get_ref() {
            self.table(table, path, item.span().start, false);
        }
    }

    /// Removes one punctuation character from each line.
    fn syntax(&mut self) {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let code = line.split('#').next().unwrap_or_default();
            for character in ["=", "\"", "[", "]", "{", "}"] {
                if let Some(column) = code.find(character) {
                    let at = start + column;
                    self.replace(at..at + 1, "", at);
                    // A missing bracket may be noticed on a later line.
                    if !["=", "\""].contains(&character) {
                        self.done.last_mut().unwrap().line = None;
                    }
                }
            }
            start += line.len();
        }
    }
}

fn is_required(path: &[&str]) -> bool {
    let (section, key) = match path {
        ["dataset", key] => ("dataset", key),
        [section, _, key] => (*section, key),
        _ => return false,
    };
    REQUIRED.iter().any(|(name, keys)| *name == section && keys.contains(key))
}

/// Checks that every error is in the text of this source and one of them on the line of the damage.
fn check_locations(errors: &Diagnostics, source: &Path, damage: &Damage) {
    let lines = damage.text.split('\n').count();
    assert!(errors.count() > 0);
    for error in errors.iter() {
        assert_eq!(Path::new(error.source), source, "{errors}");
        assert!((1..=lines).contains(&error.line) && error.column > 0, "{errors}");
    }
    let is_located = damage.line.is_none_or(|line| errors.iter().any(|error| error.line == line));
    assert!(is_located, "no error at line {:?}:\n{errors}\n\n{}", damage.line, damage.text);
}

fn pipelines() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root.join("pipelines")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.push(root.join("docs/every_key.toml"));
    files
}

#[test]
fn damaged_files_are_reported_on_the_line_of_the_damage() {
    let mut texts = HashSet::new();
    let mut located = 0;
    for file in pipelines() {
        let text = std::fs::read_to_string(&file).unwrap();
        for damage in damages(&text, !text.contains("\nextends = ")) {
            if texts.insert(damage.text.clone()) {
                let errors = parse(&damage.text, &file, &[]).map(|_| &damage.text).expect_err("accepted");
                check_locations(&errors, &file, &damage);
                located += usize::from(damage.line.is_some());
            }
        }
    }
    println!("{} damaged files, {located} of them with a line", texts.len());
    assert!(texts.len() >= 300 && located >= 300, "only {} and {located}", texts.len());
}

#[test]
fn damaged_bases_are_reported_in_the_base() {
    let directory = Directory::with(&[("study.toml", "# On a base.\nextends = \"base.toml\"\n")]);
    let base = include_str!("base.toml");
    let damages = damages(base, true);
    for damage in &damages {
        directory.write("base.toml", damage.text.as_bytes());
        let errors = load(&directory.path("study.toml"), &[]).map(|_| &damage.text).expect_err("accepted");
        check_locations(&errors, &directory.path("base.toml"), damage);
    }
    assert!(damages.len() >= 200, "only {}", damages.len());
}

#[test]
fn damage_in_a_file_with_a_valid_base_is_reported_in_the_file() {
    let text = "extends = \"base.toml\"\nseed = 2\n[pretrain.main]\nepochs = 3\noptimizer = { sgd = { momentum = 0.5 } }\n\
                [knn_eval.other]\nfrom = \"second\"\nk = 3\n[[sweep.together]]\n\"pretrain.main.batch_size\" = [8, 16]\n\
                \"knn_eval.other.temperature\" = [0.1, 0.2]\n";
    let directory = Directory::with(&[("base.toml", include_str!("base.toml")), ("study.toml", text)]);
    directory.load("study.toml", &[]);
    let damages = damages(text, false);
    for damage in &damages {
        // Without its base the file is not a whole pipeline.
        if damage.text.starts_with("extends = \"base.toml\"") {
            directory.write("study.toml", damage.text.as_bytes());
            check_locations(&directory.errors("study.toml", &[]), &directory.path("study.toml"), damage);
        }
    }
    assert!(damages.len() >= 50, "only {}", damages.len());
}
