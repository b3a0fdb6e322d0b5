//! Horizontal bars with intervals and printed values.

use crate::render::draw::frame::BELOW;
use crate::render::draw::pen::TextStyle;
use crate::render::draw::style::{GRID, INK, MUTED, TEXT, WIDTH};
use crate::render::draw::{Axis, DrawResult, Drawing, Pen, font};
use crate::render::words;
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

const MARGIN: f64 = 8.0;
const ROW: f64 = 27.0;
/// Row height if names take two lines.
const TALL_ROW: f64 = 37.0;
const LINE_HEIGHT: f64 = 15.0;
const BAR: f64 = 15.0;
/// Maximum fraction of the width for the names.
const MAX_NAME_FRACTION: f64 = 0.45;
/// Width of the printed values.
const VALUE_WIDTH: f64 = 62.0;

/// A bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// Name of the result.
    pub(crate) name: String,
    /// Value, a fraction.
    pub(crate) value: f64,
    /// Confidence interval of the value.
    pub(crate) interval: (f64, f64),
    /// Color.
    pub(crate) color: RGBColor,
}

/// A horizontal bar chart.
#[derive(Clone, Debug)]
pub(crate) struct BarChart {
    /// The bars, from top to bottom.
    pub(crate) bars: Vec<Bar>,
    /// Position of a vertical reference line.
    pub(crate) reference: Option<f64>,
    /// The horizontal axis.
    pub(crate) axis: Axis,
}

impl BarChart {
    fn bottom(&self) -> f64 {
        MARGIN + self.bars.len() as f64 * self.row()
    }

    fn row(&self) -> f64 {
        let room = self.names_width() - 12.0;
        if self.bars.iter().any(|bar| name_lines(&bar.name, room).len() > 1) { TALL_ROW } else { ROW }
    }

    fn names_width(&self) -> f64 {
        let widest = self.bars.iter().map(|bar| font::width(&bar.name, TEXT, false)).fold(0.0, f64::max);
        widest.min(WIDTH * MAX_NAME_FRACTION) + 12.0
    }

    fn across(&self, value: f64) -> Option<f64> {
        let (left, right) = (MARGIN + self.names_width(), WIDTH - MARGIN - VALUE_WIDTH);
        Some(left + self.axis.fraction(value)?.clamp(0.0, 1.0) * (right - left))
    }

    fn draw_axis<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B> {
        let bottom = self.bottom();
        for (value, text) in &self.axis.ticks {
            let Some(x) = self.across(*value) else { continue };
            pen.line(&[(x, MARGIN), (x, bottom + 4.0)], GRID.to_rgba(), 1.0)?;
            pen.text(text, (x, bottom + 14.0), TextStyle::new(TEXT, MUTED).centered())?;
        }
        let middle = f64::midpoint(MARGIN + self.names_width(), WIDTH - MARGIN - VALUE_WIDTH);
        pen.text(&self.axis.title, (middle, bottom + 34.0), TextStyle::new(TEXT, INK).centered())
    }

    fn draw_bar<B: DrawingBackend>(&self, pen: &Pen<'_, B>, bar: &Bar, y: f64) -> DrawResult<B> {
        let names_end = MARGIN + self.names_width();
        let lines = name_lines(&bar.name, self.names_width() - 12.0);
        let first = y - LINE_HEIGHT / 2.0 * (lines.len() - 1) as f64;
        for (i, line) in lines.iter().enumerate() {
            pen.text(
                line,
                (names_end - 12.0, first + i as f64 * LINE_HEIGHT),
                TextStyle::new(TEXT, INK).right_aligned(),
            )?;
        }
        if let Some(end) = self.across(bar.value) {
            let color = bar.color.mix(0.75);
            pen.rectangle((names_end, y - BAR / 2.0), (end, y + BAR / 2.0), color)?;
        }
        if let (Some(low), Some(high)) = (self.across(bar.interval.0), self.across(bar.interval.1)) {
            pen.whisker((low, y), (high, y), INK.to_rgba())?;
        }
        let text_style = TextStyle::new(TEXT, INK).bold().right_aligned();
        pen.text(&words::percent(bar.value), (WIDTH - MARGIN, y), text_style)
    }
}

/// Breaks a name that is too long into two lines, at a comma if possible.
fn name_lines(name: &str, room: f64) -> Vec<String> {
    if font::width(name, TEXT, false) <= room {
        return vec![name.to_owned()];
    }
    let breaks = name.match_indices(", ").map(|(at, comma)| name.split_at(at + comma.len()));
    let last = breaks.filter(|(first, _)| font::width(first.trim_end(), TEXT, false) <= room).last();
    let (first, rest) = last.unwrap_or(("", name));
    let rest = font::fitted_around(rest, TEXT, false, room);
    if first.is_empty() { vec![rest] } else { vec![first.trim_end().to_owned(), rest] }
}

impl Drawing for BarChart {
    fn size(&self) -> (f64, f64) {
        (WIDTH, self.bottom() + BELOW + MARGIN)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B> {
        self.draw_axis(pen)?;
        for (at, bar) in self.bars.iter().enumerate() {
            self.draw_bar(pen, bar, MARGIN + (at as f64 + 0.5) * self.row())?;
        }
        match self.reference.and_then(|level| self.across(level)) {
            Some(x) => pen.line(&[(x, MARGIN), (x, self.bottom())], INK.to_rgba(), 1.5),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_takes_two_lines() {
        let name = "Linear evaluation, main, projection layer 1 (128-d), 100 % of labels, precision \"bf16\"";
        let lines = name_lines(name, 340.0);
        assert_eq!(lines.join(" "), name);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| font::width(line, TEXT, false) <= 340.0));
        assert_eq!(name_lines("short", 340.0), ["short"]);
        assert_eq!(name_lines(&"x".repeat(200), 340.0).len(), 1);
    }
}
