"""Kills a run at its n-th system call; the next run must end in the bytes of a run that nothing happened to."""

import subprocess

from common import Bench, Tally, arguments, complaint, has_panicked
from tracing import calls, disturb, shares, spread

CALLS = [
    "fsync", "write", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "copy_file_range", "openat",
    "ftruncate", "fchmod",
]


def attack(bench, tally, call, number):
    output, where = bench.fresh("killed"), f"{call} {number}"
    try:
        ended = bench.run(output, before=disturb(call, "signal=KILL", number))
    except subprocess.TimeoutExpired:
        return tally.flaw(where, "the run hangs")
    is_killed = ended.returncode in (-9, 137)
    tally.count("runs")
    tally.count("killed", int(is_killed))
    if has_panicked(ended) or not (is_killed or ended.returncode == 0):
        tally.flaw(where, f"the run ends with {ended.returncode}: {complaint(ended)}")
    for flaw in bench.flaws_after(output):
        tally.flaw(where, flaw)


def main():
    options = arguments(__doc__, rounds=250)
    bench, tally = Bench(options.program), Tally("kills")
    made = calls(bench, CALLS)
    given = shares({call: len(numbers) for call, numbers in made.items()}, options.rounds)
    for call, numbers in made.items():
        for number in spread(numbers, given[call]):
            attack(bench, tally, call, number)
    tally.finish()


if __name__ == "__main__":
    main()
