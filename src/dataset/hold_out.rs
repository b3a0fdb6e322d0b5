//! Which images are held out of the training set, by a hash of their identities or of the names of their groups.

use crate::base::hash::Digest;
use rayon::prelude::*;
use std::fmt::Display;

/// Returns the positions of the first `count` identities in the order of a hash of them, so that the choice changes
/// little when others are added. Equal ones keep their order.
pub(super) fn first_by_hash(purpose: &str, seed: u64, ids: &[impl Display + Sync], count: usize) -> Vec<usize> {
    let mut order = by_hash(purpose, seed, ids);
    order.truncate(count);
    order
}

/// Returns the positions of the first groups, given by name and number of images, in the order of a hash of their
/// names, as many as bring the number of their images closest to `count`. One group always remains.
pub(super) fn groups_to_hold_out(purpose: &str, seed: u64, groups: &[(&str, usize)], count: usize) -> Vec<usize> {
    let names: Vec<&str> = groups.iter().map(|(name, _)| *name).collect();
    let (mut chosen, mut taken) = (Vec::new(), 0);
    for group in by_hash(purpose, seed, &names).into_iter().take(groups.len().saturating_sub(1)) {
        let next = taken + groups[group].1;
        if next.abs_diff(count) >= count.abs_diff(taken) {
            break;
        }
        taken = next;
        chosen.push(group);
    }
    chosen
}

fn by_hash<I: Display + Sync>(purpose: &str, seed: u64, ids: &[I]) -> Vec<usize> {
    let rank = |(position, id): (usize, &I)| (Digest::of(format!("{purpose} {seed} {id}").as_bytes()), position);
    let mut ranks: Vec<(Digest, usize)> = ids.par_iter().enumerate().map(rank).collect();
    ranks.par_sort_unstable();
    ranks.into_iter().map(|(_, position)| position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_as_close_to_the_count_as_their_order_allows() {
        let names: Vec<String> = (0..20).map(|number| format!("patient {number}")).collect();
        let groups: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 5)).collect();
        for (count, chosen) in [(0, 0), (2, 0), (3, 1), (20, 4), (22, 4), (23, 5), (100, 19)] {
            assert_eq!(groups_to_hold_out("test", 0, &groups, count).len(), chosen, "{count} images");
        }
        let all = groups_to_hold_out("test", 0, &groups, 50);
        assert_eq!(all[..4], groups_to_hold_out("test", 0, &groups, 20));
        assert_ne!(all, groups_to_hold_out("test", 1, &groups, 50));
        assert_eq!(groups_to_hold_out("test", 0, &[("only", 9)], 9), Vec::<usize>::new());
    }
}
