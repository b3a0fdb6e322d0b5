"""Lets the n-th system call of a run fail; no panic, nothing lost, and the next run must end in the same bytes."""

import subprocess

from common import Bench, Tally, arguments, complaint, has_panicked
from tracing import calls, disturb, shares, spread

# What each call is made to fail with, in turn.
ERRORS = {
    "fsync": ["EIO", "ENOSPC"],
    "write": ["ENOSPC", "EIO"],
    "copy_file_range": ["EIO", "ENOSPC"],
    "mkdir": ["ENOSPC", "EIO", "EPERM"],
    "rename": ["EIO", "ENOSPC", "EPERM"],
    "renameat": ["EIO", "ENOSPC", "EPERM"],
    "renameat2": ["EIO", "ENOSPC", "EPERM"],
    "unlink": ["EIO", "EPERM"],
    "unlinkat": ["EIO", "EPERM"],
    "ftruncate": ["ENOSPC", "EIO"],
    "fallocate": ["ENOSPC", "EIO"],
    "flock": ["ENOLCK", "EIO"],
    "fchmod": ["EPERM", "EIO"],
    "openat": ["EMFILE", "EIO"],
    "read": ["EIO"],
    "getdents64": ["EIO"],
    "statx": ["EIO"],
    "mmap": ["ENOMEM"],
    "clone3": ["EAGAIN"],
    "close": ["EIO"],
}


def is_expected(ended, bench):
    """Done all the same, failed with a reason, or refused since the pipeline file itself could not be read."""
    return ended.returncode in (0, 3) or ended.returncode == 2 and bench.file.name in ended.stderr


def finished(output):
    """Artifacts that are finished, with the record of how each came to be."""
    records = output.glob("store-v1/*/*/record.json")
    return {str(path.parent): path.read_bytes() for path in records if (path.parent / "manifest.json").exists()}


def attack(bench, tally, call, error, number):
    output, where = bench.fresh("faulty"), f"{call} {number} {error}"
    try:
        ended = bench.run(output, before=disturb(call, f"error={error}", number))
    except subprocess.TimeoutExpired:
        return tally.flaw(where, "the run hangs")
    tally.count("runs")
    tally.count("failed", int(ended.returncode != 0))
    if has_panicked(ended) or not is_expected(ended, bench):
        tally.flaw(where, f"the run ends with {ended.returncode}: {complaint(ended)}")
    before = finished(output)
    for flaw in bench.flaws_after(output):
        tally.flaw(where, flaw)
    after = finished(output)
    tally.count("finished artifacts made again", sum(after.get(name) != record for name, record in before.items()))


def main():
    options = arguments(__doc__, rounds=800)
    bench, tally = Bench(options.program), Tally("faults")
    made = calls(bench, list(ERRORS))
    given = shares({call: len(numbers) * len(ERRORS[call]) for call, numbers in made.items()}, options.rounds)
    for call, numbers in made.items():
        kinds = ERRORS[call]
        for kind in kinds:
            for number in spread(numbers, given[call] // len(kinds)):
                attack(bench, tally, call, kind, number)
    tally.finish()


if __name__ == "__main__":
    main()
