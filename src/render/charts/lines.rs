//! Line charts in one or several panels.

use crate::render::charts::chart_data::{AxisData, ChartData, LinesData, ReferenceData};
use crate::render::charts::legend::{self, LegendEntry};
use crate::render::charts::series::LineSeries;
use crate::render::draw::style::{HEADING, LINE_HEIGHT, MARGIN, NARROW, SMALL, TEXT};
use crate::render::draw::{Axis, Dash, Drawing, Frame, Ink, Position, Scene, Stroke, TextStyle, font};

/// Gap between panels.
const GUTTER: f64 = 30.0;
/// Space between the texts above a panel and its frame.
const ABOVE: f64 = 12.0;
/// Maximum fraction of the panel width for labels next to lines.
const MAX_LABEL_FRACTION: f64 = 0.42;
/// Maximum number of labels next to lines; more go above the chart.
const MAX_LABELS: usize = 10;

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
    /// Panels per row, if they are not one below the other.
    pub(crate) columns: usize,
    /// Height of a panel's plotting area.
    pub(crate) height: f64,
    /// Whether the legend is above the chart instead of next to the lines, for panels with the same lines.
    pub(crate) legend_above: bool,
}

/// Where the parts of a chart are at a width.
struct Layout {
    columns: usize,
    /// Width of a panel.
    width: f64,
    /// Entries of the legend above the chart, and its height.
    legend: (Vec<LegendEntry>, f64),
    /// Heights above and below the plotting areas.
    above: f64,
    below: f64,
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

    /// Returns an entry for each name; lines of several panels with the same name and look share one.
    fn entries(&self) -> Vec<LegendEntry> {
        let mut entries: Vec<LegendEntry> = Vec::new();
        for line in self.panels.iter().flat_map(LinePanel::named) {
            if !entries.iter().any(|entry| line.has_entry(entry)) {
                entries.push(line.entry(entries.len()));
            }
        }
        entries
    }

    fn layout(&self, width: f64) -> Layout {
        let columns = if width <= NARROW { 1 } else { self.columns.max(1) };
        let panel = (width - 2.0 * MARGIN - GUTTER * (columns as f64 - 1.0)) / columns as f64;
        let entries = self.entries();
        let is_crowded = self.panels.iter().any(|panel| panel.named().count() > MAX_LABELS);
        let has_room = legend::label_width(&entries) <= MAX_LABEL_FRACTION * panel && width > NARROW;
        let is_above = !entries.is_empty() && (!has_room || is_crowded || self.legend_above && entries.len() > 1);
        let legend = if is_above { entries } else { Vec::new() };
        let legend_height = legend::height(&legend, width - 2.0 * MARGIN) + if is_above { MARGIN } else { 0.0 };
        let tallest = |height: &dyn Fn(&LinePanel) -> f64| self.panels.iter().map(height).fold(0.0, f64::max);
        Layout {
            columns,
            width: panel,
            legend: (legend, legend_height),
            above: tallest(&|of| of.above(panel)),
            below: tallest(&|of| Frame::below(&of.x, of.frame_width(panel, is_above))),
        }
    }
}

impl Drawing for LineChart {
    fn draw(&self, width: f64) -> Scene {
        let layout = self.layout(width);
        let row_height = layout.above + self.height + layout.below + MARGIN;
        let rows = self.panels.len().div_ceil(layout.columns);
        let (entries, legend_height) = &layout.legend;
        let mut scene = Scene::new(width, MARGIN + legend_height + rows as f64 * row_height);
        legend::draw_rows(entries, &mut scene, (MARGIN, MARGIN), width - 2.0 * MARGIN);
        let all = self.entries();
        for (at, panel) in self.panels.iter().enumerate() {
            let left = MARGIN + (at % layout.columns) as f64 * (layout.width + GUTTER);
            let top = MARGIN + legend_height + (at / layout.columns) as f64 * row_height;
            let labels = if entries.is_empty() { all.as_slice() } else { &[] };
            panel.draw(&mut scene, at, (left, top), (&layout, self.height), labels);
        }
        scene
    }

    fn data(&self) -> Option<String> {
        let entries = self.entries();
        ChartData::Lines { panels: self.panels.iter().map(|panel| panel.data(&entries)).collect() }.json()
    }
}

impl LinePanel {
    fn named(&self) -> impl Iterator<Item = &LineSeries> {
        self.lines.iter().filter(|line| !line.name.is_empty())
    }

    /// Returns its data for the script of the page; series are known by the place of their legend entry.
    fn data<'a>(&'a self, entries: &[LegendEntry]) -> LinesData<'a> {
        let reference = |line: &'a ReferenceLine| ReferenceData { y: line.y, text: &line.text };
        let key = |line: &LineSeries| entries.iter().position(|entry| line.looks_like(entry)).unwrap_or(entries.len());
        LinesData {
            title: &self.heading,
            x: AxisData::of(&self.x),
            y: AxisData::of(&self.y),
            references: self.reference_lines.iter().map(reference).collect(),
            series: self.lines.iter().map(|line| line.data(key(line))).collect(),
        }
    }

    fn heading_lines(&self, width: f64) -> Vec<String> {
        font::wrapped(&self.heading, HEADING, true, width)
    }

    fn above(&self, width: f64) -> f64 {
        let title = font::wrapped(&self.y.title, TEXT, false, width);
        ABOVE + LINE_HEIGHT * (self.heading_lines(width).len() + title.len()) as f64
    }

    fn frame_width(&self, width: f64, legend_is_above: bool) -> f64 {
        width - Frame::tick_label_width(&self.y) - self.label_room(legend_is_above) - MARGIN
    }

    /// Returns the width of the labels next to lines.
    fn label_room(&self, legend_is_above: bool) -> f64 {
        let labels: Vec<LegendEntry> = self.named().map(|line| line.entry(0)).collect();
        if legend_is_above || labels.is_empty() { 0.0 } else { legend::label_width(&labels) + MARGIN }
    }

    fn draw(
        &self,
        scene: &mut Scene,
        at: usize,
        (left, top): Position,
        (layout, height): (&Layout, f64),
        labels: &[LegendEntry],
    ) {
        let (width, is_above) = (layout.width, labels.is_empty());
        let heading = self.heading_lines(width);
        let title = font::wrapped(&self.y.title, TEXT, false, width);
        let frame_left = left + Frame::tick_label_width(&self.y);
        let frame = Frame {
            left: frame_left,
            top: top + layout.above,
            right: frame_left + self.frame_width(width, is_above),
            bottom: top + layout.above + height,
            x: &self.x,
            y: &self.y,
        };
        scene.lines_of_text(&heading, (left, top + 8.0), TextStyle::new(HEADING, Ink::Text).bold());
        let below = layout.above - ABOVE - LINE_HEIGHT * (title.len() as f64 - 0.5);
        scene.lines_of_text(&title, (left, top + below), TextStyle::new(TEXT, Ink::Text));
        let group = vec![("class", "panel".into()), ("data-panel", at.to_string()), ("data-frame", frame.edges())];
        scene.group(group, None, |scene| {
            frame.draw(scene);
            self.draw_references(scene, &frame);
            // Translucent lines are below the others.
            let order = |is_faint: bool| {
                self.lines.iter().enumerate().filter(move |(_, line)| (line.strength < 1.0) == is_faint)
            };
            for (series, line) in order(true).chain(order(false)) {
                let mut group = vec![("class", "series".into()), ("data-series", series.to_string())];
                group.extend((line.dodge != 0.0).then(|| ("data-dodge", line.dodge.to_string())));
                scene.group(group, Some(line.ink), |scene| line.draw(scene, &frame));
            }
        });
        let end = |line: &LineSeries| line.points.iter().rev().find_map(|&point| frame.position(point));
        let entry = |line: &LineSeries| labels.iter().find(|entry| line.has_entry(entry)).cloned();
        let placed: Vec<(f64, LegendEntry)> =
            self.named().filter_map(|line| Some((end(line).map_or(frame.top, |(_, y)| y), entry(line)?))).collect();
        legend::draw_labels(&placed, scene, frame.right + MARGIN, (frame.top, frame.bottom));
    }

    fn draw_references(&self, scene: &mut Scene, frame: &Frame<'_>) {
        let mut taken: Vec<f64> = Vec::new();
        for (at, line) in self.reference_lines.iter().enumerate() {
            let Some(y) = frame.down(line.y).filter(|y| (frame.top - 1.0..=frame.bottom + 1.0).contains(y)) else {
                continue;
            };
            let group = vec![("class", "reference".into()), ("data-reference", at.to_string())];
            scene.group(group, Some(Ink::Muted), |scene| {
                let stroke = Stroke::new(Ink::Muted, 1.2).dashed(Dash::Dashed);
                scene.line(&[(frame.left, y), (frame.right, y)], stroke);
                let lines = font::wrapped(&line.text, SMALL, false, frame.right - frame.left);
                let text_y = self.free_place(frame, y, &lines, &taken);
                let height = LINE_HEIGHT * lines.len() as f64;
                let width = font::widest(&lines, SMALL, false);
                taken.push(text_y.1);
                let (left, top) = (text_y.0, text_y.1 - LINE_HEIGHT / 2.0);
                scene.boxes(&[((left, top + 1.0), (left + width, top + height - 2.0))], Ink::Paper, 0.75);
                scene.lines_of_text(&lines, (left, text_y.1), TextStyle::new(SMALL, Ink::Muted));
            });
        }
    }

    /// Returns where the label of a reference line begins: above or below it, at the right or left end, wherever the
    /// fewest points are.
    fn free_place(&self, frame: &Frame<'_>, y: f64, lines: &[String], taken: &[f64]) -> Position {
        let (width, height) = (font::widest(lines, SMALL, false), LINE_HEIGHT * lines.len() as f64);
        let rows = [y + 8.0 - height, y + 10.0];
        let columns = [frame.right - 2.0 - width, frame.left + 4.0];
        let places = columns.into_iter().flat_map(|x| rows.map(|y| (x, y)));
        let is_inside = |(_, y): &Position| {
            *y - 8.0 >= frame.top
                && y + height - 8.0 <= frame.bottom
                && taken.iter().all(|other| (other - y).abs() >= LINE_HEIGHT)
        };
        let covered = |(x, y): &Position| {
            let drawn = self.lines.iter().flat_map(|line| line.path(frame));
            let within =
                |(px, py): &Position| (x - 6.0..=x + width + 6.0).contains(px) && (y - 12.0..=y + height).contains(py);
            drawn.filter(within).count()
        };
        places.filter(is_inside).min_by_key(covered).unwrap_or((columns[0], rows[0].max(frame.top + 8.0)))
    }
}
