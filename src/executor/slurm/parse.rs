//! What Slurm's commands print.

use crate::executor::queue::{QueueEntry, QueueState};

/// Returns the id that `sbatch --parsable` printed: `85` or `85;cluster`, perhaps after lines of the site's own.
pub(super) fn job_id(stdout: &str) -> Option<String> {
    let id = |line: &str| {
        let id = line.trim().split(';').next()?;
        (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
    };
    stdout.lines().rev().find_map(id)
}

/// Reads lines `85_3|RUNNING|None|n1` of `squeue --array`: job, number in the array, entry. Pending tasks may come as one
/// line, `85_[4-7,9%2]`. Other lines are skipped.
pub(super) fn squeue(stdout: &str) -> Vec<(String, usize, QueueEntry)> {
    stdout.lines().flat_map(squeue_line).collect()
}

fn squeue_line(line: &str) -> Vec<(String, usize, QueueEntry)> {
    let fields: Vec<&str> = line.trim().split('|').collect();
    let [id, state, reason, node] = fields.as_slice() else { return Vec::new() };
    let Some(state) = state_of(state, None) else { return Vec::new() };
    let entry = QueueEntry { state, reason: (*reason).to_owned(), node: (*node).to_owned() };
    let (job, elements) = id.split_once('_').unwrap_or((id, "0"));
    elements_of(elements).into_iter().map(|element| (job.to_owned(), element, entry.clone())).collect()
}

/// Reads the records of `scontrol show job --oneliner`.
pub(super) fn scontrol(stdout: &str) -> Vec<(String, usize, QueueEntry)> {
    stdout.lines().flat_map(scontrol_line).collect()
}

fn scontrol_line(line: &str) -> Vec<(String, usize, QueueEntry)> {
    let field = |name: &str| {
        line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
    };
    let Some(state) = state_of(field("JobState"), Some(field("ExitCode"))) else { return Vec::new() };
    let job = [field("ArrayJobId"), field("JobId")].into_iter().find(|job| !job.is_empty()).unwrap_or_default();
    let node = Some(field("NodeList")).filter(|node| *node != "(null)").unwrap_or_default();
    let entry = QueueEntry { state, reason: field("Reason").to_owned(), node: node.to_owned() };
    let elements = Some(field("ArrayTaskId")).filter(|elements| !elements.is_empty()).unwrap_or("0");
    elements_of(elements).into_iter().map(|element| (job.to_owned(), element, entry.clone())).collect()
}

/// Returns the numbers of `3` or `[4-7,9%2]`.
fn elements_of(text: &str) -> Vec<usize> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    let text = text.split('%').next().unwrap_or_default();
    text.split(',').flat_map(range_of).collect()
}

fn range_of(text: &str) -> std::ops::Range<usize> {
    /// No array has more.
    const MAX: usize = 10_000_000;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let last = last.split(':').next().unwrap_or_default();
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if last < MAX => first..last + 1,
        _ => 0..0,
    }
}

/// Returns what a state means; none for an unknown word. `code` is the exit code, `0:9` after SIGKILL.
fn state_of(word: &str, code: Option<&str>) -> Option<QueueState> {
    let word = word.split_whitespace().next()?.trim_end_matches('+');
    Some(match word {
        "PENDING" | "PD" | "REQUEUED" | "REQUEUE_FED" | "REQUEUE_HOLD" | "SPECIAL_EXIT" | "RESV_DEL_HOLD" => {
            QueueState::Pending
        }
        "RUNNING" | "COMPLETING" | "CONFIGURING" | "SUSPENDED" | "STOPPED" | "SIGNALING" | "STAGE_OUT" | "RESIZING" => {
            QueueState::Running
        }
        "OUT_OF_MEMORY" => QueueState::OutOfMemory,
        "CANCELLED" | "REVOKED" => QueueState::Canceled,
        "NODE_FAIL" | "BOOT_FAIL" => QueueState::NodeFailed,
        // Without limits by cgroups, the kernel kills what uses too much memory.
        "FAILED" if code == Some("0:9") => QueueState::OutOfMemory,
        "COMPLETED" | "FAILED" | "TIMEOUT" | "PREEMPTED" | "DEADLINE" => QueueState::Ended,
        _ => return None,
    })
}

/// Returns the value of `MaxArraySize` in `scontrol show config`.
pub(super) fn max_array_size(stdout: &str) -> Option<usize> {
    let line = stdout.lines().find(|line| line.trim_start().starts_with("MaxArraySize"))?;
    line.split_once('=')?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: Vec<(String, usize, QueueEntry)>) -> Vec<String> {
        let line = |(job, element, entry): (String, usize, QueueEntry)| {
            format!("{job}_{element} {:?} {} {}", entry.state, entry.reason, entry.node)
        };
        lines.into_iter().map(line).collect()
    }

    #[test]
    fn ids_of_jobs() {
        for (text, id) in [
            ("85\n", Some("85")),
            ("85;cluster\n", Some("85")),
            ("Welcome to the cluster\n85\n", Some("85")),
            ("Submitted batch job\n", None),
            ("", None),
        ] {
            assert_eq!(job_id(text).as_deref(), id, "{text}");
        }
    }

    #[test]
    fn lines_of_squeue() {
        let text = "85_0|RUNNING|None|n1\n85_1|COMPLETING|None|n[1-2]\n85_[2-4,7%2]|PENDING|JobArrayTaskLimit|\n\
                    86_0|FAILED|NonZeroExitCode|n3\n87_0|PENDING|PartitionConfig|\nslurm_load_jobs error: x\n88_1|ODD|None|\n";
        assert_eq!(
            read(squeue(text)),
            [
                "85_0 Running None n1",
                "85_1 Running None n[1-2]",
                "85_2 Pending JobArrayTaskLimit ",
                "85_3 Pending JobArrayTaskLimit ",
                "85_4 Pending JobArrayTaskLimit ",
                "85_7 Pending JobArrayTaskLimit ",
                "86_0 Ended NonZeroExitCode n3",
                "87_0 Pending PartitionConfig ",
            ]
        );
        assert!(squeue("").is_empty());
    }

    #[test]
    fn records_of_scontrol() {
        let text = "JobId=86 ArrayJobId=85 ArrayTaskId=1 JobName=simclr-x-1 UserId=root(0) Priority=1 JobState=FAILED \
                    Reason=RaisedSignal:9(Killed) Dependency=(null) Requeue=1 Restarts=0 ExitCode=0:9 NodeList=n1\n\
                    JobId=85 ArrayJobId=85 ArrayTaskId=3-5%2 JobState=PENDING Reason=Resources ExitCode=0:0 NodeList=(null)\n\
                    JobId=90 JobName=a JobState=CANCELLED Reason=None ExitCode=0:15 NodeList=n2\n";
        assert_eq!(
            read(scontrol(text)),
            [
                "85_1 OutOfMemory RaisedSignal:9(Killed) n1",
                "85_3 Pending Resources ",
                "85_4 Pending Resources ",
                "85_5 Pending Resources ",
                "90_0 Canceled None n2",
            ]
        );
    }

    #[test]
    fn limits_of_arrays() {
        let text = "MaxArraySize            = 1001\nMaxDBDMsgs              = 20008\n";
        assert_eq!((max_array_size(text), max_array_size("")), (Some(1001), None));
    }

    #[test]
    fn numbers_of_arrays() {
        assert_eq!(elements_of("3"), [3]);
        assert_eq!(elements_of("[1-3,8,10-11%4]"), [1, 2, 3, 8, 10, 11]);
        assert!(elements_of("x").is_empty() && elements_of("0-99999999999").is_empty());
    }
}
