//! Sums of two vectors.

use crate::element::{bits, random};
use crate::host::{in_both_orders, launch};

#[test]
fn sums_of_two_vectors_have_the_bytes_of_the_host() {
    in_both_orders(|host| {
        let mut all = Vec::new();
        for length in [1, 255, 1000] {
            let (from, to) = (random("from", length), random("to", length + 1));
            let expected: Vec<f32> = to.iter().zip(from.iter().chain(&[0.0])).map(|(to, from)| to + from).collect();
            for blocks in [1, 3] {
                let mut ours = to.clone();
                launch!(host, "add", [blocks, 1]; &from, length as i64, &mut ours);
                assert_eq!(bits(&ours), bits(&expected), "{length} elements, {blocks} blocks");
                all.extend(bits(&ours));
            }
        }
        all
    });
}
