//! Short names of swept keys, for tables and plots.

use std::collections::BTreeMap;

/// Returns the swept paths, each with its shortest suffix that no other swept path has:
/// `pretrain.main.optimizer.sgd.learning_rate` is `learning_rate` if it is the only one, and `sgd.learning_rate`
/// next to a `learning_rate` of `adam`. A name never starts with a list index: `ops.2`.
/// The swept paths, each with the shortest end of it that no other swept path has:
/// `section.name.optimizer.sgd.learning_rate` is `learning_rate` where it stands alone, and `sgd.learning_rate` beside
/// another `learning_rate` of `adam`. A name does not begin with the number of an element: `ops.2`.
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
        assert_eq!(names(&["seed", "pretrain.main.loss.nt_xent.temperature"]), ["seed", "temperature"]);
    }

    #[test]
    fn equal_keys_take_as_many_names_as_distinguish_them() {
        let paths = ["pretrain.main.optimizer.sgd.learning_rate", "supervised.full.optimizer.adam.learning_rate"];
        assert_eq!(names(&paths), ["sgd.learning_rate", "adam.learning_rate"]);
        assert_eq!(names(&["pretrain.a.epochs", "pretrain.b.epochs"]), ["a.epochs", "b.epochs"]);
        assert_eq!(
            names(&["pretrain.a.optimizer.sgd.momentum", "pretrain.b.optimizer.sgd.momentum"]),
            ["a.optimizer.sgd.momentum", "b.optimizer.sgd.momentum"]
        );
        assert_eq!(
            names(&["pretrain.a.epochs", "linear_eval.a.epochs", "linear_eval.b.epochs"]),
            ["pretrain.a.epochs", "linear_eval.a.epochs", "b.epochs"]
        );
        assert_eq!(names(&["pretrain.seed.epochs", "epochs"]), ["seed.epochs", "epochs"]);
        assert_eq!(names(&["a.max_epochs", "a.epochs"]), ["max_epochs", "epochs"], "only whole names count");
    }

    #[test]
    fn a_name_does_not_start_with_an_index() {
        assert_eq!(names(&["augment.views.ops.2"]), ["ops.2"]);
        assert_eq!(
            names(&["pretrain.a.projection.layers.0", "pretrain.b.projection.layers.0"]),
            ["a.projection.layers.0", "b.projection.layers.0"]
        );
    }
}
