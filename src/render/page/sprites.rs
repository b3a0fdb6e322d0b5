//! Thumbnails on the page: one sheet of images for each data set, of which parts are shown.

use crate::render::data::{Report, Thumbnail, Thumbnails};
use crate::render::words;
use serde::Serialize;
use std::collections::HashMap;

/// A thumbnail for the template.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Thumb {
    /// Number of the sheet.
    sheet: usize,
    /// Left and top edge on the sheet, and side.
    x: usize,
    y: usize,
    side: usize,
    /// Name of the image.
    name: String,
    pub(super) class: String,
}

/// A sheet for the template of the page.
#[derive(Debug, Serialize)]
pub(super) struct Sheet {
    width: usize,
    height: usize,
    side: usize,
    columns: usize,
    /// The JPEG in Base64.
    data: String,
}

/// The thumbnails of all data sets.
pub(super) struct Sprites<'a> {
    sets: &'a [Thumbnails],
    /// Position on the sheet by name and by position of the image, for each data set.
    names: Vec<HashMap<&'a str, usize>>,
    positions: Vec<HashMap<usize, usize>>,
}

impl<'a> Sprites<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        let sets = &report.thumbnails;
        let names =
            |set: &'a Thumbnails| set.images.iter().enumerate().map(|(at, image)| (image.name.as_str(), at)).collect();
        let positions =
            |set: &Thumbnails| set.images.iter().enumerate().map(|(at, image)| (image.position, at)).collect();
        Self { sets, names: sets.iter().map(names).collect(), positions: sets.iter().map(positions).collect() }
    }

    /// Returns the sheets.
    pub(super) fn sheets(&self) -> Vec<Sheet> {
        let sheet = |set: &Thumbnails| Sheet {
            width: set.columns * set.side,
            height: set.images.len().div_ceil(set.columns.max(1)) * set.side,
            side: set.side,
            columns: set.columns,
            data: set.jpeg.base64(),
        };
        self.sets.iter().map(sheet).collect()
    }

    /// Returns the thumbnail of an image by its name.
    pub(super) fn by_name(&self, dataset: &str, name: &str) -> Option<Thumb> {
        let sheet = self.sheet(dataset)?;
        self.names[sheet].get(name).and_then(|at| self.thumb(sheet, *at))
    }

    /// Returns the thumbnail of an image by its position in its part.
    pub(super) fn by_position(&self, dataset: &str, position: usize) -> Option<Thumb> {
        let sheet = self.sheet(dataset)?;
        self.positions[sheet].get(&position).and_then(|at| self.thumb(sheet, *at))
    }

    /// Returns the number of the sheet of a data set, and the position on it of each of some images; -1 without a
    /// thumbnail.
    pub(super) fn positions(&self, dataset: &str, names: &[String]) -> Option<(usize, Vec<i64>)> {
        let sheet = self.sheet(dataset)?;
        let at =
            |name: &String| self.names[sheet].get(name.as_str()).and_then(|at| i64::try_from(*at).ok()).unwrap_or(-1);
        let found: Vec<i64> = names.iter().map(at).collect();
        found.iter().any(|at| *at >= 0).then_some((sheet, found))
    }

    /// States which images have no thumbnail; empty if all have one.
    pub(super) fn sampled(&self) -> String {
        let sampled = self.sets.iter().filter(|set| set.images.len() < set.total).map(|set| {
            let kind = if set.are_test { "test" } else { "training" };
            let of = if self.sets.len() > 1 { format!(" of {}", words::dataset(&set.dataset)) } else { String::new() };
            format!("{} of the {} {kind} images{of}, evenly sampled", set.images.len(), set.total)
        });
        let sampled: Vec<String> = sampled.collect();
        if sampled.is_empty() { String::new() } else { format!("Shown are {}.", words::join_and(&sampled)) }
    }

    fn sheet(&self, dataset: &str) -> Option<usize> {
        self.sets.iter().position(|set| set.dataset == dataset && set.columns > 0)
    }

    fn thumb(&self, sheet: usize, at: usize) -> Option<Thumb> {
        let set = &self.sets[sheet];
        let Thumbnail { name, class, .. } = set.images.get(at)?;
        let (x, y) = (at % set.columns * set.side, at / set.columns * set.side);
        Some(Thumb { sheet, x, y, side: set.side, name: name.clone(), class: class.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_is_found_by_name_and_position() {
        let image = |position: usize| Thumbnail { position, name: format!("{position}.png"), class: "a".into() };
        let images = vec![image(0), image(3), image(6)];
        let set = Thumbnails { total: 7, are_test: true, side: 8, columns: 2, images, ..Thumbnails::default() };
        let report = Report { thumbnails: vec![set], ..Report::default() };
        let sprites = Sprites::new(&report);
        let thumb = sprites.by_name("", "6.png").unwrap();
        assert_eq!((thumb.x, thumb.y, thumb.side), (0, 8, 8));
        assert_eq!(sprites.by_position("", 3).unwrap().x, 8);
        assert!(sprites.by_name("", "1.png").is_none() && sprites.by_name("other", "6.png").is_none());
        assert_eq!(sprites.positions("", &["6.png".into(), "x".into()]), Some((0, vec![2, -1])));
        assert_eq!(sprites.sampled(), "Shown are 3 of the 7 test images, evenly sampled.");
        assert_eq!((sprites.sheets()[0].width, sprites.sheets()[0].height), (16, 16));
    }
}
