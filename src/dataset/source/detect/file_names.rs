//! Classes in file names.

use std::collections::BTreeMap;

/// Where the class ends in every name of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClassEnd {
    /// At the first `_`.
    First,
    /// At the last `_`.
    Last,
}

/// Returns where the class ends if every name is a class, `_` and numbers, as in `cat_0012.jpg`,
/// `american_bulldog_12.jpg` or `cat_1005_ccfcc18d73.jpg`; `None` if names are not of this form, or the classes are not at least two with two images
/// each on average.
pub(super) fn class_end(names: &[&str]) -> Option<ClassEnd> {
    let stems: Vec<&str> = names.iter().map(|name| name.rsplit_once('.').map_or(*name, |(stem, _)| stem)).collect();
    [ClassEnd::First, ClassEnd::Last].into_iter().find(|end| {
        let classes: Option<Vec<&str>> = stems.iter().map(|stem| class(stem, *end)).collect();
        classes.is_some_and(|classes| are_classes(&classes))
    })
}

fn class(stem: &str, end: ClassEnd) -> Option<&str> {
    let (class, rest) = match end {
        ClassEnd::First => stem.split_once('_'),
        ClassEnd::Last => stem.rsplit_once('_'),
    }?;
    let is_number = rest.contains(|c: char| c.is_ascii_digit()) && rest.split(['_', '-', ' ', '(', ')']).all(is_number);
    (is_number && class.contains(char::is_alphabetic)).then_some(class)
}

/// Returns whether a part of a name is a number, as `12`, `12a` or a digest, or empty.
fn is_number(word: &str) -> bool {
    /// Words of fewer hexadecimal digits could be words of a language.
    const DIGEST: usize = 8;
    let is_numbered = word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(char::is_alphanumeric);
    let is_digest = word.len() >= DIGEST && word.chars().all(|c| c.is_ascii_hexdigit());
    word.is_empty() || is_numbered || is_digest
}

fn are_classes(classes: &[&str]) -> bool {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    classes.iter().for_each(|class| *counts.entry(class).or_default() += 1);
    counts.len() >= 2 && classes.len() >= 2 * counts.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_ends_where_a_number_follows() {
        let of = |names: &[&str]| class_end(names);
        assert_eq!(of(&["cat_1.jpg", "cat_2.jpg", "dog_1.png", "dog_10.png"]), Some(ClassEnd::First));
        assert_eq!(of(&["cat_1_2.jpg", "cat_2_2.jpg", "dog_1_1.png", "dog_10_3.png"]), Some(ClassEnd::First));
        assert_eq!(
            of(&["cat_1_c0ffee12.jpg", "cat_2_abcdefab.jpg", "dog_1.png", "dog_34r52.png"]),
            Some(ClassEnd::First)
        );
        assert_eq!(of(&["pug_1.jpg", "pug_2.jpg", "red_dog_1.jpg", "red_dog_2.jpg"]), Some(ClassEnd::Last));
        for without in [
            &["IMG_0001.jpg", "IMG_0002.jpg"][..],
            &["1_1.jpg", "1_2.jpg", "2_1.jpg", "2_2.jpg"],
            &["a_1.jpg", "b_2.jpg", "c_3.jpg"],
            &["cat_1.jpg", "cat_2.jpg", "dog.jpg", "dog_2.jpg"],
            &["cat_1.jpg", "cat_2.jpg", "dog_bad.jpg", "dog_2.jpg"],
            &[],
        ] {
            assert_eq!(of(without), None, "{without:?}");
        }
    }
}
