"""Runs on disks with too few bytes or inodes. A run must succeed or fail with an error that says what to do, without
leftovers, and produce the same bytes once there is space."""

import os
import subprocess
import sys

from common import Bench, Tally, arguments, failure_reason, has_panicked, need, run

ROOM = "size=200m,nr_inodes=100k"
LEFTOVERS = (".partial", ".replaced", ".unfinished", ".report-")


def steps(first, last, number):
    """Returns `number` increasing integers from `first` to `last`, spaced about geometrically."""
    factor = (last / first) ** (1 / max(1, number - 1))
    found = []
    for index in range(number):
        found.append(max(round(first * factor**index), found[-1] + 1 if found else first))
    return found


def used(directory):
    """Returns the kilobytes and inodes that the undisturbed run uses."""
    kilobytes = int(run(["du", "-sk", str(directory)]).stdout.split()[0])
    return kilobytes, sum(len(directories) + len(names) for _, directories, names in os.walk(directory))


def disks(bench, rounds):
    kilobytes, inodes = used(bench.reference)
    sizes = round(rounds * 35 / 53)
    yield from (f"size={size}k" for size in steps(4, 2 * kilobytes, sizes))
    yield from (f"size=100m,nr_inodes={number}" for number in steps(2, 2 * inodes, rounds - sizes))


def leftovers(directory):
    names = (name for _, directories, files in os.walk(directory) for name in directories + files)
    return [name for name in names if any(mark in name for mark in LEFTOVERS)]


def attack(bench, tally, disk, space):
    output = disk / "output"
    result = bench.run(output)
    tally.count("runs")
    tally.count("failed", int(result.returncode != 0))
    if has_panicked(result) or result.returncode not in (0, 3):
        tally.problem(space, f"the run exits with {result.returncode}: {failure_reason(result)}")
    if result.returncode == 3 and "help:" not in result.stderr:
        tally.problem(space, f"the error has no help: {failure_reason(result)}")
    for name in leftovers(disk):
        tally.problem(space, f"leftover: {name}")
    subprocess.run(["mount", "-o", f"remount,{ROOM}", str(disk)], check=True)
    for problem in bench.problems_after(output):
        tally.problem(space, problem)
    return result.returncode


def on_disk(bench, tally, space):
    disk = bench.directory / "disk"
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", space, "tmpfs", str(disk)], check=True)
    try:
        return attack(bench, tally, disk, space)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def main():
    options = arguments(__doc__, rounds=53)
    need("mount", "mount")
    if os.geteuid() != 0:
        sys.exit("this attack mounts disks: run it as root")
    bench, tally = Bench(options.program), Tally("full disk")
    codes = [on_disk(bench, tally, space) for space in disks(bench, options.rounds)]
    if 0 not in codes or 3 not in codes:
        tally.problem("all disks", "no disk was large enough, or none was too small")
    tally.finish()


if __name__ == "__main__":
    main()
