//! The three directions of a convolution, each with cuDNN's calls to measure the algorithms and to run one.

mod backward_data;
mod backward_filter;
mod forward;

pub(super) use backward_data::BackwardData;
pub(super) use backward_filter::BackwardFilter;
pub(super) use forward::Forward;

use super::algorithm::{Candidate, Measured};
use super::direction::ScalingFactor;
use cudarc::cudnn::result::CudnnResult;
use std::ffi::c_int;

/// Maximum number of algorithms that a search returns; cuDNN has fewer.
const MAX_ALGORITHMS: usize = 32;

/// Calls a measuring function and returns its results without those that are not known.
fn measured<P, A: Copy>(
    algorithms: &[A],
    find: impl FnOnce(c_int, *mut c_int, *mut P) -> CudnnResult<()>,
) -> CudnnResult<Vec<Candidate<A>>> {
    let mut count = 0;
    let mut results = [Measured::default(); MAX_ALGORITHMS];
    find(MAX_ALGORITHMS as c_int, &raw mut count, results.as_mut_ptr().cast())?;
    let results = &results[..usize::try_from(count).unwrap_or_default().min(MAX_ALGORITHMS)];
    Ok(results.iter().filter_map(|result| result.candidate(algorithms)).collect())
}

/// Factor of the result.
static ONE: f32 = 1.0;

fn alpha() -> ScalingFactor {
    (&raw const ONE).cast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::cuda::direction::Direction;

    #[test]
    fn algorithms_are_listed_by_number() {
        fn check<A: Copy>(algorithms: &[A], number: impl Fn(A) -> usize) {
            assert!(algorithms.iter().enumerate().all(|(index, algorithm)| number(*algorithm) == index));
        }
        check(Forward::ALGORITHMS, |algorithm| algorithm as usize);
        check(BackwardData::ALGORITHMS, |algorithm| algorithm as usize);
        check(BackwardFilter::ALGORITHMS, |algorithm| algorithm as usize);
    }
}
