//! Marker shapes and dash patterns, which tell series apart without their colors.

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

    /// Returns the offsets of the corners from the center, clockwise, for about the area of a disc of this radius; empty
    /// for the disc itself.
    pub(crate) fn outline(self, radius: f64) -> Vec<(f64, f64)> {
        let (side, tip, arm) = (0.89 * radius, 1.25 * radius, 0.36 * radius);
        let (wide, low) = (1.17 * radius, 0.75 * radius);
        // A quarter of an upright cross, which the others are turns of.
        let quarter = [(-arm, -tip), (arm, -tip), (arm, -arm)];
        let turns = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)];
        let turned = |(cos, sin): (f64, f64)| quarter.map(|(x, y)| (cos * x - sin * y, sin * x + cos * y));
        let plus = turns.into_iter().flat_map(turned);
        match self {
            Self::Circle => Vec::new(),
            Self::Square => vec![(-side, -side), (side, -side), (side, side), (-side, side)],
            Self::Diamond => vec![(0.0, -tip), (tip, 0.0), (0.0, tip), (-tip, 0.0)],
            Self::Triangle => vec![(0.0, -tip), (wide, low), (-wide, low)],
            Self::Down => vec![(0.0, tip), (-wide, -low), (wide, -low)],
            Self::Plus => plus.collect(),
            Self::Cross => {
                let half = std::f64::consts::FRAC_1_SQRT_2;
                plus.map(|(x, y)| (half * (x - y), half * (x + y))).collect()
            }
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
    Alternating,
}

impl Dash {
    const ALL: [Self; 4] = [Self::Solid, Self::Dashed, Self::Dotted, Self::Alternating];

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
            Self::Alternating => "dash-dot",
        }
    }

    /// Lengths of dashes and gaps in turn, in CSS pixels; lines have round caps, which lengthen dashes.
    pub(crate) fn pattern(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[5.0, 5.0],
            Self::Dotted => &[0.5, 4.5],
            Self::Alternating => &[7.0, 4.5, 0.5, 4.5],
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
    fn the_outline_of_a_marker_is_centered_and_has_the_area_of_a_disc() {
        for marker in Marker::ALL.into_iter().filter(|marker| *marker != Marker::Circle) {
            let corners = marker.outline(3.0);
            let next = corners.iter().cycle().skip(1);
            // Positive for clockwise corners, since y points down.
            let area = corners.iter().zip(next).map(|(a, b)| (a.0 * b.1 - a.1 * b.0) / 2.0).sum::<f64>();
            let ratio = area / (std::f64::consts::PI * 9.0);
            assert!((0.7..1.1).contains(&ratio), "{marker:?} has {ratio} of the area");
            let sum = corners.iter().fold((0.0, 0.0), |sum, corner| (sum.0 + corner.0, sum.1 + corner.1));
            assert!(sum.0.abs() < 1e-9 && sum.1.abs() < 0.5 * 3.0, "{marker:?} is off its center by {sum:?}");
        }
    }
}
