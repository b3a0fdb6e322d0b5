//! Loading of image files for pretraining: time to the first batch, views per second of an epoch, and peak memory.
//!
//!     cargo bench --bench loading -- DIRECTORY [decoded | encoded | none]
//!
//! The directory has `train` and `test` with one directory per class, as `benches/loading_peers/images.py` makes them.
//! The images that are kept are in a temporary directory, which is removed at the end.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may panic and prints")]

use simclr::augment::Policy;
use simclr::base::system::memory_peak;
use simclr::dataset::{DatasetConfig, ImageDataset, LoaderConfig, Part, contrastive_batches, decode};
use simclr::imaging::Fit;
use std::sync::Arc;
use std::time::Instant;

const IMAGE_SIZE: usize = 224;
const BATCH_SIZE: usize = 64;
const OPS: &str = "ops = [{ random_resized_crop = {} }, { horizontal_flip = { p = 0.5 } }, { color_jitter = {} }, \
                   { grayscale = {} }]";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [directory, forms @ ..] = arguments.as_slice() else {
        println!("skipped: give a directory with `train` and `test`, and the forms in which images are kept");
        return;
    };
    let forms = if forms.is_empty() { vec!["decoded".to_owned()] } else { forms.to_vec() };
    forms.iter().for_each(|form| measure(directory, form));
}

fn measure(directory: &str, form: &str) {
    let source = format!("{{ image_folder = {{ train = \"{directory}/train\", test = \"{directory}/test\" }} }}");
    let config = format!("source = {source}\nimage_size = {IMAGE_SIZE}\nstore = \"{form}\"");
    let config: DatasetConfig = toml::from_str(&config).unwrap();
    let output = tempfile::tempdir_in(".").unwrap();
    let start = Instant::now();
    decode(&config, 1, output.path(), &|_, _| {}, &|| Ok(())).unwrap();
    let set = Arc::new(ImageDataset::open(output.path()).unwrap());
    let policy = Arc::new(Policy::new(&toml::from_str(OPS).unwrap(), IMAGE_SIZE, Fit::Squash));
    let loader = LoaderConfig { batch_size: BATCH_SIZE, epochs: 1, skip: 0, seed: 1 };
    let mut batches = contrastive_batches(set.clone(), set.part(Part::Training).collect(), policy, loader);
    batches.next().unwrap().unwrap();
    let first = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let views: usize = batches.map(|batch| batch.unwrap().rows).sum();
    let rate = views as f64 / start.elapsed().as_secs_f64();
    let memory = memory_peak().unwrap_or(0) >> 20;
    println!("{form}: first batch after {first:.1} s, {rate:.0} views/s, peak memory {memory} MiB");
}
