//! Names and labels of decoded images, apart from the images.

use crate::base::{Error, Result};
use crate::dataset::config::DatasetConfig;
use crate::dataset::contents::Contents;
use crate::dataset::decode::Decoded;
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::image_dataset::{Index, Skipped, VERSION};
use crate::dataset::names::Names;
use crate::dataset::part::Part;
use crate::dataset::source::check_sizes;
use crate::dataset::store::{Flaw, StoreIndex, read_index};
use std::collections::HashSet;
use std::path::Path;

/// Writes the names and labels of decoded images, which are in the directories of `parts` in the order of
/// [`Part::LABELED`], into the directory `output`, as `index.json`.
///
/// # Errors
/// The source is invalid, the images are not those of the source, or a class has none left.
pub(crate) fn label_images(
    config: &DatasetConfig,
    memo: &Path,
    output: &Path,
    parts: &[(Part, &Path)],
) -> Result<Decoded> {
    write_labels(&Contents::open(config, memo)?, config, output, parts)
}

/// The names of a part whose images were decoded without them.
#[derive(Default)]
pub(crate) struct PartNames {
    /// Names of the decoded images, in the order of their store.
    pub(crate) decoded: Names,
    /// Files skipped because they cannot be decoded.
    pub(crate) skipped: Vec<Skipped>,
    /// JPEGs among the images that lost data inside.
    pub(crate) damaged: Vec<Skipped>,
}

/// Names the decoded images in this directory; `all` are the names of the part in the order of its store, those of skipped
/// files included.
///
/// # Errors
/// The directory is damaged, or its images are not those of the source.
pub(crate) fn part_names(all: &Names, directory: &Path) -> Result<PartNames> {
    let store = read_index::<StoreIndex>(directory)?;
    let skipped = skipped_positions(&store, all.len())?;
    if all.len() != store.ids.len() + skipped.len() {
        return Err(changed());
    }
    let named = |flaw: &Flaw| Skipped { name: all.get(flaw.position), reason: flaw.reason.clone() };
    Ok(PartNames {
        decoded: (0..all.len()).filter(|image| !skipped.contains(image)).map(|image| all.get(image)).collect(),
        skipped: store.skipped.iter().map(named).collect(),
        damaged: store.damaged.iter().map(named).collect(),
    })
}

impl Contents {
    /// Names images by their positions, in the order of the listing.
    pub(super) fn named(&self, order: &[usize], flaws: &[Flaw]) -> Vec<Skipped> {
        let mut images: Vec<(usize, &Flaw)> = flaws.iter().map(|flaw| (order[flaw.position], flaw)).collect();
        images.sort_by_key(|(image, _)| *image);
        let name = |image: usize| self.listing.images.names.get(image);
        images.into_iter().map(|(image, flaw)| Skipped { name: name(image), reason: flaw.reason.clone() }).collect()
    }
}

/// Writes the names and labels of decoded images as [`label_images`] does.
///
/// # Errors
/// As for [`label_images`], but for the source.
pub(super) fn write_labels(
    contents: &Contents,
    config: &DatasetConfig,
    output: &Path,
    parts: &[(Part, &Path)],
) -> Result<Decoded> {
    let (labels, names) = (&contents.listing.labels, &contents.listing.images.names);
    let mut index = Index { version: VERSION, classes: labels.classes.clone(), ..Index::default() };
    let mut sizes: Vec<ClassSize> = labels.classes.iter().map(|name| ClassSize::new(name)).collect();
    for (part, directory) in parts {
        let store = read_index::<StoreIndex>(directory)?;
        let order = contents.order(*part);
        let kept = kept(contents, &order, &store)?;
        kept.iter().for_each(|image| index.names.push(&names.get(*image)));
        index.labels.extend(kept.iter().map(|image| labels.of_images[*image]));
        index.is_test.extend(kept.iter().map(|_| *part == Part::Test));
        kept.iter().for_each(|image| sizes[labels.of_images[*image]].count(*part));
        index.skipped.extend(contents.named(&order, &store.skipped));
        index.damaged.extend(contents.named(&order, &store.damaged));
    }
    check_sizes(&sizes, contents.listing.parts.contains(&Part::Unlabeled), config.source.source())?;
    index.write(output)?;
    let Index { skipped, damaged, .. } = index;
    Ok(Decoded { images: index.names.len(), skipped, damaged })
}

/// Returns those of the images of a part, in the order of their store, that were not skipped.
fn kept(contents: &Contents, order: &[usize], store: &StoreIndex) -> Result<Vec<usize>> {
    let skipped = skipped_positions(store, order.len())?;
    let kept = order.iter().enumerate().filter(|(position, _)| !skipped.contains(position));
    let kept: Vec<usize> = kept.map(|(_, image)| *image).collect();
    let same = kept.iter().map(|image| &contents.ids[*image]).eq(&store.ids);
    if same { Ok(kept) } else { Err(changed()) }
}

/// Returns the positions of the skipped files of a part with as many files as `count`.
fn skipped_positions(store: &StoreIndex, count: usize) -> Result<HashSet<usize>> {
    let is_known = |flaw: &Flaw| flaw.position < count;
    let skipped = || store.skipped.iter().map(|flaw| flaw.position).collect();
    if store.skipped.iter().chain(&store.damaged).all(is_known) { Ok(skipped()) } else { Err(changed()) }
}

fn changed() -> Error {
    Error::stage("the images changed while they were read").help("run again when they are complete")
}
