//! Heat map of a confusion matrix, shaded by row fractions.

use crate::render::draw::pen::TextStyle;
use crate::render::draw::style::{INK, MUTED, PAPER, SMALL, TEXT, shade};
use crate::render::draw::{DrawResult, Drawing, Pen, font};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

const MARGIN: f64 = 8.0;
/// Minimum and maximum size of the matrix.
const SIDE: (f64, f64) = (250.0, 600.0);
/// Maximum number of classes with printed counts.
const MAX_COUNTS: usize = 16;
/// Maximum number of classes with names.
const MAX_NAMES: usize = 40;
/// Maximum width of a class name.
const MAX_NAME_WIDTH: f64 = 130.0;
/// Counts on light cells; not [`INK`], which a dark page turns light.
const CELL_INK: RGBColor = RGBColor(0x1E, 0x28, 0x32);
/// Row fraction from which a cell is dark and its count white.
const MIN_DARK: f64 = 0.6;

/// A confusion matrix.
#[derive(Clone, Debug)]
pub(crate) struct Heatmap {
    /// Heading.
    pub(crate) heading: String,
    /// Names of the classes.
    pub(crate) classes: Vec<String>,
    /// Number of images by `[true class][predicted class]`.
    pub(crate) counts: Vec<Vec<usize>>,
}

impl Heatmap {
    /// Returns the number of cells.
    pub(crate) fn cells(&self) -> usize {
        self.counts.len().pow(2)
    }

    fn side(&self) -> f64 {
        let cell = if self.counts.len() <= MAX_COUNTS { 44.0 } else { 16.0 };
        (self.counts.len() as f64 * cell).clamp(SIDE.0, SIDE.1)
    }

    fn cell(&self) -> f64 {
        self.side() / self.counts.len().max(1) as f64
    }

    fn text_size(&self) -> f64 {
        TEXT.min(self.cell() * 0.8)
    }

    fn name(&self, class: usize) -> String {
        self.classes.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    fn named(&self) -> bool {
        self.counts.len() <= MAX_NAMES
    }

    /// Width of the class names and the axis title next to them.
    fn names_width(&self) -> f64 {
        let widths = (0..self.counts.len()).map(|class| font::width(&self.name(class), self.text_size(), false));
        let names = if self.named() { widths.fold(0.0, f64::max).min(MAX_NAME_WIDTH) } else { 0.0 };
        names + 34.0
    }

    /// Height below the matrix.
    fn below(&self) -> f64 {
        if self.named() && !self.names_are_horizontal() { self.names_width() } else { 44.0 }
    }

    fn corner(&self) -> (f64, f64) {
        (MARGIN + self.names_width(), MARGIN + 26.0)
    }

    fn draw_row<B: DrawingBackend>(&self, pen: &Pen<'_, B>, truth: usize) -> DrawResult<B> {
        let ((left, top), cell) = (self.corner(), self.cell());
        let total: usize = self.counts[truth].iter().sum();
        for (predicted, &count) in self.counts[truth].iter().enumerate().take(self.counts.len()) {
            let fraction = count as f64 / total.max(1) as f64;
            let (x, y) = (left + predicted as f64 * cell, top + truth as f64 * cell);
            let gap = if cell > 10.0 { 0.75 } else { 0.0 };
            let shown = 0.06 + 0.94 * fraction;
            pen.rectangle((x + gap, y + gap), (x + cell - gap, y + cell - gap), shade(shown).to_rgba())?;
            if self.counts.len() <= MAX_COUNTS {
                let ink = if fraction >= MIN_DARK { PAPER } else { CELL_INK };
                let text_style = TextStyle::new(self.text_size(), ink).centered();
                pen.text(&count.to_string(), (x + cell / 2.0, y + cell / 2.0), text_style)?;
            }
        }
        Ok(())
    }

    fn draw_names<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B> {
        let ((left, top), cell, side) = (self.corner(), self.cell(), self.side());
        let middle = (left + side / 2.0, top + side / 2.0);
        let title = TextStyle::new(TEXT, INK).centered();
        pen.text("True class", (MARGIN + 8.0, middle.1), title.rotated())?;
        pen.text("Predicted class", (middle.0, top + side + self.below() - 10.0), title)?;
        let room = self.names_width() - 34.0;
        for class in (0..self.counts.len()).filter(|_| self.named()) {
            let name = font::fitted(&self.name(class), self.text_size(), false, room);
            let at = (class as f64 + 0.5) * cell;
            let text_style = TextStyle::new(self.text_size(), MUTED).right_aligned();
            pen.text(&name, (left - 6.0, top + at), text_style)?;
            if self.names_are_horizontal() {
                pen.text(&name, (left + at, top + side + 12.0), TextStyle::new(self.text_size(), MUTED).centered())?;
            } else {
                pen.text(&name, (left + at, top + side + 6.0), text_style.rotated())?;
            }
        }
        Ok(())
    }

    fn names_are_horizontal(&self) -> bool {
        let room = self.cell() - 4.0;
        (0..self.counts.len()).all(|class| font::width(&self.name(class), self.text_size(), false) <= room)
    }
}

impl Drawing for Heatmap {
    fn size(&self) -> (f64, f64) {
        let (left, top) = self.corner();
        (left + self.side() + MARGIN, top + self.side() + self.below() + 2.0)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B> {
        let heading = font::fitted(&self.heading, SMALL + 1.5, true, self.size().0 - 2.0 * MARGIN);
        pen.text(&heading, (MARGIN, MARGIN + 8.0), TextStyle::new(SMALL + 1.5, INK).bold())?;
        (0..self.counts.len()).try_for_each(|truth| self.draw_row(pen, truth))?;
        self.draw_names(pen)
    }
}
