//! The frame of a plot: coordinate transform, grid and axes.

use crate::render::draw::style::{LINE_HEIGHT, TEXT};
use crate::render::draw::{Axis, Ink, Position, Scene, Stroke, TextStyle, font};

/// Gap between tick and label.
const GAP: f64 = 8.0;
/// Maximum number of lines of a tick label.
const MAX_LINES: usize = 6;

/// The plotting area with its axes.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    /// Left edge.
    pub(crate) left: f64,
    /// Top edge.
    pub(crate) top: f64,
    /// Right edge.
    pub(crate) right: f64,
    /// Bottom edge.
    pub(crate) bottom: f64,
    /// The horizontal axis.
    pub(crate) x: &'a Axis,
    /// The vertical axis.
    pub(crate) y: &'a Axis,
}

impl Frame<'_> {
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

    /// Returns its edges for the script of the page.
    pub(crate) fn edges(&self) -> String {
        [self.left, self.top, self.right, self.bottom].map(|edge| format!("{edge:.1}")).join(" ")
    }

    /// Returns the width of the tick labels of a y axis.
    pub(crate) fn tick_label_width(y: &Axis) -> f64 {
        font::widest(y.ticks.iter().map(|(_, text)| text), TEXT, false) + GAP + 2.0
    }

    /// Returns the height of the text below a frame of this width: tick labels and title.
    pub(crate) fn below(x: &Axis, width: f64) -> f64 {
        let ticks = shown_ticks(x, width);
        let lines = ticks.iter().map(|(_, lines)| lines.len()).max().unwrap_or(1);
        let title = font::wrapped(&x.title, TEXT, false, width);
        14.0 + LINE_HEIGHT * (lines.max(1) + title.len()) as f64
    }

    /// Draws the grid, the ticks and the title of the x axis.
    pub(crate) fn draw(&self, scene: &mut Scene) {
        scene.group(vec![("class", "axis-y".into())], None, |scene| self.draw_rows(scene));
        scene.group(vec![("class", "axis-x".into())], None, |scene| self.draw_columns(scene));
        scene.line(&[(self.left, self.bottom), (self.right, self.bottom)], Stroke::new(Ink::Muted, 1.0));
    }

    fn draw_rows(&self, scene: &mut Scene) {
        for (value, text) in &self.y.ticks {
            let Some(y) = self.down(*value) else { continue };
            scene.line(&[(self.left, y), (self.right, y)], Stroke::new(Ink::Grid, 1.0));
            scene.text(text, (self.left - GAP, y), TextStyle::new(TEXT, Ink::Muted).right_aligned());
        }
    }

    fn draw_columns(&self, scene: &mut Scene) {
        let width = self.right - self.left;
        let ticks = shown_ticks(self.x, width);
        for (fraction, lines) in &ticks {
            let x = self.left + fraction * width;
            scene.line(&[(x, self.bottom), (x, self.bottom + 4.0)], Stroke::new(Ink::Muted, 1.0));
            scene.lines_of_text(lines, (x, self.bottom + 14.0), TextStyle::new(TEXT, Ink::Muted).centered());
        }
        let lines = ticks.iter().map(|(_, lines)| lines.len()).max().unwrap_or(1).max(1);
        let below = self.bottom + 18.0 + LINE_HEIGHT * lines as f64;
        let title = font::wrapped(&self.x.title, TEXT, false, width);
        let middle = f64::midpoint(self.left, self.right);
        scene.lines_of_text(&title, (middle, below), TextStyle::new(TEXT, Ink::Text).centered());
    }
}

/// Returns position and lines of the tick labels that have room, the first one of those that would overlap.
fn shown_ticks(x: &Axis, width: f64) -> Vec<(f64, Vec<String>)> {
    let positions: Vec<(f64, &String)> =
        x.ticks.iter().filter_map(|(value, text)| x.fraction(*value).map(|at| (at, text))).collect();
    // An equal share of the frame, but at least a sixth of it.
    let room = (width / positions.len().max(1) as f64 - GAP).max(width / 6.0);
    let mut shown = Vec::new();
    let mut free_from = f64::NEG_INFINITY;
    for (at, text) in positions {
        let mut lines = font::wrapped(text, TEXT, false, room);
        if lines.len() > MAX_LINES {
            lines.truncate(MAX_LINES);
            if let Some(last) = lines.last_mut() {
                last.pop();
                last.push('…');
            }
        }
        let half_width = font::widest(&lines, TEXT, false) / 2.0;
        if at * width - half_width >= free_from {
            free_from = at * width + half_width + GAP;
            shown.push((at, lines));
        }
    }
    shown
}
