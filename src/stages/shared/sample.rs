//! The images that the report shows or measures a few of.

/// Maximum number of images with a thumbnail.
pub(in crate::stages) const MAX_SHOWN: usize = 1024;
/// Maximum number of images that a representation is measured on: enough for two digits of every measure. Half of
/// [`MAX_SHOWN`], so that all of them have a thumbnail.
pub(in crate::stages) const MAX_MEASURED: usize = MAX_SHOWN / 2;

/// Returns at most `max` of `count` positions, evenly spaced.
pub(in crate::stages) fn evenly_spaced(count: usize, max: usize) -> Vec<usize> {
    let shown = count.min(max);
    (0..shown).map(|at| at * count / shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_images_are_among_the_shown_ones() {
        assert_eq!(evenly_spaced(1000, 10), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        assert_eq!(evenly_spaced(3, 10), [0, 1, 2]);
        assert!(evenly_spaced(0, 10).is_empty());
        for count in [5, 600, 1024, 1025, 2000, 9999] {
            let shown = evenly_spaced(count, MAX_SHOWN);
            let is_shown = |position: &usize| shown.binary_search(position).is_ok();
            assert!(evenly_spaced(count, MAX_MEASURED).iter().all(is_shown), "{count}");
        }
    }
}
