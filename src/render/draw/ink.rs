//! Colors by meaning. A page shows them light or dark by CSS; files of figures are light.

use crate::render::data::{EvaluationKind, EvaluationResult};
use std::fmt::Write as _;

/// Red, green and blue.
pub(crate) type Rgb = [u8; 3];

/// Levels of a heat map: fractions are rounded to a twentieth.
pub(crate) const LEVELS: usize = 20;
/// Colors of classes; markers tell apart classes with the same color.
const CLASSES: usize = 8;
/// Tints of a family.
const TINTS: usize = 3;
/// Steps from the first to the last run of a sweep.
const RUNS: usize = 5;

/// What was measured: the same color in all figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Linear evaluation.
    Linear,
    /// Nearest neighbors.
    Knn,
    /// Supervised training from scratch.
    Supervised,
    /// Supervised training of a pretrained encoder.
    FineTuned,
}

impl Family {
    const ALL: [Self; 4] = [Self::Linear, Self::Knn, Self::Supervised, Self::FineTuned];

    /// Returns the family of a result.
    pub(crate) fn of(result: &EvaluationResult) -> Self {
        match (result.kind, &result.from) {
            (EvaluationKind::LinearEval, _) => Self::Linear,
            (EvaluationKind::Knn, _) => Self::Knn,
            (EvaluationKind::Supervised, None) => Self::Supervised,
            (EvaluationKind::Supervised, Some(_)) => Self::FineTuned,
        }
    }

    /// Name in class names and in names of files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Knn => "knn",
            Self::Supervised => "supervised",
            Self::FineTuned => "fine-tuned",
        }
    }

    /// Tints on white and on black: medium, strong, weak.
    fn tints(self) -> [[u32; TINTS]; 2] {
        match self {
            Self::Linear => [[0x0072B2, 0x00446E, 0x4596C9], [0x5AB4EA, 0xA6D8F7, 0x2F86BF]],
            Self::Knn => [[0x00805E, 0x00503B, 0x2A9C7C], [0x3CC79E, 0x9BE7D2, 0x1E9673]],
            Self::Supervised => [[0xC85200, 0x843500, 0xDE6E28], [0xFF8F4A, 0xFFC39B, 0xD0661F]],
            Self::FineTuned => [[0x8A6D00, 0x574500, 0xAD8B1A], [0xE0C04A, 0xF4E3A6, 0xB0932A]],
        }
    }
}

/// The color of a shape or text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Text and axes.
    Text,
    /// Secondary text.
    Muted,
    /// Grid lines.
    Grid,
    /// The background.
    Paper,
    /// A tint of a family.
    Of(Family, usize),
    /// A pretraining run by its order, first to last.
    Run(usize),
    /// A class.
    Class(usize),
    /// A cell of a heat map, 0 to [`LEVELS`].
    Cell(usize),
    /// Text on such a cell.
    OnCell(usize),
}

impl Ink {
    /// Returns the CSS class that sets the color.
    pub(crate) fn class(self) -> String {
        match self {
            Self::Text => "ink".into(),
            Self::Muted => "muted-ink".into(),
            Self::Grid => "grid-ink".into(),
            Self::Paper => "paper-ink".into(),
            Self::Of(family, tint) => format!("{}-{}", family.name(), tint % TINTS),
            Self::Run(at) => format!("pretrain-{}", at % RUNS),
            Self::Class(class) => format!("class-{}", class % CLASSES),
            Self::Cell(level) => format!("cell-{}", level.min(LEVELS)),
            Self::OnCell(level) => format!("on-cell-{}", level.min(LEVELS)),
        }
    }

    /// Returns the color on white.
    pub(crate) fn light(self) -> Rgb {
        self.colors()[0]
    }

    /// Returns the colors on a light and on a dark page.
    fn colors(self) -> [Rgb; 2] {
        match self {
            Self::Text => [0x1F2933, 0xE6EAEE].map(rgb),
            Self::Muted => [0x5B6673, 0xA3ADB8].map(rgb),
            Self::Grid => [0xE3E7EB, 0x2F3740].map(rgb),
            Self::Paper => [0xFFFFFF, 0x14181D].map(rgb),
            Self::Of(family, tint) => family.tints().map(|tints| rgb(tints[tint % TINTS])),
            Self::Run(at) => RUN_COLORS.map(|colors| rgb(colors[at % RUNS])),
            Self::Class(class) => CLASS_COLORS.map(|colors| rgb(colors[class % CLASSES])),
            Self::Cell(level) => CELL_ENDS.map(|ends| mix(ends, level as f64 / LEVELS as f64)),
            Self::OnCell(level) => Self::Cell(level).colors().map(readable_on),
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        let families = Family::ALL.into_iter().flat_map(|family| (0..TINTS).map(move |tint| Self::Of(family, tint)));
        let cells = (0..=LEVELS).flat_map(|level| [Self::Cell(level), Self::OnCell(level)]);
        let runs = (0..RUNS).map(Self::Run);
        let plain = [Self::Text, Self::Muted, Self::Grid, Self::Paper].into_iter();
        plain.chain(families).chain(runs).chain((0..CLASSES).map(Self::Class)).chain(cells)
    }
}

/// Plum, strong to weak on white and on black.
const RUN_COLORS: [[u32; RUNS]; 2] =
    [[0x4A1E66, 0x702A86, 0x96409B, 0xB65A9F, 0xC878A8], [0xEFD2F6, 0xDDA3DF, 0xC97DC8, 0xB368B7, 0x9C58A5]];
/// After Okabe and Ito (2008), with the light colors darkened to a contrast of 3 on white.
const CLASS_COLORS: [[u32; CLASSES]; 2] = [
    [0x0072B2, 0xC85200, 0x00805E, 0xA8437F, 0xA07800, 0x2F93CC, 0x6B7580, 0x7A4A1E],
    [0x5AB4EA, 0xFF8F4A, 0x3CC79E, 0xE58FC0, 0xE5C04A, 0xA9DDF8, 0xA9B4BF, 0xC99A6B],
];
/// Empty and full cells.
const CELL_ENDS: [[u32; 2]; 2] = [[0xEDF2F7, 0x003E73], [0x1F2730, 0x8CCBF5]];

fn rgb(hex: u32) -> Rgb {
    let [_, red, green, blue] = hex.to_be_bytes();
    [red, green, blue]
}

fn mix([from, to]: [u32; 2], strength: f64) -> Rgb {
    let (from, to, strength) = (rgb(from), rgb(to), strength.clamp(0.0, 1.0));
    [0, 1, 2].map(|at| (f64::from(from[at]) + strength * (f64::from(to[at]) - f64::from(from[at]))).round() as u8)
}

/// Returns black or white, whichever has the higher contrast.
fn readable_on(color: Rgb) -> Rgb {
    let (black, white) = ([0; 3], [u8::MAX; 3]);
    if contrast(color, black) >= contrast(color, white) { black } else { white }
}

/// Returns the contrast ratio of two colors, 1 to 21 (WCAG 2.2).
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(color: Rgb) -> f64 {
    let linear = color.map(|channel| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

/// Formats a color for CSS.
pub(crate) fn hex([red, green, blue]: Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Returns the CSS of a page that is light or dark.
pub(crate) fn page_css() -> String {
    format!("{}@media screen and (prefers-color-scheme:dark){{{}}}", css(0), css(1))
}

fn css(mode: usize) -> String {
    let mut by_color: Vec<(Rgb, Vec<String>)> = Vec::new();
    for ink in Ink::all() {
        let (color, class) = (ink.colors()[mode], format!(".{}", ink.class()));
        match by_color.iter_mut().find(|(other, _)| *other == color) {
            Some((_, classes)) => classes.push(class),
            None => by_color.push((color, vec![class])),
        }
    }
    by_color.iter().fold(String::new(), |mut css, (color, classes)| {
        let _infallible = write!(css, "{}{{color:{}}}", classes.join(","), hex(*color));
        css
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_contrast_with_the_page_and_text_with_its_cell() {
        for mode in [0, 1] {
            let paper = Ink::Paper.colors()[mode];
            for ink in Ink::all() {
                let color = ink.colors()[mode];
                let ratio = contrast(color, paper);
                match ink {
                    Ink::Text | Ink::Muted => assert!(ratio >= 4.5, "{ink:?} {mode}: {ratio:.2}"),
                    Ink::Of(..) | Ink::Run(_) | Ink::Class(_) => assert!(ratio >= 3.0, "{ink:?} {mode}: {ratio:.2}"),
                    Ink::OnCell(level) => {
                        let ratio = contrast(color, Ink::Cell(level).colors()[mode]);
                        assert!(ratio >= 4.5, "{ink:?} {mode}: {ratio:.2}");
                    }
                    Ink::Cell(0) => assert!(ratio < 1.3, "empty cells stand out: {ratio:.2}"),
                    Ink::Cell(_) | Ink::Grid | Ink::Paper => {}
                }
            }
        }
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
    }

    #[test]
    fn every_ink_has_a_class_of_its_own() {
        let mut classes: Vec<String> = Ink::all().map(Ink::class).collect();
        let all = classes.len();
        classes.sort();
        classes.dedup();
        assert_eq!(classes.len(), all);
        assert!(page_css().contains(".on-cell-20") && page_css().contains("@media screen"));
    }
}
