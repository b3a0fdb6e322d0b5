//! Loading of image files for pretraining: time to the first batch, views per second of an epoch, CPU time and peak memory.
//!
//!     cargo bench --bench loading -- DIRECTORY [SIDE] [decoded | encoded | none]
//!
//! The directory has `train` and `test` with one directory per class, as `benches/loading_peers/images.py` makes them, or
//! tar files, as `benches/loading_peers/shards.py` makes them. SIDE is that of the views in pixels, 224 if not given.
//! The images that are kept are in a temporary directory, which is removed at the end.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may panic and prints")]

use simclr::augment::Policy;
use simclr::base::system::memory_peak;
use simclr::dataset::{DatasetConfig, ImageDataset, LoaderConfig, Part, contrastive_batches, decode};
use simclr::imaging::Fit;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const SIDE: usize = 224;
const BATCH_SIZE: usize = 64;
const OPS: &str = "ops = [{ random_resized_crop = {} }, { horizontal_flip = { p = 0.5 } }, { color_jitter = {} }, \
                   { grayscale = {} }]";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [directory, forms @ ..] = arguments.as_slice() else {
        println!("skipped: give a directory with `train` and `test`, and the forms in which images are kept");
        return;
    };
    let (side, forms) = match forms.split_first().map(|(first, rest)| (first.parse::<usize>(), rest)) {
        Some((Ok(side), rest)) => (side, rest),
        _ => (SIDE, forms),
    };
    let forms = if forms.is_empty() { vec!["decoded".to_owned()] } else { forms.to_vec() };
    forms.iter().for_each(|form| measure(directory, side, form));
}

fn measure(directory: &str, side: usize, form: &str) {
    let folder = format!("image_folder = {{ train = \"{directory}/train\", test = \"{directory}/test\" }}");
    let shards = format!("webdataset = {{ train = \"{directory}\" }}");
    let source = if Path::new(directory).join("train").exists() { folder } else { shards };
    let config = format!("source = {{ {source} }}\nimage_size = {side}\nstore = \"{form}\"");
    let config: DatasetConfig = toml::from_str(&config).unwrap();
    let output = tempfile::tempdir_in(".").unwrap();
    let (start, before) = (Instant::now(), cpu_time());
    decode(&config, 1, output.path(), &|_, _| {}, &|| Ok(())).unwrap();
    let set = Arc::new(ImageDataset::open(output.path()).unwrap());
    let policy = Arc::new(Policy::new(&toml::from_str(OPS).unwrap(), side, Fit::Squash));
    let loader = LoaderConfig { batch_size: BATCH_SIZE, epochs: 1, skip: 0, seed: 1 };
    let mut batches = contrastive_batches(set.clone(), set.part(Part::Training).collect(), policy, loader);
    batches.next().unwrap().unwrap();
    let (first, first_cpu) = (start.elapsed().as_secs_f64(), cpu_time() - before);
    let start = Instant::now();
    let views: usize = batches.map(|batch| batch.unwrap().rows).sum();
    let rate = views as f64 / start.elapsed().as_secs_f64();
    let cpu = 1000.0 * (cpu_time() - before - first_cpu) / views as f64;
    let memory = memory_peak().unwrap_or(0) >> 20;
    println!(
        "{form}: first batch after {first:.1} s ({first_cpu:.1} CPU s), {rate:.0} views/s, {cpu:.2} CPU s per 1,000 views, \
         peak memory {memory} MiB"
    );
}

/// User and system seconds of this process so far; 0 where `/proc` is missing.
fn cpu_time() -> f64 {
    /// Clock ticks per second of Linux.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat.rsplit(')').next().unwrap_or("").split(' ').map(|f| f.parse().unwrap_or(0.0)).collect();
    fields.get(12..14).map_or(0.0, |times| times.iter().sum::<f64>() / TICKS)
}
