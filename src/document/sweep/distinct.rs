//! A check that no two swept keys set the same value.

use std::collections::BTreeSet;
use std::ops::Bound;

/// The swept paths so far.
#[derive(Debug, Default)]
pub(crate) struct SweptPaths(BTreeSet<Vec<String>>);

/// How a path conflicts with a path that is already swept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathConflict {
    /// It is the same path.
    Duplicate,
    /// It is inside the other path.
    Inside(String),
    /// It contains the other path.
    Contains(String),
}

impl SweptPaths {
    /// Adds a path, unless it conflicts with another one.
    pub(crate) fn insert(&mut self, path: Vec<String>) -> Result<(), PathConflict> {
        if let Some(outer) = (1..path.len()).map(|length| &path[..length]).find(|outer| self.0.contains(*outer)) {
            return Err(PathConflict::Inside(outer.join(".")));
        }
        // Paths with a common prefix are neighbors in the order.
        let next = self.0.range::<[String], _>((Bound::Included(path.as_slice()), Bound::Unbounded)).next();
        match next {
            Some(other) if *other == path => Err(PathConflict::Duplicate),
            Some(inner) if inner.starts_with(&path) => Err(PathConflict::Contains(inner.join("."))),
            _ => {
                self.0.insert(path);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_and_nested_paths_conflict() {
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let mut paths = SweptPaths::default();
        for free in ["a.b.c", "a.b.d", "a.bb", "seed", "a.b-c"] {
            assert_eq!(paths.insert(path(free)), Ok(()), "{free}");
        }
        assert_eq!(paths.insert(path("seed")), Err(PathConflict::Duplicate));
        assert_eq!(paths.insert(path("a.b.c")), Err(PathConflict::Duplicate));
        assert_eq!(paths.insert(path("a.b")), Err(PathConflict::Contains("a.b.c".into())));
        assert_eq!(paths.insert(path("a")), Err(PathConflict::Contains("a.b.c".into())));
        assert_eq!(paths.insert(path("a.bb.x.y")), Err(PathConflict::Inside("a.bb".into())));
        assert_eq!(paths.insert(path("a.bbb")), Ok(()));
    }
}
