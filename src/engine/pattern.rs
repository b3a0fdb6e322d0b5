//! Patterns of stage names on the command line: `--only linear_eval`, `--force 'pretrain.*'`.

use crate::base::{Error, Result};
use crate::engine::{Graph, StageId};

/// Whether a pattern matches a name. A pattern with `*` is matched against the whole name, with `*` matching any text.
/// Any other pattern matches the name itself or a prefix that ends at a `.`, `[` or space, so `linear_eval` matches all
/// linear evaluations.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
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

/// Selects the stages that match any of the patterns; returns one flag per stage.
///
/// # Errors
/// A pattern matches no stage.
pub(crate) fn select(graph: &Graph, patterns: &[String]) -> Result<Vec<bool>> {
    let mut selected = vec![false; graph.len()];
    for pattern in patterns {
        let matching: Vec<StageId> = graph.iter().filter(|id| matches(pattern, graph.name(*id))).collect();
        if matching.is_empty() {
            return Err(no_stage(graph, pattern));
        }
        matching.into_iter().for_each(|id| selected[id.index()] = true);
    }
    Ok(selected)
}

fn no_stage(graph: &Graph, pattern: &str) -> Error {
    let distance = |name: &str| strsim::damerau_levenshtein(pattern, name);
    let nearest = graph.iter().map(|id| graph.name(id)).min_by_key(|name| distance(name));
    let error = Error::usage(format!("no stage matches '{pattern}'"));
    match nearest {
        Some(name) => error.help(format!("the nearest name is '{name}'; `simclr plan` lists all")),
        None => error.help("the pipeline has no stages"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names() {
        for (pattern, name, expected) in [
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
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
