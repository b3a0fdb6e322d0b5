//! Marker shapes and dash patterns, which tell series apart without their colors.

/// Offsets of the corners of a convex part from the center of a marker.
pub(crate) type Part = Vec<(f64, f64)>;

/// Shape of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Marker {
    /// A disc.
    #[default]
    Circle,
    /// A square.
    Square,
    /// A square on its corner.
    Diamond,
    /// A triangle that points up.
    Triangle,
    /// A triangle that points down.
    Down,
    /// An upright cross.
    Plus,
    /// A diagonal cross.
    Cross,
}

impl Marker {
    /// Number of shapes.
    pub(crate) const COUNT: usize = 7;
    const ALL: [Self; Self::COUNT] =
        [Self::Circle, Self::Square, Self::Diamond, Self::Triangle, Self::Down, Self::Plus, Self::Cross];

    /// Returns shape `at`; they repeat after [`Marker::COUNT`].
    pub(crate) fn nth(at: usize) -> Self {
        Self::ALL[at % Self::COUNT]
    }

    /// Name for the script of the page.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Diamond => "diamond",
            Self::Triangle => "triangle",
            Self::Down => "down",
            Self::Plus => "plus",
            Self::Cross => "cross",
        }
    }

    /// Returns the convex parts of a marker with the area of a disc of this radius, about; empty for the disc itself.
    pub(crate) fn parts(self, radius: f64) -> Vec<Part> {
        let (side, tip, arm) = (0.89 * radius, 1.25 * radius, 0.36 * radius);
        let bar = |long: f64, wide: f64| vec![(-long, -wide), (long, -wide), (long, wide), (-long, wide)];
        let turned = |part: Part| {
            let half = std::f64::consts::FRAC_1_SQRT_2;
            part.into_iter().map(|(x, y)| (half * (x - y), half * (x + y))).collect()
        };
        match self {
            Self::Circle => Vec::new(),
            Self::Square => vec![bar(side, side)],
            Self::Diamond => vec![vec![(0.0, -tip), (tip, 0.0), (0.0, tip), (-tip, 0.0)]],
            Self::Triangle => vec![vec![(0.0, -tip), (1.17 * radius, 0.75 * radius), (-1.17 * radius, 0.75 * radius)]],
            Self::Down => vec![vec![(0.0, tip), (-1.17 * radius, -0.75 * radius), (1.17 * radius, -0.75 * radius)]],
            Self::Plus => vec![bar(tip, arm), bar(arm, tip)],
            Self::Cross => vec![turned(bar(tip, arm)), turned(bar(arm, tip))],
        }
    }
}

/// Dash pattern of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dash {
    /// No gaps.
    #[default]
    Solid,
    /// Dashes.
    Dashed,
    /// Dots.
    Dotted,
    /// Dashes and dots in turn.
    DashDot,
}

impl Dash {
    const ALL: [Self; 4] = [Self::Solid, Self::Dashed, Self::Dotted, Self::DashDot];

    /// Returns pattern `at`; they repeat after four.
    pub(crate) fn nth(at: usize) -> Self {
        Self::ALL[at % Self::ALL.len()]
    }

    /// Name for the script of the page.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Solid => "solid",
            Self::Dashed => "dash",
            Self::Dotted => "dot",
            Self::DashDot => "dash-dot",
        }
    }

    /// Lengths of dashes and gaps in turn, in CSS pixels; lines have round caps, which lengthen dashes.
    pub(crate) fn pattern(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[5.0, 5.0],
            Self::Dotted => &[0.5, 4.5],
            Self::DashDot => &[7.0, 4.5, 0.5, 4.5],
        }
    }

    /// Cuts a path into dashes that continue around corners.
    pub(crate) fn cut(self, points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
        let pattern = self.pattern();
        if pattern.is_empty() || points.is_empty() {
            return vec![points.to_vec()];
        }
        let mut cut = Vec::new();
        let mut current: Vec<(f64, f64)> = vec![points[0]];
        let (mut at, mut left) = (0, pattern[0]);
        for pair in points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            let size = (x1 - x0).hypot(y1 - y0);
            let mut done = 0.0;
            while size - done > left {
                done += left;
                let position = (x0 + (x1 - x0) * done / size, y0 + (y1 - y0) * done / size);
                if at % 2 == 0 {
                    current.push(position);
                    cut.push(std::mem::take(&mut current));
                } else {
                    current = vec![position];
                }
                at = (at + 1) % pattern.len();
                left = pattern[at];
            }
            left -= size - done;
            if at % 2 == 0 {
                current.push((x1, y1));
            }
        }
        if current.len() > 1 {
            cut.push(current);
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_have_the_given_length_and_spacing() {
        let cut = Dash::Dashed.cut(&[(0.0, 0.0), (90.0, 0.0)]);
        assert_eq!(cut.len(), 9);
        assert_eq!(cut[1], vec![(10.0, 0.0), (15.0, 0.0)]);
        assert_eq!(Dash::Solid.cut(&[(0.0, 0.0), (9.0, 0.0)]).len(), 1);
        assert_eq!(Dash::Dotted.cut(&[]), vec![Vec::new()]);
    }

    #[test]
    fn the_parts_of_a_marker_are_convex_and_centered() {
        for marker in Marker::ALL {
            for part in marker.parts(3.0) {
                let at = |i: usize| part[i % part.len()];
                let turns = (0..part.len()).map(|i| {
                    let ((ax, ay), (bx, by), (cx, cy)) = (at(i), at(i + 1), at(i + 2));
                    (bx - ax) * (cy - by) - (by - ay) * (cx - bx)
                });
                assert!(turns.clone().all(|turn| turn > 0.0), "{marker:?} {part:?}");
            }
        }
    }
}
