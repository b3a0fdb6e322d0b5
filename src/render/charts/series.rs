//! A line of a chart: what tells it apart, its points, and how they are drawn.

use crate::render::charts::chart_data::SeriesData;
use crate::render::charts::legend::LegendEntry;
use crate::render::draw::style::STROKE;
use crate::render::draw::{Dash, Frame, Ink, MarkStyle, Marker, Position, Scene, Stroke};

/// Width of thin lines.
const THIN: f64 = 1.2;
/// Horizontal distance between lines with the same x values, and the maximum for all of them.
const DODGE: f64 = 5.0;
const MAX_DODGE: f64 = 24.0;
/// Radius of the markers.
const RADIUS: f64 = 4.2;

/// What tells a series apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Color.
    pub(crate) ink: Ink,
    /// Dash pattern.
    pub(crate) dash: Dash,
    /// Shape of its points.
    pub(crate) marker: Marker,
}

impl Look {
    /// Creates a solid line with discs.
    pub(crate) fn new(ink: Ink) -> Self {
        Self { ink, dash: Dash::Solid, marker: Marker::Circle }
    }

    /// Returns whether both are drawn the same.
    pub(crate) fn is_like(self, other: Self) -> bool {
        self.ink.class() == other.ink.class() && self.dash == other.dash && self.marker == other.marker
    }
}

/// A line of a panel.
#[derive(Clone, Debug)]
pub(crate) struct LineSeries {
    /// Name; a line without a name has no label.
    pub(crate) name: String,
    /// Color.
    pub(crate) ink: Ink,
    /// Dash pattern.
    pub(crate) dash: Dash,
    /// Shape of its points.
    pub(crate) marker: Marker,
    /// Points; a non-finite point leaves a gap.
    pub(crate) points: Vec<(f64, f64)>,
    /// Confidence interval of each point; may be empty.
    pub(crate) intervals: Vec<(f64, f64)>,
    /// Values drawn as small rings: individual seeds.
    pub(crate) singles: Vec<(f64, f64)>,
    /// The x of each point as a number of optimizer steps; may be empty.
    pub(crate) steps: Vec<f64>,
    /// Name of the stage that it is a training curve of, with its variant; may be empty.
    pub(crate) stage: String,
    /// Whether each point has a marker.
    pub(crate) marked: bool,
    /// Index of the point with a marker: the epoch whose weights were kept.
    pub(crate) best: Option<usize>,
    /// Stroke width.
    pub(crate) width: f64,
    /// Opacity; translucent lines are drawn below the others.
    pub(crate) strength: f64,
    /// Shift to the right, so that whiskers at the same x do not overlap.
    pub(crate) dodge: f64,
}

impl LineSeries {
    /// Creates a line without markers.
    pub(crate) fn new(name: impl Into<String>, look: Look, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            ink: look.ink,
            dash: look.dash,
            marker: look.marker,
            points,
            intervals: Vec::new(),
            singles: Vec::new(),
            steps: Vec::new(),
            stage: String::new(),
            marked: false,
            best: None,
            width: STROKE,
            strength: 1.0,
            dodge: 0.0,
        }
    }

    /// Makes it thin, for the seeds of one run.
    pub(crate) fn thin(self) -> Self {
        Self { width: THIN, ..self }
    }

    /// Makes it thin and translucent, for the background.
    pub(crate) fn faint(self) -> Self {
        Self { strength: 0.3, ..self.thin() }
    }

    /// Shifts it horizontally as line `at` of `of`.
    pub(crate) fn dodged(self, at: usize, of: usize) -> Self {
        let last = of.saturating_sub(1) as f64;
        Self { dodge: (at as f64 - last / 2.0) * DODGE.min(MAX_DODGE / last.max(1.0)), ..self }
    }

    /// Returns its legend entry.
    pub(crate) fn entry(&self, key: usize) -> LegendEntry {
        let marker = (self.marked || self.best.is_some()).then_some(self.marker);
        LegendEntry { name: self.name.clone(), ink: self.ink, dash: Some(self.dash), marker, key: ("data-key", key) }
    }

    /// Returns whether the entry is its own or that of the same series in another panel.
    pub(crate) fn has_entry(&self, entry: &LegendEntry) -> bool {
        self.name == entry.name && self.looks_like(entry)
    }

    /// The same without the name, which only the first seed of a run has.
    pub(crate) fn looks_like(&self, entry: &LegendEntry) -> bool {
        self.ink == entry.ink
            && Some(self.dash) == entry.dash
            && entry.marker.is_none_or(|marker| marker == self.marker)
    }

    /// Returns its data for the script of the page.
    pub(crate) fn data(&self, key: usize) -> SeriesData<'_> {
        SeriesData {
            key,
            name: &self.name,
            class: self.ink.class(),
            dash: self.dash.name(),
            marker: self.marker.name(),
            marked: self.marked,
            points: &self.points,
            intervals: &self.intervals,
            singles: &self.singles,
            best: self.best,
            steps: &self.steps,
            stage: &self.stage,
        }
    }

    /// Draws it in a frame.
    pub(crate) fn draw(&self, scene: &mut Scene, frame: &Frame<'_>) {
        let position = |point: &(f64, f64)| frame.position(*point).map(|(x, y)| (x + self.dodge, y));
        for segment in segments(self.points.iter().map(position).collect()) {
            self.draw_segment(scene, &segment);
        }
        for ((x, _), (low, high)) in self.points.iter().zip(&self.intervals) {
            if let (Some(low), Some(high)) = (position(&(*x, *low)), position(&(*x, *high))) {
                scene.whisker(low, high, self.ink);
            }
        }
        let ring = MarkStyle { marker: Marker::Circle, radius: 2.5, opacity: 0.7, is_ring: true, ..self.mark() };
        scene.marks(&self.singles.iter().filter_map(position).collect::<Vec<_>>(), ring);
        let best = self.best.and_then(|at| self.points.get(at));
        let marks = self.points.iter().filter(|_| self.marked).chain(best.filter(|_| !self.marked));
        scene.marks(&marks.filter_map(position).collect::<Vec<_>>(), self.mark());
    }

    /// Returns positions along the line and its intervals, for labels that avoid it.
    pub(crate) fn path(&self, frame: &Frame<'_>) -> Vec<Position> {
        const BETWEEN: usize = 16;
        let positions: Vec<Position> = self.points.iter().filter_map(|point| frame.position(*point)).collect();
        let between = |pair: &[Position]| {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            let part = move |at: usize| at as f64 / BETWEEN as f64;
            (0..BETWEEN).map(move |at| (x0 + part(at) * (x1 - x0), y0 + part(at) * (y1 - y0))).collect::<Vec<_>>()
        };
        let ends = self.points.iter().zip(&self.intervals).flat_map(|((x, _), (low, high))| [(*x, *low), (*x, *high)]);
        let ends: Vec<Position> = ends.filter_map(|point| frame.position(point)).collect();
        [positions.windows(2).flat_map(between).collect(), positions, ends].concat()
    }

    fn mark(&self) -> MarkStyle {
        MarkStyle { ink: self.ink, marker: self.marker, radius: RADIUS, opacity: 1.0, is_ring: false }
    }

    fn draw_segment(&self, scene: &mut Scene, segment: &[Position]) {
        let stroke = Stroke { ink: self.ink, width: self.width, dash: self.dash, opacity: self.strength };
        match segment {
            [alone] if !self.marked => {
                scene.marks(&[*alone], MarkStyle { radius: self.width, opacity: self.strength, ..self.mark() });
            }
            _ => scene.line(segment, stroke),
        }
    }
}

/// Splits a path at missing points.
fn segments(positions: Vec<Option<Position>>) -> Vec<Vec<Position>> {
    let segments =
        positions.split(Option::is_none).map(|segment| segment.iter().flatten().copied().collect::<Vec<_>>());
    segments.filter(|segment| !segment.is_empty()).collect()
}
