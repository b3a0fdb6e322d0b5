//! Products of bf16 numbers that are added up as f32, by the best instructions that the processor has.

use super::{Matrix, multiply};
#[cfg(target_arch = "x86_64")]
use super::{dots, pairs, tiles};
use half::bf16;
use std::cell::RefCell;
use std::sync::OnceLock;

thread_local! {
    static WIDENED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// How products are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// As products of 32-bit numbers.
    #[default]
    Widened,
    /// By dot products of pairs: AVX512-BF16.
    #[cfg(target_arch = "x86_64")]
    Dots,
    /// By products of tiles: AMX-BF16.
    #[cfg(target_arch = "x86_64")]
    Tiles,
}

impl Way {
    /// All that this processor can do, the fastest first.
    pub(super) fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Way>> = OnceLock::new();
        ALL.get_or_init(|| {
            let mut all = Vec::new();
            #[cfg(target_arch = "x86_64")]
            {
                all.extend(tiles::are_available().then_some(Self::Tiles));
                all.extend(dots::are_available().then_some(Self::Dots));
            }
            all.push(Self::Widened);
            all
        })
    }
}

/// Whether this processor multiplies whole tiles of bf16 numbers (AMX): by design sixteen times as many a cycle as 32-bit
/// ones.
pub fn multiplies_tiles() -> bool {
    #[cfg(target_arch = "x86_64")]
    return Way::all().contains(&Way::Tiles);
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// The right operand of products of bf16 numbers, laid out for this processor; packed once, it serves many blocks.
#[derive(Clone, Debug, Default)]
pub struct PackedBf16 {
    way: Way,
    rows: usize,
    columns: usize,
    #[cfg(target_arch = "x86_64")]
    pairs: pairs::Pairs,
    /// `[rows, columns]`.
    widened: Vec<f32>,
}

impl PackedBf16 {
    /// Packs a matrix.
    #[must_use]
    pub fn new(right: Matrix<'_, bf16>) -> Self {
        let mut packed = Self::default();
        packed.pack(right);
        packed
    }

    /// Packs another matrix into the same memory.
    pub fn pack(&mut self, right: Matrix<'_, bf16>) {
        self.pack_for(Way::all()[0], right);
    }

    pub(super) fn pack_for(&mut self, way: Way, right: Matrix<'_, bf16>) {
        (self.way, self.rows, self.columns) = (way, right.rows, right.columns);
        match way {
            Way::Widened => self.widen(right),
            #[cfg(target_arch = "x86_64")]
            Way::Dots | Way::Tiles => self.pairs.pack(right),
        }
    }

    fn widen(&mut self, right: Matrix<'_, bf16>) {
        self.widened.clear();
        if right.column_stride == 1 {
            self.widened
                .extend((0..right.rows).flat_map(|i| &right.values[i * right.row_stride..][..right.columns]).map(wide));
        } else {
            let at = |i, j| wide(&right.values[i * right.row_stride + j * right.column_stride]);
            self.widened.extend((0..right.rows).flat_map(|i| (0..right.columns).map(move |j| at(i, j))));
        }
    }
}

fn wide(number: &bf16) -> f32 {
    f32::from_bits(u32::from(number.to_bits()) << 16)
}

/// `output = left * right`, or added to what is there, on one thread; `output` is `[left.rows, right.columns]`, rows one
/// after the other.
///
/// Products are exact and added up as f32, in an order and with roundings that depend on the processor: its
/// instructions for bf16 take subnormal numbers for zeros, and add in pairs. So results agree between processors
/// to the precision of f32, not to the bit.
///
/// # Panics
/// The shapes do not fit.
pub fn multiply_halves(left: Matrix<'_, bf16>, right: &PackedBf16, accumulate: bool, output: &mut [f32]) {
    assert_eq!(left.columns, right.rows);
    assert_eq!(output.len(), left.rows * right.columns);
    match right.way {
        Way::Widened => multiply_widened(left, right, accumulate, output),
        #[cfg(target_arch = "x86_64")]
        Way::Dots => pairs::multiply(left, &right.pairs, accumulate, output, 1, dots::multiply),
        #[cfg(target_arch = "x86_64")]
        Way::Tiles => pairs::multiply(left, &right.pairs, accumulate, output, tiles::ROWS, tiles::multiply),
    }
}

fn multiply_widened(left: Matrix<'_, bf16>, right: &PackedBf16, accumulate: bool, output: &mut [f32]) {
    let last = |count: usize, stride: usize| count.saturating_sub(1) * stride;
    let used = (last(left.rows, left.row_stride) + last(left.columns, left.column_stride) + 1).min(left.values.len());
    WIDENED.with_borrow_mut(|scratch| {
        scratch.clear();
        scratch.extend(left.values[..used].iter().map(wide));
        let Matrix { rows, columns, row_stride, column_stride, .. } = left;
        let left = Matrix { values: scratch.as_slice(), rows, columns, row_stride, column_stride };
        multiply(left, Matrix::new(&right.widened, right.rows, right.columns), accumulate, output);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;

    /// Rows, depth and columns: within and across tiles, registers and blocks, odd and even.
    const SHAPES: [[usize; 3]; 10] = [
        [1, 1, 1],
        [3, 2, 5],
        [12, 32, 32],
        [13, 27, 33],
        [31, 33, 31],
        [32, 64, 64],
        [65, 45, 47],
        [195, 96, 16],
        [200, 63, 40],
        [33, 1061, 35],
    ];

    /// bf16 numbers of either sign, of sizes that differ by up to a million.
    fn numbers(count: usize, name: &str) -> Vec<bf16> {
        let mut rng = rng::stream(1, name, &[count as u64]);
        let mut number = || rng::normal(&mut rng) * 2f32.powf(rng::uniform(-10.0, 10.0, &mut rng));
        (0..count).map(|_| bf16::from_f32(number())).collect()
    }

    /// Element for element: the exact sum, and the sum of the absolute terms, which bounds what rounding can do.
    fn oracle(left: Matrix<'_, bf16>, right: Matrix<'_, bf16>, before: Option<&[f32]>) -> Vec<(f64, f64)> {
        let at = |matrix: Matrix<'_, bf16>, i: usize, j: usize| {
            matrix.values[i * matrix.row_stride + j * matrix.column_stride].to_f64()
        };
        let element = |index: usize| {
            let (i, j) = (index / right.columns, index % right.columns);
            let before = before.map_or(0.0, |before| f64::from(before[index]));
            let terms = (0..left.columns).map(|k| at(left, i, k) * at(right, k, j)).chain([before]);
            terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()))
        };
        (0..left.rows * right.columns).map(element).collect()
    }

    fn check(way: Way, left: Matrix<'_, bf16>, right: Matrix<'_, bf16>) {
        let mut packed = PackedBf16::default();
        packed.pack_for(way, right);
        for accumulate in [false, true] {
            let mut output: Vec<f32> = (0..left.rows * right.columns).map(|i| (i % 7) as f32 - 3.0).collect();
            let expected = oracle(left, right, accumulate.then_some(&output));
            multiply_halves(left, &packed, accumulate, &mut output);
            for (i, (found, (sum, size))) in output.iter().zip(expected).enumerate() {
                let error = (f64::from(*found) - sum).abs();
                assert!(error <= 1e-5 * size, "{way:?} {left:?} {accumulate} {i}: {found}, not {sum}");
            }
        }
    }

    fn check_all_shapes(way: Way) {
        if !Way::all().contains(&way) {
            println!("skipped: this processor has no {way:?}");
            return;
        }
        for [rows, depth, columns] in SHAPES {
            let left = numbers(rows * depth, "left");
            let right = numbers(depth * columns, "right");
            let lefts = [Matrix::new(&left, rows, depth), Matrix::new(&left, depth, rows).transposed()];
            let rights = [Matrix::new(&right, depth, columns), Matrix::new(&right, columns, depth).transposed()];
            for left in lefts {
                rights.iter().for_each(|right| check(way, left, *right));
            }
        }
        println!("{way:?} holds");
    }

    #[test]
    fn widened_products_are_those_of_the_oracle() {
        check_all_shapes(Way::Widened);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn products_of_pairs_are_those_of_the_oracle() {
        check_all_shapes(Way::Dots);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn products_of_tiles_are_those_of_the_oracle() {
        check_all_shapes(Way::Tiles);
    }

    #[test]
    fn blocks_of_columns_are_multiplied_and_packed_again() {
        let (left, right) = (numbers(40 * 70, "left"), numbers(50 * 90, "right"));
        let (left, right) = (Matrix::new(&left, 40, 70).column_block(11, 50), Matrix::new(&right, 50, 90));
        let mut packed = PackedBf16::new(right);
        let mut output = vec![0.0; 40 * 33];
        let right = right.column_block(57, 33);
        packed.pack(right);
        multiply_halves(left, &packed, false, &mut output);
        for (found, (sum, size)) in output.iter().zip(oracle(left, right, None)) {
            assert!((f64::from(*found) - sum).abs() <= 1e-5 * size, "{found}, not {sum}");
        }
    }

    /// Rows that are not there are zeros, not what else lies in memory: infinity times zero would show.
    #[test]
    fn edges_see_nothing_beyond_themselves() {
        let mut left = vec![bf16::INFINITY; 5 * 40];
        left.chunks_exact_mut(40).for_each(|row| row[..33].fill(bf16::ONE));
        let right = vec![bf16::ONE; 33 * 3];
        for way in Way::all() {
            let mut packed = PackedBf16::default();
            packed.pack_for(*way, Matrix::new(&right, 33, 3));
            let mut output = vec![0.0; 15];
            multiply_halves(Matrix::new(&left, 5, 40).column_block(0, 33), &packed, false, &mut output);
            assert_eq!(output, [33.0; 15], "{way:?}");
        }
    }

    #[test]
    fn products_without_terms_are_zero() {
        for way in Way::all() {
            let mut packed = PackedBf16::default();
            packed.pack_for(*way, Matrix::new(&[], 0, 3));
            let mut output = vec![5.0; 6];
            multiply_halves(Matrix::new(&[], 2, 0), &packed, true, &mut output);
            assert_eq!(output, [5.0; 6], "{way:?}");
            multiply_halves(Matrix::new(&[], 2, 0), &packed, false, &mut output);
            assert_eq!(output, [0.0; 6], "{way:?}");
        }
    }
}
