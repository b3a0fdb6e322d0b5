//! Commands that people wait for, as whole processes: checking a file, planning a large sweep, running a finished study.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/growth/studies.rs"]
mod studies;

use criterion::{Criterion, criterion_group, criterion_main};
use studies::Study;

fn commands(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("command");
    group.sample_size(20);
    let cases = [
        ("validate", "validate", Study::sweep(1)),
        ("plan 1,000 stages", "plan", Study::sweep(140)),
        ("plan 1,000 stages after a run", "plan", Study::sweep_after_a_run(140)),
        ("run 100 finished stages", "run", Study::finished(48)),
        ("validate 90,000 unknown keys", "validate", Study::mistakes(90_000, |number| format!("k{number}=1"))),
        ("validate 90,000 unknown tables", "validate", Study::mistakes(90_000, |number| format!("[a{number}]"))),
    ];
    for (name, command, study) in &cases {
        group.bench_function(*name, |bencher| bencher.iter(|| study.command(command)));
    }
    group.finish();
}

criterion_group!(benches, commands);
criterion_main!(benches);
