//! An operation held against the oracle, and the verdict.

use crate::base::Result;
use crate::nn::Precision;
use crate::train::Compute;
use serde::Serialize;

/// Runs an operation on a device and on the oracle.
type Compare<D> = Box<dyn Fn(&D, Precision) -> Result<Vec<Comparison>>>;

/// An operation of a device.
pub struct Operation<D> {
    /// Name for people.
    pub name: String,
    /// Whether it depends on the precision of feature maps; if not it is 32-bit always.
    pub has_precisions: bool,
    /// Runs it on the device and on the oracle.
    pub compare: Compare<D>,
}

impl<D> Operation<D> {
    pub(super) fn new(
        name: impl Into<String>,
        compare: impl Fn(&D, Precision) -> Result<Vec<Comparison>> + 'static,
    ) -> Self {
        Self { name: name.into(), has_precisions: true, compare: Box::new(compare) }
    }

    pub(super) fn in_32_bits(self) -> Self {
        Self { has_precisions: false, ..self }
    }
}

/// What the device has for a result, and what the oracle has.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Which pass: `forward`, `backward`. The worst of those that share it counts.
    pub pass: &'static str,
    /// The device's numbers.
    pub ours: Vec<f32>,
    /// The oracle's.
    pub expected: Vec<f32>,
}

impl Comparison {
    pub(super) fn new(pass: &'static str, ours: Vec<f32>, expected: Vec<f32>) -> Self {
        Self { pass, ours, expected }
    }

    /// The largest difference, relative to the oracle's largest number; infinite where something is missing, not a number
    /// or all zeros.
    pub fn error(&self) -> f64 {
        let largest = self.expected.iter().fold(0.0, |largest: f64, x| largest.max(f64::from(x.abs())));
        if self.ours.len() != self.expected.len() || largest == 0.0 {
            return f64::INFINITY;
        }
        let differences = self.ours.iter().zip(&self.expected).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
        differences.fold(0.0, worse) / largest
    }
}

/// A comparison with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The operation.
    pub operation: String,
    /// `forward`, `backward`, ...
    pub pass: &'static str,
    /// The precision.
    pub precision: Precision,
    /// The largest difference from the oracle, relative to its largest number; none where that is no number.
    pub error: Option<f64>,
    /// What is allowed.
    pub tolerance: f64,
    /// Whether the error is within the tolerance.
    pub ok: bool,
}

impl Check {
    fn new(operation: &str, pass: &'static str, precision: Precision, error: f64) -> Self {
        let (tolerance, error_or_none) = (tolerance(precision), error.is_finite().then_some(error));
        let ok = error <= tolerance;
        Self { operation: operation.to_owned(), pass, precision, error: error_or_none, tolerance, ok }
    }
}

/// The largest error of a sound device.
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-4,
        Precision::Tf32 => 1e-3,
        Precision::Bf16 => 2e-2,
    }
}

/// Holds operations of a device against the oracle, in each precision.
///
/// # Errors
/// The device failed to compute; what it computes wrongly is in the checks.
pub fn examine<D: Compute>(device: &D, operations: &[Operation<D>], precisions: &[Precision]) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for operation in operations {
        let precisions = if operation.has_precisions { precisions } else { &[Precision::F32] };
        for &precision in precisions {
            let at = |error: crate::base::Error| error.at(format!("{} ({})", operation.name, precision.name()));
            let comparisons = (operation.compare)(device, precision).map_err(at)?;
            checks.extend(worst(&operation.name, precision, &comparisons));
        }
    }
    Ok(checks)
}

/// The larger of two errors; one that is no number is the worst.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}

/// A check for each pass.
fn worst(operation: &str, precision: Precision, comparisons: &[Comparison]) -> Vec<Check> {
    let mut passes: Vec<(&'static str, f64)> = Vec::new();
    for comparison in comparisons {
        let error = comparison.error();
        match passes.iter_mut().find(|(pass, _)| *pass == comparison.pass) {
            Some((_, most)) => *most = worse(*most, error),
            None => passes.push((comparison.pass, error)),
        }
    }
    passes.into_iter().map(|(pass, error)| Check::new(operation, pass, precision, error)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{numbers, operations};
    use crate::nn::{Backend, MaxPool};
    use dfdx::prelude::Cpu;

    const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Tf32, Precision::Bf16];

    #[test]
    fn the_cpu_is_sound() {
        let checks = examine(&Cpu::default(), &operations(), &PRECISIONS).unwrap();
        let wrong: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(checks.len() > 60, "{}", checks.len());
        // An error of nothing at all would be two names for one computation.
        assert!(checks.iter().filter(|check| check.error == Some(0.0)).count() < checks.len() / 4);
    }

    /// A pool whose window is at another place than asked for.
    fn wrong_pool(device: &Cpu, precision: Precision) -> Result<Vec<Comparison>> {
        let asked = MaxPool { channels: 4, kernel: 3, stride: 2, padding: 1, side: 8 };
        let made = MaxPool { padding: 0, ..asked };
        let input = device.upload_map(numbers("input", 8 * 8 * 4), precision)?;
        let run = |shape: &MaxPool| {
            let mut output = device.allocate_map(asked.output_len(), precision)?;
            device.max_pool(shape, &input, &mut output)?;
            device.download_map(&output)
        };
        Ok(vec![Comparison::new("forward", run(&made)?, run(&asked)?)])
    }

    #[test]
    fn a_wrong_operation_is_found() {
        let operation = Operation::new("max-pool", wrong_pool);
        let checks = examine(&Cpu::default(), &[operation], &PRECISIONS).unwrap();
        assert_eq!(checks.len(), 3);
        assert!(checks.iter().all(|check| !check.ok && check.pass == "forward"), "{checks:?}");
    }

    #[test]
    fn an_operation_that_fails_is_told_by_name() {
        let fails = |_: &Cpu, _| Err(crate::base::Error::stage("the driver is gone"));
        let error = examine(&Cpu::default(), &[Operation::new("max-pool", fails)], &PRECISIONS).unwrap_err();
        assert_eq!(error.place(), Some("max-pool (f32)"));
    }

    #[test]
    fn errors_are_relative_to_the_largest_number_and_never_hidden() {
        let error = |ours: &[f32], expected: &[f32]| Comparison::new("", ours.to_vec(), expected.to_vec()).error();
        assert_eq!(error(&[1.0, -4.0], &[2.0, -4.0]), 0.25);
        assert!(error(&[f32::NAN, -4.0], &[2.0, -4.0]).is_nan());
        assert!(error(&[-4.0, f32::NAN, -4.0], &[2.0, 1.0, -4.0]).is_nan());
        assert_eq!(error(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(error(&[0.0], &[0.0]), f64::INFINITY);
        let nan = Comparison::new("forward", vec![f32::NAN], vec![1.0]);
        let exact = Comparison::new("forward", vec![1.0], vec![1.0]);
        for comparisons in [[nan.clone(), exact.clone()], [exact, nan]] {
            let [check] = worst("x", Precision::F32, &comparisons).try_into().unwrap();
            assert!(!check.ok && check.error.is_none());
        }
    }
}
