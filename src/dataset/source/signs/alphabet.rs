//! The signs themselves: a fixed random sequence in which each sign is clearly different from all earlier ones.

use super::Sign;
use super::stroke::{Point, Polyline, Stroke, squared_distance};
use crate::base::rng::{Rng, below, chance, stream};

/// Minimum distance between the ends of a stroke, in units of the grid spacing.
const MIN_STROKE_LENGTH: f32 = 1.4;
/// Probability that a stroke is bent, and how far to either side, as a fraction of its length.
const BEND: (f32, f32) = (0.5, 0.7);
/// Probability that a stroke starts where the last one ended.
const JOINED: f32 = 0.6;
/// Minimum of the shorter side of a sign's bounding box, as a fraction of the longer one.
const MIN_ASPECT: f32 = 0.4;
/// Minimum over strokes of the maximum distance of a point from the other two strokes: no stroke hides behind others.
const MIN_VISIBLE_DISTANCE: f32 = 0.4;
/// Minimum distance between two signs, see [`distance`].
const MIN_SIGN_DISTANCE: f32 = 0.6;
/// Rotations at which two signs are compared, in degrees; handwriting rotates signs as far.
const ROTATIONS: [f32; 5] = [-25.0, -12.5, 0.0, 12.5, 25.0];

/// Returns the first `count` signs, which do not depend on `count`. No two of them are similar.
pub(crate) fn alphabet(count: usize) -> Vec<Sign> {
    let mut signs: Vec<Sign> = Vec::with_capacity(count);
    let mut rng = stream(0, "alphabet", &[]);
    while signs.len() < count {
        let Some(candidate) = Sign::sample(&mut rng) else { continue };
        if signs.iter().all(|sign| distance(sign, &candidate) >= MIN_SIGN_DISTANCE) {
            signs.push(candidate);
        }
    }
    signs
}

impl Sign {
    /// Samples three strokes between points of a 3 x 3 grid, straight or bent, joined or not, scaled to the square.
    /// `None` if a stroke is not visible or the sign is too narrow.
    fn sample(rng: &mut Rng) -> Option<Self> {
        let mut start = grid_point(rng);
        let strokes = std::array::from_fn(|_| {
            let stroke = sample_stroke(start, rng);
            start = if chance(JOINED, rng) { stroke.0[2] } else { grid_point(rng) };
            stroke
        });
        let sign = Self(strokes).scaled()?;
        let lines = sign.lines();
        let hidden = |index: usize| {
            let others = [lines[(index + 1) % 3], lines[(index + 2) % 3]];
            farthest(&lines[index..=index], &others) < MIN_VISIBLE_DISTANCE
        };
        (!(0..3).any(hidden)).then_some(sign)
    }

    /// Centers and scales the sign so that the longer side of its bounding box is that of the square; `None` if the
    /// other side is much shorter.
    fn scaled(self) -> Option<Self> {
        let bounds = |axis: usize| {
            let places = || self.0.iter().flat_map(Stroke::line).map(|point| point[axis]);
            (places().fold(f32::INFINITY, f32::min), places().fold(f32::NEG_INFINITY, f32::max))
        };
        let bounds = [bounds(0), bounds(1)];
        let center = bounds.map(|(low, high)| (low + high) / 2.0);
        let [width, height] = bounds.map(|(low, high)| high - low);
        let scale = 2.0 / width.max(height);
        let scaled = Self(self.0.map(|stroke| stroke.map(|[x, y]| [(x - center[0]) * scale, (y - center[1]) * scale])));
        (width.min(height) >= MIN_ASPECT * width.max(height)).then_some(scaled)
    }

    fn lines(&self) -> [Polyline; 3] {
        self.0.map(|stroke| stroke.line())
    }
}

fn grid_point(rng: &mut Rng) -> Point {
    [0, 1].map(|_| below(3, rng) as f32 - 1.0)
}

fn sample_stroke(start: Point, rng: &mut Rng) -> Stroke {
    loop {
        let end = grid_point(rng);
        let along = [end[0] - start[0], end[1] - start[1]];
        if along[0].hypot(along[1]) >= MIN_STROKE_LENGTH {
            let side = if chance(0.5, rng) { BEND.1 } else { -BEND.1 };
            let bend = if chance(BEND.0, rng) { side } else { 0.0 };
            let middle = [(start[0] + end[0]) / 2.0 - bend * along[1], (start[1] + end[1]) / 2.0 + bend * along[0]];
            return Stroke([start, middle, end]);
        }
    }
}

/// Returns the distance between two signs: the Hausdorff distance of their strokes (the maximum distance of a point of
/// either from the other), minimized over rotations of one of them.
fn distance(a: &Sign, b: &Sign) -> f32 {
    let lines = b.lines();
    let at = |degrees: f32| {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let rotated = Sign(a.0.map(|stroke| stroke.map(|[x, y]| [cos * x - sin * y, sin * x + cos * y]))).lines();
        farthest(&rotated, &lines).max(farthest(&lines, &rotated))
    };
    ROTATIONS.into_iter().map(at).fold(f32::INFINITY, f32::min)
}

/// Returns the maximum distance of a point of `lines` from `others`.
fn farthest(lines: &[Polyline], others: &[Polyline]) -> f32 {
    let nearest = |point: &Point| {
        let segments = others.iter().flat_map(|line| line.windows(2));
        segments.map(|ends| squared_distance(*point, ends[0], ends[1])).fold(f32::INFINITY, f32::min)
    };
    lines.iter().flatten().map(nearest).fold(0.0, f32::max).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::source::signs::MAX_SIGNS;

    #[test]
    fn no_two_signs_are_similar_and_none_depends_on_the_count() {
        let signs = alphabet(MAX_SIGNS);
        assert_eq!(signs.len(), MAX_SIGNS);
        assert_eq!(alphabet(7), signs[..7]);
        for (index, sign) in signs.iter().enumerate() {
            for other in &signs[..index] {
                let apart = distance(other, sign);
                assert!(apart >= MIN_SIGN_DISTANCE, "{sign:?} and {other:?} are {apart} apart");
            }
        }
    }

    #[test]
    fn signs_stay_in_their_square() {
        for point in alphabet(MAX_SIGNS).iter().flat_map(Sign::lines).flatten() {
            assert!(point.iter().all(|place| place.abs() <= 1.0 + 1e-5), "{point:?}");
        }
    }

    #[test]
    fn a_rotated_sign_is_not_another_sign() {
        let sign = &alphabet(1)[0];
        let (sin, cos) = 12.5_f32.to_radians().sin_cos();
        let rotated = Sign(sign.0.map(|stroke| stroke.map(|[x, y]| [cos * x - sin * y, sin * x + cos * y])));
        assert!(distance(sign, &rotated) < 1e-3);
        assert_eq!(distance(sign, sign), 0.0);
    }
}
