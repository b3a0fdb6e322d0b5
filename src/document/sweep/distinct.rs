//! No two swept keys set the same value.

use std::collections::BTreeSet;
use std::ops::Bound;

/// Paths that are swept.
#[derive(Debug, Default)]
pub(crate) struct SweptPaths(BTreeSet<Vec<String>>);

/// How a path meets one that is swept already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Clash {
    /// It is the same.
    Twice,
    /// It lies within the other one.
    Within(String),
    /// The other one lies within it.
    Around(String),
}

impl SweptPaths {
    /// Takes a path, unless it meets another one.
    pub(crate) fn insert(&mut self, path: Vec<String>) -> Result<(), Clash> {
        if let Some(outer) = (1..path.len()).map(|length| &path[..length]).find(|outer| self.0.contains(*outer)) {
            return Err(Clash::Within(outer.join(".")));
        }
        // Paths that begin alike are neighbors.
        let next = self.0.range::<[String], _>((Bound::Included(path.as_slice()), Bound::Unbounded)).next();
        match next {
            Some(other) if *other == path => Err(Clash::Twice),
            Some(inner) if inner.starts_with(&path) => Err(Clash::Around(inner.join("."))),
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
    fn equal_paths_and_paths_within_others_clash() {
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let mut paths = SweptPaths::default();
        for free in ["a.b.c", "a.b.d", "a.bb", "seed", "a.b-c"] {
            assert_eq!(paths.insert(path(free)), Ok(()), "{free}");
        }
        assert_eq!(paths.insert(path("seed")), Err(Clash::Twice));
        assert_eq!(paths.insert(path("a.b.c")), Err(Clash::Twice));
        assert_eq!(paths.insert(path("a.b")), Err(Clash::Around("a.b.c".into())));
        assert_eq!(paths.insert(path("a")), Err(Clash::Around("a.b.c".into())));
        assert_eq!(paths.insert(path("a.bb.x.y")), Err(Clash::Within("a.bb".into())));
        assert_eq!(paths.insert(path("a.bbb")), Ok(()));
    }
}
