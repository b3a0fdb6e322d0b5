//! Legends: in rows above a chart, or next to the ends of lines.

use crate::render::draw::style::{LINE_HEIGHT, STROKE, TEXT};
use crate::render::draw::{Dash, Ink, MarkStyle, Marker, Position, Scene, Stroke, TextStyle, font};

/// Row height of a legend, and the minimum distance between two labels.
pub(crate) const ROW: f64 = 19.0;
/// Width of a symbol.
const SYMBOL_WIDTH: f64 = 26.0;
/// Gap between symbol and name.
const GAP: f64 = 6.0;
/// Gap between two entries of a row.
const ENTRY_GAP: f64 = 18.0;

/// A legend entry.
#[derive(Clone, Debug)]
pub(crate) struct LegendEntry {
    /// Name of the series.
    pub(crate) name: String,
    /// Color.
    pub(crate) ink: Ink,
    /// Dash pattern of its line; none for a symbol without a line.
    pub(crate) dash: Option<Dash>,
    /// Its marker; none for a line without markers.
    pub(crate) marker: Option<Marker>,
    /// Name and value of the attribute by which the script of the page finds the series.
    pub(crate) key: (&'static str, usize),
}

impl LegendEntry {
    fn symbol_width(&self) -> f64 {
        if self.dash.is_some() { SYMBOL_WIDTH } else { 12.0 }
    }

    /// Returns the lines of its name if the entry has this much room.
    fn lines(&self, room: f64) -> Vec<String> {
        font::wrapped(&self.name, TEXT, false, room - self.symbol_width() - GAP)
    }

    fn width(&self, lines: &[String]) -> f64 {
        self.symbol_width() + GAP + font::widest(lines, TEXT, false)
    }

    fn draw(&self, scene: &mut Scene, (x, y): Position, lines: &[String]) {
        let width = self.symbol_width();
        let group = vec![("class", "entry".to_owned()), (self.key.0, self.key.1.to_string())];
        scene.group(group, Some(self.ink), |scene| {
            if let Some(dash) = self.dash {
                scene.line(&[(x + 1.0, y), (x + width - 1.0, y)], Stroke::new(self.ink, STROKE).dashed(dash));
            }
            if let Some(marker) = self.marker {
                let style = MarkStyle { ink: self.ink, marker, radius: 4.5, opacity: 1.0, is_ring: false };
                scene.marks(&[(x + width / 2.0, y)], style);
            }
            scene.lines_of_text(lines, (x + width + GAP, y), TextStyle::new(TEXT, Ink::Text));
        });
    }
}

/// A legend in rows: the lines of each entry's name, and its position from the top left corner.
struct Layout<'a> {
    entries: Vec<(&'a LegendEntry, Vec<String>, Position)>,
    height: f64,
}

fn layout(entries: &[LegendEntry], width: f64) -> Layout<'_> {
    let (mut x, mut y, mut row_height) = (0.0, 0.0, 0.0_f64);
    let mut placed = Vec::new();
    for entry in entries {
        let lines = entry.lines(width);
        let entry_width = entry.width(&lines);
        if x > 0.0 && x + entry_width > width {
            (x, y, row_height) = (0.0, y + row_height, 0.0);
        }
        row_height = row_height.max(ROW + LINE_HEIGHT * (lines.len().max(1) - 1) as f64);
        placed.push((entry, lines, (x, y)));
        x += entry_width + ENTRY_GAP;
    }
    Layout { entries: placed, height: y + row_height }
}

/// Returns the height of a legend of the given width.
pub(crate) fn height(entries: &[LegendEntry], width: f64) -> f64 {
    layout(entries, width).height
}

/// Draws a legend in rows from the top left corner.
pub(crate) fn draw_rows(entries: &[LegendEntry], scene: &mut Scene, (left, top): Position, width: f64) {
    for (entry, lines, (x, y)) in layout(entries, width).entries {
        entry.draw(scene, (left + x, top + y + ROW / 2.0), &lines);
    }
}

/// Returns the width of labels next to line ends, each on one line.
pub(crate) fn label_width(entries: &[LegendEntry]) -> f64 {
    entries.iter().map(|entry| entry.width(std::slice::from_ref(&entry.name))).fold(0.0, f64::max)
}

/// Draws labels next to the ends of their lines, moved apart where they would overlap.
pub(crate) fn draw_labels(entries: &[(f64, LegendEntry)], scene: &mut Scene, left: f64, (top, bottom): (f64, f64)) {
    let wanted: Vec<f64> = entries.iter().map(|(y, _)| *y).collect();
    for ((_, entry), y) in entries.iter().zip(spread_apart(&wanted, ROW, top, bottom)) {
        entry.draw(scene, (left, y), std::slice::from_ref(&entry.name));
    }
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

    #[test]
    fn a_long_name_is_broken_and_keeps_what_distinguishes_it() {
        let entry = |name: &str| LegendEntry {
            name: name.to_owned(),
            ink: Ink::Class(0),
            dash: Some(Dash::Solid),
            marker: None,
            key: ("data-key", 0),
        };
        let entries = [
            entry("Linear evaluation, main, projection layer 1 (128-d), 10 % of labels, temperature 0.05"),
            entry("Linear evaluation, main, projection layer 1 (128-d), 100 % of labels, temperature 0.05"),
            entry("short"),
        ];
        let mut scene = Scene::new(340.0, height(&entries, 324.0) + 16.0);
        draw_rows(&entries, &mut scene, (8.0, 8.0), 324.0);
        scene.assert_legible("legend");
        let all: Vec<String> = scene.text_boxes().into_iter().map(|(text, _)| text).collect();
        assert_eq!(all.join(" "), entries.clone().map(|entry| entry.name).join(" "));
    }
}
