//! Legends: in rows above a chart, or next to the ends of lines.

use crate::render::draw::pen::TextStyle;
use crate::render::draw::style::{INK, STROKE, TEXT};
use crate::render::draw::{DrawResult, Pen, font};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

/// Row height of a legend, and the minimum distance between two labels.
pub(crate) const ROW: f64 = 18.0;
/// Width of a symbol.
const SYMBOL_WIDTH: f64 = 16.0;
/// Gap between symbol and name.
const GAP: f64 = 6.0;
/// Gap between two entries of a row.
const ENTRY_GAP: f64 = 20.0;

/// Symbol of a legend entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegendSymbol {
    /// A solid line.
    Solid,
    /// A dashed line.
    Dashed,
    /// A disc.
    Disc,
}

/// A legend entry.
#[derive(Clone, Debug)]
pub(crate) struct LegendEntry {
    /// Name of the series.
    pub(crate) name: String,
    /// Color.
    pub(crate) color: RGBColor,
    /// Symbol.
    pub(crate) symbol: LegendSymbol,
}

impl LegendEntry {
    fn width(&self) -> f64 {
        SYMBOL_WIDTH + GAP + font::width(&self.name, TEXT, false)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>, (x, y): (f64, f64), room: f64) -> DrawResult<B> {
        let line = [(x, y), (x + SYMBOL_WIDTH, y)];
        match self.symbol {
            LegendSymbol::Solid => pen.line(&line, self.color.to_rgba(), STROKE + 0.5)?,
            LegendSymbol::Dashed => pen.dashed(&line, self.color.to_rgba(), STROKE)?,
            LegendSymbol::Disc => pen.disc((x + SYMBOL_WIDTH / 2.0, y), 4.5, self.color.to_rgba())?,
        }
        let name = font::fitted_around(&self.name, TEXT, false, room - SYMBOL_WIDTH - GAP);
        pen.text(&name, (x + SYMBOL_WIDTH + GAP, y), TextStyle::new(TEXT, INK))
    }
}

/// Returns the width of labels next to line ends.
pub(crate) fn label_width(entries: &[LegendEntry]) -> f64 {
    entries.iter().map(LegendEntry::width).fold(0.0, f64::max)
}

/// Returns the height of a legend of the given width.
pub(crate) fn height(entries: &[LegendEntry], width: f64) -> f64 {
    rows(entries, width).len() as f64 * ROW
}

/// Draws a legend in rows from `top` down.
pub(crate) fn draw_rows<B: DrawingBackend>(
    entries: &[LegendEntry],
    pen: &Pen<'_, B>,
    (left, top): (f64, f64),
    width: f64,
) -> DrawResult<B> {
    for (at, row) in rows(entries, width).iter().enumerate() {
        let mut x = left;
        for entry in row {
            entry.draw(pen, (x, top + (at as f64 + 0.5) * ROW), width)?;
            x += entry.width() + ENTRY_GAP;
        }
    }
    Ok(())
}

fn rows(entries: &[LegendEntry], width: f64) -> Vec<Vec<&LegendEntry>> {
    let mut rows: Vec<Vec<&LegendEntry>> = Vec::new();
    let mut used = f64::INFINITY;
    for entry in entries {
        if used + entry.width() > width || rows.is_empty() {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += entry.width() + ENTRY_GAP;
        if let Some(row) = rows.last_mut() {
            row.push(entry);
        }
    }
    rows
}

/// Draws labels next to the ends of their lines, moved apart where they would overlap.
pub(crate) fn draw_labels<B: DrawingBackend>(
    entries: &[(f64, LegendEntry)],
    pen: &Pen<'_, B>,
    (left, room): (f64, f64),
    (top, bottom): (f64, f64),
) -> DrawResult<B> {
    let wanted: Vec<f64> = entries.iter().map(|(y, _)| *y).collect();
    for ((_, entry), y) in entries.iter().zip(spread_apart(&wanted, ROW, top, bottom)) {
        entry.draw(pen, (left, y), room)?;
    }
    Ok(())
}

/// Returns positions near the wanted ones, at least `gap` apart, within the bounds if they fit.
fn spread_apart(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut positions = wanted.to_vec();
    let mut min = top;
    for &at in &order {
        positions[at] = positions[at].max(min);
        min = positions[at] + gap;
    }
    let mut max = bottom.max(top + gap * (wanted.len().max(1) - 1) as f64);
    for &at in order.iter().rev() {
        positions[at] = positions[at].min(max);
        max = positions[at] - gap;
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_distance() {
        let positions = spread_apart(&[50.0, 51.0, 10.0, 99.0], 18.0, 0.0, 100.0);
        assert_eq!(positions, vec![50.0, 68.0, 10.0, 99.0]);
        let crowded = spread_apart(&[95.0, 96.0, 97.0], 18.0, 0.0, 100.0);
        assert_eq!(crowded, vec![64.0, 82.0, 100.0]);
        assert!(spread_apart(&[], 18.0, 0.0, 100.0).is_empty());
    }
}
