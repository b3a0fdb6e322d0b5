//! Heat map of a confusion matrix, shaded by row fractions.

use crate::render::draw::ink::LEVELS;
use crate::render::draw::style::{HEADING, LINE_HEIGHT, MARGIN, SMALL, TEXT};
use crate::render::draw::{Drawing, Ink, Position, Scene, TextStyle, font};

/// Minimum size of the matrix.
const MIN_SIDE: f64 = 200.0;
/// Maximum size of the matrix.
const MAX_SIDE: f64 = 600.0;
/// Size of a cell with a count.
const COUNTED_CELL: f64 = 44.0;
/// Minimum distance between two names; where cells are smaller, every second, third … class is named.
const NAME_DISTANCE: f64 = 15.0;
/// Maximum number of rows; beyond, a cell stands for several classes.
const MAX_ROWS: usize = 150;
/// Maximum width of a class name.
const MAX_NAME_WIDTH: f64 = 130.0;
/// Width of the title of the vertical axis and the gap next to the names.
const AXIS_TITLE: f64 = 28.0;

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

/// Where the parts of a matrix are at a width.
struct Layout {
    cell: f64,
    /// Names of the rows, unless a row is several classes, and their width.
    rows: Vec<String>,
    names_width: f64,
    /// Whether the names of the columns are horizontal, and their height.
    are_columns_horizontal: bool,
    columns_height: f64,
    heading: Vec<String>,
    has_counts: bool,
}

impl Heatmap {
    /// Returns the number of classes that a row or column stands for.
    pub(crate) fn classes_per_row(&self) -> usize {
        self.counts.len().div_ceil(MAX_ROWS).max(1)
    }

    /// Returns the counts of the rows and columns that are drawn.
    fn binned(&self) -> Vec<Vec<usize>> {
        let by = self.classes_per_row();
        let bin_row = |row: &Vec<usize>| row.chunks(by).map(|bin| bin.iter().sum()).collect::<Vec<usize>>();
        let sum = |rows: &[Vec<usize>]| {
            let mut sum = vec![0; self.counts.len().div_ceil(by)];
            rows.iter().map(bin_row).for_each(|row| sum.iter_mut().zip(row).for_each(|(cell, more)| *cell += more));
            sum
        };
        self.counts.chunks(by).map(sum).collect()
    }

    fn name(&self, class: usize) -> String {
        self.classes.get(class).filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    fn layout(&self, width: f64, counts: &[Vec<usize>]) -> Layout {
        let count = counts.len().max(1) as f64;
        let names: Vec<String> = (0..counts.len()).map(|class| self.name(class)).collect();
        let max_name = MAX_NAME_WIDTH.min(0.3 * width);
        let shorter = |name: &String| font::fitted_around(name, SMALL, false, max_name);
        let rows: Vec<String> = names.iter().map(shorter).collect();
        let widest = font::widest(&rows, SMALL, false);
        let room = |names: f64| (width - 2.0 * MARGIN - AXIS_TITLE - names).min(MAX_SIDE);
        let has_names = self.classes_per_row() == 1;
        let names_width = if has_names { widest + 6.0 } else { 0.0 };
        let side = (count * COUNTED_CELL).max(MIN_SIDE).min(room(names_width));
        let cell = side / count;
        let are_columns_horizontal = widest <= cell - 4.0;
        let columns_height = match (has_names, are_columns_horizontal) {
            (false, _) => 0.0,
            (true, true) => LINE_HEIGHT,
            (true, false) => widest + 6.0,
        };
        let widest_count =
            counts.iter().flatten().map(|count| font::width(&count.to_string(), SMALL, false)).fold(0.0, f64::max);
        let own_width = AXIS_TITLE + names_width + side;
        let heading = font::wrapped(&self.heading, HEADING - 1.0, true, own_width.max(MIN_SIDE));
        Layout {
            cell,
            rows: if has_names { rows } else { Vec::new() },
            names_width,
            are_columns_horizontal,
            columns_height,
            heading,
            has_counts: widest_count <= cell - 4.0 && cell >= NAME_DISTANCE,
        }
    }
}

impl Layout {
    /// Returns the top left corner of the matrix.
    fn corner(&self) -> Position {
        (MARGIN + AXIS_TITLE + self.names_width, MARGIN + 6.0 + LINE_HEIGHT * self.heading.len() as f64)
    }

    fn draw_cells(&self, scene: &mut Scene, counts: &[Vec<usize>]) {
        let ((left, top), cell) = (self.corner(), self.cell);
        let gap = if cell > 10.0 { 0.75 } else { 0.0 };
        let mut boxes: Vec<Vec<(Position, Position)>> = vec![Vec::new(); LEVELS + 1];
        let mut texts = Vec::new();
        for (truth, row) in counts.iter().enumerate() {
            let levels = levels(row);
            let y = top + truth as f64 * cell;
            let mut from = 0;
            for (predicted, &level) in levels.iter().enumerate() {
                // Neighbors of one level without a gap are one rectangle.
                let is_last = gap > 0.0 || levels.get(predicted + 1) != Some(&level);
                if is_last {
                    let (x, end) = (left + from as f64 * cell, left + (predicted + 1) as f64 * cell);
                    boxes[level].push(((x + gap, y + gap), (end - gap, y + cell - gap)));
                    from = predicted + 1;
                }
                let center = (left + (predicted as f64 + 0.5) * cell, y + cell / 2.0);
                texts.push((row[predicted], center, level));
            }
        }
        boxes.iter().enumerate().for_each(|(level, boxes)| scene.boxes(boxes, Ink::Cell(level), 1.0));
        for (count, center, level) in texts.into_iter().filter(|_| self.has_counts) {
            scene.text(&count.to_string(), center, TextStyle::new(SMALL, Ink::OnCell(level)).centered());
        }
    }

    fn draw_names(&self, scene: &mut Scene, side: f64) {
        let ((left, top), cell) = (self.corner(), self.cell);
        let title = TextStyle::new(TEXT, Ink::Text).centered();
        scene.text("True class", (MARGIN + 8.0, top + side / 2.0), title.rotated());
        let below = top + side + self.columns_height + 6.0 + LINE_HEIGHT / 2.0;
        scene.text("Predicted class", (left + side / 2.0, below), title);
        let every = (NAME_DISTANCE / cell).ceil().max(1.0) as usize;
        for (class, name) in self.rows.iter().enumerate().step_by(every) {
            let at = (class as f64 + 0.5) * cell;
            let style = TextStyle::new(SMALL, Ink::Muted).right_aligned();
            scene.text(name, (left - 6.0, top + at), style);
            if self.are_columns_horizontal {
                scene.text(name, (left + at, top + side + 10.0), TextStyle::new(SMALL, Ink::Muted).centered());
            } else {
                scene.text(name, (left + at, top + side + 6.0), style.rotated());
            }
        }
    }
}

/// Returns the level of each cell of a row: its fraction in steps.
fn levels(row: &[usize]) -> Vec<usize> {
    let total = row.iter().sum::<usize>().max(1) as f64;
    row.iter().map(|&count| (LEVELS as f64 * count as f64 / total).ceil() as usize).collect()
}

impl Drawing for Heatmap {
    fn has_title(&self) -> bool {
        true
    }

    fn draw(&self, width: f64) -> Scene {
        let counts = self.binned();
        let layout = self.layout(width, &counts);
        let side = layout.cell * counts.len() as f64;
        let (left, top) = layout.corner();
        let heading_width = font::widest(&layout.heading, HEADING - 1.0, true);
        let own_width = (left + side).max(MARGIN + heading_width) + MARGIN;
        let mut scene = Scene::new(own_width, top + side + layout.columns_height + 10.0 + LINE_HEIGHT);
        let style = TextStyle::new(HEADING - 1.0, Ink::Text).bold();
        scene.lines_of_text(&layout.heading, (MARGIN, MARGIN + 6.0), style);
        layout.draw_cells(&mut scene, &counts);
        layout.draw_names(&mut scene, side);
        scene
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::draw::style::{NARROW, WIDE};

    fn matrix(classes: usize) -> Heatmap {
        let names = (0..classes).map(|class| format!("class number {class}")).collect();
        let count = |truth: usize, predicted: usize| if truth == predicted { 900 } else { (truth * predicted) % 7 };
        let counts =
            (0..classes).map(|truth| (0..classes).map(|predicted| count(truth, predicted)).collect()).collect();
        let heading = "Linear evaluation, projection layer 1 (128-d), 100 % of labels, temperature 0.05: 53.1 %";
        Heatmap { heading: heading.to_owned(), classes: names, counts }
    }

    #[test]
    fn the_heading_is_whole_and_text_is_legible_for_any_number_of_classes() {
        for classes in [1, 2, 3, 5, 10, 20, 40, 100, 333] {
            for width in [WIDE, NARROW] {
                let drawn = matrix(classes).draw(width);
                drawn.assert_legible(&format!("{classes} classes at {width}"));
                assert!(drawn.size.0 <= width, "{classes} classes: {:?}", drawn.size);
                let all = drawn.text_boxes().into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(" ");
                assert!(all.starts_with(&matrix(1).heading), "{all}");
            }
        }
    }

    #[test]
    fn many_classes_share_cells_and_keep_their_counts() {
        let matrix = matrix(333);
        let binned = matrix.binned();
        assert_eq!((matrix.classes_per_row(), binned.len(), binned[0].len()), (3, 111, 111));
        let sum = |counts: &[Vec<usize>]| counts.iter().flatten().sum::<usize>();
        assert_eq!(sum(&binned), sum(&matrix.counts));
        let drawn = matrix.draw(WIDE);
        let cells = drawn.shapes.iter().map(|shape| match shape {
            crate::render::draw::scene::Shape::Boxes(boxes, ..) => boxes.len(),
            _ => 0,
        });
        assert!(cells.sum::<usize>() < 111 * 111, "equal neighbors are drawn one by one");
    }

    #[test]
    fn only_empty_cells_have_level_0() {
        assert_eq!(levels(&[0, 1, 999, 0]), [0, 1, LEVELS, 0]);
        assert_eq!(levels(&[0, 0]), [0, 0]);
    }
}
