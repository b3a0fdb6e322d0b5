//! The choice among cuDNN's algorithms for a convolution.

use crate::nn::Precision;
use cudarc::cudnn::sys::{cudnnDeterminism_t, cudnnMathType_t, cudnnStatus_t};
use std::ffi::c_int;

/// Maximum time of a deterministic algorithm, relative to the fastest.
const MAX_COST_OF_DETERMINISM: f32 = 1.1;

/// An algorithm with cuDNN's measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate<A> {
    pub(super) algorithm: A,
    /// Arithmetic of the products.
    pub(super) math: cudnnMathType_t,
    /// Workspace, bytes.
    pub(super) workspace: usize,
    milliseconds: f32,
    deterministic: bool,
    succeeded: bool,
}

/// The result of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Chosen<A> {
    Algorithm(Candidate<A>),
    /// cuDNN has none for this convolution in bf16; it runs in TF32.
    InTf32,
}

/// cuDNN's `cudnnConvolution*AlgoPerf_t`, which is the same for every direction. A later cuDNN may write numbers that the
/// enumerations of the bindings lack, so they are read as numbers.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Measured {
    algorithm: c_int,
    status: c_int,
    milliseconds: f32,
    workspace: usize,
    determinism: c_int,
    math: c_int,
    _reserved: [c_int; 3],
}

impl Measured {
    /// Returns the candidate; `None` if its number is not one of `algorithms`, by number, or its arithmetic is unknown.
    pub(super) fn candidate<A: Copy>(&self, algorithms: &[A]) -> Option<Candidate<A>> {
        Some(Candidate {
            algorithm: numbered(algorithms, self.algorithm)?,
            math: numbered(&MATH_TYPES, self.math)?,
            workspace: self.workspace,
            milliseconds: self.milliseconds,
            deterministic: self.determinism == cudnnDeterminism_t::CUDNN_DETERMINISTIC as c_int,
            succeeded: self.status == cudnnStatus_t::CUDNN_STATUS_SUCCESS as c_int,
        })
    }
}

/// The known kinds of arithmetic, by number.
const MATH_TYPES: [cudnnMathType_t; 4] = [
    cudnnMathType_t::CUDNN_DEFAULT_MATH,
    cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
    cudnnMathType_t::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION,
    cudnnMathType_t::CUDNN_FMA_MATH,
];

fn numbered<T: Copy>(values: &[T], number: c_int) -> Option<T> {
    values.get(usize::try_from(number).ok()?).copied()
}

/// Returns the arithmetic of a precision.
pub(super) fn math(precision: Precision) -> cudnnMathType_t {
    match precision {
        Precision::F32 => cudnnMathType_t::CUDNN_FMA_MATH,
        // For f32 maps the default is TF32.
        Precision::Tf32 => cudnnMathType_t::CUDNN_DEFAULT_MATH,
        Precision::Bf16 => cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
    }
}

/// Returns the fastest algorithm that succeeded within the workspace, preferring a deterministic one if the cost is
/// small.
///
/// In f32 the result always uses FMA arithmetic, whatever was measured: cuDNN also measures its default, TF32, and may
/// report it even if the descriptor requests FMA.
pub(super) fn choose<A: Copy>(
    measured: &[Candidate<A>],
    precision: Precision,
    workspace: usize,
) -> Option<Candidate<A>> {
    let fits = |candidate: &&Candidate<A>| candidate.succeeded && candidate.workspace <= workspace;
    let suited: Vec<Candidate<A>> = measured.iter().filter(fits).copied().collect();
    if precision != Precision::F32 {
        return best(&suited);
    }
    let exact: Vec<Candidate<A>> =
        suited.iter().filter(|candidate| candidate.math == math(precision)).copied().collect();
    let chosen = best(&exact).or_else(|| best(&suited))?;
    Some(Candidate { math: math(precision), ..chosen })
}

fn best<A: Copy>(measured: &[Candidate<A>]) -> Option<Candidate<A>> {
    let fastest = |deterministic: bool| {
        let suited = measured.iter().filter(|candidate| candidate.deterministic || !deterministic);
        suited.min_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds)).copied()
    };
    let any = fastest(false)?;
    let deterministic = fastest(true).filter(|other| other.milliseconds <= MAX_COST_OF_DETERMINISM * any.milliseconds);
    Some(deterministic.unwrap_or(any))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cudnnMathType_t::{CUDNN_DEFAULT_MATH, CUDNN_FMA_MATH, CUDNN_TENSOR_OP_MATH};

    fn candidate(algorithm: u8, milliseconds: f32, math: cudnnMathType_t) -> Candidate<u8> {
        Candidate { algorithm, math, workspace: 100, milliseconds, deterministic: true, succeeded: true }
    }

    fn chosen(measured: &[Candidate<u8>], precision: Precision) -> Option<u8> {
        choose(measured, precision, 1000).map(|candidate| candidate.algorithm)
    }

    #[test]
    fn the_fastest_that_succeeded_and_fits_is_chosen() {
        let fast = candidate(0, 1.0, CUDNN_TENSOR_OP_MATH);
        let slow = candidate(1, 2.0, CUDNN_TENSOR_OP_MATH);
        assert_eq!(chosen(&[slow, fast], Precision::Bf16), Some(0));
        let failed = Candidate { succeeded: false, milliseconds: -1.0, ..fast };
        let too_large = Candidate { workspace: 1001, ..fast };
        assert_eq!(chosen(&[failed, too_large, slow], Precision::Bf16), Some(1));
        assert_eq!(chosen(&[failed, too_large], Precision::Bf16), None);
    }

    #[test]
    fn f32_never_uses_tf32() {
        let tf32 = candidate(0, 1.0, CUDNN_DEFAULT_MATH);
        let full = candidate(1, 5.0, CUDNN_FMA_MATH);
        assert_eq!(chosen(&[tf32, full], Precision::F32), Some(1));
        let only = choose(&[tf32], Precision::F32, 1000).unwrap();
        assert_eq!((only.algorithm, only.math), (0, CUDNN_FMA_MATH));
        assert_eq!(chosen(&[tf32, full], Precision::Tf32), Some(0));
    }

    #[test]
    fn determinism_may_cost_10_percent() {
        let nondeterministic = Candidate { deterministic: false, ..candidate(0, 1.0, CUDNN_TENSOR_OP_MATH) };
        let near = candidate(1, 1.09, CUDNN_TENSOR_OP_MATH);
        let far = candidate(2, 1.2, CUDNN_TENSOR_OP_MATH);
        assert_eq!(chosen(&[nondeterministic, near, far], Precision::Bf16), Some(1));
        assert_eq!(chosen(&[nondeterministic, far], Precision::Bf16), Some(0));
    }

    #[test]
    fn results_have_the_layout_of_cudnn() {
        use cudarc::cudnn::sys::cudnnConvolutionFwdAlgoPerf_t as Theirs;
        use std::mem::offset_of;
        assert_eq!(size_of::<Measured>(), size_of::<Theirs>());
        assert_eq!(offset_of!(Measured, workspace), offset_of!(Theirs, memory));
        assert_eq!(offset_of!(Measured, math), offset_of!(Theirs, mathType));
        assert_eq!(MATH_TYPES.map(|math| math as usize), [0, 1, 2, 3]);
    }

    #[test]
    fn numbers_of_a_later_cudnn_are_skipped() {
        let known = Measured { algorithm: 1, math: 3, determinism: 1, ..Measured::default() };
        let candidate = known.candidate(&['a', 'b']).unwrap();
        assert_eq!((candidate.algorithm, candidate.math), ('b', CUDNN_FMA_MATH));
        assert!(candidate.succeeded && candidate.deterministic);
        for algorithm in [2, -1, c_int::MAX] {
            assert!(Measured { algorithm, ..known }.candidate(&['a', 'b']).is_none());
        }
        assert!(Measured { math: 4, ..known }.candidate(&['a', 'b']).is_none());
        let odd = Measured { status: 777, determinism: 2, ..known }.candidate(&['a', 'b']).unwrap();
        assert!(!odd.succeeded && !odd.deterministic);
    }
}
