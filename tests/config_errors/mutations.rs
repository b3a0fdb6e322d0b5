//! Random changes of valid files: mistakes are errors with a location, and nothing panics.

use proptest::prelude::*;
use proptest::sample::Index;
use simclr::document::Diagnostics;
use simclr::pipeline::{LoadedStudy, parse};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use toml::Value;

/// The valid files without `extends`; `damaged` covers the others.
static FILES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root.join("pipelines")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.push(root.join("docs/every_key.toml"));
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).unwrap());
    texts.filter(|text| !text.contains("\nextends = ")).collect()
});

fn text_at(index: &Index) -> &'static str {
    &FILES[index.index(FILES.len())]
}

fn pick<'a>(index: &Index, paths: &'a [Vec<String>]) -> &'a [String] {
    &paths[index.index(paths.len())]
}

fn load(text: &str) -> Result<LoadedStudy, Diagnostics> {
    parse(text, Path::new("mutated.toml"), &[])
}

/// Checks that every error can be rendered and has a location in the text.
fn check_locations(errors: &Diagnostics, text: &str) -> Result<(), TestCaseError> {
    let lines = text.split('\n').count();
    prop_assert!(errors.count() > 0);
    for error in errors.iter() {
        prop_assert!((1..=lines).contains(&error.line), "{errors}");
        prop_assert!(error.column >= 1, "{errors}");
        prop_assert!(!error.message.is_empty());
    }
    let plain = errors.render(false);
    prop_assert!(plain.contains("mutated.toml:"), "{plain}");
    prop_assert!(!plain.contains('\u{1b}'), "{plain}");
    prop_assert!(!errors.render(true).is_empty());
    Ok(())
}

/// Returns the paths of all values, including tables and lists, without the file itself.
fn paths(value: &Value) -> Vec<Vec<String>> {
    let children: Vec<(String, &Value)> = match value {
        Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    let mut all = Vec::new();
    for (key, child) in children {
        all.push(vec![key.clone()]);
        all.extend(paths(child).into_iter().map(|path| [vec![key.clone()], path].concat()));
    }
    all
}

fn at<'a>(value: &'a mut Value, path: &[String]) -> &'a mut Value {
    path.iter().fold(value, |value, key| match value {
        Value::Table(table) => table.get_mut(key).unwrap(),
        Value::Array(items) => &mut items[key.parse::<usize>().unwrap()],
        _ => unreachable!(),
    })
}

fn tree(text: &str) -> Value {
    Value::Table(text.parse().unwrap())
}

fn text_of(tree: &Value) -> String {
    toml::to_string(tree).unwrap()
}

/// Returns the paths of a file that satisfy a condition.
fn paths_where(tree: &Value, condition: impl Fn(&[String], &Value) -> bool) -> Vec<Vec<String>> {
    let mut copy = tree.clone();
    paths(tree).into_iter().filter(|path| condition(path, at(&mut copy, path))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_unknown_key_is_an_error(file in any::<Index>(), place in any::<Index>(), key in "[a-z]{1,4}_zz[a-z]{0,8}") {
        let mut tree = tree(text_at(&file));
        // Sections of named tables accept any name, but only with a table; a choice accepts no second key.
        let tables = paths_where(&tree, |_, value| value.is_table());
        at(&mut tree, pick(&place, &tables)).as_table_mut().unwrap().insert(key, Value::Integer(1));
        let text = text_of(&tree);
        check_locations(&load(&text).expect_err("an unknown key was accepted"), &text)?;
    }

    #[test]
    fn a_value_of_a_wrong_type_is_an_error(file in any::<Index>(), place in any::<Index>()) {
        let mut tree = tree(text_at(&file));
        let values = paths_where(&tree, |_, _| true);
        // No key of a pipeline is a date.
        *at(&mut tree, pick(&place, &values)) = Value::Datetime("1979-05-27T07:32:00Z".parse().unwrap());
        let text = text_of(&tree);
        check_locations(&load(&text).expect_err("a date was accepted"), &text)?;
    }

    #[test]
    fn a_number_out_of_its_range_is_an_error(file in any::<Index>(), place in any::<Index>(), number in prop_oneof![Just(-1.0), Just(-1e300), Just(f64::NAN), Just(f64::INFINITY)]) {
        let mut tree = tree(text_at(&file));
        // The mean of a channel may be negative.
        let numbers = paths_where(&tree, |path, value| {
            (value.is_integer() || value.is_float()) && !(number.is_finite() && path.iter().any(|key| key == "mean"))
        });
        *at(&mut tree, pick(&place, &numbers)) = Value::Float(number);
        let text = text_of(&tree);
        check_locations(&load(&text).expect_err("a number out of range was accepted"), &text)?;
    }

    #[test]
    fn trees_with_values_removed_duplicated_or_exchanged_do_not_panic(
        file in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), 0..4u8), 1..4),
    ) {
        let mut tree = tree(text_at(&file));
        for (one, other, change) in changes {
            let all = paths(&tree);
            if all.is_empty() {
                continue;
            }
            let (path, other) = (pick(&one, &all).to_vec(), at(&mut tree, pick(&other, &all)).clone());
            let (last, parent) = path.split_last().unwrap();
            match (change, at(&mut tree, parent)) {
                (0, Value::Table(table)) => drop(table.remove(last)),
                (0, Value::Array(items)) => drop(items.remove(last.parse().unwrap())),
                (1, Value::Table(table)) => drop(table.insert(format!("{last}2"), other)),
                (1, Value::Array(items)) => items.push(other),
                (2, Value::Table(table)) => drop(table.insert(last.clone(), other)),
                (3, _) => *at(&mut tree, &path) = Value::String(format!("{last} \u{1b}[31m\u{202e}\n")),
                _ => {}
            }
        }
        let text = text_of(&tree);
        if let Err(errors) = load(&text) {
            check_locations(&errors, &text)?;
        }
    }

    #[test]
    fn text_with_any_bytes_in_it_does_not_panic(
        file in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), 0..40usize, ".{0,12}"), 1..4),
    ) {
        let mut text: Vec<char> = text_at(&file).chars().collect();
        for (place, length, new) in changes {
            if text.is_empty() {
                continue;
            }
            let start = place.index(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, new.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(errors) = load(&text) {
            check_locations(&errors, &text)?;
        }
    }

    #[test]
    fn text_cut_off_anywhere_does_not_panic(file in any::<Index>(), end in any::<Index>()) {
        let text = text_at(&file);
        let end = (0..=end.index(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap();
        if let Err(errors) = load(&text[..end]) {
            check_locations(&errors, &text[..end])?;
        }
    }

    #[test]
    fn any_text_does_not_panic(text in "\\PC{0,200}|[\\[\\]{}=.,\"'a-z0-9\n ]{0,120}") {
        if let Err(errors) = load(&text) {
            check_locations(&errors, &text)?;
        }
    }

    #[test]
    fn any_setting_does_not_panic(setting in ".{0,60}|[a-z.]{1,20}=[\\[\\]{}=.,\"'a-z0-9 ]{0,20}|pretrain\\.main\\.[a-z_.0-9]{0,30}=.{0,10}") {
        if let Err(errors) = parse(&FILES[0], Path::new("mutated.toml"), &[setting]) {
            prop_assert!(!errors.render(true).is_empty());
            prop_assert!(errors.iter().all(|error| error.column > 0));
        }
    }
}
