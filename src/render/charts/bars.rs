//! Horizontal bars with intervals and printed values.

use crate::render::draw::style::{LINE_HEIGHT, MARGIN, NARROW, TEXT};
use crate::render::draw::{Axis, Drawing, Frame, Ink, Scene, Stroke, TextStyle, font};
use crate::render::words;

/// Space between two rows.
const ROW_GAP: f64 = 10.0;
/// Height of a bar.
const BAR: f64 = 15.0;
/// Maximum fraction of the width for the names, if they are next to the bars.
const MAX_NAME_FRACTION: f64 = 0.5;
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
    pub(crate) ink: Ink,
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

/// Where the parts of a chart are at a width.
struct Layout {
    /// Lines of each name, and whether they are above the bar.
    names: Vec<Vec<String>>,
    is_above: bool,
    /// Edges of the bars' area.
    left: f64,
    right: f64,
}

impl Layout {
    fn of(bars: &[Bar], width: f64) -> Self {
        let is_above = width <= NARROW;
        let names: Vec<&String> = bars.iter().map(|bar| &bar.name).collect();
        let max = if is_above { width - 3.0 * MARGIN } else { MAX_NAME_FRACTION * width };
        let names: Vec<Vec<String>> = names.into_iter().map(|name| font::wrapped(name, TEXT, false, max)).collect();
        let widest = names.iter().map(|lines| font::widest(lines, TEXT, false)).fold(0.0, f64::max);
        let left = if is_above { 2.0 * MARGIN } else { MARGIN + widest + 12.0 };
        Self { names, is_above, left, right: width - MARGIN - VALUE_WIDTH }
    }

    /// Returns the height of a row.
    fn row(&self, at: usize) -> f64 {
        let names = LINE_HEIGHT * self.names[at].len() as f64;
        ROW_GAP + if self.is_above { names + BAR } else { names.max(BAR) }
    }

    fn bottom(&self) -> f64 {
        MARGIN + (0..self.names.len()).map(|at| self.row(at)).sum::<f64>()
    }
}

impl BarChart {
    /// Draws the grid and the reference line behind a bar.
    fn draw_lines(&self, scene: &mut Scene, frame: &Frame<'_>, (top, bottom): (f64, f64)) {
        for x in self.axis.ticks.iter().filter_map(|(value, _)| frame.across(*value)) {
            scene.line(&[(x, top), (x, bottom)], Stroke::new(Ink::Grid, 1.0));
        }
        if let Some(x) = self.reference.and_then(|level| frame.across(level)) {
            scene.line(&[(x, top), (x, bottom)], Stroke::new(Ink::Text, 1.5));
        }
    }

    fn draw_bar(&self, scene: &mut Scene, frame: &Frame<'_>, bar: &Bar, (names, top, y): (&[String], f64, f64)) {
        let is_above = top + LINE_HEIGHT * names.len() as f64 <= y;
        let (x, style) = if is_above {
            (frame.left, TextStyle::new(TEXT, Ink::Text))
        } else {
            (frame.left - 12.0, TextStyle::new(TEXT, Ink::Text).right_aligned())
        };
        scene.lines_of_text(names, (x, top + LINE_HEIGHT / 2.0), style);
        if let Some(end) = frame.across(bar.value) {
            let end = end.clamp(frame.left, frame.right);
            scene.boxes(&[((frame.left, y - BAR / 2.0), (end, y + BAR / 2.0))], bar.ink, 0.75);
        }
        if let (Some(low), Some(high)) = (frame.across(bar.interval.0), frame.across(bar.interval.1)) {
            let within = |x: f64| x.clamp(frame.left, frame.right);
            scene.whisker((within(low), y), (within(high), y), Ink::Text);
        }
        let style = TextStyle::new(TEXT, Ink::Text).bold().right_aligned();
        scene.text(&words::percent(bar.value), (scene.size.0 - MARGIN, y), style);
    }
}

impl Drawing for BarChart {
    fn draw(&self, width: f64) -> Scene {
        let layout = Layout::of(&self.bars, width);
        let bottom = layout.bottom();
        let no_rows = Axis { ticks: Vec::new(), ..self.axis.clone() };
        let frame = Frame { left: layout.left, top: MARGIN, right: layout.right, bottom, x: &self.axis, y: &no_rows };
        let mut scene = Scene::new(width, bottom + Frame::below(&self.axis, frame.right - frame.left));
        let mut top = MARGIN;
        for (at, bar) in self.bars.iter().enumerate() {
            let (names, row) = (&layout.names[at], layout.row(at));
            let names_height = LINE_HEIGHT * names.len() as f64;
            let (name_top, y) = if layout.is_above {
                (top, top + names_height + BAR / 2.0)
            } else {
                let middle = top + row / 2.0;
                (middle - names_height / 2.0, middle)
            };
            // Lines do not cross the names above the bars.
            let lines = if layout.is_above { (y - BAR / 2.0 - 2.0, y + BAR / 2.0 + 2.0) } else { (top, top + row) };
            self.draw_lines(&mut scene, &frame, lines);
            self.draw_bar(&mut scene, &frame, bar, (names, name_top, y));
            top += row;
        }
        frame.draw(&mut scene);
        scene
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::draw::Family;
    use crate::render::draw::style::WIDE;

    #[test]
    fn names_of_any_length_are_whole_and_legible() {
        let bar = |name: &str, value| Bar {
            name: name.to_owned(),
            value,
            interval: (value - 0.1, value + 0.1),
            ink: Ink::Of(Family::Linear, 0),
        };
        let long = "Linear evaluation, main, projection layer 1 (128-d), 100 % of labels, precision \"bf16\"";
        let bars = vec![bar(long, 0.4), bar("short", 0.05), bar(&"x".repeat(300), 1.0), bar("missing", f64::NAN)];
        let axis = Axis::from_zero("Test accuracy", [0.4, 1.0]);
        let chart = BarChart { bars, reference: Some(0.2), axis };
        for width in [WIDE, NARROW] {
            let scene = chart.draw(width);
            scene.assert_legible("bars");
            let texts: String = scene.text_boxes().into_iter().map(|(text, _)| text + " ").collect();
            assert!(texts.contains(long) || width == NARROW || texts.contains("Linear evaluation"), "{texts}");
            assert!(texts.replace(' ', "").contains(&"x".repeat(300)), "{texts}");
        }
    }
}
