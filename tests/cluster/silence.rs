//! A queue that does not answer, or whose answer does not arrive.

use crate::common::artifacts;
use crate::fake::{Fake, local_store};

#[test]
fn silence_is_no_answer() {
    let fake = Fake::new("");
    fake.set("task.mode", "hold");
    let (code, text) = fake.submit();
    assert_eq!(code, 0, "{text}");
    let (code, text) = fake.run(&["collect", "latest"]);
    assert!(code == 10 && text.contains("3 in the queue"), "{text}");
    for (squeue, scontrol) in [("empty", "silent"), ("fail", "ok"), ("fail", "silent")] {
        fake.set("squeue.mode", squeue);
        fake.set("scontrol.mode", scontrol);
        let (code, text) = fake.run(&["collect", "latest"]);
        assert_eq!(code, 10, "{squeue} {scontrol}: {text}");
        assert_eq!(fake.calls("sbatch").len(), 2, "nothing is submitted again: {squeue} {scontrol}");
    }
    let (code, text) = fake.run(&["status", "latest"]);
    assert!(code == 0 && text.contains("the queue does not answer") && text.contains("unknown"), "{text}");
}

#[test]
fn a_submission_that_is_cut_off_is_found_by_its_name_and_not_repeated() {
    for mode in ["ok\ncut", "ok\nsilent"] {
        let fake = Fake::new("");
        fake.set("sbatch.mode", mode);
        fake.submit();
        assert_eq!(fake.calls("sbatch").len(), 2);
        let (code, text) = fake.run(&["collect", "latest", "--wait"]);
        assert_eq!(code, 0, "{mode}: {text}");
        assert_eq!(fake.calls("sbatch").len(), 2, "{mode}");
        assert_eq!(artifacts(&fake.output()), *local_store(), "{mode}");
    }
}

#[test]
fn a_cut_off_submission_is_not_repeated_while_the_queue_is_silent() {
    let fake = Fake::new("");
    // The job waits, so that no record of a task tells its id.
    fake.set("task.mode", "hold");
    fake.set("sbatch.mode", "silent");
    fake.submit();
    assert_eq!(fake.calls("sbatch").len(), 1);
    for (squeue, scontrol) in [("empty", "silent"), ("fail", "ok")] {
        fake.set("squeue.mode", squeue);
        fake.set("scontrol.mode", scontrol);
        let (code, text) = fake.run(&["collect", "latest"]);
        assert_eq!(code, 10, "{text}");
    }
    assert_eq!(fake.calls("sbatch").len(), 1);
    fake.set("squeue.mode", "ok");
    fake.set("scontrol.mode", "ok");
    let (_, text) = fake.run(&["collect", "latest"]);
    assert!(text.contains("in the queue"), "{text}");
    let first = std::fs::read_to_string(fake.run_directory().join("cluster/arrays/1.call-1.json")).unwrap();
    assert!(first.contains("\"job\": \"81\""), "found by its name: {first}");
}

#[test]
fn a_submission_that_hangs_is_ended_and_repeated_when_it_is_known_to_have_failed() {
    let fake = Fake::new("");
    let settings = std::fs::read_to_string(fake.path("cluster.toml")).unwrap();
    fake.write("cluster.toml", &settings.replace("submit_limit = \"120 s\"", "submit_limit = \"6 s\""));
    fake.set("sbatch.mode", "hang\nok");
    let (code, text) = fake.run(&["run", "sweep.toml", "--executor", "slurm", "--cluster", "cluster.toml"]);
    assert!(code == 0 && text.contains("it is not known whether the submission succeeded"), "{text}");
    assert!(text.contains("sleeping and retrying"), "{text}");
    assert!(fake.calls("sbatch").len() >= 3);
}

#[test]
fn a_full_queue_is_waited_for_and_a_refusal_is_not() {
    let fake = Fake::new("");
    fake.set("sbatch.mode", "full\nok\nfull\nfull\nok");
    let (code, text) = fake.submit();
    assert!(code == 0 && text.contains("the queue is full: sbatch: error: QOSMaxSubmitJobPerUserLimit"), "{text}");
    let (code, text) = fake.run(&["collect", "latest", "--wait"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(fake.calls("sbatch").len(), 5);

    let fake = Fake::new("");
    fake.set("sbatch.mode", "refuse");
    let (code, text) = fake.submit();
    assert!(code == 3 && text.contains("invalid partition specified") && text.contains("cluster.toml"), "{text}");
    assert!(text.contains("simclr cancel"), "{text}");
}
