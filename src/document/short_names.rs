//! Short names of swept keys, for tables and plots.

use std::collections::BTreeMap;

/// Returns the swept paths, each with its shortest suffix that no other swept path has: `section.name.dough.wet.water` is
/// `water` if it is the only one, and `wet.water` next to a `water` of `dry`. A name never starts with a list index:
/// `ops.2`.
pub(crate) fn short_names<'a>(paths: &[&'a str]) -> BTreeMap<&'a str, &'a str> {
    paths.iter().map(|path| (*path, short_name(path, paths))).collect()
}

fn short_name<'a>(path: &'a str, paths: &[&str]) -> &'a str {
    let suffixes = path.rmatch_indices('.').map(|(dot, _)| &path[dot + 1..]);
    let is_index = |suffix: &str| suffix.split('.').next().is_some_and(|first| first.parse::<usize>().is_ok());
    let is_ambiguous = |suffix: &str| {
        let has_suffix =
            |other: &str| other.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        paths.iter().any(|other| *other != path && has_suffix(other))
    };
    suffixes.into_iter().find(|suffix| !is_index(suffix) && !is_ambiguous(suffix)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(paths: &[&'a str]) -> Vec<&'a str> {
        paths.iter().map(|path| short_name(path, paths)).collect()
    }

    #[test]
    fn a_unique_key_is_named_by_its_last_name() {
        assert_eq!(names(&["seed", "bread.main.flour.rye.part"]), ["seed", "part"]);
    }

    #[test]
    fn equal_keys_take_as_many_names_as_distinguish_them() {
        let paths = ["bread.main.dough.wet.water", "cake.full.dough.dry.water"];
        assert_eq!(names(&paths), ["wet.water", "dry.water"]);
        assert_eq!(names(&["bread.a.epochs", "bread.b.epochs"]), ["a.epochs", "b.epochs"]);
        assert_eq!(
            names(&["bread.a.dough.wet.salt", "bread.b.dough.wet.salt"]),
            ["a.dough.wet.salt", "b.dough.wet.salt"]
        );
        assert_eq!(
            names(&["bread.a.epochs", "roll.a.epochs", "roll.b.epochs"]),
            ["bread.a.epochs", "roll.a.epochs", "b.epochs"]
        );
        assert_eq!(names(&["bread.seed.epochs", "epochs"]), ["seed.epochs", "epochs"]);
        assert_eq!(names(&["a.max_epochs", "a.epochs"]), ["max_epochs", "epochs"], "only whole names count");
    }

    #[test]
    fn a_name_does_not_start_with_an_index() {
        assert_eq!(names(&["glaze.thin.ops.2"]), ["ops.2"]);
        assert_eq!(
            names(&["bread.a.steps.layers.0", "bread.b.steps.layers.0"]),
            ["a.steps.layers.0", "b.steps.layers.0"]
        );
    }
}
