//! What a task does: only what it was submitted for, once.

use crate::fake::Fake;
use std::fs;
use std::time::{Duration, Instant};

/// Calls `work` as a task of a job; returns the exit code and what it printed.
fn work(fake: &Fake, array: &str, job: &str, element: &str, restart: &str) -> (i32, String) {
    let run = fake.run_directory();
    let mut command = fake.command(&fake.path("."), &["work", run.to_str().unwrap(), "--array", array]);
    command.env("SLURM_ARRAY_JOB_ID", job).env("SLURM_ARRAY_TASK_ID", element).env("SLURM_RESTART_COUNT", restart);
    let done = command.output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code().unwrap_or(-1), text)
}

/// A run whose jobs wait.
fn held() -> Fake {
    let fake = Fake::new("");
    fake.set("task.mode", "hold");
    let (code, text) = fake.submit();
    assert_eq!(code, 0, "{text}");
    fake
}

fn end(fake: &Fake, task: &str, life: &str) -> String {
    fs::read_to_string(fake.run_directory().join("cluster/tasks").join(task).join(life).join("end.json")).unwrap()
}

#[test]
fn a_job_that_was_submitted_twice_computes_once() {
    let fake = held();
    let (code, text) = work(&fake, "1", "99", "0", "0");
    assert!(code == 0 && text.contains("job 81 computes this array"), "{text}");
    assert!(!fake.output().join("store-v1/split").exists());
    assert_eq!(work(&fake, "1", "81", "0", "0").0, 0);
    assert!(fake.output().join("store-v1/split").exists());
    assert_eq!(work(&fake, "1", "81", "7", "0").0, 2, "there is no such task");
}

#[test]
fn data_that_has_changed_is_an_error_before_any_work() {
    let fake = held();
    let resolved = fake.run_directory().join("resolved.toml");
    let text = fs::read_to_string(&resolved).unwrap();
    fs::write(&resolved, text.replace("train = 60", "train = 61")).unwrap();
    let (code, text) = work(&fake, "1", "81", "0", "0");
    assert_eq!(code, 5, "{text}");
    let end = end(&fake, "0", "1-0");
    assert!(end.contains("\"failed\"") && end.contains("its key comes out otherwise"), "{end}");
    assert!(!fake.output().join("store-v1/split").exists());
    let (code, text) = fake.run(&["collect", "latest"]);
    assert!(code == 2 && text.contains("changed since the run was submitted"), "{text}");
}

#[test]
fn a_task_whose_inputs_are_missing_computes_nothing() {
    let fake = held();
    let (code, text) = work(&fake, "2", "82", "1", "0");
    assert!(code == 0 && text.contains("an input is missing"), "{text}");
    assert!(end(&fake, "2", "2-0").contains("\"blocked\""));
    assert!(!fake.output().join("store-v1/pretrain").exists() && !fake.output().join("store-v1/split").exists());
}

#[test]
fn a_canceled_run_computes_nothing_more() {
    let fake = held();
    fake.set("scancel.mode", "fail");
    let (code, text) = fake.run(&["cancel", "latest"]);
    assert!(code == 3 && text.contains("cancel them yourself: scancel 81 82"), "{text}");
    fake.set("scancel.mode", "ok");
    let (code, text) = fake.run(&["cancel", "latest"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(fake.calls("scancel"), ["scancel 81 82", "scancel 81 82"]);
    let (code, text) = work(&fake, "1", "81", "0", "0");
    assert!(code == 0 && text.contains("the run was canceled"), "{text}");
    let (code, text) = fake.run(&["collect", "latest"]);
    assert!(code == 2 && text.contains("submit it again"), "{text}");
    let (_, text) = fake.run(&["status", "latest"]);
    assert!(text.contains("interrupted") && text.contains("canceled"), "{text}");
}

/// Starts `work`, sends it SIGTERM twice as Slurm does, and returns its exit code.
fn stopped(fake: &Fake, restart: u32) -> Option<i32> {
    let run = fake.run_directory();
    let path = std::env::var("PATH").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_simclr"));
    command.args(["work", run.to_str().unwrap(), "--array", "2"]).current_dir(fake.path("."));
    command.env("PATH", format!("{}:{path}", fake.path("bin").display())).env("FAKE", fake.path("state"));
    command.env("SLURM_ARRAY_JOB_ID", "82").env("SLURM_ARRAY_TASK_ID", "0").env("SLURM_CPUS_PER_TASK", "1");
    command.env("SLURM_RESTART_COUNT", restart.to_string());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let queue = fs::read_to_string(fake.path("state/queue")).unwrap();
    fs::write(fake.path("state/queue"), queue.replace("82_0|PENDING|Priority|", "82_0|RUNNING|None|n1")).unwrap();
    let mut task = command.spawn().unwrap();
    let events = run.join(format!("cluster/tasks/1/2-{restart}/events.jsonl"));
    let start = Instant::now();
    while !fs::read_to_string(&events).unwrap_or_default().contains("\"training\"") {
        assert!(start.elapsed() < Duration::from_secs(120) && task.try_wait().unwrap().is_none(), "training starts");
        std::thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..2 {
        let killed = std::process::Command::new("kill").args(["-TERM", &task.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }
    task.wait().unwrap().code()
}

#[test]
fn a_stopped_task_saves_a_checkpoint_and_asks_to_start_again_until_the_limit() {
    let fake = Fake::new("\"pretrain.main.epochs\" = [3000, 3001]\n");
    let settings = fs::read_to_string(fake.path("cluster.toml")).unwrap();
    fake.write("cluster.toml", &settings.replace("throttle = 8", "throttle = 8\nrestarts = 1"));
    fake.set("task.mode", "hold");
    let (code, text) = fake.submit();
    assert_eq!(code, 0, "{text}");
    assert_eq!(work(&fake, "1", "81", "0", "0").0, 0);
    assert_eq!(stopped(&fake, 0), Some(75));
    assert!(end(&fake, "1", "2-0").contains("\"requeued\""));
    assert!(fake.calls("scontrol").contains(&"scontrol requeue 82_0".to_owned()));
    // The second life continues where the first stopped, and may not ask again.
    assert_eq!(stopped(&fake, 1), Some(5));
    let events = fs::read_to_string(fake.run_directory().join("cluster/tasks/1/2-1/events.jsonl")).unwrap();
    assert!(events.contains("\"resumed\""), "{events}");
    let end = end(&fake, "1", "2-1");
    assert!(end.contains("\"failed\"") && end.contains("1 restart") && end.contains("cluster.toml:6"), "{end}");
    assert_eq!(fake.calls("scontrol").iter().filter(|call| call.contains("requeue")).count(), 1);
}
