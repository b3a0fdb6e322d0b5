//! The directory of a training's checkpoints: the newest that can be used, when one is due, the last two kept.

use crate::base::{Error, Result, files};
use crate::train::Checkpoint;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Names are `step-340.safetensors`.
const PREFIX: &str = "step-";
const SUFFIX: &str = ".safetensors";

/// The checkpoints of one training; nobody else writes into their directory.
///
/// The newest two are kept, so that there is one to go on from when the last turns out to be damaged.
#[derive(Debug)]
pub struct Checkpoints {
    directory: PathBuf,
    every: Duration,
    /// When the last one was written or could not be written, or else the start.
    last: Instant,
    newest: Option<u64>,
}

impl Checkpoints {
    /// The checkpoints in a directory, which need not be there; a new one is due after `every` (0: after each step).
    pub fn new(directory: &Path, every: Duration) -> Self {
        Self { directory: directory.to_owned(), every, last: Instant::now(), newest: None }
    }

    /// Gives the newest checkpoint to `take`, which refuses one that does not fit. One that is refused or damaged is
    /// renamed and the one before it is tried. Returns what to tell the user of each of those.
    pub fn resume(&mut self, mut take: impl FnMut(Checkpoint<'static>) -> Result<()>) -> Vec<String> {
        files::remove_unfinished(&self.directory);
        let mut refused = Vec::new();
        for (step, path) in self.list() {
            match Checkpoint::read(&path).and_then(&mut take) {
                Ok(()) => {
                    self.newest = Some(step);
                    break;
                }
                Err(error) => refused.push(set_aside(&path, error.what())),
            }
        }
        let instead = self.latest();
        refused.iter().map(|refused| format!("{refused}; the training goes on from {instead} instead")).collect()
    }

    /// Where a run that is killed now goes on: `step 340`, or `the start`.
    pub fn latest(&self) -> String {
        self.newest.map_or_else(|| "the start".into(), |step| format!("step {step}"))
    }

    /// Whether it is time for a new one.
    pub fn is_due(&self) -> bool {
        self.last.elapsed() >= self.every
    }

    /// Writes a checkpoint, unless the newest is of the same step, and removes all but it and the one before it.
    ///
    /// # Errors
    /// The directory cannot be written; the checkpoints that are there stay.
    pub fn save(&mut self, checkpoint: &Checkpoint<'_>) -> Result<()> {
        let saved = if self.newest == Some(checkpoint.step) { Ok(()) } else { self.write(checkpoint) };
        self.last = Instant::now();
        saved
    }

    fn write(&mut self, checkpoint: &Checkpoint<'_>) -> Result<()> {
        files::create_directory(&self.directory)?;
        checkpoint.write(&self.directory.join(format!("{PREFIX}{}{SUFFIX}", checkpoint.step)))?;
        self.newest = Some(checkpoint.step);
        let mut buffers = self.list();
        let before = buffers.iter().map(|(step, _)| *step).filter(|step| *step < checkpoint.step).max();
        buffers.retain(|(step, _)| *step != checkpoint.step && Some(*step) != before);
        buffers
            .iter()
            .try_for_each(|(_, path)| fs::remove_file(path).map_err(|error| Error::io("remove", path, &error)))
    }

    /// Steps and files, the newest first.
    fn list(&self) -> Vec<(u64, PathBuf)> {
        let step = |path: &Path| path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok();
        let entries = files::entries(&self.directory).unwrap_or_default().into_iter();
        let mut found: Vec<(u64, PathBuf)> = entries.filter_map(|path| Some((step(&path)?, path))).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }
}

/// Renames a checkpoint that cannot be used. Returns which, why, and what became of it.
fn set_aside(path: &Path, why: &str) -> String {
    let what = format!("the checkpoint {} cannot be used ({why})", path.display());
    match rename(path) {
        Ok(name) => format!("{what} and is now {name}"),
        Err(error) => format!("{what} and cannot be renamed either ({error})"),
    }
}

/// Gives the file the first free name of `step-340.damaged`, `step-340-2.damaged`, ...
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

    struct Place {
        directory: tempfile::TempDir,
    }

    impl Place {
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
            let place = Self::new();
            let mut checkpoints = place.checkpoints();
            steps.iter().for_each(|&step| checkpoints.save(&sample(step)).unwrap());
            place
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(self.path()).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }

        /// The step that is gone on from, and the warnings.
        fn resume(&self) -> (Option<u64>, Vec<String>) {
            let mut taken = None;
            let warnings = self.checkpoints().resume(|checkpoint| {
                taken = Some(checkpoint.step);
                Ok(())
            });
            (taken, warnings)
        }
    }

    #[test]
    fn the_last_two_are_kept_by_number_not_by_name() {
        let place = Place::with(&[8, 9, 10, 11]);
        assert_eq!(place.names(), ["step-10.safetensors", "step-11.safetensors"]);
        assert_eq!(place.resume(), (Some(11), Vec::new()));
    }

    #[test]
    fn a_step_is_written_once() {
        let place = Place::with(&[3]);
        let mut checkpoints = place.checkpoints();
        assert!(checkpoints.resume(|_| Ok(())).is_empty());
        fs::remove_file(place.path().join("step-3.safetensors")).unwrap();
        checkpoints.save(&sample(3)).unwrap();
        assert!(place.names().is_empty());
        checkpoints.save(&sample(4)).unwrap();
        assert_eq!(place.names(), ["step-4.safetensors"]);
    }

    #[test]
    fn a_damaged_one_is_set_aside_under_a_free_name_and_the_one_before_it_is_used() {
        let place = Place::with(&[3, 4]);
        fs::write(place.path().join("step-4.safetensors"), b"").unwrap();
        fs::write(place.path().join("step-4.damaged"), b"an earlier one").unwrap();
        let (taken, warnings) = place.resume();
        assert_eq!(taken, Some(3));
        assert_eq!(place.names(), ["step-3.safetensors", "step-4-2.damaged", "step-4.damaged"]);
        let [warning] = warnings.try_into().unwrap();
        for part in ["step-4.safetensors", "not what was written", "step-4-2.damaged", "from step 3 instead"] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
    }

    #[test]
    fn one_that_does_not_fit_is_set_aside_too() {
        let place = Place::with(&[3, 4]);
        let mut checkpoints = place.checkpoints();
        let warnings = checkpoints.resume(|_| Err(Error::stage("it is of another training")));
        assert_eq!((warnings.len(), checkpoints.latest()), (2, "the start".into()));
        assert!(warnings.iter().all(|warning| warning.contains("another training") && warning.contains("the start")));
        assert_eq!(place.names(), ["step-3.damaged", "step-4.damaged"]);
        checkpoints.save(&sample(1)).unwrap();
        assert_eq!(place.names(), ["step-1.safetensors", "step-3.damaged", "step-4.damaged"]);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_and_other_files_stay() {
        let place = Place::with(&[3]);
        for name in [".unfinished-abc", "notes.txt", "step-x.safetensors"] {
            fs::write(place.path().join(name), b"half").unwrap();
        }
        assert_eq!(place.resume(), (Some(3), Vec::new()));
        assert_eq!(place.names(), ["notes.txt", "step-3.safetensors", "step-x.safetensors"]);
    }

    #[test]
    fn one_is_due_by_the_clock() {
        let place = Place::new();
        assert!(place.checkpoints().is_due());
        assert!(!Checkpoints::new(&place.path(), Duration::from_secs(3600)).is_due());
        assert!(!Checkpoints::new(&place.path(), Duration::MAX).is_due());
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_an_error_that_names_it() {
        let place = Place::new();
        fs::write(place.path(), b"a file").unwrap();
        let mut checkpoints = place.checkpoints();
        assert!(checkpoints.resume(|_| Ok(())).is_empty());
        let error = checkpoints.save(&sample(1)).unwrap_err();
        assert!(error.to_string().contains("checkpoints"), "{error}");
        assert_eq!(checkpoints.latest(), "the start");
    }
}
