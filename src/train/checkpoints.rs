//! The directory of checkpoints of a training run: resuming from the newest valid one, writing one when due, keeping
//! the last two.

use crate::base::{Error, Result, files};
use crate::train::Checkpoint;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Names are `step-340.safetensors`.
const PREFIX: &str = "step-";
const SUFFIX: &str = ".safetensors";

/// The checkpoints of one training run, which alone writes into their directory.
///
/// The newest two are kept, so that the run can resume even if the last one is damaged.
#[derive(Debug)]
pub struct Checkpoints {
    directory: PathBuf,
    every: Duration,
    /// Time of the last write, successful or not, or of the start.
    last_write: Instant,
    newest: Option<u64>,
}

impl Checkpoints {
    /// Opens the checkpoints in a directory, which need not exist; a new one is due after `every` (0: after each step).
    pub fn new(directory: &Path, every: Duration) -> Self {
        Self { directory: directory.to_owned(), every, last_write: Instant::now(), newest: None }
    }

    /// Passes the newest checkpoint to `restore`, which rejects one that does not fit. A rejected or damaged one is
    /// renamed and the one before it is tried. Returns a warning for each of those.
    pub fn resume(&mut self, mut restore: impl FnMut(Checkpoint<'static>) -> Result<()>) -> Vec<String> {
        files::remove_unfinished(&self.directory);
        let mut rejected = Vec::new();
        for (step, path) in self.list() {
            match Checkpoint::read(&path).and_then(&mut restore) {
                Ok(()) => {
                    self.newest = Some(step);
                    break;
                }
                Err(error) => rejected.push(set_aside(&path, error.what())),
            }
        }
        let instead = self.latest();
        rejected.iter().map(|why| format!("{why}; the training run resumes from {instead} instead")).collect()
    }

    /// Returns where a run that is killed now will resume: `step 340`, or `the start`.
    pub fn latest(&self) -> String {
        self.newest.map_or_else(|| "the start".into(), |step| format!("step {step}"))
    }

    /// Returns whether it is time for a new one.
    pub(crate) fn is_due(&self) -> bool {
        self.last_write.elapsed() >= self.every
    }

    /// Writes a checkpoint, unless the newest is of the same step, and removes all but the newest two.
    ///
    /// # Errors
    /// The directory cannot be written; existing checkpoints are kept.
    pub fn save(&mut self, checkpoint: &Checkpoint<'_>) -> Result<()> {
        let saved = if self.newest == Some(checkpoint.step) { Ok(()) } else { self.write(checkpoint) };
        self.last_write = Instant::now();
        saved
    }

    fn write(&mut self, checkpoint: &Checkpoint<'_>) -> Result<()> {
        files::create_directory(&self.directory)?;
        checkpoint.write(&self.directory.join(format!("{PREFIX}{}{SUFFIX}", checkpoint.step)))?;
        self.newest = Some(checkpoint.step);
        let mut stale = self.list();
        let previous = stale.iter().map(|(step, _)| *step).filter(|step| *step < checkpoint.step).max();
        stale.retain(|(step, _)| *step != checkpoint.step && Some(*step) != previous);
        stale.iter().try_for_each(|(_, path)| fs::remove_file(path).map_err(|error| Error::io("remove", path, &error)))
    }

    /// Returns steps and files, the newest first.
    fn list(&self) -> Vec<(u64, PathBuf)> {
        let step = |path: &Path| path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok();
        let entries = files::entries(&self.directory).unwrap_or_default().into_iter();
        let mut found: Vec<(u64, PathBuf)> = entries.filter_map(|path| Some((step(&path)?, path))).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }
}

/// Renames a checkpoint that cannot be used. Returns a message with the file, the reason and its new name.
fn set_aside(path: &Path, why: &str) -> String {
    let what = format!("the checkpoint {} cannot be used ({why})", path.display());
    match rename(path) {
        Ok(name) => format!("{what} and is now {name}"),
        Err(error) => format!("{what} and cannot be renamed either ({error})"),
    }
}

/// Renames the file to the first free name of `step-340.damaged`, `step-340-2.damaged`, ...
fn rename(path: &Path) -> io::Result<String> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let names = std::iter::once(format!("{stem}.damaged")).chain((2..).map(|n: u64| format!("{stem}-{n}.damaged")));
    for name in names {
        let to = path.with_file_name(&name);
        if fs::symlink_metadata(&to).is_err() {
            return fs::rename(path, &to).map(|()| name);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::checkpoint::tests::sample;

    struct TestDirectory {
        directory: tempfile::TempDir,
    }

    impl TestDirectory {
        fn new() -> Self {
            Self { directory: tempfile::tempdir().unwrap() }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("checkpoints")
        }

        fn checkpoints(&self) -> Checkpoints {
            Checkpoints::new(&self.path(), Duration::ZERO)
        }

        fn with(steps: &[u64]) -> Self {
            let directory = Self::new();
            let mut checkpoints = directory.checkpoints();
            steps.iter().for_each(|&step| checkpoints.save(&sample(step)).unwrap());
            directory
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(self.path()).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }

        /// Resumes; returns the step and the warnings.
        fn resume(&self) -> (Option<u64>, Vec<String>) {
            let mut step = None;
            let warnings = self.checkpoints().resume(|checkpoint| {
                step = Some(checkpoint.step);
                Ok(())
            });
            (step, warnings)
        }
    }

    #[test]
    fn the_two_with_the_largest_step_are_kept() {
        let directory = TestDirectory::with(&[8, 9, 10, 11]);
        assert_eq!(directory.names(), ["step-10.safetensors", "step-11.safetensors"]);
        assert_eq!(directory.resume(), (Some(11), Vec::new()));
    }

    #[test]
    fn a_step_is_written_once() {
        let directory = TestDirectory::with(&[3]);
        let mut checkpoints = directory.checkpoints();
        assert!(checkpoints.resume(|_| Ok(())).is_empty());
        fs::remove_file(directory.path().join("step-3.safetensors")).unwrap();
        checkpoints.save(&sample(3)).unwrap();
        assert!(directory.names().is_empty());
        checkpoints.save(&sample(4)).unwrap();
        assert_eq!(directory.names(), ["step-4.safetensors"]);
    }

    #[test]
    fn a_damaged_one_is_renamed_and_the_one_before_it_is_used() {
        let directory = TestDirectory::with(&[3, 4]);
        fs::write(directory.path().join("step-4.safetensors"), b"").unwrap();
        fs::write(directory.path().join("step-4.damaged"), b"an earlier one").unwrap();
        let (step, warnings) = directory.resume();
        assert_eq!(step, Some(3));
        assert_eq!(directory.names(), ["step-3.safetensors", "step-4-2.damaged", "step-4.damaged"]);
        let [warning] = warnings.try_into().unwrap();
        for part in ["step-4.safetensors", "does not match its digest", "step-4-2.damaged", "from step 3 instead"] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
    }

    #[test]
    fn one_that_does_not_fit_is_renamed_too() {
        let directory = TestDirectory::with(&[3, 4]);
        let mut checkpoints = directory.checkpoints();
        let warnings = checkpoints.resume(|_| Err(Error::stage("it belongs to another training run")));
        assert_eq!((warnings.len(), checkpoints.latest()), (2, "the start".into()));
        assert!(warnings.iter().all(|warning| warning.contains("another training") && warning.contains("the start")));
        assert_eq!(directory.names(), ["step-3.damaged", "step-4.damaged"]);
        checkpoints.save(&sample(1)).unwrap();
        assert_eq!(directory.names(), ["step-1.safetensors", "step-3.damaged", "step-4.damaged"]);
    }

    #[test]
    fn unfinished_files_are_removed_and_other_files_are_kept() {
        let directory = TestDirectory::with(&[3]);
        for name in [".unfinished-abc", "notes.txt", "step-x.safetensors"] {
            fs::write(directory.path().join(name), b"half").unwrap();
        }
        assert_eq!(directory.resume(), (Some(3), Vec::new()));
        assert_eq!(directory.names(), ["notes.txt", "step-3.safetensors", "step-x.safetensors"]);
    }

    #[test]
    fn one_is_due_by_the_clock() {
        let directory = TestDirectory::new();
        assert!(directory.checkpoints().is_due());
        assert!(!Checkpoints::new(&directory.path(), Duration::from_secs(3600)).is_due());
        assert!(!Checkpoints::new(&directory.path(), Duration::MAX).is_due());
    }

    #[test]
    fn the_error_names_a_directory_that_cannot_be_written() {
        let directory = TestDirectory::new();
        fs::write(directory.path(), b"a file").unwrap();
        let mut checkpoints = directory.checkpoints();
        assert!(checkpoints.resume(|_| Ok(())).is_empty());
        let error = checkpoints.save(&sample(1)).unwrap_err();
        assert!(error.to_string().contains("checkpoints"), "{error}");
        assert_eq!(checkpoints.latest(), "the start");
    }
}
