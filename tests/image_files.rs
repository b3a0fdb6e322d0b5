//! Image files as people have them: formats, names, damage, and what stands beside them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use image::{DynamicImage, ImageFormat};
use simclr::base::panics;
use simclr::dataset::{BrokenFiles, DatasetConfig, Decoded, ImageDataset, decode, fingerprint};
use simclr::imaging;
use std::fs;
use std::io::Cursor;
use std::path::Path;

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Returns an image with few colors, so that a GIF has all of them.
fn pattern(width: u32, height: u32) -> DynamicImage {
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([60 * (x % 4) as u8, 80 * (y % 3) as u8, 200])).into()
}

fn gray(seed: u32) -> Vec<u8> {
    encoded(&image::GrayImage::from_fn(9, 8, |x, y| image::Luma([(x * y * 7 + seed) as u8])).into(), ImageFormat::Png)
}

fn write(path: impl AsRef<Path>, bytes: &[u8]) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes two classes with four images each.
fn classes(root: &Path) {
    for number in 0..4 {
        write(root.join(format!("cat/{number}.png")), &gray(number));
        write(root.join(format!("dog/{number}.png")), &gray(100 + number));
    }
}

fn config(root: &Path, more: &str) -> DatasetConfig {
    let train = root.join("train");
    let (train, test) = (train.display(), root.join("test"));
    let test = if test.exists() { format!(", test = '{}'", test.display()) } else { String::new() };
    let text = format!("source = {{ image_folder = {{ train = '{train}'{test} }} }}\nimage_size = 8\n{more}");
    toml::from_str(&text).unwrap()
}

/// Returns the images of a directory without labels.
fn unlabeled(directory: &Path) -> DatasetConfig {
    let source = format!("image_folder = {{ train = '{}', labels = false }}", directory.display());
    toml::from_str(&format!("source = {{ {source} }}\nimage_size = 8")).unwrap()
}

fn decoded(config: &DatasetConfig) -> Result<(Decoded, ImageDataset), simclr::base::Error> {
    let directory = tempfile::tempdir().unwrap();
    let decoded = decode(config, 0, directory.path(), &|_, _| {}, &|| Ok(()))?;
    Ok((decoded, ImageDataset::open(directory.path()).unwrap()))
}

fn passed_over(config: &DatasetConfig) -> String {
    fingerprint(config, &tempfile::tempdir().unwrap().path().join("memo")).unwrap().passed_over.describe()
}

#[test]
fn formats_without_loss_give_the_same_pixels() {
    use ImageFormat::{Bmp, Gif, Png, Tiff, WebP};
    let image = pattern(13, 7);
    let expected = imaging::decode(&encoded(&image, Png)).unwrap();
    assert_eq!(expected.rgb, image.to_rgb8().into_raw());
    for format in [Png, Bmp, Tiff, Gif, WebP] {
        assert_eq!(imaging::decode(&encoded(&image, format)).unwrap(), expected, "{format:?}");
    }
    let gray = DynamicImage::from(image.to_luma8());
    for format in [Png, Bmp, Tiff] {
        assert_eq!(imaging::decode(&encoded(&gray, format)).unwrap().rgb, gray.to_rgb8().into_raw(), "{format:?}");
    }
    let deep = DynamicImage::from(image.to_rgb16());
    for format in [Png, Tiff] {
        assert_eq!(imaging::decode(&encoded(&deep, format)).unwrap(), expected, "16 bits, {format:?}");
    }
}

#[test]
fn transparent_pixels_are_white_in_every_format() {
    use ImageFormat::{Gif, Png, Tiff, WebP};
    let image: DynamicImage =
        image::RgbaImage::from_fn(6, 5, |x, _| image::Rgba([10, 20, 30, if x < 3 { 0 } else { 255 }])).into();
    for format in [Png, Tiff, WebP, Gif] {
        let rgb = imaging::decode(&encoded(&image, format)).unwrap().rgb;
        assert_eq!((&rgb[..3], &rgb[15..18]), (&[255, 255, 255][..], &[10, 20, 30][..]), "{format:?}");
    }
    let deep = imaging::decode(&encoded(&image.to_luma_alpha16().into(), Png));
    assert_eq!(deep.map(|image| image.rgb[0]), Ok(255));
}

#[test]
fn truncated_and_damaged_files_are_errors_and_never_panics() {
    let image = pattern(40, 30);
    for format in [ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff, ImageFormat::WebP] {
        let file = encoded(&image, format);
        for length in 0..file.len() {
            let read = panics::catch(|| imaging::decode(&file[..length])).unwrap();
            assert!(read.is_err() || length + 40 > file.len(), "{format:?}: {length} of {} bytes", file.len());
        }
        for at in (0..file.len()).step_by(3) {
            let mut damaged = file.clone();
            damaged[at] ^= 0xFF;
            let _ = panics::catch(|| imaging::decode(&damaged)).unwrap();
        }
    }
}

#[test]
fn headers_that_claim_huge_images_are_refused() {
    let mut gif = encoded(&pattern(4, 3), ImageFormat::Gif);
    gif[6..10].fill(0xFF);
    let mut bmp = encoded(&pattern(4, 3), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&900_000_u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&900_000_u32.to_le_bytes());
    let mut tiff = encoded(&pattern(4, 3), ImageFormat::Tiff);
    let directory = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    for tag in tiff[directory + 2..].chunks_exact_mut(12) {
        if matches!(tag[..2], [0, 1] | [1, 1]) {
            tag[2..].copy_from_slice(&[4, 0, 1, 0, 0, 0, 0, 0, 9, 0]);
        }
    }
    for file in [gif, bmp, tiff] {
        let reason = imaging::decode(&file).unwrap_err();
        assert!(reason.starts_with("the image is too large ("), "{reason}");
    }
}

#[test]
fn jpegs_of_twelve_bits_are_refused_by_name() {
    let mut file = encoded(&pattern(16, 16), ImageFormat::Jpeg);
    let frame = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    (file[frame + 1], file[frame + 4]) = (0xC1, 12);
    assert!(imaging::decode(&file).unwrap_err().starts_with("12-bit JPEGs are not supported; convert"));
    (file[frame + 1], file[frame + 4]) = (0xC3, 8);
    assert!(imaging::decode(&file).unwrap_err().starts_with("lossless JPEGs are not supported; convert"));
}

#[test]
fn files_are_taken_by_content_and_the_rest_is_counted_by_kind() {
    let root = tempfile::tempdir().unwrap();
    let train = root.path().join("train");
    classes(&train);
    let tiff = encoded(&pattern(9, 9), ImageFormat::Tiff);
    for (name, bytes) in [
        ("cat/without", &gray(50)),
        ("cat/photo.jpg_large", &gray(51)),
        ("cat/scan.TIF", &tiff),
        ("cat/torn.png.part", &gray(52)),
        ("cat/raw.nef", &tiff),
        ("cat/@eaDir/0.png/THUMB.jpg", &gray(53)),
        ("__MACOSX/cat/._0.png", &gray(54)),
        (".thumbnails/0.png", &gray(55)),
        ("cat/.ipynb_checkpoints/0.png", &gray(56)),
    ] {
        write(train.join(name), bytes);
    }
    for (name, text) in [("cat/BMI.csv", "BMI,age\n21,30\n20,31"), ("cat/a.txt", "a"), ("dog/b.txt", "b"), ("c", "P1")]
    {
        write(train.join(name), text.as_bytes());
    }
    let config = config(root.path(), "");
    let (_, set) = decoded(&config).unwrap();
    assert_eq!((set.len(), set.classes().len()), (11, 2));
    assert_eq!(
        passed_over(&config),
        "2 .txt (cat/a.txt, ...), 2 hidden (train/.thumbnails, ...), 1 .csv (cat/BMI.csv), 1 .nef (cat/raw.nef), \
         1 `@eaDir` (cat/@eaDir), 1 `__MACOSX` (train/__MACOSX), 1 unfinished or backup (cat/torn.png.part), \
         1 without extension (train/c)"
    );
}

#[test]
fn a_directory_without_images_says_what_it_has() {
    let root = tempfile::tempdir().unwrap();
    for class in ["cat", "dog"] {
        write(root.path().join(format!("train/{class}/1.dcm")), &[&[0; 128][..], b"DICM"].concat());
    }
    let error = fingerprint(&config(root.path(), ""), &root.path().join("memo")).unwrap_err();
    assert_eq!(error.what(), "there are no images, but 2 .dcm (cat/1.dcm, ...)");
}

#[test]
fn both_unicode_forms_of_a_class_are_one_class() {
    let root = tempfile::tempdir().unwrap();
    classes(&root.path().join("train"));
    for (directory, number) in [("train/cafe\u{301}", 1), ("train/caf\u{e9}", 2), ("test/caf\u{e9}", 3)] {
        write(root.path().join(directory).join("1.png"), &gray(60 + number));
    }
    for class in ["cat", "dog"] {
        write(root.path().join(format!("test/{class}/1.png")), &gray(70));
    }
    let (_, set) = decoded(&config(root.path(), "")).unwrap();
    assert_eq!(set.classes(), ["caf\u{e9}", "cat", "dog"]);
    assert_eq!(set.labels().iter().filter(|&&label| label == 0).count(), 3);
}

#[test]
fn splits_inside_a_directory_and_images_without_labels_follow_the_same_rules() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    classes(&data.join("train"));
    classes(&data.join("test"));
    for (name, bytes) in [
        ("unlabeled/deep/er/without", gray(90)),
        ("unlabeled/torn.png", gray(91)[..40].to_vec()),
        ("unlabeled/deep/@eaDir/1.png", gray(92)),
        ("unlabeled/notes.txt", b"notes".to_vec()),
        ("README.txt", b"read me".to_vec()),
        ("__MACOSX/1.png", gray(93)),
    ] {
        write(data.join(name), &bytes);
    }
    let source = format!("source = {{ image_folder = {{ train = '{}' }} }}\nimage_size = 8", data.display());
    let config: DatasetConfig = toml::from_str(&source).unwrap();
    let print = fingerprint(&config, &root.path().join("memo")).unwrap();
    assert_eq!((print.unlabeled, print.notes.len()), (2, 0));
    let expected = "2 .txt (data/README.txt, ...), 1 `@eaDir` (deep/@eaDir), 1 `__MACOSX` (data/__MACOSX)";
    assert_eq!(passed_over(&config), expected);
    let error = decoded(&config).unwrap_err();
    assert!(error.what().starts_with("a file cannot be decoded:\n    torn.png: "), "{error}");
}

#[test]
fn both_unicode_forms_of_a_group_are_one_group() {
    let root = tempfile::tempdir().unwrap();
    classes(root.path());
    let mut rows = String::new();
    for (class, one, other) in [("cat", "Zo\u{e9}", "A"), ("dog", "B", "Zoe\u{301}")] {
        rows += &format!("{class}/0.png,{class},train,{one}\n{class}/1.png,{class},test,{other}\n");
    }
    let table = root.path().join("table.csv");
    fs::write(&table, format!("path,label,split,group\n{rows}")).unwrap();
    let keys = format!("file = '{}', split = 'split', group = 'group'", table.display());
    let config: DatasetConfig = toml::from_str(&format!("source = {{ csv = {{ {keys} }} }}\nimage_size = 8")).unwrap();
    let error = fingerprint(&config, &root.path().join("memo")).unwrap_err();
    assert!(error.what().starts_with("the group `Zo\u{e9}` is on both sides of a split"), "{error}");
}

#[test]
fn broken_files_of_training_and_test_are_reported_together() {
    let root = tempfile::tempdir().unwrap();
    classes(&root.path().join("train"));
    classes(&root.path().join("test"));
    write(root.path().join("train/cat/torn.png"), &gray(1)[..40]);
    write(root.path().join("test/dog/phone.heic"), b"\0\0\0\x18ftypheic\0\0\0\0");
    let stop = config(root.path(), "");
    let error = decoded(&stop).unwrap_err().to_string();
    for text in ["2 files", "cat/torn.png: ", "dog/phone.heic: HEIC files are not supported; convert"] {
        assert!(error.contains(text), "{error}");
    }
    let skip = DatasetConfig { broken_files: BrokenFiles::Skip, ..stop };
    assert_eq!(decoded(&skip).unwrap().0.skipped.len(), 2);
}

#[test]
fn sixteen_bit_images_of_small_range_are_refused_or_scaled() {
    let root = tempfile::tempdir().unwrap();
    for class in ["cat", "dog"] {
        for number in 0..4_u16 {
            let low = image::ImageBuffer::from_fn(8, 8, |x, _| image::Luma([20 + number + 11 * x as u16]));
            let file = encoded(&DynamicImage::ImageLuma16(low), ImageFormat::Tiff);
            write(root.path().join(format!("train/{class}/{number}.tif")), &file);
        }
    }
    let error = decoded(&config(root.path(), "")).unwrap_err();
    assert!(error.what().contains("cat/0.tif: its 16-bit values are only 20 to 97 of 65535"), "{error}");
    assert!(error.next_step().unwrap().contains("sixteen_bit = \"per_image\""), "{error}");
    let range = |more: &str| {
        let (_, set) = decoded(&config(root.path(), more)).unwrap();
        let rgb = set.image(0).unwrap().rgb;
        (*rgb.iter().min().unwrap(), *rgb.iter().max().unwrap())
    };
    assert_eq!(range("sixteen_bit = 'per_image'"), (0, 255));
    let (low, high) = range("sixteen_bit = { window = { black = 0, white = 255 } }");
    assert!((20..24).contains(&low) && high == low + 77, "{low} to {high}");
}

#[cfg(target_os = "linux")]
mod names {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn names_that_are_not_utf_8_are_read_and_shown_with_escapes() {
        let root = tempfile::tempdir().unwrap();
        let train = root.path().join("train");
        classes(&train);
        for (name, bytes) in [(&b"caf\xe9.png"[..], gray(80)), (b"caf\xe9.txt", Vec::new()), (b".caf\xe9", Vec::new())]
        {
            write(train.join("cat").join(OsStr::from_bytes(name)), &bytes);
        }
        write(train.join(OsStr::from_bytes(b"b\xfccher/1.png")), &gray(81));
        write(train.join(OsStr::from_bytes(b"b\xfccher/2.png")), &gray(82));
        write(train.join(OsStr::from_bytes(b"b\xfccher/3.png")), &gray(83));
        let config = config(root.path(), "");
        let (_, set) = decoded(&config).unwrap();
        assert_eq!((set.len(), set.classes()[0].as_str()), (12, r"b\xfccher"));
        assert!((0..set.len()).any(|image| set.name(image) == r"cat/caf\xe9.png"));
        assert_eq!(passed_over(&config), r"1 .txt (cat/caf\xe9.txt), 1 hidden (cat/.caf\xe9)");
        let without_labels = unlabeled(&train);
        assert_eq!(decoded(&without_labels).unwrap().1.len(), 12);
        assert_eq!(passed_over(&without_labels), passed_over(&config));
    }

    #[test]
    fn what_cannot_be_read_is_skipped_or_reported_at_once() {
        let root = tempfile::tempdir().unwrap();
        let train = root.path().join("train");
        classes(&train);
        symlink("nowhere", train.join("cat/gone.png")).unwrap();
        symlink("/dev/zero", train.join("cat/endless")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(train.join("cat/pipe.jpg_")).status().unwrap().success());
        let locked = train.join("dog/locked");
        fs::create_dir(&locked).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        let is_locked = fs::read_dir(&locked).is_err(); // The superuser may read it.
        let skip = config(root.path(), "broken_files = 'skip'");
        let skipped = decoded(&skip).unwrap().0.skipped;
        assert_eq!(skipped.len(), 1 + usize::from(is_locked), "{skipped:?}");
        assert!(!is_locked || skipped[1].reason.contains("Permission denied"), "{skipped:?}");
        let error = decoded(&config(root.path(), "")).unwrap_err().to_string();
        assert!(error.contains("cat/gone.png") && (!is_locked || error.contains("dog/locked")), "{error}");
        assert_eq!(passed_over(&skip), "1 .jpg_ (cat/pipe.jpg_), 1 without extension (cat/endless)");
        let without_labels = DatasetConfig { broken_files: BrokenFiles::Skip, ..unlabeled(&train) };
        assert_eq!(decoded(&without_labels).unwrap().0.skipped, skipped);
        assert_eq!(passed_over(&without_labels), passed_over(&skip));
    }
    #[test]
    fn dangling_links_in_a_csv_file_are_broken_files() {
        let root = tempfile::tempdir().unwrap();
        classes(root.path());
        symlink("nowhere", root.path().join("cat/gone.png")).unwrap();
        let rows = |class: &str| (0..4).map(|number| format!("{class}/{number}.png,{class}\n")).collect::<String>();
        let table = root.path().join("table.csv");
        fs::write(&table, format!("path,label\n{}{}cat/gone.png,cat\n", rows("cat"), rows("dog"))).unwrap();
        let source = format!("source = {{ csv = {{ file = '{}' }} }}\nimage_size = 8\n", table.display());
        let skip = toml::from_str(&format!("{source}broken_files = 'skip'")).unwrap();
        let (decoded, _) = decoded(&skip).unwrap();
        assert_eq!((decoded.images, decoded.skipped[0].name.as_str()), (8, "cat/gone.png"));
    }
}
