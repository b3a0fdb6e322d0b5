//! Scatter plots colored by class, in panels.

use crate::render::charts::legend::{self, LegendEntry, LegendSymbol};
use crate::render::draw::style::{GRID, WIDTH, color};
use crate::render::draw::{DrawResult, Drawing, Pen};
use plotters::prelude::DrawingBackend;
use plotters::style::Color;

const MARGIN: f64 = 8.0;
const GUTTER: f64 = 16.0;
const ABOVE: f64 = 26.0;
/// Panels per row.
const COLUMNS: usize = 3;
/// Maximum number of classes with a legend.
const MAX_LEGEND: usize = 24;
/// Above this number of points, dots are small.
const MANY_POINTS: usize = 600;

/// One scatter plot.
#[derive(Clone, Debug)]
pub(crate) struct ScatterPanel {
    /// Heading.
    pub(crate) heading: String,
    /// Points.
    pub(crate) points: Vec<(f32, f32)>,
    /// Class of each point.
    pub(crate) labels: Vec<usize>,
}

/// Scatter plots that share a legend.
#[derive(Clone, Debug)]
pub(crate) struct ScatterChart {
    /// The panels.
    pub(crate) panels: Vec<ScatterPanel>,
    /// Names of the classes.
    pub(crate) classes: Vec<String>,
}

impl ScatterChart {
    /// Returns the number of points in all panels.
    pub(crate) fn points(&self) -> usize {
        self.panels.iter().map(|panel| panel.points.len()).sum()
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let count = self.classes.len();
        let entry = |(at, name): (usize, &String)| LegendEntry {
            name: name.clone(),
            color: color(at, count),
            symbol: LegendSymbol::Disc,
        };
        if count <= MAX_LEGEND { self.classes.iter().enumerate().map(entry).collect() } else { Vec::new() }
    }

    fn legend_height(&self) -> f64 {
        legend::height(&self.legend(), WIDTH - 2.0 * MARGIN) + MARGIN
    }

    fn side(&self) -> f64 {
        let columns = self.panels.len().clamp(2, COLUMNS) as f64;
        (WIDTH - 2.0 * MARGIN - GUTTER * (columns - 1.0)) / columns
    }
}

impl Drawing for ScatterChart {
    fn size(&self) -> (f64, f64) {
        let rows = self.panels.len().div_ceil(COLUMNS);
        (WIDTH, MARGIN + self.legend_height() + rows as f64 * (ABOVE + self.side() + GUTTER))
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B> {
        legend::draw_rows(&self.legend(), pen, (MARGIN, MARGIN), WIDTH - 2.0 * MARGIN)?;
        for (at, panel) in self.panels.iter().enumerate() {
            let left = MARGIN + (at % COLUMNS) as f64 * (self.side() + GUTTER);
            let top = MARGIN + self.legend_height() + (at / COLUMNS) as f64 * (ABOVE + self.side() + GUTTER);
            panel.draw(pen, (left, top), self.side(), self.classes.len())?;
        }
        Ok(())
    }
}

impl ScatterPanel {
    fn draw<B: DrawingBackend>(
        &self,
        pen: &Pen<'_, B>,
        (left, top): (f64, f64),
        side: f64,
        classes: usize,
    ) -> DrawResult<B> {
        pen.heading(&self.heading, (left, top + 10.0), side)?;
        let (x0, y0) = (left, top + ABOVE);
        let corners = [(x0, y0), (x0 + side, y0), (x0 + side, y0 + side), (x0, y0 + side), (x0, y0)];
        pen.line(&corners, GRID.to_rgba(), 1.2)?;
        let Some(square) = Square::around(&self.points) else { return Ok(()) };
        let (radius, strength) = if self.points.len() > MANY_POINTS { (1.7, 0.65) } else { (2.8, 0.8) };
        for (&point, &label) in self.points.iter().zip(&self.labels) {
            let Some((across, down)) = square.normalized(point) else { continue };
            pen.disc(
                (x0 + across * side, y0 + down * side),
                radius,
                color(label, classes.max(label + 1)).mix(strength),
            )?;
        }
        Ok(())
    }
}

/// The bounding square of points: both axes have the same scale.
struct Square {
    center: (f64, f64),
    side: f64,
}

impl Square {
    /// Ratio of the square to the extent of the points.
    const PADDING: f64 = 1.08;

    fn around(points: &[(f32, f32)]) -> Option<Self> {
        let finite = || points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
        let ends = |pick: fn(&(f32, f32)) -> f32| {
            finite()
                .map(pick)
                .map(f64::from)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
        };
        let ((left, right), (low, high)) = (ends(|point| point.0), ends(|point| point.1));
        let side = (right - left).max(high - low) * Self::PADDING;
        let center = (f64::midpoint(left, right), f64::midpoint(low, high));
        finite().next().map(|_| Self { center, side: side.max(1e-30) })
    }

    /// Returns the position within the square, 0 to 1 from left to right and from top to bottom.
    fn normalized(&self, (x, y): (f32, f32)) -> Option<(f64, f64)> {
        let across = 0.5 + (f64::from(x) - self.center.0) / self.side;
        let down = 0.5 - (f64::from(y) - self.center.1) / self.side;
        (across.is_finite() && down.is_finite()).then_some((across, down))
    }
}
