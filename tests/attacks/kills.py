"""Kills a run at its n-th system call. The next run must produce the same bytes as an undisturbed run."""

import subprocess

from common import Bench, Tally, arguments, failure_reason, has_panicked
from tracing import calls, disturb, shares, spread

CALLS = [
    "fsync", "write", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "copy_file_range", "openat",
    "ftruncate", "fchmod",
]


def attack(bench, tally, call, number):
    output, where = bench.fresh("killed"), f"{call} {number}"
    try:
        result = bench.run(output, before=disturb(call, "signal=KILL", number))
    except subprocess.TimeoutExpired:
        return tally.problem(where, "the run hangs")
    is_killed = result.returncode in (-9, 137)
    tally.count("runs")
    tally.count("killed", int(is_killed))
    if has_panicked(result) or not (is_killed or result.returncode == 0):
        tally.problem(where, f"the run exits with {result.returncode}: {failure_reason(result)}")
    for problem in bench.problems_after(output):
        tally.problem(where, problem)


def main():
    options = arguments(__doc__, rounds=250)
    bench, tally = Bench(options.program), Tally("kills")
    counted = calls(bench, CALLS)
    allotted = shares({call: len(numbers) for call, numbers in counted.items()}, options.rounds)
    for call, numbers in counted.items():
        for number in spread(numbers, allotted[call]):
            attack(bench, tally, call, number)
    tally.finish()


if __name__ == "__main__":
    main()
