"""Makes the n-th system call of a run fail. There must be no panic and nothing lost, and the next run must produce the
same bytes."""

import subprocess

from common import Bench, Tally, arguments, failure_reason, has_panicked
from tracing import calls, disturb, shares, spread

# The errors injected into each call, in turn.
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


def is_expected(result, bench):
    """Whether the run succeeded anyway, failed with a reason, or could not read the pipeline file itself."""
    return result.returncode in (0, 3) or result.returncode == 2 and bench.file.name in result.stderr


def finished(output):
    """Returns the finished artifacts and their provenance records."""
    records = output.glob("store-v1/*/*/record.json")
    return {str(path.parent): path.read_bytes() for path in records if (path.parent / "manifest.json").exists()}


def attack(bench, tally, call, error, number):
    output, where = bench.fresh("faulty"), f"{call} {number} {error}"
    try:
        result = bench.run(output, before=disturb(call, f"error={error}", number))
    except subprocess.TimeoutExpired:
        return tally.problem(where, "the run hangs")
    tally.count("runs")
    tally.count("failed", int(result.returncode != 0))
    if has_panicked(result) or not is_expected(result, bench):
        tally.problem(where, f"the run exits with {result.returncode}: {failure_reason(result)}")
    before = finished(output)
    for problem in bench.problems_after(output):
        tally.problem(where, problem)
    after = finished(output)
    tally.count("finished artifacts recomputed", sum(after.get(name) != record for name, record in before.items()))


def main():
    options = arguments(__doc__, rounds=800)
    bench, tally = Bench(options.program), Tally("faults")
    counted = calls(bench, list(ERRORS))
    allotted = shares({call: len(numbers) * len(ERRORS[call]) for call, numbers in counted.items()}, options.rounds)
    for call, numbers in counted.items():
        kinds = ERRORS[call]
        for kind in kinds:
            for number in spread(numbers, allotted[call] // len(kinds)):
                attack(bench, tally, call, kind, number)
    tally.finish()


if __name__ == "__main__":
    main()
