//! Reasons for which a job waits that do not go away by themselves, and what to change.

use crate::executor::config::ClusterFile;

/// What to change.
enum Change {
    /// A resource of the kind of stage.
    Resource(&'static str),
    /// A key of `[executor.slurm]`.
    Key(&'static str),
    /// Nothing in the settings.
    Nothing,
}

/// Parts of reasons, each with its meaning and what to change.
const REASONS: [(&str, &str, Change); 15] = [
    ("PartitionTimeLimit", "it asks for more time than the partition allows: lower", Change::Resource("time")),
    ("PartitionConfig", "the partition has no node with what it asks for: lower", Change::Resource("cpus")),
    ("PartitionNodeLimit", "the partition does not allow so many nodes: change", Change::Key("partition")),
    ("PartitionInactive", "the partition is inactive: change", Change::Key("partition")),
    ("PartitionDown", "the partition is down: change", Change::Key("partition")),
    ("BadConstraints", "no node satisfies the constraints: change", Change::Key("sbatch")),
    ("AssocGrpCPUMinutesLimit", "the account has used up its time: change", Change::Key("account")),
    ("InvalidAccount", "the account is not valid: change", Change::Key("account")),
    ("InvalidQOS", "the quality of service is not valid: change", Change::Key("sbatch")),
    ("MaxWallDurationPerJob", "it asks for more time than the limit allows: lower", Change::Resource("time")),
    ("MaxCpuPerUser", "it asks for more processors than the limit allows: lower", Change::Resource("cpus")),
    ("MaxCPUsPerJob", "it asks for more processors than the limit allows: lower", Change::Resource("cpus")),
    (
        "DependencyNeverSatisfied",
        "a job that it depends on will never end: cancel the run and submit again",
        Change::Nothing,
    ),
    ("JobHeld", "it is held: release it with `scontrol release`, or ask who held it", Change::Nothing),
    (
        "launch failed",
        "it could not be started and is held: see the log of its node, then `scontrol release`",
        Change::Nothing,
    ),
];

/// Explains a reason; none if it goes away by itself, such as `Resources` and `Priority`.
pub(super) fn explain(reason: &str, kind: &str, file: &ClusterFile) -> Option<String> {
    const TABLE: &str = "executor.slurm";
    // squeue writes some reasons with spaces, some without.
    let plain = reason.replace('_', " ");
    let (_, meaning, change) = REASONS.iter().find(|(part, ..)| plain.contains(part))?;
    let place = match change {
        Change::Resource(key) => format!(" {}", file.resource_place("slurm", kind, key)),
        Change::Key(key) => format!(" {}", file.place(TABLE, key)),
        Change::Nothing => String::new(),
    };
    Some(format!("{reason}: {meaning}{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::config::parse;
    use std::path::Path;

    #[test]
    fn what_does_not_go_away_is_explained_with_its_line() {
        let text = "[executor.slurm]\npartition = \"gpu\"\n[executor.slurm.resources.pretrain]\ntime = \"24 h\"\n";
        let file = parse(text, Path::new("cluster.toml"), &["pretrain"]).unwrap();
        let limit = explain("PartitionTimeLimit", "pretrain", &file).unwrap();
        assert!(
            limit.contains("`time` of [executor.slurm.resources.pretrain] (") && limit.ends_with("cluster.toml:4)")
        );
        let inactive = explain("PartitionInactive", "pretrain", &file).unwrap();
        assert!(inactive.ends_with("cluster.toml:2)"), "{inactive}");
        let config = explain("PartitionConfig", "features", &file).unwrap();
        assert!(config.contains("`cpus` of [executor.slurm.resources.default] in "), "{config}");
        for held in ["JobHeldUser", "JobHeldAdmin", "launch_failed_requeued_held", "launch failed requeued held"] {
            assert!(explain(held, "pretrain", &file).is_some(), "{held}");
        }
        for normal in ["Resources", "Priority", "JobArrayTaskLimit", "Dependency", "BeginTime", "None", ""] {
            assert_eq!(explain(normal, "pretrain", &file), None, "{normal}");
        }
    }
}
