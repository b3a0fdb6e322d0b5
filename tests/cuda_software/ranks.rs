//! Several ranks, processes of an MPI launcher, each on a device of its own: the bytes of one rank, with NCCL and through
//! the memory of the host; and a clear end when a call of NCCL fails. Where no MPI is installed, a word says so.

use crate::common::artifacts;
use crate::run::{Outcome, command, read, run};
use crate::study::Study;
use crate::toolchain::Toolchain;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Two steps each; the last batch of `supervised` has 2 images, so that some ranks have none.
const PIPELINE: &str = r#"
name = "ranks"
[dataset]
source = { shapes = { train = 20, test = 6, classes = 2 } }
image_size = 16
validation_fraction = 0.1
[augment.views]
ops = [{ random_resized_crop = {} }]
[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [12, 8], batch_norm = "all" }
optimizer = { lars = { learning_rate = 0.3 } }
epochs = 2
batch_size = 16
shards = 4
[supervised.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
optimizer = { sgd = { learning_rate = 0.05, momentum = 0.9 } }
epochs = 1
batch_size = 16
shards = 4
"#;

/// The launchers of both libraries, the faster one first; their names on Debian, else `mpirun` of whichever it is.
const LAUNCHERS: [&str; 3] = ["mpirun.mpich", "mpirun.openmpi", "mpirun"];
const LIMIT: Duration = Duration::from_secs(100);

/// Settings of the environment of one rank.
type Settings<'a> = &'a [(&'a str, &'a str)];

/// Runs of one study into several directories.
struct Ranks<'a> {
    toolchain: &'a Toolchain,
    launcher: &'static str,
    study: Study,
}

pub(crate) fn any_number_of_devices(toolchain: &Toolchain) {
    let exists = |name: &&str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
    let Some(launcher) = LAUNCHERS.into_iter().find(exists) else {
        return crate::report("cuda_software: ranks skipped: no MPI launcher");
    };
    let ranks = Ranks { toolchain, launcher, study: Study::of(PIPELINE) };
    ranks.give_the_bytes_of_one();
    ranks.have_devices_of_their_own();
    ranks.go_on_after_a_failure_of_all();
    ranks.report_each_failure();
}

impl Ranks<'_> {
    /// Runs a single process.
    fn alone(&self, more: &[&str]) -> Outcome {
        let arguments = self.arguments("alone", "cuda", more);
        run(self.toolchain, &self.toolchain.program, &strings(&arguments), &[])
    }

    fn give_the_bytes_of_one(&self) {
        self.alone(&[]).expect_success();
        let others = [("SOFTWARE_SCHEDULE", "others")];
        let random = [("SOFTWARE_SCHEDULE", "7")];
        let four = [("SOFTWARE_DEVICES", "4")];
        let missing = [("SIMCLR_NCCL", "/nonexistent/libnccl.so.2")];
        let runs: [(&str, Vec<Settings<'_>>); 4] = [
            ("nccl", vec![&others, &random]),
            ("four", vec![&four; 4]),
            // As a batch system does that gives each task a device.
            ("restricted", vec![&[("CUDA_VISIBLE_DEVICES", "0")], &[("CUDA_VISIBLE_DEVICES", "1")]]),
            ("host", vec![&missing, &[]]),
        ];
        runs.par_iter().for_each(|(output, ranks)| {
            let outcome = self.launch(output, "cuda", ranks).expect_success();
            let by_nccl = *output != "host";
            let text = if by_nccl { "gradients by NCCL 2.27.3" } else { "/nonexistent/libnccl.so.2 cannot be loaded" };
            assert_eq!(outcome.stderr.matches(text).count(), 1, "{output}: {}", outcome.stderr);
            assert_eq!(outcome.calls.contains_key("ncclSend"), by_nccl, "{output}: {:?}", outcome.calls);
            assert!(self.trained(output) == self.trained("alone"), "{output} has other bytes: {}", outcome.stderr);
        });
    }

    fn have_devices_of_their_own(&self) {
        let one = [("CUDA_VISIBLE_DEVICES", "0")];
        let refused: [(&str, Vec<Settings<'_>>, &str); 3] = [
            ("cuda", vec![&one; 2], "rank 1 on "),
            ("cuda", vec![&[]; 3], "has no GPU of its own: it sees 2, which lower ranks use"),
            ("cuda:1", vec![&[]; 2], "would share cuda:1"),
        ];
        for (device, ranks, text) in refused {
            let outcome = self.launch("refused", device, &ranks);
            assert_eq!((outcome.code, outcome.stderr.matches(text).count()), (Some(2), 1), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("help: "), "{}", outcome.stderr);
        }
        let threads = self.alone(&["--ranks", "2"]);
        assert!(threads.code == Some(2) && threads.stderr.contains("mpirun -np 2"), "{}", threads.stderr);
    }

    /// A stage diverges on all ranks, which leaves them without connections; the next stage connects them again.
    fn go_on_after_a_failure_of_all(&self) {
        let diverging = ["--set", "pretrain.main.optimizer={sgd={learning_rate=1e30}}", "--keep-going"];
        let outcome = self.launch_with("diverged", "cuda", &diverging, &[&[] as Settings<'_>; 2]);
        assert_eq!(
            (outcome.code, outcome.stderr.matches("failed pretrain.main: training diverged").count()),
            (Some(5), 1),
            "{}",
            outcome.stderr
        );
        assert!(outcome.refused.is_empty(), "{:#?}", outcome.refused);
        assert_eq!([outcome.calls["ncclCommAbort"], outcome.calls["ncclCommInitRank"]], [1, 2]);
        let [trained, expected] = ["diverged", "alone"].map(|output| {
            let mut files = self.trained(output);
            files.retain(|path, _| path.starts_with("supervised"));
            files
        });
        assert!(trained == expected, "{:?}", trained.keys());
    }

    /// Each function of NCCL fails once on one of two ranks.
    fn report_each_failure(&self) {
        // Without its version, ranks do without NCCL.
        let failures = [
            ("ncclGetUniqueId:1:2", 0),
            ("ncclCommInitRank:1:2", 1),
            ("ncclGroupStart:1:1", 1),
            ("ncclSend:3:6", 0),
            ("ncclRecv:2:1", 1),
            ("ncclGroupEnd:2:3", 1),
            ("ncclAllGather:1:5", 0),
        ];
        failures.par_iter().for_each(|&(failure, rank)| {
            let settings = [("SOFTWARE_FAIL", failure)];
            let mut ranks: Vec<Settings<'_>> = vec![&[]; 2];
            ranks[rank] = &settings;
            let outcome = self.launch(&failure.replace(':', "-"), "cuda", &ranks);
            let (function, text) = (failure.split(':').next().unwrap(), &outcome.stderr);
            assert!(outcome.code.is_some_and(|code| code != 0), "{failure}: {text}");
            assert!(text.contains(&format!("rank {rank} on ")) && text.contains("help: "), "{failure}: {text}");
            assert!(text.contains(&format!("{function} failed: ")), "{failure}: {text}");
            for word in ["panic", "unwrap", "report it", "software device:"] {
                assert!(!text.contains(word), "{failure}: {text}");
            }
        });
        let settings = [("SOFTWARE_FAIL", "ncclGetVersion:1:1")];
        let outcome = self.launch("version", "cuda", &[&[], &settings]).expect_success();
        assert!(outcome.stderr.contains("through the memory of the host"), "{}", outcome.stderr);
    }

    fn arguments(&self, output: &str, device: &str, more: &[&str]) -> Vec<String> {
        let mut arguments = self.study.arguments_into(&self.output(output), device);
        let stages = ["--only", "pretrain", "--only", "supervised"];
        arguments.extend(stages.iter().chain(more).map(|&argument| argument.to_owned()));
        arguments
    }

    fn output(&self, name: &str) -> PathBuf {
        self.study.output().with_file_name(name)
    }

    /// Starts one process for each element, with its settings, and waits for them, but not for ever.
    fn launch(&self, output: &str, device: &str, ranks: &[Settings<'_>]) -> Outcome {
        self.launch_with(output, device, &[], ranks)
    }

    /// The same with more arguments.
    fn launch_with(&self, output: &str, device: &str, more: &[&str], ranks: &[Settings<'_>]) -> Outcome {
        let directory = tempfile::tempdir().unwrap();
        let report = directory.path().join("report");
        let arguments = self.arguments(output, device, &[more, &["--ranks", "auto"]].concat());
        let mut launch: Vec<String> = Vec::new();
        if self.launcher.contains("openmpi") {
            launch.push("--oversubscribe".to_owned());
        }
        for (rank, settings) in ranks.iter().enumerate() {
            launch.extend(["-np", "1", "env"].map(str::to_owned));
            launch.extend(settings.iter().map(|(name, value)| format!("{name}={value}")));
            launch.push(format!("SOFTWARE_REPORT={}-{rank}", report.display()));
            launch.push(self.toolchain.program.display().to_string());
            launch.extend(arguments.iter().cloned().chain((rank + 1 < ranks.len()).then(|| ":".to_owned())));
        }
        let mut command = command(self.toolchain, Path::new(self.launcher), &strings(&launch));
        command
            .env("TMPDIR", directory.path())
            .env_remove("SIMCLR_MPI")
            .env_remove("SIMCLR_NCCL")
            .env_remove("CUDA_VISIBLE_DEVICES");
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() && start.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(20));
        }
        let is_late = child.try_wait().unwrap().is_none();
        if is_late {
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let reports = (0..ranks.len()).map(|rank| PathBuf::from(format!("{}-{rank}", report.display())));
        let outcome = read(&output, reports);
        assert!(!is_late, "still running: {}", outcome.stderr);
        outcome
    }

    /// Returns the files of the trained networks.
    fn trained(&self, output: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = artifacts(&self.output(output));
        files.retain(|path, _| path.starts_with("pretrain") || path.starts_with("supervised"));
        assert!(files.keys().any(|path| path.ends_with("model.safetensors")), "{:?}", files.keys());
        files
    }
}

fn strings(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
