//! Checks of device operations against the oracle.

use crate::base::{Error, Result};
use crate::nn::Precision;
use crate::train::Compute;
use serde::Serialize;

/// A function that runs an operation on the device and on the oracle.
type Compare<D> = Box<dyn Fn(&D, Precision) -> Result<Vec<Comparison>>>;

/// An operation of a device to check.
pub(crate) struct Operation<D> {
    /// Display name.
    pub name: String,
    /// Whether it depends on the precision of feature maps; otherwise it always runs in 32 bits.
    pub has_precisions: bool,
    /// Runs the operation on the device and on the oracle.
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

/// A result of the device and the oracle's.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// The pass, such as `forward` or `backward`. Comparisons of one pass are reported as one, with the largest error.
    pub pass: &'static str,
    /// Values computed by the device.
    pub actual: Vec<f32>,
    /// Values computed by the oracle.
    pub expected: Vec<f32>,
}

impl Comparison {
    pub(super) fn new(pass: &'static str, actual: Vec<f32>, expected: Vec<f32>) -> Self {
        Self { pass, actual, expected }
    }

    /// Returns the maximum difference relative to the oracle's maximum absolute value. NaN propagates; different
    /// lengths or an oracle result of zeros give infinity.
    pub(crate) fn error(&self) -> f64 {
        let max = self.expected.iter().fold(0.0, |max: f64, x| max.max(f64::from(x.abs())));
        if self.actual.len() != self.expected.len() || max == 0.0 {
            return f64::INFINITY;
        }
        let differences = self.actual.iter().zip(&self.expected).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
        differences.fold(0.0, nan_max) / max
    }
}

/// The result of checking one pass of an operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Check {
    /// The operation.
    pub operation: String,
    /// The pass: `forward`, `backward`, ...
    pub pass: &'static str,
    /// The precision.
    pub precision: Precision,
    /// The maximum relative error, see [`Comparison::error`]; `None` if it is not finite.
    pub error: Option<f64>,
    /// The maximum error allowed.
    pub tolerance: f64,
    /// Whether the error is within the tolerance.
    pub ok: bool,
    /// Why the device did not compute the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Check {
    fn new(operation: &str, pass: &'static str, precision: Precision, error: f64) -> Self {
        let (tolerance, finite_error) = (tolerance(precision), error.is_finite().then_some(error));
        let ok = error <= tolerance;
        Self { operation: operation.to_owned(), pass, precision, error: finite_error, tolerance, ok, failure: None }
    }

    fn failed(operation: &str, precision: Precision, failure: &Error) -> Self {
        let failure = Some(failure.what().to_owned());
        Self { ok: false, error: None, failure, ..Self::new(operation, "all", precision, f64::INFINITY) }
    }
}

/// Returns the maximum relative error of a correct device.
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-4,
        // Tensor cores that truncate their inputs to 10 bits, instead of rounding them, give up to 7e-4.
        Precision::Tf32 => 2e-3,
        Precision::Bf16 => 2e-2,
    }
}

/// Checks operations of a device against the oracle, in each precision.
///
/// A wrong result and an operation that the device refuses are failed checks.
///
/// # Errors
/// The device does not work any more.
pub(crate) fn check_operations<D: Compute>(
    device: &D,
    operations: &[Operation<D>],
    precisions: &[Precision],
) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for operation in operations {
        let precisions = if operation.has_precisions { precisions } else { &[Precision::F32] };
        for &precision in precisions {
            let at = |error: Error| error.at(format!("{} ({})", operation.name, precision.name()));
            match (operation.compare)(device, precision) {
                Ok(comparisons) => checks.extend(worst_per_pass(&operation.name, precision, &comparisons)),
                Err(error) if works(device) => checks.push(Check::failed(&operation.name, precision, &error)),
                Err(error) => return Err(at(error)),
            }
        }
    }
    Ok(checks)
}

/// Whether the device still stores and returns a number.
fn works<D: Compute>(device: &D) -> bool {
    device.upload(vec![1.0]).and_then(|buffer| device.download(&buffer)).is_ok_and(|values| values == [1.0])
}

/// Returns the larger of two errors; NaN counts as the largest.
fn nan_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}

/// Returns one check per pass, with the largest error of its comparisons.
fn worst_per_pass(operation: &str, precision: Precision, comparisons: &[Comparison]) -> Vec<Check> {
    let mut passes: Vec<(&'static str, f64)> = Vec::new();
    for comparison in comparisons {
        let error = comparison.error();
        match passes.iter_mut().find(|(pass, _)| *pass == comparison.pass) {
            Some((_, max)) => *max = nan_max(*max, error),
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
    fn the_cpu_passes_every_check() {
        let checks = check_operations(&Cpu::default(), &operations(), &PRECISIONS).unwrap();
        let wrong: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(checks.len() > 60, "{}", checks.len());
        // Many errors of exactly 0 would mean that device and oracle share their code.
        assert!(checks.iter().filter(|check| check.error == Some(0.0)).count() < checks.len() / 4);
    }

    /// Compares a pool with one whose window is shifted.
    fn wrong_pool(device: &Cpu, precision: Precision) -> Result<Vec<Comparison>> {
        let requested = MaxPool { channels: 4, kernel: 3, stride: 2, padding: 1, side: 8 };
        let shifted = MaxPool { padding: 0, ..requested };
        let input = device.upload_map(numbers("input", 8 * 8 * 4), precision)?;
        let run = |shape: &MaxPool| {
            let mut output = device.allocate_map(requested.output_len(), precision)?;
            device.max_pool(shape, &input, &mut output)?;
            device.download_map(&output)
        };
        Ok(vec![Comparison::new("forward", run(&shifted)?, run(&requested)?)])
    }

    #[test]
    fn a_wrong_operation_fails_its_checks() {
        let operation = Operation::new("max-pool", wrong_pool);
        let checks = check_operations(&Cpu::default(), &[operation], &PRECISIONS).unwrap();
        assert_eq!(checks.len(), 3);
        assert!(checks.iter().all(|check| !check.ok && check.pass == "forward"), "{checks:?}");
    }

    #[test]
    fn an_operation_that_the_device_refuses_is_a_failed_check_and_the_others_follow() {
        let fails = |_: &Cpu, _| Err(Error::stage("no algorithm"));
        let operations = [Operation::new("refused", fails), Operation::new("max-pool", wrong_pool)];
        let checks = check_operations(&Cpu::default(), &operations, &PRECISIONS).unwrap();
        assert_eq!(checks.len(), 6);
        assert!(checks[..3].iter().all(|check| !check.ok && check.failure.as_deref() == Some("no algorithm")));
        assert!(checks[3..].iter().all(|check| check.failure.is_none()));
    }

    #[test]
    fn errors_are_relative_to_the_maximum_and_nan_propagates() {
        let error = |actual: &[f32], expected: &[f32]| Comparison::new("", actual.to_vec(), expected.to_vec()).error();
        assert_eq!(error(&[1.0, -4.0], &[2.0, -4.0]), 0.25);
        assert!(error(&[f32::NAN, -4.0], &[2.0, -4.0]).is_nan());
        assert!(error(&[-4.0, f32::NAN, -4.0], &[2.0, 1.0, -4.0]).is_nan());
        assert_eq!(error(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(error(&[0.0], &[0.0]), f64::INFINITY);
        let nan = Comparison::new("forward", vec![f32::NAN], vec![1.0]);
        let exact = Comparison::new("forward", vec![1.0], vec![1.0]);
        for comparisons in [[nan.clone(), exact.clone()], [exact, nan]] {
            let [check] = worst_per_pass("x", Precision::F32, &comparisons).try_into().unwrap();
            assert!(!check.ok && check.error.is_none());
        }
    }
}
