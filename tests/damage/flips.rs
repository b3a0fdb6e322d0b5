//! Single bits of a finished store that turn over, as disks, cables and memory do it: each is noticed or has no effect,
//! and after the next run all bytes are as they were.

use crate::common::artifacts;
use crate::finished::{Place, rounds};
use simclr::base::rng::{Rng, below, unit};
use simclr::engine::Store;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FLIPS: usize = 500;

fn flip(path: &Path, rng: &mut Rng) -> u64 {
    let mut bytes = fs::read(path).unwrap();
    let bit = below(8 * bytes.len() as u64, rng);
    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
    bit
}

/// Removes what was set aside, so that the next flip finds the store as it was.
fn remove_asides(output: &Path) -> usize {
    let store = Store::open(output).unwrap();
    let leftovers = store.leftovers();
    leftovers.iter().for_each(|leftover| fs::remove_dir_all(&leftover.path).unwrap());
    leftovers.len()
}

#[test]
fn every_flipped_bit_is_noticed_or_has_no_effect_and_the_next_run_restores_every_byte() {
    let noticed = rounds("flips", FLIPS, Place::files, |place, path, number, rng| {
        // Asked for before the file is damaged that may have the answer.
        let removed = place.dependants(path);
        let bit = flip(path, rng);
        let removes = unit(rng) < 0.5;
        if removes {
            removed.iter().for_each(|directory| fs::remove_dir_all(directory).unwrap());
        }
        let what = format!("flip {number}: bit {bit} of {}, dependants removed: {removes}", path.display());
        let run = place.run();
        assert!(run.status.success(), "{what}: {}", String::from_utf8_lossy(&run.stderr));
        assert!(kept(&place.output) == place.artifacts, "{what}: another store");
        assert!(place.report() == place.report, "{what}: another report");
        remove_asides(&place.output) > 0
    });
    // All but a few that turn a space of a record into another kind of space.
    assert!(noticed * 100 >= FLIPS * 98, "{noticed} of {FLIPS} were noticed");
}

/// The store without what was set aside.
fn kept(output: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_aside = |path: &Path| path.components().any(|name| name.as_os_str().to_string_lossy().contains(".damaged-"));
    artifacts(output).into_iter().filter(|(path, _)| !is_aside(path)).collect()
}
