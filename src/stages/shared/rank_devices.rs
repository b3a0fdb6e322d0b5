//! Which GPU each rank of a run computes on. Ranks that are processes tell each other which GPUs they see, and each takes
//! the first that no lower rank has taken: on a node where all see the same, that of its local rank; where the launcher
//! lets each process see one, that one.

#[cfg(not(feature = "cuda"))]
use super::no_cuda as cuda;
use crate::base::{Error, Result};
use crate::group::{Group, gather_texts};
#[cfg(feature = "cuda")]
use crate::nn::cuda;
use crate::stages::shared::device;
use crate::study::DeviceChoice;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a rank says of its devices.
#[derive(Debug, Serialize, Deserialize)]
struct Offer {
    node: String,
    wanted: Wanted,
    /// UUIDs of the GPUs that it sees.
    gpus: Vec<String>,
    /// Compute capability: major, minor.
    capability: (i32, i32),
    /// The version of NCCL, or why it cannot be used.
    nccl: Result<String, String>,
}

/// The device that a rank must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Wanted {
    /// None: the rank could not read the pipeline.
    Nothing,
    Cpu,
    /// A GPU of its own.
    Gpu,
    /// The GPU with this number.
    Number(usize),
    /// A GPU, but it cannot have one; what is wrong, and what to do.
    Failed {
        what: String,
        help: Option<String>,
    },
}

/// Gives each rank of a group of processes a GPU of its own, or the CPU; `choice` is none on a rank that could not read the
/// pipeline. Returns how gradients are exchanged, for GPUs.
///
/// # Errors
/// The same on every rank: a rank has no GPU, or two ranks have the same one. Or another rank failed.
pub(crate) fn assign(choice: Option<DeviceChoice>, group: &dyn Group) -> Result<Option<String>> {
    let own = serde_json::to_string(&Offer::of(choice, group.node()));
    let own = own.map_err(|error| Error::bug(format!("the devices of a rank: {error}")))?;
    let read = |text: &String| {
        serde_json::from_str(text).map_err(|error| Error::bug(format!("the devices of another rank: {error}")))
    };
    let offers: Vec<Offer> = gather_texts(group, &own)?.iter().map(read).collect::<Result<_>>()?;
    let Some(numbers) = numbers(&offers)? else { return Ok(None) };
    device::take(numbers[group.rank()]);
    Ok(Some(match common_nccl(&offers) {
        Ok(version) => {
            cuda::use_nccl();
            format!("gradients by NCCL {version}")
        }
        Err(why) => format!("gradients through the memory of the host, which is slower than NCCL: {why}"),
    }))
}

/// Returns the version of NCCL for the report of a device, or why there is none.
pub(crate) fn nccl() -> (String, String) {
    let version =
        cuda::nccl_version().unwrap_or_else(|error| format!("none, which several GPUs need: {}", error.what()));
    ("NCCL".to_owned(), version)
}

impl Offer {
    fn of(choice: Option<DeviceChoice>, node: String) -> Self {
        let without = |wanted| Self {
            node: node.clone(),
            wanted,
            gpus: Vec::new(),
            capability: (0, 0),
            nccl: Err(String::new()),
        };
        let Some(choice) = choice else { return without(Wanted::Nothing) };
        if choice == DeviceChoice::Cpu {
            return without(Wanted::Cpu);
        }
        match (cuda::visible(), choice) {
            (Ok(gpus), choice) => {
                let wanted = match choice {
                    DeviceChoice::Cuda(Some(number)) => Wanted::Number(number),
                    _ => Wanted::Gpu,
                };
                let nccl = cuda::nccl_version().map_err(|error| {
                    let help = error.next_step().map(|help| format!(" ({help})")).unwrap_or_default();
                    format!("{}{help}", error.what())
                });
                Self { wanted, gpus: gpus.uuids, capability: gpus.capability, nccl, ..without(Wanted::Nothing) }
            }
            (Err(_), DeviceChoice::Auto) => without(Wanted::Cpu),
            (Err(error), _) => {
                let (what, help) = (error.what().to_owned(), error.next_step().map(str::to_owned));
                without(Wanted::Failed { what, help })
            }
        }
    }
}

/// Returns the number of each rank's GPU; none for the CPU, or if a rank could not read the pipeline.
fn numbers(offers: &[Offer]) -> Result<Option<Vec<usize>>> {
    if offers.iter().any(|offer| offer.wanted == Wanted::Nothing) {
        return Ok(None);
    }
    for (rank, offer) in offers.iter().enumerate() {
        if let Wanted::Failed { what, help } = &offer.wanted {
            let error = Error::stage(what.clone()).at(format!("rank {rank} on {}", offer.node));
            return Err(help.iter().fold(error, |error, help| error.help(help.clone())));
        }
    }
    let first = &offers[0];
    let kind = |offer: &Offer| (offer.wanted != Wanted::Cpu).then_some(offer.capability);
    if let Some((rank, other)) = offers.iter().enumerate().find(|(_, offer)| kind(offer) != kind(first)) {
        let name = |offer| match kind(offer) {
            Some((major, minor)) => format!("a GPU of compute capability {major}.{minor}"),
            None => "the CPU".to_owned(),
        };
        let what = format!("rank 0 has {}, but rank {rank} on {} has {}", name(first), other.node, name(other));
        return Err(Error::usage(what).help(
            "ranks give the same bytes only on devices of one kind: choose nodes of one kind (Slurm: --constraint), or use \
             `--device cpu`",
        ));
    }
    if first.wanted == Wanted::Cpu {
        return Ok(None);
    }
    let mut taken = BTreeMap::new();
    offers.iter().enumerate().map(|(rank, offer)| take(rank, offer, &mut taken)).collect::<Result<_>>().map(Some)
}

/// Returns the number of a rank's GPU; `taken` are those of lower ranks, with the rank.
fn take<'a>(rank: usize, offer: &'a Offer, taken: &mut BTreeMap<&'a str, usize>) -> Result<usize> {
    let Offer { node, gpus, .. } = offer;
    let number = match offer.wanted {
        Wanted::Number(number) => number,
        _ => gpus.iter().position(|gpu| !taken.contains_key(gpu.as_str())).ok_or_else(|| {
            let what = match gpus.len() {
                1 => "it sees 1, which a lower rank uses".to_owned(),
                count => format!("it sees {count}, which lower ranks use"),
            };
            Error::usage(format!("rank {rank} on {node} has no GPU of its own: {what}")).help(
                "start at most one rank for each GPU of a node (mpirun: -np, --map-by ppr:N:node; Slurm: \
                 --ntasks-per-node), or use `--device cpu`",
            )
        })?,
    };
    let Some(gpu) = gpus.get(number) else {
        let what = format!("rank {rank} on {node} has no device cuda:{number}: the driver reports {}", gpus.len());
        return Err(Error::stage(what).help("`--device cuda` gives each rank a GPU of its own"));
    };
    match taken.insert(gpu, rank) {
        None => Ok(number),
        Some(other) => Err(Error::usage(format!("ranks {other} and {rank} on {node} would share cuda:{number}"))
            .help("`--device cuda` gives each rank a GPU of its own")),
    }
}

/// Returns the version of NCCL that all ranks have, or why it is not used.
fn common_nccl(offers: &[Offer]) -> Result<&str, String> {
    let mut all = offers.iter().enumerate().map(|(rank, offer)| match &offer.nccl {
        Ok(version) => Ok((rank, offer.node.as_str(), version.as_str())),
        Err(why) => Err(format!("on rank {rank} ({}) {why}", offer.node)),
    });
    let first = all.next().unwrap_or_else(|| Err("there are no ranks".to_owned()))?;
    let mut others = all.collect::<Result<Vec<_>, String>>()?.into_iter();
    match others.find(|other| other.2 != first.2) {
        None => Ok(first.2),
        Some((rank, node, other)) => Err(format!("rank 0 has version {}, rank {rank} on {node} has {other}", first.2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(wanted: Wanted, gpus: &[&str]) -> Offer {
        let gpus = gpus.iter().map(|gpu| (*gpu).to_owned()).collect();
        Offer { node: "n1".to_owned(), wanted, gpus, capability: (9, 0), nccl: Ok("2.27.3".to_owned()) }
    }

    fn own(gpus: &[&str]) -> Offer {
        offer(Wanted::Gpu, gpus)
    }

    #[test]
    fn each_rank_takes_a_gpu_of_its_own() {
        let numbers = |offers: &[Offer]| numbers(offers).unwrap().unwrap();
        assert_eq!(numbers(&[own(&["a", "b"]), own(&["a", "b"])]), [0, 1], "all see all");
        assert_eq!(numbers(&[own(&["a"]), own(&["b"])]), [0, 0], "each sees one");
        let nodes = [own(&["a", "b"]), own(&["a", "b"]), own(&["c", "d"]), own(&["c", "d"])];
        assert_eq!(numbers(&nodes), [0, 1, 0, 1], "two nodes");
        assert_eq!(numbers(&[own(&["a", "b", "c", "d"]), own(&["c", "d"])]), [0, 0], "parts of a node");
        let named = [offer(Wanted::Number(1), &["a", "b"]), offer(Wanted::Number(1), &["c", "d"])];
        assert_eq!(numbers(&named), [1, 1], "one rank of each node");
    }

    #[test]
    fn two_ranks_never_share_a_gpu() {
        let text = |offers: &[Offer]| numbers(offers).unwrap_err().to_string();
        let error = text(&[own(&["a", "b"]), own(&["a", "b"]), own(&["a", "b"])]);
        assert!(error.contains("rank 2 on n1 has no GPU of its own: it sees 2"), "{error}");
        assert!(text(&[own(&["a"]), own(&["a"])]).contains("it sees 1, which a lower rank uses"));
        let named = || offer(Wanted::Number(0), &["a", "b"]);
        assert!(text(&[named(), named()]).contains("ranks 0 and 1 on n1 would share cuda:0"));
        assert!(text(&[offer(Wanted::Number(2), &["a"])]).contains("has no device cuda:2: the driver reports 1"));
    }

    #[test]
    fn ranks_have_devices_of_one_kind() {
        let cpu = || offer(Wanted::Cpu, &[]);
        assert!(numbers(&[cpu(), cpu()]).unwrap().is_none());
        let error = numbers(&[own(&["a"]), cpu()]).unwrap_err().to_string();
        assert!(error.contains("capability 9.0, but rank 1 on n1 has the CPU"), "{error}");
        let older = Offer { capability: (8, 0), ..own(&["b"]) };
        assert!(numbers(&[own(&["a"]), older]).unwrap_err().to_string().contains("capability 8.0"));
        assert!(numbers(&[own(&["a"]), offer(Wanted::Nothing, &[])]).unwrap().is_none(), "said by its own message");
        let failed = Wanted::Failed { what: "the driver is missing".to_owned(), help: Some("install it".to_owned()) };
        let error = numbers(&[own(&["a"]), offer(failed, &[])]).unwrap_err().to_string();
        assert!(error.contains("rank 1 on n1: the driver is missing") && error.contains("install it"), "{error}");
    }

    #[test]
    fn nccl_is_used_if_all_ranks_have_the_same() {
        assert_eq!(common_nccl(&[own(&["a"]), own(&["b"])]).unwrap(), "2.27.3");
        let other = Offer { nccl: Ok("2.21.5".to_owned()), ..own(&["b"]) };
        assert!(common_nccl(&[own(&["a"]), other]).unwrap_err().contains("rank 1 on n1 has 2.21.5"));
        let missing = Offer { nccl: Err("libnccl.so.2 cannot be loaded".to_owned()), ..own(&["b"]) };
        assert!(common_nccl(&[own(&["a"]), missing]).unwrap_err().starts_with("on rank 1 (n1) libnccl.so.2"));
    }
}
