//! Ranks that are processes: a study for them, and what a test sees of them while they run.

use std::fs;
use std::path::Path;

/// Two epochs of three steps, whose batches are cut into four shards.
pub(crate) const PIPELINE: &str = r#"
name = "ranks"
[dataset]
source = { shapes = { train = 120, test = 12, classes = 3 } }
image_size = 16
[augment.views]
ops = [{ random_resized_crop = {} }]
[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [12, 8], batch_norm = "all" }
optimizer = { lars = { learning_rate = 0.3 } }
epochs = 2
batch_size = 32
shards = 4
"#;

/// Returns the process of this rank of a run into a directory, given as on the command line; `variables` have the number of
/// the rank in its environment, by launcher.
pub(crate) fn process(rank: usize, variables: &[&str], output: &str) -> Option<u32> {
    let of_rank: Vec<String> = variables.iter().map(|name| format!("{name}={rank}")).collect();
    let found = |entry: fs::DirEntry| -> Option<u32> {
        let process: u32 = entry.file_name().to_str()?.parse().ok()?;
        let read = |name: &str| Some(String::from_utf8_lossy(&fs::read(entry.path().join(name)).ok()?).into_owned());
        let is_ours = read("cmdline")?.split('\0').any(|argument| argument == output)
            && read("comm")?.trim() == "simclr"
            && read("environ")?.split('\0').any(|variable| of_rank.iter().any(|of_rank| of_rank == variable));
        is_ours.then_some(process)
    };
    fs::read_dir("/proc").ok()?.flatten().find_map(found)
}

/// Whether pretraining into a directory has written a checkpoint.
pub(crate) fn has_checkpoint(output: &Path) -> bool {
    let of_kind = fs::read_dir(output.join("store-v1/pretrain")).into_iter().flatten().flatten();
    of_kind.flat_map(|entry| fs::read_dir(entry.path()).into_iter().flatten().flatten()).any(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        name.starts_with("step-") && name.ends_with(".safetensors")
    })
}
