//! The script of an array.

use super::config::SlurmConfig;
use crate::base::text::shell_command;
use crate::base::{Error, Result};
use crate::executor::ArrayJob;
use std::fmt::Write;
use std::path::Path;

/// Returns the script, whose options are in its head, so that it can be read and submitted by hand.
///
/// # Errors
/// A path or an option cannot be written in a script.
pub(super) fn script(config: &SlurmConfig, job: &ArrayJob<'_>) -> Result<String> {
    let mut text = "#!/bin/bash\n".to_owned();
    for option in options(config, job)? {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#SBATCH {}", quoted(&option)?);
    }
    text.push_str("# srun no longer takes this from the job.\nexport SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}\n");
    config.setup.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    let settings = &job.submission.job;
    let number = job.array.number.to_string();
    let words = [path(&settings.program)?, "work", path(job.directory.run())?, "--array", &number];
    // Signals reach the program because it runs as a step.
    let _ = writeln!(text, "exec srun --kill-on-bad-exit=1 {}", shell_command(words));
    Ok(text)
}

fn options(config: &SlurmConfig, job: &ArrayJob<'_>) -> Result<Vec<String>> {
    let (array, resources) = (job.array, &job.array.resources);
    let throttle = config.throttle.map(|throttle| format!("%{throttle}")).unwrap_or_default();
    let output = path(&job.directory.output())?.replace('%', "%%");
    let mut options = vec![
        format!("--job-name={}", job.name()),
        format!("--array=0-{}{throttle}", array.elements.len().saturating_sub(1)),
        "--nodes=1".to_owned(),
        "--ntasks=1".to_owned(),
        format!("--cpus-per-task={}", resources.cpus),
        format!("--mem={}M", resources.memory.div_ceil(1 << 20)),
        format!("--time={}", minutes(resources.seconds)),
        "--requeue".to_owned(),
        "--open-mode=append".to_owned(),
        format!("--signal=USR2@{}", config.warn_before.0.as_secs()),
        format!("--output={output}/{}-%a.txt", array.number),
        format!("--chdir={}", path(&job.submission.job.directory)?),
    ];
    let partition = resources.partition.as_ref().or(config.partition.as_ref());
    options.extend(partition.map(|partition| format!("--partition={partition}")));
    options.extend(config.account.as_ref().map(|account| format!("--account={account}")));
    if resources.gpus > 0 {
        options.push(format!("--gres=gpu:{}", resources.gpus));
    }
    if !array.exclude.is_empty() {
        options.push(format!("--exclude={}", array.exclude.join(",")));
    }
    options.extend(config.sbatch.iter().cloned());
    Ok(options)
}

/// Slurm counts in whole minutes.
fn minutes(seconds: u64) -> u64 {
    seconds.div_ceil(60).max(1)
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::usage("the path is not UTF-8 text").at(path.display().to_string()))
}

/// Quotes an option as `sbatch` reads it from a script.
fn quoted(option: &str) -> Result<String> {
    if option.contains(['\n', '\r']) {
        return Err(Error::usage(format!("an option of sbatch has a line break: {option:?}")));
    }
    if option.contains([' ', '"', '\\', '\'', '#']) {
        return Ok(format!("\"{}\"", option.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    Ok(option.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::arrays::{Array, Element};
    use crate::executor::config::ClusterFile;
    use crate::executor::resources::Resources;
    use crate::executor::submission::{ClusterDirectory, JobSettings, Submission};

    #[test]
    fn a_script_has_the_options_and_the_program() {
        let config = SlurmConfig {
            partition: Some("gpu".into()),
            throttle: Some(8),
            setup: vec!["module load cuda/13".into()],
            sbatch: vec!["--qos=normal".into(), "--comment=a \"b\"".into()],
            ..SlurmConfig::default()
        };
        let job = JobSettings {
            program: "/opt/my programs/simclr".into(),
            simclr: String::new(),
            pipeline: "/home/a/study.toml".into(),
            output: "/data/100%/outputs".into(),
            directory: "/home/a".into(),
            device: None,
            threads: None,
            checkpoint_every: 300.0,
        };
        let submission = Submission {
            executor: "slurm".into(),
            cluster: ClusterFile::default(),
            job,
            report: true,
            stages: Vec::new(),
            tasks: Vec::new(),
        };
        let resources = Resources {
            kind: "pretrain".into(),
            cpus: 4,
            gpus: 1,
            memory: 1_500_000_000,
            seconds: 3601,
            partition: None,
        };
        let elements = (0..48).map(|task| Element { task, losses: 0, memory_factor: 1.0 }).collect();
        let array = Array { number: 3, resources, elements, after: vec![1], exclude: vec!["n7".into()] };
        let directory = ClusterDirectory::of_run(Path::new("/data/100%/outputs/runs/sweep/20260414-090327-abc"));
        let job = ArrayJob { array: &array, submission: &submission, directory: &directory };
        assert_eq!(
            script(&config, &job).unwrap(),
            "#!/bin/bash
#SBATCH --job-name=simclr-20260414-090327-abc-3
#SBATCH --array=0-47%8
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=1431M
#SBATCH --time=61
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=USR2@180
#SBATCH --output=/data/100%%/outputs/runs/sweep/20260414-090327-abc/cluster/output/3-%a.txt
#SBATCH --chdir=/home/a
#SBATCH --partition=gpu
#SBATCH --gres=gpu:1
#SBATCH --exclude=n7
#SBATCH --qos=normal
#SBATCH \"--comment=a \\\"b\\\"\"
# srun no longer takes this from the job.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}
module load cuda/13
exec srun --kill-on-bad-exit=1 '/opt/my programs/simclr' work /data/100%/outputs/runs/sweep/20260414-090327-abc --array 3
"
        );
        assert!(quoted("a\nb").is_err());
    }
}
