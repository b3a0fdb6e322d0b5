//! Pen strokes: quadratic Bézier curves, and the distance of every pixel from them.

/// A point of the plane, `[x, y]`.
pub(super) type Point = [f32; 2];

/// Number of straight segments that approximate a stroke.
const SEGMENTS: usize = 8;

/// A stroke as straight segments between these points.
pub(super) type Polyline = [Point; SEGMENTS + 1];

/// A quadratic Bézier curve: from the first point to the last, bent toward the middle one (the control point).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stroke(pub(super) [Point; 3]);

impl Stroke {
    /// Returns points at equal steps of the curve's parameter, including both ends.
    pub(super) fn line(&self) -> Polyline {
        std::array::from_fn(|index| {
            let t = index as f32 / SEGMENTS as f32;
            let weights = [(1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t];
            std::array::from_fn(|axis| weights.iter().zip(self.0).map(|(weight, point)| weight * point[axis]).sum())
        })
    }

    /// Returns the stroke with each of its three points replaced.
    pub(super) fn map(&self, replace: impl FnMut(Point) -> Point) -> Self {
        Self(self.0.map(replace))
    }
}

/// Returns the distance of each pixel's center from the nearest line, `[side, side]`, in a unit square. Distances above
/// `reach` are infinite, since only pixels near a segment are visited.
pub(super) fn distances(lines: &[Polyline], reach: f32, side: usize) -> Vec<f32> {
    let mut squares = vec![f32::INFINITY; side * side];
    for ends in lines.iter().flat_map(|line| line.windows(2)) {
        let [a, b] = [ends[0], ends[1]];
        let [columns, rows] =
            [0, 1].map(|axis| pixels(a[axis].min(b[axis]) - reach, a[axis].max(b[axis]) + reach, side));
        for row in rows {
            for column in columns.clone() {
                let center = [column, row].map(|index| (index as f32 + 0.5) / side as f32);
                let square = &mut squares[row * side + column];
                *square = square.min(squared_distance(center, a, b));
            }
        }
    }
    let near = |square: f32| if square <= reach * reach { square.sqrt() } else { f32::INFINITY };
    squares.into_iter().map(near).collect()
}

/// Returns the pixels of a unit length of `side` pixels that overlap the interval from `low` to `high`.
fn pixels(low: f32, high: f32, side: usize) -> std::ops::Range<usize> {
    let at = |position: f32| (position * side as f32).clamp(0.0, side as f32);
    at(low).floor() as usize..at(high).ceil() as usize
}

/// Returns the squared distance of a point from the segment between `a` and `b`.
pub(super) fn squared_distance(point: Point, a: Point, b: Point) -> f32 {
    let (along, to) = ([b[0] - a[0], b[1] - a[1]], [point[0] - a[0], point[1] - a[1]]);
    let length = along[0] * along[0] + along[1] * along[1];
    let fraction = if length > 0.0 { ((to[0] * along[0] + to[1] * along[1]) / length).clamp(0.0, 1.0) } else { 0.0 };
    let (dx, dy) = (to[0] - fraction * along[0], to[1] - fraction * along[1]);
    dx * dx + dy * dy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_runs_between_its_ends_and_bends_halfway_to_its_control_point() {
        let line = Stroke([[0.0, 0.0], [1.0, 2.0], [2.0, 0.0]]).line();
        assert_eq!((line[0], line[SEGMENTS / 2], line[SEGMENTS]), ([0.0, 0.0], [1.0, 1.0], [2.0, 0.0]));
    }

    #[test]
    fn distances_are_exact_within_reach_and_infinite_beyond() {
        let (side, reach) = (20, 0.2);
        let lines =
            [Stroke([[0.1, 0.2], [0.5, 0.9], [0.8, 0.3]]).line(), Stroke([[-0.3, 0.9], [0.4, 0.9], [1.2, 0.8]]).line()];
        for (index, distance) in distances(&lines, reach, side).into_iter().enumerate() {
            let center = [index % side, index / side].map(|at| (at as f32 + 0.5) / side as f32);
            let segments = lines.iter().flat_map(|line| line.windows(2));
            let nearest =
                segments.map(|ends| squared_distance(center, ends[0], ends[1])).fold(f32::INFINITY, f32::min).sqrt();
            if nearest < reach - 1e-6 {
                assert_eq!(distance, nearest);
            } else if nearest > reach + 1e-6 {
                assert_eq!(distance, f32::INFINITY);
            }
        }
    }
}
