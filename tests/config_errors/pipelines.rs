//! Every file of `pipelines/` is a valid configuration.

use simclr::pipeline::load;
use std::path::{Path, PathBuf};

fn pipelines() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

#[test]
fn every_pipeline_loads() {
    let files = pipelines();
    assert!(files.len() >= 7, "found only {files:?}");
    for file in files {
        let loaded = load(&file, &[]).unwrap_or_else(|errors| panic!("{errors}"));
        let stem = file.file_stem().unwrap().to_str().unwrap();
        assert_eq!(loaded.study.name, stem, "the study name of {} differs from its file name", file.display());
        assert!(!loaded.study.variants.is_empty());
    }
}

#[test]
fn every_pipeline_starts_with_a_comment_with_its_running_time() {
    for file in pipelines() {
        let text = std::fs::read_to_string(&file).unwrap();
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(comment.iter().any(|line| line.contains("Takes")), "{}: no running time", file.display());
    }
}

#[test]
fn checking_a_file_is_fast() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/imagenet5.toml");
    load(&file, &[]).unwrap();
    let limit = std::time::Duration::from_millis(20);
    let fastest = (0..10)
        .map(|_| {
            let start = std::time::Instant::now();
            load(&file, &[]).unwrap();
            start.elapsed()
        })
        .min()
        .unwrap();
    println!("{fastest:?}");
    assert!(fastest < limit, "checking took {fastest:?}");
}
