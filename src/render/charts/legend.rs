//! Names of series: in rows above a chart, or beside the ends of lines.

use crate::render::draw::pen::Lettering;
use crate::render::draw::style::{INK, STROKE, TEXT};
use crate::render::draw::{Drawn, Pen, font};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

/// Height of a row of a legend, and the least distance of two labels.
pub(crate) const ROW: f64 = 18.0;
/// Length of the sample of a line.
const SAMPLE: f64 = 16.0;
/// Between the sample and its name.
const GAP: f64 = 6.0;
/// Between two entries of a row.
const BETWEEN: f64 = 20.0;

/// How the sample of an entry looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// A piece of a line.
    Line,
    /// A piece of a dashed line.
    Dashed,
    /// A disc.
    Disc,
}

/// An entry of a legend.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Name of the series.
    pub(crate) name: String,
    /// Its color.
    pub(crate) color: RGBColor,
    /// Its look.
    pub(crate) sample: Sample,
}

impl Entry {
    fn width(&self) -> f64 {
        SAMPLE + GAP + font::width(&self.name, TEXT, false)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>, (x, y): (f64, f64), room: f64) -> Drawn<B> {
        let sample = [(x, y), (x + SAMPLE, y)];
        match self.sample {
            Sample::Line => pen.line(&sample, self.color.to_rgba(), STROKE + 0.5)?,
            Sample::Dashed => pen.dashed(&sample, self.color.to_rgba(), STROKE)?,
            Sample::Disc => pen.disc((x + SAMPLE / 2.0, y), 4.5, self.color.to_rgba())?,
        }
        let name = font::fitted_around(&self.name, TEXT, false, room - SAMPLE - GAP);
        pen.text(&name, (x + SAMPLE + GAP, y), Lettering::new(TEXT, INK))
    }
}

/// Room that labels beside line ends take.
pub(crate) fn room_beside(entries: &[Entry]) -> f64 {
    entries.iter().map(Entry::width).fold(0.0, f64::max)
}

/// Height of a legend that may be `width` wide.
pub(crate) fn height(entries: &[Entry], width: f64) -> f64 {
    rows(entries, width).len() as f64 * ROW
}

/// Draws a legend in rows, its upper end at `top`.
pub(crate) fn draw_rows<B: DrawingBackend>(
    entries: &[Entry],
    pen: &Pen<'_, B>,
    (left, top): (f64, f64),
    width: f64,
) -> Drawn<B> {
    for (at, row) in rows(entries, width).iter().enumerate() {
        let mut x = left;
        for entry in row {
            entry.draw(pen, (x, top + (at as f64 + 0.5) * ROW), width)?;
            x += entry.width() + BETWEEN;
        }
    }
    Ok(())
}

fn rows(entries: &[Entry], width: f64) -> Vec<Vec<&Entry>> {
    let mut rows: Vec<Vec<&Entry>> = Vec::new();
    let mut used = f64::INFINITY;
    for entry in entries {
        if used + entry.width() > width || rows.is_empty() {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += entry.width() + BETWEEN;
        if let Some(row) = rows.last_mut() {
            row.push(entry);
        }
    }
    rows
}

/// Draws names beside the ends of their lines, moved apart where they would touch.
pub(crate) fn draw_beside<B: DrawingBackend>(
    entries: &[(f64, Entry)],
    pen: &Pen<'_, B>,
    (left, room): (f64, f64),
    (top, bottom): (f64, f64),
) -> Drawn<B> {
    let wanted: Vec<f64> = entries.iter().map(|(y, _)| *y).collect();
    for ((_, entry), y) in entries.iter().zip(apart(&wanted, ROW, top, bottom)) {
        entry.draw(pen, (left, y), room)?;
    }
    Ok(())
}

/// Places near the wanted ones, at least `gap` apart, within the bounds if there is room at all.
fn apart(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut places = wanted.to_vec();
    let mut least = top;
    for &at in &order {
        places[at] = places[at].max(least);
        least = places[at] + gap;
    }
    let mut most = bottom.max(top + gap * (wanted.len().max(1) - 1) as f64);
    for &at in order.iter().rev() {
        places[at] = places[at].min(most);
        most = places[at] - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_distance() {
        let places = apart(&[50.0, 51.0, 10.0, 99.0], 18.0, 0.0, 100.0);
        assert_eq!(places, vec![50.0, 68.0, 10.0, 99.0]);
        let crowded = apart(&[95.0, 96.0, 97.0], 18.0, 0.0, 100.0);
        assert_eq!(crowded, vec![64.0, 82.0, 100.0]);
        assert!(apart(&[], 18.0, 0.0, 100.0).is_empty());
    }
}
