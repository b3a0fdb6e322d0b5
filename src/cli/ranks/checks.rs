//! What ranks must have in common, and what they cannot do.

use super::FAILED;
use crate::base::{Error, Result, matmul};
use crate::engine::Graph;

/// Returns what must be the same on all ranks.
pub(super) fn identity(graph: &Graph) -> String {
    let mut keys = blake3::Hasher::new();
    graph.iter().for_each(|id| {
        keys.update(graph.key(id).as_bytes());
    });
    let keys = keys.finalize().to_hex();
    let (version, architecture, kernels) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, matmul::kernels());
    format!("simclr {version}; {architecture}, {kernels}; pipeline {}", &keys[..12])
}

/// Returns the error of a rank that is not what the first is.
pub(super) fn difference(first: &str, rank: usize, (other, node): (&str, &str)) -> Error {
    if other == FAILED {
        let what = format!("rank {rank} on {node} cannot read the pipeline or its data; its message says why");
        return Error::usage(what)
            .help("every node needs the file, the data and the output directory under the same path");
    }
    let what = format!("rank 0 is \"{first}\", but rank {rank} on {node} is \"{other}\"");
    Error::usage(what).help(
        "ranks give the same bytes only with the same program and pipeline on processors of one kind: choose nodes of one \
         kind (Slurm: --constraint)",
    )
}

/// Returns the error of threads that would train on a GPU.
pub(super) fn threads_on_gpu(count: usize, device: &str) -> Error {
    Error::usage(format!("{count} ranks that are threads cannot train on {device}")).help(format!(
        "start processes, each with a GPU of its own: `mpirun -np {count} simclr run FILE --ranks auto --device cuda`; or \
         use `--device cpu`"
    ))
}

/// Checks that ranks can divide the stages of a graph.
pub(super) fn check(graph: &Graph, ranks: usize, jobs: u16) -> Result<()> {
    if jobs > 1 {
        return Err(Error::usage("`--jobs` cannot be combined with `--ranks`").help("leave out --jobs"));
    }
    let sharded =
        || graph.iter().map(|id| (graph.name(id), graph.stage(id).shards())).filter(|(_, shards)| *shards > 1);
    if sharded().next().is_none() {
        let what = format!("nothing in the pipeline can be divided among {ranks} ranks");
        let help = format!("set `shards = {}` in a pretrain or supervised table", ranks.next_power_of_two());
        return Err(Error::usage(what).help(help));
    }
    match sharded().find(|(_, shards)| !shards.is_multiple_of(ranks)) {
        Some((name, shards)) => {
            let error = Error::usage(format!("{ranks} ranks cannot divide {shards} shards equally")).at(name);
            Err(error.help(format!("start 1 to {shards} ranks, a power of two, or change `shards`")))
        }
        None => Ok(()),
    }
}
