//! The frame of a plot: where values lie, grid, ticks and the text at them.

use crate::render::draw::pen::{Lettering, Place};
use crate::render::draw::style::{GRID, INK, MUTED, TEXT};
use crate::render::draw::{Axis, Drawn, Pen, font};
use plotters::prelude::DrawingBackend;
use plotters::style::Color;

/// Height of the text below the frame: ticks and title.
pub(crate) const BELOW: f64 = 46.0;
/// Between tick and text.
const GAP: f64 = 8.0;

/// A rectangle in which values have a place.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Left end, in CSS pixels.
    pub(crate) left: f64,
    /// Upper end.
    pub(crate) top: f64,
    /// Right end.
    pub(crate) right: f64,
    /// Lower end.
    pub(crate) bottom: f64,
    /// The axis below.
    pub(crate) x: Axis,
    /// The axis to the left.
    pub(crate) y: Axis,
}

impl Frame {
    /// Where a pair of values lies; none if one of them cannot be placed.
    pub(crate) fn place(&self, (x, y): (f64, f64)) -> Option<Place> {
        Some((self.across(x)?, self.down(y)?))
    }

    /// Where a value of the x axis lies.
    pub(crate) fn across(&self, x: f64) -> Option<f64> {
        Some(self.left + self.x.part(x)? * (self.right - self.left))
    }

    /// Where a value of the y axis lies.
    pub(crate) fn down(&self, y: f64) -> Option<f64> {
        Some(self.bottom - self.y.part(y)? * (self.bottom - self.top))
    }

    /// Room that the texts at the y axis take, left of the frame.
    pub(crate) fn room_for_ticks(y: &Axis) -> f64 {
        y.ticks.iter().map(|(_, text)| font::width(text, TEXT, false)).fold(0.0, f64::max) + GAP + 2.0
    }

    /// Grid, ticks and axis titles; the title of the y axis stands above it, level, where it is read easily.
    pub(crate) fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        self.draw_rows(pen)?;
        self.draw_columns(pen)?;
        let axis = [(self.left, self.bottom), (self.right, self.bottom)];
        pen.line(&axis, MUTED.to_rgba(), 1.0)
    }

    fn draw_rows<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        for (value, text) in &self.y.ticks {
            let Some(y) = self.down(*value) else { continue };
            pen.line(&[(self.left, y), (self.right, y)], GRID.to_rgba(), 1.0)?;
            pen.text(text, (self.left - GAP, y), Lettering::new(TEXT, MUTED).flush_right())?;
        }
        Ok(())
    }

    fn draw_columns<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
        let lettering = Lettering::new(TEXT, MUTED).centered();
        let mut free_from = f64::NEG_INFINITY;
        let room = self.room_a_tick();
        for (value, text) in &self.x.ticks {
            let Some(x) = self.across(*value) else { continue };
            let text = font::fitted(text, TEXT, false, room);
            let half = font::width(&text, TEXT, false) / 2.0;
            if x - half < free_from {
                continue;
            }
            free_from = x + half + GAP;
            pen.line(&[(x, self.bottom), (x, self.bottom + 4.0)], MUTED.to_rgba(), 1.0)?;
            pen.text(&text, (x, self.bottom + 14.0), lettering)?;
        }
        let middle = f64::midpoint(self.left, self.right);
        pen.text(&self.x.title, (middle, self.bottom + 34.0), Lettering::new(TEXT, INK).centered())
    }

    /// A tick's text may not be wider than the frame can give each of them, or a good part of it.
    fn room_a_tick(&self) -> f64 {
        let width = self.right - self.left;
        (width / self.x.ticks.len().max(1) as f64 - GAP).max(width / 6.0)
    }
}
