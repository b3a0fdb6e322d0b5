//! Data sources from folder to batch, on pictures that the tests draw themselves, and on real data where it is there.

use simclr::augment::{Policy, PolicyConfig};
use simclr::base::Result;
use simclr::dataset::{
    Batch, Batches, DatasetConfig, Decoded, PictureSet, Split, contrastive_batches, decode, fingerprint,
    labeled_batches, plain_batches, split_sizes,
};
use simclr::picture::{self, Fit, Picture};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;


fn config(toml: &str) -> DatasetConfig {
    toml::from_str(toml).unwrap()
}

fn policy(toml: &str) -> PolicyConfig {
    toml::from_str(toml).unwrap()
}

fn decode_quietly(config: &DatasetConfig, seed: u64, output: &Path) -> Result<Decoded> {
    decode(config, seed, output, &|_, _| {}, &|| Ok(()))
}

fn shapes(train: usize, test: usize, classes: usize, side: usize) -> DatasetConfig {
    config(&format!(
        "source = {{ shapes = {{ train = {train}, test = {test}, classes = {classes} }} }}\nimage_size = {side}"
    ))
}

fn open_shapes(train: usize, classes: usize, side: usize) -> (TempDir, Arc<PictureSet>) {
    let folder = tempfile::tempdir().unwrap();
    decode_quietly(&shapes(train, classes, classes, side), 1, folder.path()).unwrap();
    let set = Arc::new(PictureSet::open(folder.path()).unwrap());
    (folder, set)
}

#[test]
#[ignore]
fn sheet() {
    let (_folder, set) = open_shapes(64, 8, 32);
    let mut rgb = vec![0u8; 8 * 32 * 8 * 32 * 3];
    for i in 0..64 {
        let p = set.picture(i);
        for y in 0..32 {
            let at = ((i / 8 * 32 + y) * 256 + i % 8 * 32) * 3;
            rgb[at..at + 96].copy_from_slice(&p.rgb[y * 96..(y + 1) * 96]);
        }
    }
    fs::write("/tmp/sheet.png", picture::encode_png(Picture { width: 256, height: 256, rgb: &rgb }).unwrap()).unwrap();
    let start = std::time::Instant::now();
    let folder = tempfile::tempdir().unwrap();
    decode_quietly(&shapes(2000, 1000, 6, 32), 1, folder.path()).unwrap();
    println!("3000 shapes: {:?}", start.elapsed());
    let data = PathBuf::from("/work/shared/data/imagenet-5-categories");
    let real = config(&format!("source = {{ prefixed = {{ train = \"{0}/train\", test = \"{0}/test\" }} }}\nimage_size = 64", data.display()));
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let start = std::time::Instant::now();
        println!("{:?} {:?}", fingerprint(&real, &folder.path().join("memo.json")).unwrap(), start.elapsed());
    }
    let start = std::time::Instant::now();
    let decoded = decode_quietly(&real, 1, folder.path()).unwrap();
    println!("{decoded:?}: {:?}", start.elapsed());
    let set = Arc::new(PictureSet::open(folder.path()).unwrap());
    for (side, blur) in [(64, false), (224, false), (224, true)] {
        let mut ops = "ops=[{ random_resized_crop = {} }, { horizontal_flip = { p = 0.5 } }, { color_jitter = {} }, { grayscale = {} }".to_owned();
        if blur { ops += ", { gaussian_blur = {} }"; }
        let p = Arc::new(Policy::new(&policy(&(ops + "]")), side, Fit::Squash));
        let batches = contrastive_batches(set.clone(), (0..1250).collect(), p, 64, 0..1, 3);
        let start = std::time::Instant::now();
        let rows: usize = batches.map(|b| b.rows).sum();
        println!("{side} {blur}: {:.0} views/s", rows as f64 / start.elapsed().as_secs_f64());
    }
}
