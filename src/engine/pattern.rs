//! Stage names on the command line: `--only linear_eval`, `--force 'pretrain.*'`.

use crate::base::{Error, Result};
use crate::engine::{Graph, StageId};

/// Whether a pattern means a name. A pattern with `*` is held against the whole name, `*` standing for any text;
/// another one is the name or its beginning up to a `.`, `[` or space, so `linear_eval` means all linear evaluations.
pub fn matches(pattern: &str, name: &str) -> bool {
    if pattern.contains('*') {
        return matches_wildcards(pattern, name);
    }
    let rest = name.strip_prefix(pattern);
    rest.is_some_and(|rest| rest.is_empty() || (!pattern.is_empty() && rest.starts_with(['.', '[', ' '])))
}

fn matches_wildcards(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match name.split_once(part) {
            _ if part.is_empty() => {}
            Some((_, after)) => name = after,
            None => return false,
        }
    }
    name.ends_with(end)
}

/// The stages that any of the patterns means, as one flag a stage.
///
/// # Errors
/// A pattern means no stage.
pub fn select(graph: &Graph, patterns: &[String]) -> Result<Vec<bool>> {
    let mut chosen = vec![false; graph.len()];
    for pattern in patterns {
        let meant: Vec<StageId> = graph.iter().filter(|id| matches(pattern, graph.name(*id))).collect();
        if meant.is_empty() {
            return Err(no_stage(graph, pattern));
        }
        meant.into_iter().for_each(|id| chosen[id.index()] = true);
    }
    Ok(chosen)
}

fn no_stage(graph: &Graph, pattern: &str) -> Error {
    let distance = |name: &str| strsim::damerau_levenshtein(pattern, name);
    let nearest = graph.iter().map(|id| graph.name(id)).min_by_key(|name| distance(name));
    let error = Error::usage(format!("no stage is called '{pattern}'"));
    match nearest {
        Some(name) => error.help(format!("the nearest name is '{name}'; `simclr plan` lists all")),
        None => error.help("the pipeline has no stages"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_names() {
        for (pattern, name, means) in [
            ("split", "split", true),
            ("split", "splits", false),
            ("linear_eval", "linear_eval.depths[depth 0]", true),
            ("linear_eval.depths", "linear_eval.depths[depth 0]", true),
            ("linear_eval.dep", "linear_eval.depths[depth 0]", false),
            ("", "split", false),
            ("*", "split", true),
            ("*.main", "pretrain.main", true),
            ("*.main", "pretrain.main (2)", false),
            ("pre*main*", "pretrain.main (2)", true),
            ("linear_eval*depth 1*10 %*", "linear_eval.a[depth 1, 10 % labels]", true),
            ("linear_eval*depth 1*10 %*", "linear_eval.a[depth 1, 100 % labels]", false),
            ("a*a", "a", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, name), means, "{pattern} {name}");
        }
    }
}
