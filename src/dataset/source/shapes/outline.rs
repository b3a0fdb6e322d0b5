//! Outlines of unit area as signed distances, negative inside.

use std::f32::consts::{PI, TAU};

/// A class of synthetic images; no shape is a rotation of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// An equilateral triangle.
    Triangle,
    /// A five-pointed star.
    Star,
    /// A cross with four equal arms.
    Cross,
    /// A disc with a round hole.
    Ring,
    /// A disc minus another disc that covers most of it.
    Crescent,
    /// A block arrow.
    Arrow,
}

impl Shape {
    /// All shapes; a data set of n classes uses the first n.
    pub(crate) const ALL: [Self; 8] =
        [Self::Circle, Self::Square, Self::Triangle, Self::Star, Self::Cross, Self::Ring, Self::Crescent, Self::Arrow];

    /// Returns the name of the class.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Star => "star",
            Self::Cross => "cross",
            Self::Ring => "ring",
            Self::Crescent => "crescent",
            Self::Arrow => "arrow",
        }
    }
}

/// Inner radius of a ring, as a fraction of the outer one.
const RING_HOLE: f32 = 0.55;
/// Radius of the disc subtracted from a crescent's disc, and the offset of its center to the right, as fractions of the
/// crescent's radius.
const CRESCENT_BITE: [f32; 2] = [0.85, 0.5];
/// Area of a crescent cut from a disc of radius 1, and the x of its center of mass.
const CRESCENT: [f32; 2] = [1.392_95, -0.424_15];
/// Radius of the inner corners of a star, as a fraction of that of the outer ones.
const STAR_WAIST: f32 = 0.42;

/// An outline, prepared for distance computations.
pub(super) enum Outline {
    Disc { radius: f32 },
    Ring { outer: f32, inner: f32 },
    Crescent { radius: f32 },
    Polygon(Vec<[f32; 2]>),
}

impl Outline {
    pub(super) fn of(shape: Shape) -> Self {
        match shape {
            Shape::Circle => Self::Disc { radius: 1.0 / PI.sqrt() },
            Shape::Ring => {
                let outer = 1.0 / (PI * (1.0 - RING_HOLE * RING_HOLE)).sqrt();
                Self::Ring { outer, inner: RING_HOLE * outer }
            }
            Shape::Crescent => Self::Crescent { radius: 1.0 / CRESCENT[0].sqrt() },
            Shape::Square => polygon(regular(&[1.0; 4])),
            Shape::Triangle => polygon(regular(&[1.0; 3])),
            Shape::Star => polygon(regular(&[1.0, STAR_WAIST].repeat(5))),
            Shape::Cross => polygon(cross()),
            Shape::Arrow => polygon(arrow()),
        }
    }

    /// Returns the signed distance from the outline, negative inside. It is exact only near the outline, which is
    /// enough for antialiasing.
    pub(super) fn distance(&self, [x, y]: [f32; 2]) -> f32 {
        match self {
            Self::Disc { radius } => x.hypot(y) - radius,
            Self::Ring { outer, inner } => {
                let from_center = x.hypot(y);
                (from_center - outer).max(inner - from_center)
            }
            Self::Crescent { radius } => {
                let x = x + CRESCENT[1] * radius;
                let bite = (x - CRESCENT_BITE[1] * radius).hypot(y) - CRESCENT_BITE[0] * radius;
                (x.hypot(y) - radius).max(-bite)
            }
            Self::Polygon(corners) => polygon_distance(corners, [x, y]),
        }
    }
}

/// Returns corners at equal angles around the center, at the given distances from it.
fn regular(radii: &[f32]) -> Vec<[f32; 2]> {
    let step = TAU / radii.len() as f32;
    radii
        .iter()
        .enumerate()
        .map(|(index, radius)| [radius * (step * index as f32).cos(), radius * (step * index as f32).sin()])
        .collect()
}

/// Returns a cross whose arms are a third of its width.
fn cross() -> Vec<[f32; 2]> {
    let quarter = [[3.0, -1.0], [3.0, 1.0], [1.0, 1.0]];
    let turn = |[x, y]: [f32; 2], quarters: usize| match quarters {
        0 => [x, y],
        1 => [-y, x],
        2 => [-x, -y],
        _ => [y, -x],
    };
    (0..4).flat_map(|quarters| quarter.map(|corner| turn(corner, quarters))).collect()
}

/// Returns an arrow to the right.
fn arrow() -> Vec<[f32; 2]> {
    vec![[-3.0, -0.7], [0.0, -0.7], [0.0, -2.0], [3.0, 0.0], [0.0, 2.0], [0.0, 0.7], [-3.0, 0.7]]
}

/// Scales and moves a polygon to area 1 and center of mass 0.
fn polygon(corners: Vec<[f32; 2]>) -> Outline {
    let (mut area, mut center) = (0.0, [0.0; 2]);
    for (a, b) in edges(&corners) {
        let cross = a[0] * b[1] - b[0] * a[1];
        area += cross / 2.0;
        center = [center[0] + (a[0] + b[0]) * cross / 6.0, center[1] + (a[1] + b[1]) * cross / 6.0];
    }
    let (center, scale) = (center.map(|sum| sum / area), 1.0 / area.sqrt());
    Outline::Polygon(corners.iter().map(|[x, y]| [(x - center[0]) * scale, (y - center[1]) * scale]).collect())
}

fn edges(corners: &[[f32; 2]]) -> impl Iterator<Item = ([f32; 2], [f32; 2])> {
    corners.iter().copied().zip(corners.iter().copied().cycle().skip(1))
}

/// Returns the distance from the nearest edge, negative if a ray to the right crosses an odd number of edges.
fn polygon_distance(corners: &[[f32; 2]], [x, y]: [f32; 2]) -> f32 {
    let (mut nearest, mut inside) = (f32::INFINITY, false);
    for (a, b) in edges(corners) {
        let (along, to) = ([b[0] - a[0], b[1] - a[1]], [x - a[0], y - a[1]]);
        let length = along[0] * along[0] + along[1] * along[1];
        let fraction = ((to[0] * along[0] + to[1] * along[1]) / length).clamp(0.0, 1.0);
        let (dx, dy) = (to[0] - fraction * along[0], to[1] - fraction * along[1]);
        nearest = nearest.min(dx * dx + dy * dy);
        if (a[1] > y) != (b[1] > y) && x < a[0] + along[0] * (to[1] / along[1]) {
            inside = !inside;
        }
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outline_has_area_one_and_its_center_at_zero() {
        let (cells, width) = (400, 3.0_f32);
        for shape in Shape::ALL {
            let outline = Outline::of(shape);
            let (mut area, mut center) = (0.0, [0.0; 2]);
            for cell in 0..cells * cells {
                let point = [cell % cells, cell / cells].map(|at| ((at as f32 + 0.5) / cells as f32 - 0.5) * width);
                if outline.distance(point) < 0.0 {
                    area += 1.0;
                    center = [center[0] + point[0], center[1] + point[1]];
                }
            }
            let cell_area = (width / cells as f32).powi(2);
            assert!((area * cell_area - 1.0).abs() < 0.01, "{shape:?}: {}", area * cell_area);
            assert!(center.iter().all(|sum| (sum * cell_area).abs() < 0.01), "{shape:?}: {center:?}");
        }
    }
}
