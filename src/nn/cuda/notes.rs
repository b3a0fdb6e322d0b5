//! What the backend reports to the log of a run.

use std::cell::RefCell;

thread_local! {
    /// The convolutions for which this thread found no bf16 algorithm.
    static IN_TF32: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Records why a convolution runs in TF32 instead of bf16.
pub(super) fn runs_in_tf32(why: String) {
    IN_TF32.with_borrow_mut(|convolutions| convolutions.push(why));
}

/// Returns what this thread has recorded since the last call, in one sentence.
pub fn take() -> Option<String> {
    let convolutions = IN_TF32.take();
    let (first, others) = convolutions.split_first()?;
    Some(match others.len() {
        0 => format!("{first}: it runs in TF32"),
        1 => format!("{first}: it runs in TF32, and so does another one"),
        more => format!("{first}: it runs in TF32, and so do {more} others"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_covers_all_convolutions() {
        let expected = ["a: it runs in TF32", "a: it runs in TF32, and so does another one"];
        for (count, expected) in [(1, expected[0]), (2, expected[1]), (5, "a: it runs in TF32, and so do 4 others")] {
            ["a", "b", "c", "d", "e"][..count].iter().for_each(|why| runs_in_tf32((*why).to_owned()));
            assert_eq!(take().as_deref(), Some(expected));
        }
        assert_eq!(take(), None);
    }
}
