//! Panels of lines or marked points over a common look.

use crate::render::charts::legend::{self, Entry, Sample};
use crate::render::draw::frame::BELOW;
use crate::render::draw::pen::Lettering;
use crate::render::draw::style::{INK, MUTED, SMALL, STROKE, TEXT, WIDTH};
use crate::render::draw::{Axis, Drawing, Drawn, Frame, Pen, font};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

/// Between panels, and around the chart.
const GUTTER: f64 = 30.0;
const MARGIN: f64 = 8.0;
/// Title of the y axis, and the heading of a panel above it.
const AXIS_TITLE: f64 = 28.0;
const HEADING: f64 = 24.0;
/// Width of thin lines.
const THIN: f64 = 1.2;
/// Lines at one value are this far apart.
const DODGE: f64 = 5.0;
/// Labels beside lines may take this part of a panel.
const LABEL_PART: f64 = 0.42;
/// More names than this stand above the chart.
const BESIDE_AT_MOST: usize = 10;

/// A line of a panel.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its name; without one it is not labeled.
    pub(crate) name: String,
    /// Its color.
    pub(crate) color: RGBColor,
    /// Its points; one that is not finite leaves a gap.
    pub(crate) points: Vec<(f64, f64)>,
    /// Interval of each point, if there are any.
    pub(crate) intervals: Vec<(f64, f64)>,
    /// Further values drawn as small rings: single seeds.
    pub(crate) singles: Vec<(f64, f64)>,
    /// A disc at each point?
    pub(crate) marked: bool,
    /// A disc at one point: the best epoch.
    pub(crate) best: Option<(f64, f64)>,
    /// Dashed?
    pub(crate) dashed: bool,
    /// Its width.
    pub(crate) width: f64,
    /// Its opacity; pale lines lie below the others.
    pub(crate) strength: f64,
    /// Shift to the right, so that whiskers of several lines at one value do not hide each other.
    pub(crate) dodge: f64,
}

impl Line {
    /// A plain line.
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

    /// Thin, for the seeds of one run.
    pub(crate) fn thin(self) -> Self {
        Self { width: THIN, ..self }
    }

    /// Thin and pale, for the many.
    pub(crate) fn faint(self) -> Self {
        Self { strength: 0.3, ..self.thin() }
    }

    /// Moved aside by its place among `of` lines.
    pub(crate) fn dodged(self, at: usize, of: usize) -> Self {
        Self { dodge: (at as f64 - (of as f64 - 1.0) / 2.0) * DODGE, ..self }
    }

    fn entry(&self) -> Entry {
        let sample = if self.dashed { Sample::Dashed } else { Sample::Line };
        Entry { name: self.name.clone(), color: self.color, sample }
    }
}

/// A level that lines are compared with.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Its value.
    pub(crate) y: f64,
    /// What it is.
    pub(crate) text: String,
}

/// One panel.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// Its heading.
    pub(crate) heading: String,
    /// The axis below.
    pub(crate) x: Axis,
    /// The axis to the left.
    pub(crate) y: Axis,
    /// Its lines.
    pub(crate) lines: Vec<Line>,
    /// Levels to compare with.
    pub(crate) rules: Vec<Rule>,
}

/// Panels of lines, side by side and below each other.
#[derive(Clone, Debug)]
pub(crate) struct LineChart {
    /// The panels.
    pub(crate) panels: Vec<Panel>,
    /// Panels in a row.
    pub(crate) columns: usize,
    /// Height of a panel's frame.
    pub(crate) height: f64,
    /// Names above the chart rather than beside lines; several panels that share their lines want that.
    pub(crate) legend_above: bool,
}

impl LineChart {
    /// A chart of one panel over the whole width.
    pub(crate) fn single(panel: Panel) -> Self {
        Self { panels: vec![panel], columns: 1, height: 300.0, legend_above: false }
    }

    /// Panels in rows of two that share the names of their lines.
    pub(crate) fn grid(panels: Vec<Panel>) -> Self {
        let columns = panels.len().clamp(1, 2);
        let height = if columns == 1 { 300.0 } else { 220.0 };
        let legend_above = columns > 1;
        Self { panels, columns, height, legend_above }
    }

    fn legend(&self) -> Vec<Entry> {
        let crowded = self.panels.iter().any(|panel| panel.named().count() > BESIDE_AT_MOST);
        let mut entries: Vec<Entry> = Vec::new();
        for line in self.panels.iter().flat_map(Panel::named) {
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

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Drawn<B> {
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

impl Panel {
    fn named(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.name.is_empty())
    }

    fn draw<B: DrawingBackend>(
        &self,
        pen: &Pen<'_, B>,
        (left, top): (f64, f64),
        (width, above, height): (f64, f64, f64),
        beside: bool,
    ) -> Drawn<B> {
        let labels: Vec<Entry> = if beside { self.named().map(Line::entry).collect() } else { Vec::new() };
        let room = if labels.is_empty() { 0.0 } else { legend::room_beside(&labels).min(width * LABEL_PART) + MARGIN };
        let frame = Frame {
            left: left + Frame::room_for_ticks(&self.y),
            top: top + above,
            right: left + width - room - MARGIN,
            bottom: top + above + height,
            x: self.x.clone(),
            y: self.y.clone(),
        };
        pen.heading(&self.heading, (left, top + 12.0), width)?;
        let title = font::fitted(&self.y.title, TEXT, false, width);
        pen.text(&title, (left, top + above - 16.0), Lettering::new(TEXT, INK))?;
        frame.draw(pen)?;
        self.rules.iter().try_for_each(|rule| rule.draw(pen, &frame))?;
        let (pale, full): (Vec<&Line>, Vec<&Line>) = self.lines.iter().partition(|line| line.strength < 1.0);
        pale.iter().chain(&full).try_for_each(|line| line.draw(pen, &frame))?;
        self.draw_labels(pen, &frame, labels, room)
    }

    fn draw_labels<B: DrawingBackend>(
        &self,
        pen: &Pen<'_, B>,
        frame: &Frame,
        labels: Vec<Entry>,
        room: f64,
    ) -> Drawn<B> {
        let end = |line: &Line| line.points.iter().rev().find_map(|&point| frame.place(point));
        let heights = self.named().map(|line| end(line).map_or(frame.top, |(_, y)| y));
        let placed: Vec<(f64, Entry)> = heights.zip(labels).collect();
        legend::draw_beside(&placed, pen, (frame.right + MARGIN, room - MARGIN), (frame.top, frame.bottom))
    }
}

impl Line {
    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>, frame: &Frame) -> Drawn<B> {
        let solid = self.color.to_rgba();
        let place = |point| frame.place(point).map(|(x, y)| (x + self.dodge, y));
        for ((x, _), (low, high)) in self.points.iter().zip(&self.intervals) {
            if let (Some(low), Some(high)) = (place((*x, *low)), place((*x, *high))) {
                pen.whisker(low, high, solid)?;
            }
        }
        for piece in pieces(self.points.iter().map(|&point| place(point)).collect()) {
            self.draw_piece(pen, &piece)?;
        }
        for single in self.singles.iter().filter_map(|&point| place(point)) {
            pen.ring(single, 2.5, self.color.mix(0.7), 1.0)?;
        }
        let marks = self.points.iter().filter(|_| self.marked).chain(&self.best);
        marks.filter_map(|&point| place(point)).try_for_each(|place| pen.disc(place, 4.0, solid))
    }

    fn draw_piece<B: DrawingBackend>(&self, pen: &Pen<'_, B>, piece: &[(f64, f64)]) -> Drawn<B> {
        let color = self.color.mix(self.strength);
        match piece {
            [alone] if !self.marked => pen.disc(*alone, self.width, color),
            _ if self.dashed => pen.dashed(piece, color, self.width),
            _ => pen.line(piece, color, self.width),
        }
    }
}

/// Runs of points that have a place.
fn pieces(places: Vec<Option<(f64, f64)>>) -> Vec<Vec<(f64, f64)>> {
    let runs = places.split(Option::is_none).map(|run| run.iter().flatten().copied().collect::<Vec<_>>());
    runs.filter(|run| !run.is_empty()).collect()
}

impl Rule {
    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>, frame: &Frame) -> Drawn<B> {
        let Some(y) = frame.down(self.y).filter(|y| (frame.top - 1.0..=frame.bottom + 1.0).contains(y)) else {
            return Ok(());
        };
        pen.dashed(&[(frame.left, y), (frame.right, y)], MUTED.to_rgba(), 1.2)?;
        let text = font::fitted(&self.text, SMALL, false, frame.right - frame.left);
        // Above its line, unless there the text would leave the frame.
        let shift = if y - 14.0 < frame.top { 9.0 } else { -8.0 };
        pen.text(&text, (frame.right - 2.0, y + shift), Lettering::new(SMALL, MUTED).flush_right())
    }
}
