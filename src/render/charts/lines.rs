//! Line charts in one or several panels.

use crate::render::charts::legend::{self, LegendEntry, LegendSymbol};
use crate::render::draw::frame::BELOW;
use crate::render::draw::pen::TextStyle;
use crate::render::draw::style::{INK, MUTED, SMALL, STROKE, TEXT, WIDTH};
use crate::render::draw::{Axis, DrawResult, Drawing, Frame, Pen, font};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

/// Gap between panels.
const GUTTER: f64 = 30.0;
const MARGIN: f64 = 8.0;
/// Heights of the y axis title and of a panel heading above it.
const AXIS_TITLE: f64 = 28.0;
const HEADING: f64 = 24.0;
/// Width of thin lines.
const THIN: f64 = 1.2;
/// Horizontal distance between lines with the same x values.
const DODGE: f64 = 5.0;
/// Maximum fraction of the panel width for labels next to lines.
const MAX_LABEL_FRACTION: f64 = 0.42;
/// Maximum number of labels next to lines; more go above the chart.
const MAX_LABELS: usize = 10;

/// A line of a panel.
#[derive(Clone, Debug)]
pub(crate) struct LineSeries {
    /// Name; a line without a name has no label.
    pub(crate) name: String,
    /// Color.
    pub(crate) color: RGBColor,
    /// Points; a non-finite point leaves a gap.
    pub(crate) points: Vec<(f64, f64)>,
    /// Confidence interval of each point; may be empty.
    pub(crate) intervals: Vec<(f64, f64)>,
    /// Values drawn as small rings: individual seeds.
    pub(crate) singles: Vec<(f64, f64)>,
    /// Whether each point has a dot.
    pub(crate) marked: bool,
    /// Point with a dot: the epoch whose weights were kept.
    pub(crate) best: Option<(f64, f64)>,
    /// Whether it is dashed.
    pub(crate) dashed: bool,
    /// Stroke width in CSS pixels.
    pub(crate) width: f64,
    /// Opacity; translucent lines are drawn below the others.
    pub(crate) strength: f64,
    /// Shift to the right in CSS pixels, so that whiskers at the same x do not overlap.
    pub(crate) dodge: f64,
}

impl LineSeries {
    /// Creates a solid line without markers.
    pub(crate) fn new(name: impl Into<String>, color: RGBColor, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            color,
            points,
            intervals: Vec::new(),
            singles: Vec::new(),
            marked: false,
            best: None,
            dashed: false,
            width: STROKE,
            strength: 1.0,
            dodge: 0.0,
        }
    }

    /// Makes it thin, for the seeds of one run.
    pub(crate) fn thin(self) -> Self {
        Self { width: THIN, ..self }
    }

    /// Makes it thin and translucent, for the background.
    pub(crate) fn faint(self) -> Self {
        Self { strength: 0.3, ..self.thin() }
    }

    /// Shifts it horizontally as line `at` of `of`.
    pub(crate) fn dodged(self, at: usize, of: usize) -> Self {
        Self { dodge: (at as f64 - (of as f64 - 1.0) / 2.0) * DODGE, ..self }
    }

    fn entry(&self) -> LegendEntry {
        let symbol = if self.dashed { LegendSymbol::Dashed } else { LegendSymbol::Solid };
        LegendEntry { name: self.name.clone(), color: self.color, symbol }
    }
}

/// A horizontal reference line.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceLine {
    /// Value.
    pub(crate) y: f64,
    /// Label.
    pub(crate) text: String,
}

/// One line plot.
#[derive(Clone, Debug)]
pub(crate) struct LinePanel {
    /// Heading.
    pub(crate) heading: String,
    /// The horizontal axis.
    pub(crate) x: Axis,
    /// The vertical axis.
    pub(crate) y: Axis,
    /// Lines.
    pub(crate) lines: Vec<LineSeries>,
    /// Reference lines.
    pub(crate) reference_lines: Vec<ReferenceLine>,
}

/// Line plots in a grid.
#[derive(Clone, Debug)]
pub(crate) struct LineChart {
    /// The panels.
    pub(crate) panels: Vec<LinePanel>,
    /// Panels per row.
    pub(crate) columns: usize,
    /// Height of a panel's plotting area.
    pub(crate) height: f64,
    /// Whether the legend is above the chart instead of next to the lines, for panels with the same lines.
    pub(crate) legend_above: bool,
}

impl LineChart {
    /// Creates a chart with one panel over the full width.
    pub(crate) fn single(panel: LinePanel) -> Self {
        Self { panels: vec![panel], columns: 1, height: 300.0, legend_above: false }
    }

    /// Creates a chart with two panels per row that share a legend.
    pub(crate) fn grid(panels: Vec<LinePanel>) -> Self {
        let columns = panels.len().clamp(1, 2);
        let height = if columns == 1 { 300.0 } else { 220.0 };
        let legend_above = columns > 1;
        Self { panels, columns, height, legend_above }
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let crowded = self.panels.iter().any(|panel| panel.named().count() > MAX_LABELS);
        let mut entries: Vec<LegendEntry> = Vec::new();
        for line in self.panels.iter().flat_map(LinePanel::named) {
            if !entries.iter().any(|entry| entry.name == line.name) {
                entries.push(line.entry());
            }
        }
        if (self.legend_above || crowded) && entries.len() > 1 { entries } else { Vec::new() }
    }

    fn legend_height(&self) -> f64 {
        let entries = self.legend();
        if entries.is_empty() { 0.0 } else { legend::height(&entries, WIDTH - 2.0 * MARGIN) + MARGIN }
    }

    fn panel_height(&self) -> f64 {
        self.above() + self.height + BELOW
    }

    fn above(&self) -> f64 {
        let headed = self.panels.iter().any(|panel| !panel.heading.is_empty());
        AXIS_TITLE + if headed { HEADING } else { 0.0 }
    }
}

impl Drawing for LineChart {
    fn size(&self) -> (f64, f64) {
        let rows = self.panels.len().div_ceil(self.columns.max(1));
        (WIDTH, self.legend_height() + rows as f64 * (self.panel_height() + MARGIN) + MARGIN)
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B> {
        let entries = self.legend();
        legend::draw_rows(&entries, pen, (MARGIN, MARGIN), WIDTH - 2.0 * MARGIN)?;
        let columns = self.columns.max(1) as f64;
        let width = (WIDTH - 2.0 * MARGIN - GUTTER * (columns - 1.0)) / columns;
        for (at, panel) in self.panels.iter().enumerate() {
            let left = MARGIN + (at % self.columns) as f64 * (width + GUTTER);
            let top = MARGIN + self.legend_height() + (at / self.columns) as f64 * (self.panel_height() + MARGIN);
            panel.draw(pen, (left, top), (width, self.above(), self.height), entries.is_empty())?;
        }
        Ok(())
    }
}

impl LinePanel {
    fn named(&self) -> impl Iterator<Item = &LineSeries> {
        self.lines.iter().filter(|line| !line.name.is_empty())
    }

    fn draw<B: DrawingBackend>(
        &self,
        pen: &Pen<'_, B>,
        (left, top): (f64, f64),
        (width, above, height): (f64, f64, f64),
        beside: bool,
    ) -> DrawResult<B> {
        let labels: Vec<LegendEntry> = if beside { self.named().map(LineSeries::entry).collect() } else { Vec::new() };
        let room =
            if labels.is_empty() { 0.0 } else { legend::label_width(&labels).min(width * MAX_LABEL_FRACTION) + MARGIN };
        let frame = Frame {
            left: left + Frame::tick_label_width(&self.y),
            top: top + above,
            right: left + width - room - MARGIN,
            bottom: top + above + height,
            x: self.x.clone(),
            y: self.y.clone(),
        };
        pen.heading(&self.heading, (left, top + 12.0), width)?;
        let title = font::fitted(&self.y.title, TEXT, false, width);
        pen.text(&title, (left, top + above - 16.0), TextStyle::new(TEXT, INK))?;
        frame.draw(pen)?;
        self.reference_lines.iter().try_for_each(|line| line.draw(pen, &frame))?;
        let (translucent, opaque): (Vec<&LineSeries>, Vec<&LineSeries>) =
            self.lines.iter().partition(|line| line.strength < 1.0);
        translucent.iter().chain(&opaque).try_for_each(|line| line.draw(pen, &frame))?;
        self.draw_labels(pen, &frame, labels, room)
    }

    fn draw_labels<B: DrawingBackend>(
        &self,
        pen: &Pen<'_, B>,
        frame: &Frame,
        labels: Vec<LegendEntry>,
        room: f64,
    ) -> DrawResult<B> {
        let end = |line: &LineSeries| line.points.iter().rev().find_map(|&point| frame.position(point));
        let heights = self.named().map(|line| end(line).map_or(frame.top, |(_, y)| y));
        let placed: Vec<(f64, LegendEntry)> = heights.zip(labels).collect();
        legend::draw_labels(&placed, pen, (frame.right + MARGIN, room - MARGIN), (frame.top, frame.bottom))
    }
}

impl LineSeries {
    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>, frame: &Frame) -> DrawResult<B> {
        let solid = self.color.to_rgba();
        let position = |point| frame.position(point).map(|(x, y)| (x + self.dodge, y));
        for ((x, _), (low, high)) in self.points.iter().zip(&self.intervals) {
            if let (Some(low), Some(high)) = (position((*x, *low)), position((*x, *high))) {
                pen.whisker(low, high, solid)?;
            }
        }
        for segment in segments(self.points.iter().map(|&point| position(point)).collect()) {
            self.draw_segment(pen, &segment)?;
        }
        for single in self.singles.iter().filter_map(|&point| position(point)) {
            pen.ring(single, 2.5, self.color.mix(0.7), 1.0)?;
        }
        let marks = self.points.iter().filter(|_| self.marked).chain(&self.best);
        marks.filter_map(|&point| position(point)).try_for_each(|position| pen.disc(position, 4.0, solid))
    }

    fn draw_segment<B: DrawingBackend>(&self, pen: &Pen<'_, B>, segment: &[(f64, f64)]) -> DrawResult<B> {
        let color = self.color.mix(self.strength);
        match segment {
            [alone] if !self.marked => pen.disc(*alone, self.width, color),
            _ if self.dashed => pen.dashed(segment, color, self.width),
            _ => pen.line(segment, color, self.width),
        }
    }
}

/// Splits a path at missing points.
fn segments(positions: Vec<Option<(f64, f64)>>) -> Vec<Vec<(f64, f64)>> {
    let segments =
        positions.split(Option::is_none).map(|segment| segment.iter().flatten().copied().collect::<Vec<_>>());
    segments.filter(|segment| !segment.is_empty()).collect()
}

impl ReferenceLine {
    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>, frame: &Frame) -> DrawResult<B> {
        let Some(y) = frame.down(self.y).filter(|y| (frame.top - 1.0..=frame.bottom + 1.0).contains(y)) else {
            return Ok(());
        };
        pen.dashed(&[(frame.left, y), (frame.right, y)], MUTED.to_rgba(), 1.2)?;
        let text = font::fitted(&self.text, SMALL, false, frame.right - frame.left);
        // Above the line unless the text would leave the frame.
        let shift = if y - 14.0 < frame.top { 9.0 } else { -8.0 };
        pen.text(&text, (frame.right - 2.0, y + shift), TextStyle::new(SMALL, MUTED).right_aligned())
    }
}
