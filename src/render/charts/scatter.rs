//! Scatter plots colored by class, in panels.

use crate::render::charts::chart_data::{ChartData, PointsData};
use crate::render::charts::legend::{self, LegendEntry};
use crate::render::draw::style::{HEADING, LINE_HEIGHT, MARGIN, NARROW, TEXT};
use crate::render::draw::{Drawing, Ink, MarkStyle, Marker, Position, Scene, Stroke, TextStyle, font};

const GUTTER: f64 = 16.0;
/// Maximum size of a panel.
const MAX_SIDE: f64 = 520.0;
/// Maximum number of classes with a legend: color and marker tell apart 56.
const MAX_LEGEND: usize = 56;
/// Minimum size of a panel with the names of the classes inside.
const MIN_LABELED_SIDE: f64 = 300.0;
/// Above this number of points, markers are small.
const MANY_POINTS: usize = 600;

/// One scatter plot.
#[derive(Clone, Debug)]
pub(crate) struct ScatterPanel {
    /// Heading.
    pub(crate) heading: String,
    /// Points.
    pub(crate) points: Vec<(f32, f32)>,
    /// Class of each point.
    pub(crate) labels: Vec<usize>,
    /// What the axes are, if they mean something.
    pub(crate) axes: String,
}

/// Scatter plots that share a legend.
#[derive(Clone, Debug)]
pub(crate) struct ScatterChart {
    /// The panels.
    pub(crate) panels: Vec<ScatterPanel>,
    /// Names of the classes, in the order of the legend.
    pub(crate) classes: Vec<String>,
}

impl ScatterChart {
    fn legend(&self) -> Vec<LegendEntry> {
        let entry = |(class, name): (usize, &String)| LegendEntry {
            name: name.clone(),
            ink: Ink::Class(class),
            dash: None,
            marker: Some(Marker::nth(class)),
            key: ("data-class", class),
        };
        let count = self.classes.len();
        if count <= MAX_LEGEND { self.classes.iter().enumerate().map(entry).collect() } else { Vec::new() }
    }

    /// Returns the number of panels per row, so that rows are full where possible.
    fn columns(&self, width: f64) -> usize {
        match self.panels.len() {
            0 | 1 => 1,
            _ if width <= NARROW => 1,
            3 | 5 | 6 => 3,
            count if count > 6 => 4,
            _ => 2,
        }
    }
}

impl Drawing for ScatterChart {
    fn draw(&self, width: f64) -> Scene {
        let entries = self.legend();
        let inner = width - 2.0 * MARGIN;
        let legend_height = legend::height(&entries, inner) + 2.0 * MARGIN;
        let columns = self.columns(width);
        let side = ((inner - GUTTER * (columns as f64 - 1.0)) / columns as f64).min(MAX_SIDE);
        let heading = |panel: &ScatterPanel| font::wrapped(&panel.heading, HEADING, true, side);
        let lines = self.panels.iter().map(|panel| heading(panel).len()).max().unwrap_or(0);
        let above = 6.0 + LINE_HEIGHT * lines as f64;
        let axes = |panel: &ScatterPanel| font::wrapped(&panel.axes, TEXT, false, side);
        let axes_lines = self.panels.iter().map(|panel| axes(panel).len()).max().unwrap_or(0);
        let below = GUTTER + LINE_HEIGHT * axes_lines as f64;
        let rows = self.panels.len().div_ceil(columns);
        let height = MARGIN + legend_height + rows as f64 * (above + side + below);
        let mut scene = Scene::new(width, height);
        legend::draw_rows(&entries, &mut scene, (MARGIN, MARGIN), inner);
        for (at, panel) in self.panels.iter().enumerate() {
            let left = MARGIN + (at % columns) as f64 * (side + GUTTER);
            let top = MARGIN + legend_height + (at / columns) as f64 * (above + side + below);
            let style = TextStyle::new(HEADING, Ink::Text).bold();
            scene.lines_of_text(&heading(panel), (left, top + 6.0), style);
            panel.draw(&mut scene, at, (left, top + above, side), &self.classes);
            let style = TextStyle::new(TEXT, Ink::Muted);
            scene.lines_of_text(&axes(panel), (left, top + above + side + 12.0), style);
        }
        scene
    }

    fn data(&self) -> Option<String> {
        let panels = self.panels.iter().map(|panel| PointsData { title: &panel.heading, labels: panel.drawn() });
        ChartData::Points { classes: &self.classes, panels: panels.collect() }.json()
    }
}

impl ScatterPanel {
    /// Returns the class of each point that is drawn.
    fn drawn(&self) -> Vec<Option<usize>> {
        let is_drawn = |point: &(f32, f32)| point.0.is_finite() && point.1.is_finite();
        self.points.iter().zip(&self.labels).map(|(point, label)| is_drawn(point).then_some(*label)).collect()
    }

    fn draw(&self, scene: &mut Scene, at: usize, (x0, y0, side): (f64, f64, f64), classes: &[String]) {
        let edges = [x0, y0, x0 + side, y0 + side].map(|edge| format!("{edge:.1}")).join(" ");
        let group = vec![("class", "panel".into()), ("data-panel", at.to_string()), ("data-frame", edges)];
        scene.group(group, None, |scene| {
            let corners = [(x0, y0), (x0 + side, y0), (x0 + side, y0 + side), (x0, y0 + side), (x0, y0)];
            scene.line(&corners, Stroke::new(Ink::Grid, 1.2));
            let Some(square) = Square::around(&self.points) else { return };
            let to_panel =
                |point| square.normalized(point).map(|(across, down)| (x0 + across * side, y0 + down * side));
            let positions = self.positions(to_panel);
            let (radius, opacity) = if self.points.len() > MANY_POINTS { (1.9, 0.7) } else { (2.9, 0.8) };
            for (class, centers) in &positions {
                let ink = Ink::Class(*class);
                let style = MarkStyle { ink, marker: Marker::nth(*class), radius, opacity, is_ring: false };
                let group = vec![("class", "points".into()), ("data-class", class.to_string())];
                scene.group(group, Some(ink), |scene| scene.marks(centers, style));
            }
            if side >= MIN_LABELED_SIDE {
                draw_names(scene, &positions, classes, (x0, x0 + side));
            }
        });
    }

    /// Returns the positions of the points of each class, in the order of the classes.
    fn positions(&self, to_panel: impl Fn((f32, f32)) -> Option<Position>) -> Vec<(usize, Vec<Position>)> {
        let mut classes = std::collections::BTreeMap::<usize, Vec<Position>>::new();
        for (&point, &label) in self.points.iter().zip(&self.labels) {
            if let Some(position) = to_panel(point) {
                classes.entry(label).or_default().push(position);
            }
        }
        classes.into_iter().collect()
    }
}

/// Writes the names of classes in the middle of their points, where they do not overlap.
fn draw_names(scene: &mut Scene, positions: &[(usize, Vec<Position>)], classes: &[String], (left, right): (f64, f64)) {
    let mut taken: Vec<[f64; 4]> = Vec::new();
    for (class, centers) in positions {
        let Some(name) = classes.get(*class).filter(|name| !name.is_empty()) else { continue };
        let half = font::width(name, TEXT, true) / 2.0;
        let (x, y) = (median(centers.iter().map(|center| center.0)), median(centers.iter().map(|center| center.1)));
        let bounds = [x - half - 2.0, y - 8.0, x + half + 2.0, y + 8.0];
        let apart = |other: &[f64; 4]| {
            bounds[0] >= other[2] || bounds[2] <= other[0] || bounds[1] >= other[3] || bounds[3] <= other[1]
        };
        if bounds[0] < left || bounds[2] > right || !taken.iter().all(apart) {
            continue;
        }
        scene.boxes(&[((bounds[0], bounds[1]), (bounds[2], bounds[3]))], Ink::Paper, 0.7);
        scene.text(name, (x, y), TextStyle::new(TEXT, Ink::Text).bold().centered());
        taken.push(bounds);
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The bounding square of points: both axes have the same scale.
struct Square {
    center: (f64, f64),
    side: f64,
}

impl Square {
    /// Ratio of the square to the extent of the points.
    const PADDING: f64 = 1.08;

    fn around(points: &[(f32, f32)]) -> Option<Self> {
        let finite = || points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
        let ends = |pick: fn(&(f32, f32)) -> f32| {
            finite()
                .map(pick)
                .map(f64::from)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
        };
        let ((left, right), (low, high)) = (ends(|point| point.0), ends(|point| point.1));
        let side = (right - left).max(high - low) * Self::PADDING;
        let center = (f64::midpoint(left, right), f64::midpoint(low, high));
        finite().next().map(|_| Self { center, side: side.max(1e-30) })
    }

    /// Returns the position within the square, 0 to 1 from left to right and from top to bottom.
    fn normalized(&self, (x, y): (f32, f32)) -> Option<(f64, f64)> {
        let across = 0.5 + (f64::from(x) - self.center.0) / self.side;
        let down = 0.5 - (f64::from(y) - self.center.1) / self.side;
        (across.is_finite() && down.is_finite()).then_some((across, down))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::draw::style::WIDE;

    #[test]
    fn panels_of_any_number_and_twenty_classes_are_legible() {
        let classes: Vec<String> = (0..20).map(|class| format!("class {class}")).collect();
        for count in 1..=9 {
            let panel = |at: usize| ScatterPanel {
                heading: format!("projection layer {at} ({at}-d) of a network"),
                points: (0..60_u8).map(|at| (f32::from(at % 7), f32::from(at % 11))).collect(),
                labels: (0..60).map(|at| at % 20).collect(),
                axes: "Right: PC 1 (41.0 % of the variance), up: PC 2 (12.3 %)".to_owned(),
            };
            let chart = ScatterChart { panels: (0..count).map(panel).collect(), classes: classes.clone() };
            for width in [WIDE, NARROW] {
                chart.draw(width).assert_legible(&format!("{count} panels at {width}"));
            }
        }
    }

    #[test]
    fn classes_differ_in_color_or_marker() {
        let looks: Vec<(String, Marker)> =
            (0..56).map(|class| (Ink::Class(class).class(), Marker::nth(class))).collect();
        assert!((0..56).all(|class| !looks[..class].contains(&looks[class])));
    }

    #[test]
    fn a_point_that_is_not_drawn_has_no_class_in_the_data() {
        let points = vec![(0.0, 0.0), (f32::NAN, 1.0), (2.0, 2.0)];
        let panel = ScatterPanel { heading: String::new(), points, labels: vec![0, 1, 2], axes: String::new() };
        assert_eq!(panel.drawn(), [Some(0), None, Some(2)]);
    }
}
