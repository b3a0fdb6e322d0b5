//! `latest` in the directory of a study: a link to its newest run, for people and scripts. The program itself sorts runs
//! by their names.

use std::path::Path;

/// Name of the link.
pub(crate) const LATEST: &str = "latest";

/// Points the link at a run, replacing it by a rename. Where there are no symbolic links, or something else has the name,
/// there is no link.
pub(super) fn point_at(run: &Path) {
    #[cfg(unix)]
    let _ = link(run);
    #[cfg(not(unix))]
    let _ = run;
}

#[cfg(unix)]
fn link(run: &Path) -> std::io::Result<()> {
    use std::fs;
    let (Some(study), Some(id)) = (run.parent(), run.file_name()) else { return Ok(()) };
    let unfinished = study.join(format!(".{LATEST}-{}", id.to_string_lossy()));
    std::os::unix::fs::symlink(id, &unfinished)?;
    fs::rename(&unfinished, study.join(LATEST)).inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

/// Returns whether a path is the link, complete or not.
pub(super) fn is_link(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.is_symlink() && name.trim_start_matches('.').starts_with(LATEST)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_link_follows_the_newest_run_and_replaces_nothing_else() {
        let study = tempfile::tempdir().unwrap();
        let link = study.path().join(LATEST);
        for id in ["20260101-000000-aaaaaa", "20260102-000000-aaaaaa"] {
            let run = study.path().join(id);
            fs::create_dir(&run).unwrap();
            point_at(&run);
            assert_eq!(fs::read_link(&link).unwrap(), Path::new(id));
            assert!(is_link(&link) && !is_link(&run));
        }
        assert_eq!(fs::read_dir(study.path()).unwrap().count(), 3);
        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        point_at(&study.path().join("20260101-000000-aaaaaa"));
        assert!(link.is_dir() && !is_link(&link));
        assert_eq!(fs::read_dir(study.path()).unwrap().count(), 3, "nothing is left beside it");
    }
}
