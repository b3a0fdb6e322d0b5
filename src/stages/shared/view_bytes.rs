//! Views of images as bytes, for images in the report.

use crate::augment::Policy;
use crate::base::rng;
use crate::imaging::ImageRef;

/// Returns a view as bytes; normalized values are rescaled to the range of bytes.
pub(in crate::stages) fn view_bytes(policy: &Policy, image: ImageRef<'_>, rng: &mut rng::Rng, side: usize) -> Vec<u8> {
    let mut values = vec![0.0; side * side * 3];
    policy.apply(image, rng, &mut Default::default(), &mut values);
    let inside = values.iter().all(|value| (-1e-3..=1.0 + 1e-3).contains(value));
    let (low, high) = if inside { (0.0, 1.0) } else { bounds(&values) };
    let scale = 255.0 / (high - low).max(1e-6);
    values.iter().map(|value| ((value - low) * scale).round().clamp(0.0, 255.0) as u8).collect()
}

fn bounds(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)))
}
