//! Single bits of a finished store that turn over, as disks, cables and memory do it: each is noticed or has no effect,
//! and after the next run all bytes are as they were.

use crate::common::artifacts;
use crate::finished::{Place, key_of};
use simclr::base::rng::{Rng, below, stream, unit};
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
    let folder = tempfile::tempdir().unwrap();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let noticed: usize = std::thread::scope(|scope| {
        let work = |worker: usize| {
            let folder = folder.path().join(worker.to_string());
            fs::create_dir(&folder).unwrap();
            let place = Place::new(&folder);
            let files = place.files();
            let mut noticed = 0;
            for number in (worker..FLIPS).step_by(workers) {
                let mut rng = stream(1, "flips", &[number as u64]);
                // Small files are hit as often as large ones.
                let path = &files[below(files.len() as u64, &mut rng) as usize];
                let dependants = place.dependants(&key_of(path));
                let bit = flip(path, &mut rng);
                let removes = unit(&mut rng) < 0.5;
                if removes {
                    dependants.iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
                }
                let what = format!("flip {number}: bit {bit} of {}, dependants removed: {removes}", path.display());
                let run = place.run();
                assert!(run.status.success(), "{what}: {}", String::from_utf8_lossy(&run.stderr));
                assert!(kept(&place.output) == place.artifacts, "{what}: another store");
                assert!(place.report() == place.report, "{what}: another report");
                noticed += usize::from(remove_asides(&place.output) > 0);
            }
            noticed
        };
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    // All but a few that turn a space of a record into another kind of space.
    assert!(noticed * 100 >= FLIPS * 98, "{noticed} of {FLIPS} were noticed");
}

/// The store without what was set aside.
fn kept(output: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_aside = |path: &Path| path.components().any(|name| name.as_os_str().to_string_lossy().contains(".damaged-"));
    artifacts(output).into_iter().filter(|(path, _)| !is_aside(path)).collect()
}
