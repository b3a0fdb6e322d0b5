//! The frame of a plot: coordinate transform, grid and axes.

use crate::render::draw::pen::{Position, TextStyle};
use crate::render::draw::style::{GRID, INK, MUTED, TEXT};
use crate::render::draw::{Axis, DrawResult, Pen, font};
use plotters::prelude::DrawingBackend;
use plotters::style::Color;

/// Height of the text below the frame: ticks and title.
pub(crate) const BELOW: f64 = 46.0;
/// Gap between tick and label.
const GAP: f64 = 8.0;

/// The plotting area with its axes.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Left edge in CSS pixels.
    pub(crate) left: f64,
    /// Top edge.
    pub(crate) top: f64,
    /// Right edge.
    pub(crate) right: f64,
    /// Bottom edge.
    pub(crate) bottom: f64,
    /// The horizontal axis.
    pub(crate) x: Axis,
    /// The vertical axis.
    pub(crate) y: Axis,
}

impl Frame {
    /// Returns the position of a pair of values; `None` if one of them is off its axis.
    pub(crate) fn position(&self, (x, y): (f64, f64)) -> Option<Position> {
        Some((self.across(x)?, self.down(y)?))
    }

    /// Returns the horizontal position of an x value.
    pub(crate) fn across(&self, x: f64) -> Option<f64> {
        Some(self.left + self.x.fraction(x)? * (self.right - self.left))
    }

    /// Returns the vertical position of a y value.
    pub(crate) fn down(&self, y: f64) -> Option<f64> {
        Some(self.bottom - self.y.fraction(y)? * (self.bottom - self.top))
    }

    /// Returns the width of the tick labels of a y axis.
    pub(crate) fn tick_label_width(y: &Axis) -> f64 {
        y.ticks.iter().map(|(_, text)| font::width(text, TEXT, false)).fold(0.0, f64::max) + GAP + 2.0
    }

    /// Draws the grid, the ticks and the title of the x axis.
    pub(crate) fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B> {
        self.draw_rows(pen)?;
        self.draw_columns(pen)?;
        let axis = [(self.left, self.bottom), (self.right, self.bottom)];
        pen.line(&axis, MUTED.to_rgba(), 1.0)
    }

    fn draw_rows<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B> {
        for (value, text) in &self.y.ticks {
            let Some(y) = self.down(*value) else { continue };
            pen.line(&[(self.left, y), (self.right, y)], GRID.to_rgba(), 1.0)?;
            pen.text(text, (self.left - GAP, y), TextStyle::new(TEXT, MUTED).right_aligned())?;
        }
        Ok(())
    }

    fn draw_columns<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B> {
        let text_style = TextStyle::new(TEXT, MUTED).centered();
        let mut free_from = f64::NEG_INFINITY;
        let room = self.max_tick_label_width();
        for (value, text) in &self.x.ticks {
            let Some(x) = self.across(*value) else { continue };
            let text = font::fitted(text, TEXT, false, room);
            let half_width = font::width(&text, TEXT, false) / 2.0;
            if x - half_width < free_from {
                continue;
            }
            free_from = x + half_width + GAP;
            pen.line(&[(x, self.bottom), (x, self.bottom + 4.0)], MUTED.to_rgba(), 1.0)?;
            pen.text(&text, (x, self.bottom + 14.0), text_style)?;
        }
        let middle = f64::midpoint(self.left, self.right);
        pen.text(&self.x.title, (middle, self.bottom + 34.0), TextStyle::new(TEXT, INK).centered())
    }

    /// Returns the maximum width of an x tick label: an equal share of the frame, but at least a sixth of it.
    fn max_tick_label_width(&self) -> f64 {
        let width = self.right - self.left;
        (width / self.x.ticks.len().max(1) as f64 - GAP).max(width / 6.0)
    }
}
