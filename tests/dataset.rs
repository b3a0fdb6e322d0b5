//! Data loading from source to batch, on images that the tests generate, and on real data if it exists.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use simclr::augment::{Policy, PolicyConfig};
use simclr::base::rng::{below, stream};
use simclr::base::{Error, Result};
use simclr::dataset::{
    Batch, Batches, DatasetConfig, Decoded, Fingerprint, ImageDataset, LoaderConfig, Split, contrastive_batches,
    decode, fingerprint, labeled_batches, plain_batches, split_sizes,
};
use simclr::imaging::{Fit, ImageRef, encode_png};
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

fn config(toml: &str) -> DatasetConfig {
    toml::from_str(toml).unwrap()
}

fn policy(ops: &str, side: usize) -> Arc<Policy> {
    let config: PolicyConfig = toml::from_str(ops).unwrap();
    Arc::new(Policy::new(&config, side, Fit::Squash))
}

fn decode_quietly(config: &DatasetConfig, seed: u64, output: &Path) -> Result<Decoded> {
    decode(config, seed, output, &|_, _| {}, &|| Ok(()))
}

fn shapes(train: usize, test: usize, classes: usize, side: usize) -> DatasetConfig {
    config(&format!(
        "source = {{ shapes = {{ train = {train}, test = {test}, classes = {classes} }} }}\nimage_size = {side}"
    ))
}

fn open(config: &DatasetConfig, seed: u64) -> (TempDir, Arc<ImageDataset>) {
    let directory = tempfile::tempdir().unwrap();
    decode_quietly(config, seed, directory.path()).unwrap();
    let set = Arc::new(ImageDataset::open(directory.path()).unwrap());
    (directory, set)
}

/// Returns a small PNG whose content depends on `number`.
fn png(number: u64) -> Vec<u8> {
    let mut rng = stream(number, "png", &[]);
    let rgb: Vec<u8> = (0..12 * 10 * 3).map(|_| below(256, &mut rng) as u8).collect();
    encode_png(ImageRef { width: 12, height: 10, rgb: &rgb }).unwrap()
}

/// Writes a file, creating its parent directories, with an old modification time.
fn write(path: impl AsRef<Path>, bytes: &[u8]) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
}

/// Writes directories of three classes with ten images each, one of them in a subdirectory, a text file and a hidden
/// file.
fn class_directories(root: &Path) {
    for (class, name) in ["cat", "ant", "bee"].into_iter().enumerate() {
        for number in 0..10 {
            let place = if number == 3 { format!("{name}/more/{number}.PNG") } else { format!("{name}/{number}.png") };
            write(root.join(place), &png((class * 10 + number) as u64));
        }
    }
    write(root.join("cat/notes.txt"), b"not an image");
    write(root.join("ant/.hidden.png"), b"hidden");
}

fn directories(kind: &str, root: &Path, more: &str) -> DatasetConfig {
    let root = root.display();
    config(&format!("source = {{ {kind} = {{ train = \"{root}/train\"{more} }} }}\nimage_size = 16"))
}

fn with_test(kind: &str, root: &Path) -> DatasetConfig {
    directories(kind, root, &format!(", test = \"{}/test\"", root.display()))
}

fn error(config: &DatasetConfig) -> Error {
    let directory = tempfile::tempdir().unwrap();
    fingerprint(config, &directory.path().join("memo.json")).unwrap_err()
}

/// Checks that a configuration is refused with a message that contains `part`, with place and help.
fn refused(config: &DatasetConfig, part: &str) {
    let error = error(config);
    assert!(error.what().contains(part), "{error}");
    assert!(error.next_step().is_some() && error.place().is_some(), "{error}");
}

/// Returns the path of data outside the repository; tests that need it are skipped with a message if it is missing.
fn real_data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SIMCLR_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join(name);
    if !path.exists() {
        println!("skipped: {} is missing", path.display());
        return None;
    }
    Some(path)
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

// ---------------------------------------------------------------------------------------------- shapes

#[test]
fn shapes_are_the_same_bytes_for_any_number_of_threads() {
    let bytes = |threads, seed| {
        in_pool(threads, || {
            let directory = tempfile::tempdir().unwrap();
            decode_quietly(&shapes(100, 50, 5, 24), seed, directory.path()).unwrap();
            ["train/form/images.bin", "test/form/images.bin", "train/index.json", "index.json"]
                .map(|name| fs::read(directory.path().join(name)).unwrap())
        })
    };
    assert_eq!(bytes(1, 1), bytes(2, 1));
    assert_ne!(bytes(2, 1)[0], bytes(2, 2)[0]);
}

#[test]
fn shape_fingerprints_depend_on_the_parameters_and_match_the_decoded_images() {
    let memo = tempfile::tempdir().unwrap();
    let print = |config: &DatasetConfig| fingerprint(config, &memo.path().join("memo")).unwrap();
    let config = shapes(100, 50, 6, 24);
    let (_directory, set) = open(&config, 1);
    for (class, size) in print(&config).classes.iter().enumerate() {
        let count = |test| (0..set.len()).filter(|&i| set.label(i) == class && set.is_test(i) == test).count();
        assert_eq!((size.name.as_str(), size.train, size.test), (&*set.classes()[class], count(false), count(true)));
    }
    for other in [shapes(101, 50, 6, 24), shapes(100, 51, 6, 24), shapes(100, 50, 5, 24), shapes(100, 50, 6, 25)] {
        assert_ne!(print(&config).content, print(&other).content);
    }
}

/// Returns the test accuracy of a nearest-centroid classifier on some statistics.
fn nearest_centroid_accuracy(set: &ImageDataset, statistics: impl Fn(ImageRef<'_>) -> Vec<f64>) -> f64 {
    let rows: Vec<Vec<f64>> = (0..set.len()).map(|index| statistics(set.image(index).unwrap().view())).collect();
    let centroid = |class: usize| -> Vec<f64> {
        let of_class: Vec<_> = (0..set.len()).filter(|&i| set.label(i) == class && !set.is_test(i)).collect();
        (0..rows[0].len()).map(|k| of_class.iter().map(|&i| rows[i][k]).sum::<f64>() / of_class.len() as f64).collect()
    };
    let centroids: Vec<Vec<f64>> = (0..set.classes().len()).map(centroid).collect();
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let test: Vec<usize> = (0..set.len()).filter(|&index| set.is_test(index)).collect();
    let right = test.iter().filter(|&&index| {
        let nearest = (0..centroids.len())
            .min_by(|&a, &b| distance(&rows[index], &centroids[a]).total_cmp(&distance(&rows[index], &centroids[b])));
        nearest == Some(set.label(index))
    });
    right.count() as f64 / test.len() as f64
}

/// Returns a histogram of each channel with 8 bins.
fn histogram(image: ImageRef<'_>) -> Vec<f64> {
    let mut bins = vec![0.0; 24];
    for (index, value) in image.rgb.iter().enumerate() {
        bins[index % 3 * 8 + usize::from(value / 32)] += 1.0;
    }
    bins
}

/// Returns the mean and variance of each channel.
fn moments(image: ImageRef<'_>) -> Vec<f64> {
    let count = (image.rgb.len() / 3) as f64;
    (0..3)
        .flat_map(|channel| {
            let values = || image.rgb.iter().skip(channel).step_by(3).map(|&value| f64::from(value) / 255.0);
            let mean = values().sum::<f64>() / count;
            [mean, values().map(|value| (value - mean).powi(2)).sum::<f64>() / count]
        })
        .collect()
}

fn pixels(image: ImageRef<'_>) -> Vec<f64> {
    image.rgb.iter().map(|&value| f64::from(value)).collect()
}

#[test]
fn colors_and_averages_do_not_reveal_shapes() {
    let (_directory, set) = open(&shapes(3000, 2000, 8, 32), 1);
    // Chance is 1/8 with a standard deviation of 0.0074 over 2000 images; four of them are 0.03.
    let max = 0.125 + 0.03;
    for (name, accuracy) in [
        ("histogram", nearest_centroid_accuracy(&set, histogram)),
        ("moments", nearest_centroid_accuracy(&set, moments)),
    ] {
        assert!(accuracy < max, "{name}: {accuracy}");
    }
    // Class means of the pixels are nearly useless, too: position and angle vary.
    let accuracy = nearest_centroid_accuracy(&set, pixels);
    assert!(accuracy < 0.2, "pixels: {accuracy}");
}

// ---------------------------------------------------------------------------------------------- signs

fn signs(train: usize, classes: usize, side: usize, more: &str) -> DatasetConfig {
    config(&format!(
        "source = {{ signs = {{ train = {train}, test = 100, classes = {classes}{more} }} }}\nimage_size = {side}"
    ))
}

#[test]
fn signs_are_the_same_bytes_for_any_number_of_threads() {
    let bytes = |threads| {
        in_pool(threads, || {
            let directory = tempfile::tempdir().unwrap();
            decode_quietly(&signs(200, 20, 24, ", hue_only = 0.5"), 1, directory.path()).unwrap();
            ["train/form/images.bin", "test/form/images.bin", "train/index.json", "index.json"]
                .map(|name| fs::read(directory.path().join(name)).unwrap())
        })
    };
    assert_eq!(bytes(1), bytes(2));
}

#[test]
fn signs_stay_the_same_when_classes_and_images_are_added() {
    let ((_a, few), (_b, many)) = (open(&signs(40, 4, 16, ""), 1), open(&signs(120, 6, 16, ""), 1));
    for (index, other) in [(0, 0), (3, 3), (4, 6), (39, 57)] {
        assert_eq!(few.classes()[few.label(index)], many.classes()[many.label(other)]);
        assert_eq!(few.image(index).unwrap().rgb, many.image(other).unwrap().rgb);
    }
    assert_ne!(few.image(0).unwrap().rgb, few.image(40).unwrap().rgb, "training and test images differ");
}

#[test]
fn all_images_of_signs_are_distinct() {
    let (_directory, set) = open(&signs(2000, 20, 32, ", hue_only = 0.5"), 1);
    let distinct: std::collections::HashSet<Vec<u8>> =
        (0..set.len()).map(|index| set.image(index).unwrap().rgb).collect();
    assert_eq!(distinct.len(), 2100);
}

#[test]
fn signs_render_at_any_size() {
    for side in [8, 33, 100] {
        let (_directory, set) = open(&signs(20, 20, side, ""), 1);
        let image = set.image(0).unwrap();
        assert_eq!((image.width, image.height), (side, side));
    }
}

/// Returns the standard deviation of luma over the pixels of an image.
fn luma_standard_deviation(image: ImageRef<'_>) -> f64 {
    let luma: Vec<f64> = image
        .rgb
        .chunks_exact(3)
        .map(|rgb| rgb.iter().zip([0.299, 0.587, 0.114]).map(|(&value, weight)| f64::from(value) * weight).sum())
        .collect();
    let mean = luma.iter().sum::<f64>() / luma.len() as f64;
    (luma.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / luma.len() as f64).sqrt()
}

#[test]
fn grayscale_erases_inks_that_differ_in_hue_only() {
    let mean = |hue_only: &str| {
        let (_directory, set) = open(&signs(200, 20, 32, hue_only), 1);
        (0..set.len()).map(|index| luma_standard_deviation(set.image(index).unwrap().view())).sum::<f64>()
            / set.len() as f64
    };
    // Only the gradient of the paper and noise are left.
    let (none, all) = (mean(""), mean(", hue_only = 1.0"));
    assert!(all < 10.0 && none > 2.0 * all, "{none}, {all}");
}

#[test]
fn colors_do_not_reveal_signs() {
    let config = config("source = { signs = { train = 4000, test = 2000, hue_only = 0.5 } }\nimage_size = 32");
    let (_directory, set) = open(&config, 1);
    // Chance is 1/20 with a standard deviation of 0.005 over 2000 images; signs with longer strokes have more ink.
    let accuracy = nearest_centroid_accuracy(&set, histogram);
    assert!(accuracy < 0.08, "histogram: {accuracy}");
}

// ---------------------------------------------------------------------------------------------- directories

fn named(set: &ImageDataset, name: &str) -> usize {
    (0..set.len()).find(|&index| set.name(index) == name).unwrap()
}

#[test]
fn one_directory_per_class() {
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    let config = directories("image_folder", root.path(), ", test_fraction = 0.3");
    let (directory, set) = open(&config, 1);
    assert_eq!(set.classes(), ["ant", "bee", "cat"]);
    assert_eq!((set.len(), set.skipped().len()), (30, 0));
    let (first, last) = (named(&set, "ant/0.png"), named(&set, "ant/more/3.PNG"));
    assert_eq!((set.label(first), set.label(last)), (0, 0));
    assert_eq!(set.image(first).unwrap().rgb, simclr::imaging::decode(&png(10)).unwrap().rgb);
    let print = fingerprint(&config, &directory.path().join("memo")).unwrap();
    for (class, size) in print.classes.iter().enumerate() {
        let test = (0..30).filter(|&index| set.label(index) == class && set.is_test(index)).count();
        assert_eq!((size.train, size.test), (7, 3));
        assert_eq!(test, 3);
    }
    let split = Split::sample(set.training_ids(), 9, 0.2, 1);
    assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (17, 4, 9));
    for (class, sizes) in split_sizes(&print, 0.2, 1).into_iter().enumerate() {
        let count = |images: &[usize]| images.iter().filter(|&&image| set.label(image) == class).count();
        assert_eq!(
            [sizes.train, sizes.validation, sizes.test],
            [&split.train, &split.validation, &split.test].map(|images| count(images))
        );
    }
}

#[test]
fn classes_in_file_names() {
    let root = tempfile::tempdir().unwrap();
    for (number, name) in ["dog_1_x.png", "cat_2.png", "dog_3.png", "cat_4.jpeg"].into_iter().enumerate() {
        write(root.path().join("train").join(name), &png(number as u64));
    }
    for name in ["dog_9.png", "cat_9.png"] {
        write(root.path().join("test").join(name), &png(9));
    }
    let (_directory, set) = open(&with_test("filename_prefix", root.path()), 1);
    let mut all: Vec<_> = (0..set.len()).map(|i| (set.name(i), set.label(i), set.is_test(i))).collect();
    all.sort_by_key(|(name, _, is_test)| (*is_test, name.clone()));
    let train = [("cat_2.png", 0, false), ("cat_4.jpeg", 0, false), ("dog_1_x.png", 1, false), ("dog_3.png", 1, false)];
    let expected = [&train[..], &[("cat_9.png", 0, true), ("dog_9.png", 1, true)]].concat();
    assert_eq!(
        all,
        expected.into_iter().map(|(name, label, is_test)| (name.to_owned(), label, is_test)).collect::<Vec<_>>()
    );
}

#[test]
fn the_digest_depends_on_content_not_on_location() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    class_directories(&first.path().join("train"));
    class_directories(&second.path().join("train"));
    let memo = first.path().join("memo.json");
    let digest = |root: &TempDir| fingerprint(&directories("image_folder", root.path(), ""), &memo).unwrap().content;
    let before = digest(&first);
    assert_eq!(before, digest(&second));
    fs::rename(second.path().join("train/ant"), second.path().join("train/art")).unwrap();
    assert_ne!(before, digest(&second), "a class was renamed");
    write(first.path().join("train/bee/0.png"), &png(99));
    assert_ne!(before, digest(&first), "an image was changed");
}

/// Waits until the stamps of files written before are settled.
fn settle() {
    std::thread::sleep(Duration::from_millis(2100));
}

#[test]
fn remembered_files_are_not_read_again() {
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    settle();
    let (config, memo) = (directories("image_folder", root.path(), ""), root.path().join("deep/memo.json"));
    let before = fingerprint(&config, &memo).unwrap();
    // A wrong digest in the memo would be noticed only by reading the file.
    let memory = fs::read_to_string(&memo).unwrap();
    let first = |print: &Fingerprint| print.files.iter().next().unwrap().digest.to_string();
    let digest = first(&before);
    let other: String = digest.chars().rev().collect();
    fs::write(&memo, memory.replace(&digest, &other)).unwrap();
    assert_eq!(first(&fingerprint(&config, &memo).unwrap()), other);
    for damage in [&b"{"[..], b"", b"{\"version\":1}", b"{\"version\":99,\"files\":{}}", b"\xff\xff"] {
        fs::write(&memo, damage).unwrap();
        assert_eq!(before, fingerprint(&config, &memo).unwrap(), "a damaged memo is ignored");
    }
}

/// Returns the names of the files of a directory whose digests a memo has.
fn remembered(memo: &Path, directory: &Path) -> Vec<String> {
    let memo: serde_json::Value = serde_json::from_slice(&fs::read(memo).unwrap()).unwrap();
    serde_json::from_value(memo["directories"][directory.to_str().unwrap()]["names"].clone()).unwrap()
}

#[cfg(unix)]
#[test]
fn changed_files_are_noticed_even_if_size_and_mtime_are_unchanged() {
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    settle();
    let (config, memo) = (directories("image_folder", root.path(), ""), root.path().join("memo.json"));
    let before = fingerprint(&config, &memo).unwrap();
    let path = root.path().join("train/bee/0.png");
    assert!(remembered(&memo, &root.path().join("train/bee")).contains(&"0.png".to_owned()));
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, &bytes).unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_ne!(before, fingerprint(&config, &memo).unwrap());
}

#[test]
fn files_that_were_just_written_are_not_remembered() {
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    settle();
    let path = root.path().join("train/bee/0.png");
    fs::write(&path, png(50)).unwrap();
    let (config, memo) = (directories("image_folder", root.path(), ""), root.path().join("memo.json"));
    fingerprint(&config, &memo).unwrap();
    let remembered = remembered(&memo, &root.path().join("train/bee"));
    assert!(remembered.contains(&"1.png".to_owned()) && !remembered.contains(&"0.png".to_owned()));
}

#[test]
fn broken_files_are_named_or_skipped() {
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    let whole = png(1);
    write(root.path().join("train/ant/empty.png"), b"");
    write(root.path().join("train/ant/cut.png"), &whole[..whole.len() / 2]);
    write(root.path().join("train/bee/text.jpg"), b"<html>not found</html>");
    write(root.path().join("train/bee/moving.gif"), b"GIF89a\x01\x00\x01\x00\x00\x00\x00;");
    let stop = directories("image_folder", root.path(), "");
    let directory = tempfile::tempdir().unwrap();
    let error = decode_quietly(&stop, 1, directory.path()).unwrap_err().to_string();
    for part in
        ["4 files", "ant/empty.png: the file is empty", "ant/cut.png", "bee/text.jpg: not a", "bee/moving.gif: "]
    {
        assert!(error.contains(part), "{error}");
    }
    let skip = DatasetConfig { broken_files: simclr::dataset::BrokenFiles::Skip, ..stop.clone() };
    let decoded = decode_quietly(&skip, 1, directory.path()).unwrap();
    assert_eq!((decoded.images, decoded.skipped.len()), (30, 4));
    assert_eq!(ImageDataset::open(directory.path()).unwrap().skipped(), decoded.skipped);
    for number in 0..12 {
        write(root.path().join(format!("train/cat/bad{number}.webp")), b"RIFF");
    }
    let error = decode_quietly(&stop, 1, directory.path()).unwrap_err().to_string();
    assert!(error.contains("16 files") && error.contains("and 6 more"), "{error}");
}

/// Returns a JPEG part of whose data is zeroed, with its end marker.
fn damaged_jpeg() -> Vec<u8> {
    let rgb: Vec<u8> = (0..64 * 48 * 3_u32).map(|i| (i * i / 7 + i * 3) as u8).collect();
    let mut file = Vec::new();
    let image = image::RgbImage::from_raw(64, 48, rgb).unwrap();
    image.write_to(&mut std::io::Cursor::new(&mut file), image::ImageFormat::Jpeg).unwrap();
    let middle = file.len() / 2;
    file[middle..middle + 300].fill(0);
    file
}

#[test]
fn damaged_jpegs_are_broken_files_unless_they_are_accepted() {
    use simclr::dataset::{BrokenFiles, DamagedJpegs};
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    write(root.path().join("train/ant/hole.jpg"), &damaged_jpeg());
    let stop = directories("image_folder", root.path(), "");
    let directory = tempfile::tempdir().unwrap();
    let error = decode_quietly(&stop, 1, directory.path()).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("ant/hole.jpg: the JPEG is damaged") && text.contains("damaged_jpegs"), "{text}");

    let skip = DatasetConfig { broken_files: BrokenFiles::Skip, ..stop.clone() };
    let decoded = decode_quietly(&skip, 1, directory.path()).unwrap();
    assert_eq!((decoded.images, decoded.skipped.len(), decoded.damaged.len()), (30, 1, 0));

    let accept = DatasetConfig { damaged_jpegs: DamagedJpegs::Accept, ..stop };
    let decoded = decode_quietly(&accept, 1, directory.path()).unwrap();
    assert_eq!((decoded.images, decoded.skipped.len(), decoded.damaged.len()), (31, 0, 1));
    assert_eq!(decoded.damaged[0].name, "ant/hole.jpg");
    assert_eq!(ImageDataset::open(directory.path()).unwrap().damaged(), decoded.damaged);
}

#[test]
fn a_class_of_only_broken_files_is_an_error_even_if_they_are_skipped() {
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    for number in 0..10 {
        write(root.path().join(format!("train/dog/{number}.png")), b"broken");
    }
    let skip = DatasetConfig {
        broken_files: simclr::dataset::BrokenFiles::Skip,
        ..directories("image_folder", root.path(), "")
    };
    let directory = tempfile::tempdir().unwrap();
    let error = decode_quietly(&skip, 1, directory.path()).unwrap_err();
    assert!(error.what().contains("`dog`"), "{error}");
}

#[test]
fn directories_that_are_not_a_data_set_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let train = root.path().join("train");
    refused(&directories("image_folder", root.path(), ""), "cannot read the directory");
    fs::create_dir_all(&train).unwrap();
    refused(&directories("image_folder", root.path(), ""), "no images");
    refused(&directories("filename_prefix", root.path(), ""), "no images");
    write(train.join("only/1.png"), &png(1));
    refused(&directories("image_folder", root.path(), ""), "only one class, `only`");
    refused(&directories("filename_prefix", root.path(), ""), "only directories");
    write(train.join("other/1.png"), &png(1));
    refused(&directories("image_folder", root.path(), ""), "no test images of `only`, `other`");
    refused(&directories("image_folder", root.path(), ", test_fraction = 1.0"), "no training images of");
    fs::create_dir_all(train.join("empty")).unwrap();
    refused(&directories("image_folder", root.path(), ", test_fraction = 0.5"), "no training images of `empty`");
    write(root.path().join("test/only/1.png"), &png(1));
    refused(&with_test("image_folder", root.path()), "no training images of `empty`");
    fs::remove_dir(train.join("empty")).unwrap();
    refused(&with_test("image_folder", root.path()), "no test images of `other`");
    write(train.join("loose.png"), &png(1));
    refused(&directories("image_folder", root.path(), ""), "next to the class directories");
    write(train.join("_1.png"), &png(1));
    refused(
        &directories("filename_prefix", root.path(), ""),
        "2 images have no class in their name: _1.png, loose.png",
    );
    write(root.path().join("file/train"), b"a file, not a directory");
    refused(&directories("image_folder", &root.path().join("file"), ""), "cannot read the directory");
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_cycles_are_refused() {
    use std::os::unix::fs::symlink;
    let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    class_directories(&root.path().join("train"));
    class_directories(elsewhere.path());
    let train = root.path().join("train");
    symlink(elsewhere.path().join("cat"), train.join("lynx")).unwrap();
    let (_directory, set) = open(&directories("image_folder", root.path(), ""), 1);
    assert_eq!((set.classes().len(), set.len()), (4, 40));
    symlink(&train, train.join("bee/again")).unwrap();
    refused(&directories("image_folder", root.path(), ""), "form a cycle");
    fs::remove_file(train.join("bee/again")).unwrap();
    symlink("nowhere", train.join("bee/broken.txt")).unwrap();
    assert!(fingerprint(&directories("image_folder", root.path(), ""), &root.path().join("memo")).is_ok());
}

/// Files that cannot be read are reported like those that cannot be decoded, and nothing blocks on a pipe.
#[cfg(target_os = "linux")]
#[test]
fn files_that_are_not_regular_count_as_broken() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    let bee = root.path().join("train/bee");
    assert!(std::process::Command::new("mkfifo").arg(bee.join("pipe.jpg")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(bee.join("socket.jpg")).unwrap();
    symlink("/dev/zero", bee.join("zero.jpg")).unwrap();
    symlink("/dev/urandom", bee.join("random.png")).unwrap();
    symlink("/dev/tty", bee.join("tty.png")).unwrap();
    symlink("nowhere.png", bee.join("gone.png")).unwrap();
    symlink(bee.join("me.png"), bee.join("me.png")).unwrap();
    let stop = directories("image_folder", root.path(), "");
    let first = fingerprint(&stop, &root.path().join("memo")).unwrap();
    assert_eq!(first, fingerprint(&stop, &root.path().join("memo")).unwrap());
    let directory = tempfile::tempdir().unwrap();
    let error = decode_quietly(&stop, 1, directory.path()).unwrap_err().to_string();
    for name in ["pipe.jpg", "socket.jpg", "zero.jpg", "random.png", "tty.png"] {
        assert!(error.contains(&format!("bee/{name}: cannot read it: not a regular file")), "{name}: {error}");
    }
    assert!(error.contains("bee/gone.png: cannot read it: No such file") && error.contains("bee/me.png"), "{error}");
    let skip = DatasetConfig { broken_files: simclr::dataset::BrokenFiles::Skip, ..stop.clone() };
    assert_eq!(decode_quietly(&skip, 1, directory.path()).unwrap().skipped.len(), 7);
    // A file that becomes readable changes the fingerprint.
    fs::remove_file(bee.join("gone.png")).unwrap();
    write(bee.join("gone.png"), &png(77));
    assert_ne!(first.content, fingerprint(&stop, &root.path().join("memo")).unwrap().content);
}

/// Returns a PNG chunk with its checksum.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let checked = [kind, data].concat();
    let mut crc = u32::MAX;
    for byte in &checked {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    [&(data.len() as u32).to_be_bytes()[..], &checked, &(!crc).to_be_bytes()].concat()
}

/// Returns a PNG of one pixel in indexed color with a palette of this many bytes; 4, 5, 7, 8, ... make some versions of
/// the decoder panic.
fn indexed_png(palette: usize) -> Vec<u8> {
    let header = [&1_u32.to_be_bytes()[..], &1_u32.to_be_bytes(), &[8, 3, 0, 0, 0]].concat();
    // Stored, not compressed: a filter byte and the index 0.
    let data = [0x78, 0x01, 0x01, 2, 0, 0xFD, 0xFF, 0, 0, 0, 2, 0, 1];
    let chunks =
        [chunk(b"IHDR", &header), chunk(b"PLTE", &vec![7; palette]), chunk(b"IDAT", &data), chunk(b"IEND", &[])];
    [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat()].concat()
}

#[test]
fn a_decoder_panic_is_the_fault_of_the_file() {
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    assert!(simclr::imaging::decode(&indexed_png(6)).is_ok());
    for palette in [4, 5, 7, 8] {
        write(root.path().join(format!("train/ant/palette{palette}.png")), &indexed_png(palette));
    }
    let stop = directories("image_folder", root.path(), "");
    let directory = tempfile::tempdir().unwrap();
    let error = decode_quietly(&stop, 1, directory.path()).unwrap_err();
    assert_eq!(error.kind(), simclr::base::ErrorKind::Stage);
    for palette in [4, 5, 7, 8] {
        assert!(error.what().contains(&format!("ant/palette{palette}.png: ")), "{error}");
    }
    let skip = DatasetConfig { broken_files: simclr::dataset::BrokenFiles::Skip, ..stop };
    assert_eq!(decode_quietly(&skip, 1, directory.path()).unwrap().skipped.len(), 4);
}

#[test]
fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let root = tempfile::tempdir().unwrap();
    class_directories(&root.path().join("train"));
    let path = root.path().join("train/ant/large.jpg");
    write(&path, b"\xff\xd8\xff");
    fs::File::options().write(true).open(&path).unwrap().set_len(600_000_000).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let error = decode_quietly(&directories("image_folder", root.path(), ""), 1, directory.path()).unwrap_err();
    assert!(error.what().contains("ant/large.jpg: the file is too large (600 MB; the maximum is 500 MB"), "{error}");
}

#[test]
fn large_images_are_resized_when_decoded() {
    let root = tempfile::tempdir().unwrap();
    let image = |width: usize, height: usize| {
        encode_png(ImageRef { width, height, rgb: &vec![200; 3 * width * height] }).unwrap()
    };
    for class in ["a", "b"] {
        write(root.path().join(format!("train/{class}_1.png")), &image(200, 100));
        write(root.path().join(format!("train/{class}_2.png")), &image(31, 300));
        write(root.path().join(format!("train/{class}_3.png")), &image(64, 320));
    }
    let config = directories("filename_prefix", root.path(), ", test_fraction = 0.4");
    let sizes = |config: &DatasetConfig| -> Vec<(usize, usize)> {
        let (_directory, set) = open(config, 1);
        assert!((0..set.len()).all(|index| set.image(index).unwrap().rgb.iter().all(|&value| value == 200)));
        let image = |number| set.image(named(&set, &format!("a_{number}.png"))).unwrap();
        (1..4).map(|number| (image(number).width, image(number).height)).collect()
    };
    assert_eq!(sizes(&config), [(64, 32), (31, 300), (32, 160)]);
    assert_eq!(sizes(&DatasetConfig { stored_size: Some(50), ..config }), [(100, 50), (31, 300), (50, 250)]);
}

#[test]
fn decoding_reports_progress_and_can_be_stopped() {
    let (directory, config) = (tempfile::tempdir().unwrap(), shapes(300, 100, 4, 16));
    let last = AtomicU64::new(0);
    let progress = |done, total| {
        assert!(done > last.swap(done, Ordering::Relaxed) && total == 400);
    };
    decode(&config, 1, directory.path(), &progress, &|| Ok(())).unwrap();
    assert_eq!(last.into_inner(), 400);
    let calls = AtomicU64::new(0);
    let stop = || if calls.fetch_add(1, Ordering::Relaxed) < 2 { Ok(()) } else { Err(Error::stage("interrupted")) };
    let error = decode(&config, 1, directory.path(), &|_, _| {}, &stop).unwrap_err();
    assert_eq!((error.what(), calls.into_inner()), ("interrupted", 3));
}

#[test]
fn a_damaged_set_is_an_error() {
    let (directory, set) = open(&shapes(20, 10, 2, 16), 1);
    drop(set);
    let [index, store, images] =
        ["index.json", "train/index.json", "train/form/images.bin"].map(|name| directory.path().join(name));
    let whole_images = fs::read(&images).unwrap();
    let damaged = || ImageDataset::open(directory.path()).unwrap_err().to_string();
    fs::write(&images, &whole_images[1..]).unwrap();
    assert!(damaged().contains("bytes, which the images do not have"), "{}", damaged());
    fs::write(&images, b"").unwrap();
    damaged();
    fs::write(&images, &whole_images).unwrap();
    for (file, from, to) in [
        (&store, "[16,16]", "[16,17]"),
        (&store, "[16,16]", "[0,16]"),
        (&store, "[16,16]", "[18446744073709551615,16]"),
        (&store, "\"pixels\":[", "\"pixels\":[\"0\","),
        (&store, "\"ids\":[\"0\",", "\"ids\":["),
        (&store, "\"version\":3", "\"version\":2"),
        (&index, "\"labels\":[0,", "\"labels\":[7,"),
        (&index, "\"labels\":[0,", "\"labels\":["),
        (&index, "\"is_test\":[false,", "\"is_test\":[true,"),
        (&index, "\"version\":2", "\"version\":1"),
        (&index, "}", ""),
    ] {
        let whole = fs::read_to_string(file).unwrap();
        fs::write(file, whole.replacen(from, to, 1)).unwrap();
        assert!(damaged().contains("help"), "{from} -> {to}");
        fs::write(file, whole).unwrap();
    }
    fs::remove_file(&index).unwrap();
    damaged();
}

// ---------------------------------------------------------------------------------------------- CSV files

/// Writes four images of each of two classes, named `a/0.png` to `b/3.png`.
fn eight_images(root: &Path) {
    for (class, name) in ["a", "b"].into_iter().enumerate() {
        for number in 0..4 {
            write(root.join(format!("{name}/{number}.png")), &png((class * 4 + number) as u64));
        }
    }
}

/// Returns the source of `labels.csv` after writing it.
fn csv(root: &Path, text: impl AsRef<[u8]>, more: &str) -> DatasetConfig {
    write(root.join("labels.csv"), text.as_ref());
    config(&format!(
        "source = {{ csv = {{ file = \"{}/labels.csv\"{more} }} }}\nimage_size = 16\nvalidation_fraction = 0",
        root.display()
    ))
}

/// Returns name, class and whether it is a test image, of each image, by name.
fn listed(config: &DatasetConfig) -> Vec<(String, String, bool)> {
    let (_directory, set) = open(config, 1);
    let class = |image: usize| set.classes()[set.label(image)].clone();
    let mut images: Vec<_> = (0..set.len()).map(|image| (set.name(image), class(image), set.is_test(image))).collect();
    images.sort();
    images
}

#[test]
fn a_csv_file_with_a_bom_crlf_quotes_and_other_columns() {
    let root = tempfile::tempdir().unwrap();
    eight_images(root.path());
    fs::rename(root.path().join("a/3.png"), root.path().join("a/three, or \"3\".png")).unwrap();
    let text = "\u{feff}\"camera\",class , file\r\n\r\n\
                x,\"cat, wild\", b/1.png\r\n\"two\r\nlines\",dog,a/0.png\r\n\
                ,\"cat, wild\",./b/0.png\r\ny,dog,\"a/three, or \"\"3\"\".png\"";
    let config = csv(root.path(), text, ", path = \"file\", label = \"class\", test_fraction = 0.5");
    let images = listed(&config);
    let names: Vec<(&str, &str)> = images.iter().map(|(name, class, _)| (name.as_str(), class.as_str())).collect();
    let expected =
        [("a/0.png", "dog"), ("a/three, or \"3\".png", "dog"), ("b/0.png", "cat, wild"), ("b/1.png", "cat, wild")];
    assert_eq!(names, expected);
    for class in ["dog", "cat, wild"] {
        assert_eq!(images.iter().filter(|(_, label, is_test)| label == class && *is_test).count(), 1);
    }
}

#[test]
fn test_images_of_a_csv_file_are_those_of_a_column_or_a_second_file() {
    let root = tempfile::tempdir().unwrap();
    eight_images(root.path());
    let rows = ["a/0.png,a,train", "b/0.png,b,test", "a/1.png,a,test", "b/1.png,b,train"];
    let with_column = csv(root.path(), ["path,label,use", &rows.join("\n")].join("\n"), ", split = \"use\"");
    let expected = [("a/0.png", "a", false), ("a/1.png", "a", true), ("b/0.png", "b", true), ("b/1.png", "b", false)];
    let expected = expected.map(|(name, class, is_test)| (name.to_owned(), class.to_owned(), is_test));
    assert_eq!(listed(&with_column), expected);
    let test = format!(", test = \"{}/test.csv\"", root.path().display());
    write(root.path().join("test.csv"), b"label,path\nb,b/0.png\na,a/1.png\n");
    let with_file = csv(root.path(), "path,label\nb/1.png,b\na/0.png,a\n", &test);
    assert_eq!(listed(&with_file), expected);
    let print = fingerprint(&with_file, &root.path().join("memo")).unwrap();
    let names: Vec<String> = print.files.iter().map(|file| file.name).collect();
    assert_eq!(names, ["train/a/0.png", "train/b/1.png", "test/a/1.png", "test/b/0.png", "labels.csv", "test.csv"]);
    write(root.path().join("test.csv"), b"label,path\nb,b/0.png\na,a/0.png\n");
    refused(&with_file, "the image `a/0.png` is also listed in line 3 of ");
    assert!(error(&with_file).place().unwrap().ends_with("test.csv:3"));
}

#[test]
fn the_digest_of_a_csv_file_depends_on_images_and_labels_alone() {
    let root = tempfile::tempdir().unwrap();
    eight_images(root.path());
    let digest = |text: &str| fingerprint(&csv(root.path(), text, ""), &root.path().join("memo")).unwrap().content;
    let row = |name: &str| format!("{name},{}\n", &name[..1]);
    let names: Vec<String> =
        ["a", "b"].iter().flat_map(|class| (0..4).map(move |number| format!("{class}/{number}.png"))).collect();
    let rows: Vec<String> = names.iter().map(|name| row(name)).collect();
    let before = digest(&format!("path,label\n{}", rows.concat()));
    assert_eq!(before, digest(&format!("path,label\r\n{}", rows.iter().rev().cloned().collect::<String>())));
    assert_ne!(before, digest(&format!("path,label\n{}", rows.concat().replacen(",a\n", ",b\n", 1))), "a label");
    assert_ne!(before, digest(&format!("path,label\n{}", rows[1..].concat())), "an image");
    let folder = tempfile::tempdir().unwrap();
    eight_images(&folder.path().join("train"));
    let config = directories("image_folder", folder.path(), "");
    assert_eq!(before, fingerprint(&config, &root.path().join("memo")).unwrap().content);
}

#[test]
fn mistakes_in_csv_files_are_reported_with_their_lines() {
    let root = tempfile::tempdir().unwrap();
    eight_images(root.path());
    let root = root.path();
    let long = format!("path,label\na/0.png,{}", "x".repeat(256));
    for (text, line, message) in [
        ("", 1, "there is no column `path`"),
        ("path,class\na/0.png,a\n", 1, "there is no column `label`; the columns are `path`, `class`"),
        ("path,label,path\n", 1, "there are several columns `path`"),
        ("path,label\n", 1, "there are no rows"),
        ("path,label\r\n\r\na/0.png,a\r\n\r\na/9.png,a\r\n", 5, "the image `a/9.png` does not exist"),
        ("path,label\n\n\n./a,a\n", 4, "`a` is a directory"),
        ("path,label\na/0.png,a\n,a\n", 3, "the path of the image is empty"),
        ("path,label,note\na/0.png,a,\"1\n2\"\na/1.png,\" \",\n", 4, "the label of `a/1.png` is empty"),
        ("path,label\na/0.png,a\r\nb/0.png,b\r\n./a/0.png,a\r\n", 4, "`a/0.png` is also listed in line 2"),
        ("path,label\na/0.png,a\u{1b}[31m\n", 2, r"has control or invisible characters: `a\u{1b}[31m`"),
        ("path,label\na/0.png,a\u{202e}b\n", 2, r"has control or invisible characters: `a\u{202e}b`"),
        (&long, 2, "has 256 bytes; the maximum is 255"),
        ("path,label\na/0.png,a\na/1.png\n", 3, "a row with 1 values below a header with 2"),
    ] {
        let config = csv(root, text, "");
        refused(&config, message);
        let error = error(&config);
        assert!(error.place().unwrap().ends_with(&format!("labels.csv:{line}")), "{text:?}: {error}");
    }
    let config = csv(root, b"path,label\na/0.png,a\na/1.png,\xff\n", "");
    refused(&config, "not UTF-8");
    assert!(error(&config).place().unwrap().ends_with("labels.csv:3"));
    let config = csv(root, "path,label,split\na/0.png,a,train\na/1.png,a,eval\n", ", split = \"split\"");
    refused(&config, "expected `train`, `validation`, `test` or `unlabeled`, found `eval`");
    let many: String = (0..12).map(|number| format!("c/{number}.png,c\n")).collect();
    let config = csv(root, format!("path,label\n{many}"), "");
    refused(&config, "12 rows are not valid:\n    line 2: the image `c/0.png` does not exist\n    line 3: ");
    assert!(error(&config).what().ends_with("\n    and 2 more"));
    refused(&csv(root, "path,label\na/0.png,a\na/1.png,a\n", ""), "only one class, `a`");
    fs::remove_file(root.join("labels.csv")).unwrap();
    refused(&config, "cannot read");
}

#[test]
fn keys_of_a_csv_source_that_exclude_each_other() {
    let root = tempfile::tempdir().unwrap();
    for (more, written, keys) in [
        ("", "", &[][..]),
        ("test_fraction = 0.3", "test_fraction", &[]),
        ("test_fraction = 1.0", "test_fraction", &["test_fraction"]),
        ("split = \"s\", test_fraction = 0.3", "test_fraction", &["test_fraction"]),
        ("split = \"s\", test = \"test.csv\"", "", &["split"]),
        ("test = \"\"", "", &["test"]),
        ("label = \"path\"", "", &["label"]),
        ("split = \" \"", "", &["split"]),
    ] {
        let more = if more.is_empty() { String::new() } else { format!(", {more}") };
        let problems = csv(root.path(), "", &more).source.check(&|key| key == written);
        assert_eq!(problems.iter().map(|problem| problem.key).collect::<Vec<_>>(), keys, "{more}");
    }
}

// ---------------------------------------------------------------------------------------------- binary files

/// Writes CIFAR-10 files of `records` records with distinct bytes, cycling through labels 0 to 9.
fn cifar(root: &Path, records: usize) {
    for (file, name) in ["data_batch_1.bin", "data_batch_3.bin", "test_batch.bin"].into_iter().enumerate() {
        let record = |number: usize| {
            let pixels = (0..3072_usize).map(move |byte| (byte * 7 + number + file) as u8);
            std::iter::once((number % 10) as u8).chain(pixels)
        };
        write(root.join(name), &(0..records).flat_map(record).collect::<Vec<u8>>());
    }
}

fn binary(kind: &str, root: &Path) -> DatasetConfig {
    config(&format!("source = {{ {kind} = {{ path = \"{}\" }} }}\nimage_size = 32", root.display()))
}

#[test]
fn cifar10_records() {
    let root = tempfile::tempdir().unwrap();
    cifar(root.path(), 20);
    let config = binary("cifar10", root.path());
    let (_directory, set) = open(&config, 1);
    assert_eq!((set.len(), set.classes()[2].as_str(), set.label(23), set.is_test(39)), (60, "bird", 3, false));
    assert_eq!((set.is_test(40), set.name(40)), (true, "test_batch.bin[0]".to_owned()));
    // Record 1 of the second file: byte k of its pixels is 7 k + 2; the planes of red, green and blue have 1024 bytes
    // each.
    let image = set.image(21).unwrap();
    let pixel = |x: usize, y: usize| [0, 1, 2].map(|plane| ((plane * 1024 + y * 32 + x) * 7 + 2) as u8);
    assert_eq!(image.rgb[(5 * 32 + 9) * 3..][..3], pixel(9, 5));
    let memo = root.path().join("memo");
    let before = fingerprint(&config, &memo).unwrap();
    assert_eq!((before.classes[0].train, before.classes[0].test), (4, 2));
    write(root.path().join("batches.meta.txt"), b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    let after = fingerprint(&config, &memo).unwrap();
    assert_eq!(after.classes[9].name, "j");
    assert_ne!(before.content, after.content);
}

#[test]
fn damaged_cifar10_files_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let config = binary("cifar10", root.path());
    refused(&config, "data_batch_1.bin is missing");
    cifar(root.path(), 20);
    let path = root.path().join("data_batch_3.bin");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    refused(&config, "not a multiple of 3073-byte records");
    assert!(error(&config).place().unwrap().ends_with("data_batch_3.bin"));
    fs::write(&path, b"").unwrap();
    refused(&config, "0 bytes");
    let mut bad_label = whole.clone();
    bad_label[3073 * 4] = 10;
    fs::write(&path, bad_label).unwrap();
    refused(&config, "record 4 has the label 10");
    fs::write(&path, whole).unwrap();
    write(root.path().join("batches.meta.txt"), b"a\nb\n");
    refused(&config, "2 class names");
    fs::remove_file(root.path().join("batches.meta.txt")).unwrap();
    fs::remove_file(root.path().join("test_batch.bin")).unwrap();
    refused(&config, "test_batch.bin is missing");
}

#[test]
fn stl10_records_are_stored_by_column() {
    let root = tempfile::tempdir().unwrap();
    let config = binary("stl10", root.path());
    refused(&config, "train_X.bin is missing");
    let record = |number: usize| (0..27_648_usize).map(move |byte| (byte * 7 + number) as u8);
    for part in ["train", "test"] {
        let pixels: Vec<u8> = (0..20).flat_map(record).collect();
        write(root.path().join(format!("{part}_X.bin")), &pixels);
        write(root.path().join(format!("{part}_y.bin")), &(0..20).map(|number| number % 10 + 1).collect::<Vec<u8>>());
    }
    let config = DatasetConfig { stored_size: Some(96), ..config };
    let (_directory, set) = open(&config, 1);
    assert_eq!((set.len(), set.label(12), set.is_test(20), set.classes()[7].as_str()), (40, 2, true, "monkey"));
    let pixel = |x: usize, y: usize| [0, 1, 2].map(|plane| ((plane * 9216 + x * 96 + y) * 7 + 3) as u8);
    assert_eq!(set.image(3).unwrap().rgb[(5 * 96 + 9) * 3..][..3], pixel(9, 5));
    write(root.path().join("train_y.bin"), &[1; 19]);
    refused(&config, "19 labels for 20 images");
    write(root.path().join("train_y.bin"), &[0; 20]);
    refused(&config, "record 0 has the label 0");
}

#[test]
fn real_cifar10() {
    let Some(path) = real_data("cifar-10-batches-bin") else { return };
    let (_directory, set) = open(&binary("cifar10", &path), 1);
    let raw = fs::read(path.join("data_batch_1.bin")).unwrap();
    assert_eq!(set.classes()[6], "frog");
    for index in (0..10_000).step_by(997) {
        let record = &raw[index * 3073..(index + 1) * 3073];
        assert_eq!(set.label(index), usize::from(record[0]));
        assert_eq!(set.image(index).unwrap().rgb[3 * 40..][..3], [record[41], record[1065], record[2089]]);
    }
}

#[test]
fn real_photos() {
    let Some(path) = real_data("imagenet-5-categories") else { return };
    let config = with_test("filename_prefix", &path);
    let memo = tempfile::tempdir().unwrap();
    let print = fingerprint(&config, &memo.path().join("memo")).unwrap();
    assert!(print.classes.iter().all(|size| (size.train, size.test) == (250, 50)));
    let (_directory, set) = open(&config, 1);
    assert_eq!((set.len(), set.skipped().len()), (1500, 0));
    assert_eq!(set.classes(), ["airplane", "car", "cat", "dog", "elephant"]);
    assert!((0..set.len()).all(|index| set.image(index).unwrap().width.min(set.image(index).unwrap().height) == 32));
}

// ---------------------------------------------------------------------------------------------- batches

const SIMCLR: &str = "ops = [{ random_resized_crop = {} }, { horizontal_flip = {} }, { color_jitter = {} }]";

fn twenty_shapes() -> (TempDir, Arc<ImageDataset>) {
    open(&shapes(20, 4, 4, 16), 1)
}

fn loader(batch_size: usize, epochs: usize) -> LoaderConfig {
    LoaderConfig { batch_size, epochs, skip: 0, seed: 5 }
}

fn contrastive(set: &Arc<ImageDataset>, epochs: usize) -> Batches {
    contrastive_from(set, epochs, 0)
}

fn contrastive_from(set: &Arc<ImageDataset>, epochs: usize, skip: usize) -> Batches {
    let loader_config = LoaderConfig { skip, ..loader(6, epochs) };
    contrastive_batches(set.clone(), (0..20).collect(), policy(SIMCLR, 16), loader_config)
}

fn collect(batches: Batches) -> Vec<Batch> {
    batches.collect::<Result<_, _>>().unwrap()
}

#[test]
fn contrastive_batches_hold_two_views_of_each_image() {
    let (_directory, set) = twenty_shapes();
    let batches: Vec<Batch> = collect(contrastive(&set, 2));
    assert_eq!(batches.len(), 6);
    for (number, batch) in batches.iter().enumerate() {
        assert_eq!((batch.rows, batch.images.len()), (12, 12 * 16 * 16 * 3));
        assert_eq!(batch.epoch, number / 3);
        assert_eq!(batch.indices[..6], batch.indices[6..]);
        assert!(batch.indices.iter().zip(&batch.labels).all(|(&image, &label)| set.label(image) == label));
        let (first, second) = batch.images.split_at(batch.images.len() / 2);
        assert_ne!(first, second);
    }
    let mut epoch: Vec<usize> = batches[..3].iter().flat_map(|batch| batch.indices[..6].to_vec()).collect();
    let other: Vec<usize> = batches[3..].iter().flat_map(|batch| batch.indices[..6].to_vec()).collect();
    assert_ne!(epoch, other);
    epoch.sort_unstable();
    epoch.dedup();
    assert_eq!(epoch.len(), 18);
}

#[test]
fn batches_do_not_depend_on_threads_or_on_where_training_resumes() {
    let (_directory, set) = twenty_shapes();
    let all: Vec<Batch> = collect(contrastive(&set, 3));
    for threads in [1, 2, 3] {
        assert_eq!(all, in_pool(threads, || collect(contrastive(&set, 3))), "{threads} threads");
    }
    for skip in 0..=9 {
        assert_eq!(all[skip..], collect(contrastive_from(&set, 3, skip)), "from batch {skip}");
    }
    assert_eq!(contrastive_from(&set, 3, 10).count(), 0);
}

#[test]
fn labeled_batches_keep_the_last_partial_batch_and_plain_batches_the_order() {
    let (_directory, set) = twenty_shapes();
    let indices: Vec<usize> = (0..20).step_by(2).collect();
    let labeled: Vec<Batch> = collect(labeled_batches(set.clone(), indices.clone(), policy(SIMCLR, 16), loader(4, 2)));
    let later = LoaderConfig { skip: 4, ..loader(4, 2) };
    let later: Vec<Batch> = collect(labeled_batches(set.clone(), indices.clone(), policy(SIMCLR, 16), later));
    assert_eq!(labeled[4..], later);
    assert_eq!(labeled.iter().map(|batch| batch.rows).collect::<Vec<_>>(), [4, 4, 2, 4, 4, 2]);
    let mut seen: Vec<usize> = labeled[..3].iter().flat_map(|batch| batch.indices.clone()).collect();
    assert_ne!(seen, indices);
    seen.sort_unstable();
    assert_eq!(seen, indices);
    let evaluation = Arc::new(Policy::evaluation(None, 16, Fit::Squash));
    let plain: Vec<Batch> = collect(plain_batches(set.clone(), indices.clone(), evaluation, 4));
    assert_eq!(plain.iter().flat_map(|batch| batch.indices.clone()).collect::<Vec<_>>(), indices);
    assert_eq!(plain.len(), 3);
    let stored = set.image(2).unwrap();
    let expected = stored.rgb.iter().map(|&value| f32::from(value) / 255.0);
    assert!(plain[0].images[768..1536].iter().zip(expected).all(|(ours, theirs)| (ours - theirs).abs() < 1e-6));
}

#[test]
fn a_policy_that_samples_once_per_batch_treats_every_image_the_same() {
    let (_directory, set) = twenty_shapes();
    // The first value of each row reveals whether it was solarized.
    let ops = |draw: &str| format!("{draw}\nops = [{{ solarize = {{ p = 0.5, threshold = 0.0 }} }}]");
    let plain: Vec<f32> = (0..20).map(|index| f32::from(set.image(index).unwrap().rgb[0]) / 255.0).collect();
    let solarized = |draw: &str| -> Vec<Vec<bool>> {
        let batches = contrastive_batches(set.clone(), (0..20).collect(), policy(&ops(draw), 16), loader(10, 8));
        let is_solarized =
            |batch: &Batch, row: usize| (batch.images[row * 768] - plain[batch.indices[row]]).abs() > 1e-6;
        collect(batches)
            .into_iter()
            .flat_map(|batch| [0..10, 10..20].map(|view| view.map(|row| is_solarized(&batch, row)).collect()))
            .collect()
    };
    let by_batch = solarized("draw = \"batch\"");
    assert!(by_batch.iter().all(|view| view.iter().all(|&is| is == view[0])));
    let count = by_batch.iter().filter(|view| view[0]).count();
    assert!((4..28).contains(&count), "{count} of 32 views");
    assert!(solarized("").iter().any(|view| view.iter().any(|&is| is != view[0])));
}

#[test]
fn batches_are_empty_without_images_or_epochs() {
    let (_directory, set) = twenty_shapes();
    let make = |indices: Vec<usize>, size, epochs| {
        contrastive_batches(set.clone(), indices, policy(SIMCLR, 16), loader(size, epochs))
    };
    assert_eq!(make((0..20).collect(), 21, 5).count(), 0);
    assert_eq!(make(Vec::new(), 4, 5).count(), 0);
    assert_eq!(make((0..20).collect(), 4, 0).count(), 0);
}

#[test]
fn batches_can_be_dropped_early() {
    let (_directory, set) = twenty_shapes();
    for taken in 0..3 {
        assert_eq!(contrastive(&set, 1000).take(taken).count(), taken);
        in_pool(1, || assert_eq!(contrastive(&set, 1000).take(taken).count(), taken));
    }
}

#[test]
fn a_panic_in_a_loading_task_is_raised_in_next() {
    let (_directory, set) = twenty_shapes();
    for threads in [1, 2] {
        let raised = in_pool(threads, || {
            catch_unwind(AssertUnwindSafe(|| plain_batches(set.clone(), vec![0, 1, 99], policy(SIMCLR, 16), 2).count()))
        });
        assert!(raised.is_err());
    }
}

#[test]
fn a_file_truncated_or_overwritten_while_reading_is_an_error_that_names_it() {
    for truncate in [true, false] {
        let (directory, set) = twenty_shapes();
        let path = directory.path().join("train/form/images.bin");
        let mut batches = contrastive(&set, 1000);
        batches.next().unwrap().unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        let length = file.metadata().unwrap().len();
        std::thread::sleep(Duration::from_millis(20)); // Longer than a tick of the file system's clock.
        file.set_len(if truncate { 100 } else { 0 }).unwrap();
        file.set_len(if truncate { 100 } else { length }).unwrap();
        let errors: Vec<_> = batches.filter_map(Result::err).take(1).collect();
        assert!(errors[0].to_string().contains("images.bin"), "{}", errors[0]);
        assert!(errors[0].what().contains("changed while it was read"), "{}", errors[0]);
        assert!(set.image(0).unwrap_err().to_string().contains("images.bin"));
    }
}

#[test]
fn waiting_time_is_measured() {
    let (_directory, set) = twenty_shapes();
    let mut batches = contrastive(&set, 3);
    batches.by_ref().for_each(drop);
    assert!((0.0..10.0).contains(&batches.waited()));
    assert_eq!(batches.per_epoch(), 3);
}
