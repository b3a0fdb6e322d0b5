//! Sums along a fixed binary tree.

use crate::base::Result;

/// A sum of leaves in order, along the binary tree over them: `((a + b) + (c + d)) + ...`. Only one partial sum per level
/// is kept, so that leaves can be computed one after the other.
///
/// The sum of an aligned block of `2^n` leaves is a subtree of the sum of all, so blocks can be added by different ranks.
#[derive(Debug)]
pub struct TreeSum<T> {
    /// Partial sums with the number of leaves below them, a power of two each, decreasing; `None` where no leaf is
    /// present.
    partial: Vec<(usize, Option<T>)>,
}

impl<T> Default for TreeSum<T> {
    fn default() -> Self {
        Self { partial: Vec::new() }
    }
}

impl<T> TreeSum<T> {
    /// Adds the next leaf; `None` is a leaf that is skipped in the sums. `add` adds its second argument to its first.
    ///
    /// # Errors
    /// Those of `add`.
    pub fn push(&mut self, leaf: Option<T>, mut add: impl FnMut(&mut T, T) -> Result<()>) -> Result<()> {
        self.push_block(1, leaf, &mut add)
    }

    /// Adds the sum of a block of leaves, a power of two of them, aligned to their number.
    ///
    /// # Errors
    /// Those of `add`.
    pub fn push_block(
        &mut self,
        leaves: usize,
        sum: Option<T>,
        mut add: impl FnMut(&mut T, T) -> Result<()>,
    ) -> Result<()> {
        let (mut leaves, mut sum) = (leaves, sum);
        while self.partial.last().is_some_and(|(before, _)| *before == leaves) {
            let left = self.partial.pop().and_then(|(_, left)| left);
            sum = match (left, sum) {
                (Some(mut left), Some(right)) => {
                    add(&mut left, right)?;
                    Some(left)
                }
                (left, right) => left.or(right),
            };
            leaves *= 2;
        }
        self.partial.push((leaves, sum));
        Ok(())
    }

    /// Returns the sum of all leaves, whose number is a power of two; `None` if no leaf is present.
    pub fn finish(mut self) -> Option<T> {
        debug_assert!(self.partial.len() <= 1, "the number of leaves is not a power of two");
        self.partial.pop().and_then(|(_, sum)| sum)
    }

    /// Returns the sum of leaves.
    ///
    /// # Errors
    /// Those of `add`.
    pub fn of(
        leaves: impl IntoIterator<Item = Option<T>>,
        mut add: impl FnMut(&mut T, T) -> Result<()>,
    ) -> Result<Option<T>> {
        let mut sum = Self::default();
        leaves.into_iter().try_for_each(|leaf| sum.push(leaf, &mut add))?;
        Ok(sum.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(leaves: &[Option<String>]) -> Option<String> {
        TreeSum::of(leaves.iter().cloned(), |left: &mut String, right| {
            *left = format!("({left}+{right})");
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn the_order_is_that_of_the_tree() {
        let leaves = |names: &str| -> Vec<Option<String>> {
            names.chars().map(|name| (name != '-').then(|| name.to_string())).collect()
        };
        assert_eq!(joined(&leaves("a")).unwrap(), "a");
        assert_eq!(joined(&leaves("abcd")).unwrap(), "((a+b)+(c+d))");
        assert_eq!(joined(&leaves("abcdefgh")).unwrap(), "(((a+b)+(c+d))+((e+f)+(g+h)))");
        assert_eq!(joined(&leaves("-b---f--")).unwrap(), "(b+f)");
        assert_eq!(joined(&leaves("----")), None);
    }

    proptest! {
        #[test]
        fn ranks_that_add_aligned_blocks_get_the_same_bytes(
            values in proptest::collection::vec(proptest::option::of(-1e6f32..1e6), 16),
            ranks in 0u32..5,
        ) {
            let add = |left: &mut f32, right: f32| { *left += right; Ok(()) };
            let whole = TreeSum::of(values.clone(), add).unwrap();
            let block = 16 >> ranks;
            let sums: Vec<Option<f32>> =
                values.chunks(block).map(|own| TreeSum::of(own.to_vec(), add).unwrap()).collect();
            prop_assert_eq!(whole.map(f32::to_bits), TreeSum::of(sums, add).unwrap().map(f32::to_bits));
        }
    }
}
