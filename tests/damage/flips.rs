//! Single bit flips in a finished store, as caused by disks, cables and memory: each is detected or has no effect, and
//! the next run restores all bytes.

use crate::common::{artifacts, repeated};
use crate::finished::{FinishedStudy, rounds};
use simclr::base::rng::{Rng, below, unit};
use simclr::engine::Store;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FLIPS: usize = 160;

fn flip(path: &Path, rng: &mut Rng) -> u64 {
    let mut bytes = fs::read(path).unwrap();
    let bit = below(8 * bytes.len() as u64, rng);
    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
    bit
}

/// Removes artifacts that were set aside, so that the next flip starts from the original store. Returns their number.
fn remove_asides(output: &Path) -> usize {
    let store = Store::open(output).unwrap();
    let leftovers = store.leftovers();
    leftovers.iter().for_each(|leftover| fs::remove_dir_all(&leftover.path).unwrap());
    leftovers.len()
}

#[test]
fn every_flipped_bit_is_detected_or_has_no_effect_and_the_next_run_restores_every_byte() {
    let flips = repeated(FLIPS);
    let detected = rounds("flips", flips, FinishedStudy::files, |study, path, number, rng| {
        // Determined before the flip, which may hit the file that lists the inputs.
        let dependents = study.dependents(path);
        let bit = flip(path, rng);
        let removes = unit(rng) < 0.5;
        if removes {
            dependents.iter().for_each(|directory| fs::remove_dir_all(directory).unwrap());
        }
        let what = format!("flip {number}: bit {bit} of {}, dependents removed: {removes}", path.display());
        let run = study.run();
        assert!(run.status.success(), "{what}: {}", String::from_utf8_lossy(&run.stderr));
        assert!(kept(&study.output) == study.artifacts, "{what}: the store differs");
        assert!(study.report() == study.report, "{what}: the report differs");
        remove_asides(&study.output) > 0
    });
    // All but the few that turn one whitespace character of a record into another.
    assert!(detected * 100 >= flips * 98, "{detected} of {flips} were detected");
}

/// Returns the files of the store except artifacts that were set aside.
fn kept(output: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_aside = |path: &Path| path.components().any(|name| name.as_os_str().to_string_lossy().contains(".damaged-"));
    artifacts(output).into_iter().filter(|(path, _)| !is_aside(path)).collect()
}
