//! Recognizes directories that the program itself wrote, so that their images are never taken for data.

use crate::base::{files, hash};
use std::path::{Path, PathBuf};

/// Returns whether a directory was written by the program: an output directory, or the store, the runs or a published
/// study inside one. What counts is the content; an unreadable directory is not one.
pub(crate) fn is_own_output(directory: &Path) -> bool {
    let inner = entries(directory);
    is_part(directory)
        || is_digests(&directory.join("digests.json"))
        || inner.iter().any(|inner| is_store(inner) || is_runs(inner))
        || (!inner.is_empty() && inner.iter().all(|inner| has_report(inner) || is_preview(inner)))
}

/// Returns whether a path is inside a store, the runs or a published study, or is one of them.
pub(crate) fn is_inside(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path.ancestors().any(is_part))
}

fn is_part(directory: &Path) -> bool {
    is_store(directory) || is_runs(directory) || has_report(directory)
}

/// `store-v1`, with artifacts or locks in it.
fn is_store(directory: &Path) -> bool {
    let is_named = name(directory).strip_prefix("store-v").is_some_and(|version| version.parse::<u32>().is_ok());
    let is_artifact = |path: &PathBuf| hash::is_digest(name(path).split('.').next().unwrap_or_default());
    let inner = || entries(directory).into_iter();
    is_named
        && (inner().any(|path| name(&path) == ".locks") || inner().any(|kind| entries(&kind).iter().any(is_artifact)))
}

/// `runs`, with the record of a run in it.
fn is_runs(directory: &Path) -> bool {
    let has_record = |study: PathBuf| entries(&study).iter().any(|run| run.join("run.json").is_file());
    name(directory) == "runs" && entries(directory).into_iter().any(has_record)
}

/// The published report of a study.
fn has_report(directory: &Path) -> bool {
    let report = directory.join("report");
    ["index.html", "report.json", "results.md"].iter().all(|name| report.join(name).is_file())
}

/// A directory with a preview and nothing else.
fn is_preview(directory: &Path) -> bool {
    directory.is_dir()
        && matches!(entries(directory).as_slice(), [only] if name(only) == "preview.png" && only.is_file())
}

/// The memory of digests of image files, as this version or an earlier one writes it.
fn is_digests(file: &Path) -> bool {
    let is_memo = |text: String| ["{\"directories\":", "{\"files\":"].iter().any(|start| text.starts_with(start));
    files::read_text(file).is_ok_and(is_memo)
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    files::entries(directory).unwrap_or_default()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn content_decides_and_not_the_name() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let key = "0".repeat(32);
        write(&format!("results/store-v1/images/{key}/manifest.json"), "{}");
        write("checked/digests.json", "{\"files\":{},\"version\":1}");
        write("shown/study/preview.png", "");
        write("out/runs/study/20260101/run.json", "{}");
        ["index.html", "report.json", "results.md"]
            .iter()
            .for_each(|name| write(&format!("kept/study/report/{name}"), ""));
        for own in ["results", "results/store-v1", "checked", "shown", "out", "out/runs", "kept", "kept/study"] {
            assert!(is_own_output(&root.path().join(own)), "{own}");
        }
        for (path, is_own) in
            [("out/runs/study", true), ("results/store-v1/images", true), ("results", false), ("cats", false)]
        {
            assert_eq!(is_inside(&root.path().join(path)), is_own, "{path}");
        }
        write("outputs/1.png", "");
        write("runs/deer/1.png", "");
        write("store-v1/1.png", "");
        write("cats/digests.json", "[]");
        write("previews/preview.png", "");
        write("dogs/report/index.html", "");
        for data in ["outputs", "runs", "store-v1", "cats", "dogs", "previews", "nowhere"] {
            assert!(!is_own_output(&root.path().join(data)), "{data}");
        }
    }
}
