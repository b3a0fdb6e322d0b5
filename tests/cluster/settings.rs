//! Settings of the cluster, and what the queue makes of them.

use crate::fake::Fake;
use std::time::{Duration, Instant};

#[test]
fn the_settings_are_checked_and_change_no_key() {
    let fake = Fake::new("");
    fake.write("cluster.toml", "[executor.slurm]\npartitoin = \"gpu\"\n");
    let (code, text) = fake.submit();
    assert!(code == 2 && text.contains("did you mean `partition`?") && text.contains("cluster.toml:2"), "{text}");
    let (code, text) = fake.run(&["submit", "sweep.toml", "--cluster", "missing.toml"]);
    assert!(text.contains("missing.toml") && text.contains("--cluster FILE") && code != 0, "{text}");
    let (code, text) = fake.run(&["run", "sweep.toml", "--executor", "slurm", "--jobs", "2"]);
    assert!(code == 2 && text.contains("throttle"), "{text}");
    let (code, text) = fake.run(&["run", "sweep.toml", "--executor", "slrum"]);
    assert!(code == 2 && text.contains("slurm"), "{text}");
    assert!(fake.calls("sbatch").is_empty());
}

#[test]
fn a_dry_run_shows_what_the_tasks_ask_for() {
    let fake = Fake::new("");
    fake.write(
        "cluster.toml",
        "[executor.slurm.resources.default]\ncpus = 3\n[executor.slurm.resources.pretrain]\ngpus = 2\ntime = \"24 h\"\n",
    );
    let (code, text) = fake.run(&["submit", "sweep.toml", "--cluster", "cluster.toml", "--dry-run"]);
    assert_eq!(code, 0, "{text}");
    let row = text.lines().find(|line| line.contains("pretrain.main[temperature 0.1]")).unwrap();
    assert!(row.contains("24 h 00 min") && row.split_whitespace().any(|word| word == "2"), "{row}");
    assert!(text.contains("3 tasks of "), "{text}");
    assert!(fake.calls("sbatch").is_empty() && !fake.output().join("runs").exists());
}

#[test]
fn a_job_that_cannot_start_is_explained_with_the_line_to_change() {
    let fake = Fake::new("");
    fake.write(
        "cluster.toml",
        "[executor.slurm]\npoll = \"0.2 s\"\n[executor.slurm.resources.default]\ntime = \"99 h\"\n",
    );
    fake.set("task.mode", "hold PartitionTimeLimit");
    let (code, text) = fake.submit();
    assert_eq!(code, 0, "{text}");
    for command in [&["status", "latest"][..], &["collect", "latest"]] {
        let (_, text) = fake.run(command);
        assert!(text.contains("PartitionTimeLimit: it asks for more time than the partition allows"), "{text}");
        assert!(text.contains("cluster.toml:4"), "{text}");
    }
    let (_, text) = fake.run(&["status", "latest", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(text.split("\nwarning").next().unwrap()).unwrap();
    let task = &json["cluster"]["tasks"][1];
    assert_eq!(
        (&task["state"], &task["job"], &task["reason"]),
        (&"queued".into(), &"82_0".into(), &"PartitionTimeLimit".into())
    );
}

#[test]
fn ctrl_c_leaves_the_jobs_and_says_how_to_go_on() {
    let fake = Fake::new("");
    fake.set("task.mode", "hold");
    let path = std::env::var("PATH").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_simclr"));
    command.args(["run", "sweep.toml", "--executor", "slurm", "--cluster", "cluster.toml"]).current_dir(fake.path("."));
    command.env("PATH", format!("{}:{path}", fake.path("bin").display())).env("FAKE", fake.path("state"));
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let following = command.spawn().unwrap();
    let start = Instant::now();
    while fake.calls("squeue").is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "it follows");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::process::Command::new("kill").args(["-INT", &following.id().to_string()]).status().unwrap();
    let done = following.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(130), "{text}");
    assert!(text.contains("simclr collect sweep/") && text.contains("simclr cancel sweep/"), "{text}");
    assert!(fake.calls("scancel").is_empty());
    assert!(fake.run(&["status", "latest"]).1.contains("submitted"));
}

#[test]
fn every_kind_of_stage_may_have_resources() {
    fn sources(directory: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut texts = Vec::new();
    sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stages"), &mut texts);
    let after = |text: &String| -> Vec<String> {
        let kinds = text.split("fn kind(&self) -> &'static str {").skip(1);
        kinds.map(|rest| rest.split('"').nth(1).unwrap().to_owned()).collect()
    };
    let kinds: std::collections::BTreeSet<String> = texts.iter().flat_map(after).collect();
    assert!(kinds.len() > 10 && kinds.contains("pretrain"), "{kinds:?}");
    let fake = Fake::new("");
    let tables: Vec<String> =
        kinds.iter().map(|kind| format!("[executor.slurm.resources.{kind}]\ncpus = 2\n")).collect();
    fake.write("cluster.toml", &tables.concat());
    let (code, text) = fake.run(&["submit", "sweep.toml", "--cluster", "cluster.toml", "--dry-run"]);
    assert_eq!(code, 0, "{text}");
}
