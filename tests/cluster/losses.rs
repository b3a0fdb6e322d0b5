//! Tasks that the queue loses.

use crate::common::artifacts;
use crate::fake::{Fake, local_store};
use std::fs;

fn follow(fake: &Fake) -> (i32, String) {
    fake.run(&["run", "sweep.toml", "--executor", "slurm", "--cluster", "cluster.toml"])
}

#[test]
fn a_lost_task_is_submitted_again() {
    let fake = Fake::new("");
    fake.set("task.mode", "lose 1");
    let (code, text) = follow(&fake);
    assert!(code == 0 && text.contains("job 82_1 was lost (killed); submitting it again"), "{text}");
    assert_eq!(artifacts(&fake.output()), *local_store());
    assert_eq!(fake.calls("sbatch").len(), 3);
    let scripts =
        |number: u32| fs::read_to_string(fake.run_directory().join(format!("cluster/arrays/{number}.sh"))).unwrap();
    assert!(scripts(3).contains("--array=0-0") && scripts(3).contains("--mem=382M"), "{}", scripts(3));
}

#[test]
fn a_task_that_used_too_much_memory_gets_more() {
    let fake = Fake::new("");
    fake.set("task.mode", "oom 2");
    let (code, text) = follow(&fake);
    assert!(code == 0 && text.contains("job 82_1 was lost (out of memory)"), "{text}");
    let script =
        |number: u32| fs::read_to_string(fake.run_directory().join(format!("cluster/arrays/{number}.sh"))).unwrap();
    for (number, memory) in [(2, 382), (3, 573), (4, 859)] {
        assert!(script(number).contains(&format!("--mem={memory}M")), "{}", script(number));
    }
}

#[test]
fn a_task_that_is_always_lost_fails_and_the_others_finish() {
    let fake = Fake::new("");
    fake.set("task.mode", "lose 99");
    let (code, text) = follow(&fake);
    assert!(code == 5 && text.contains("the task was killed without a word, 3 times"), "{text}");
    assert_eq!(fake.calls("sbatch").len(), 4, "twice again at most");
    let kept = artifacts(&fake.output());
    assert_eq!(kept.keys().filter(|path| path.ends_with("model.safetensors")).count(), 1);
    assert_eq!(fake.run(&["collect", "latest"]).0, 5);
    assert_eq!(fake.calls("sbatch").len(), 4);
}

#[test]
fn two_collections_at_once_submit_a_lost_task_once() {
    let fake = Fake::new("");
    fake.set("task.mode", "lose 1");
    let (code, text) = fake.submit();
    assert_eq!(code, 0, "{text}");
    std::thread::scope(|scope| {
        let both: Vec<_> = (0..2).map(|_| scope.spawn(|| fake.run(&["collect", "latest", "--wait"]))).collect();
        for one in both {
            let (code, text) = one.join().unwrap();
            assert_eq!(code, 0, "{text}");
        }
    });
    assert_eq!(fake.calls("sbatch").len(), 3);
    assert_eq!(artifacts(&fake.output()), *local_store());
}
