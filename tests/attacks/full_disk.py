"""Runs on disks of too few bytes or inodes: done, or an error that says what to do, no leftovers, and the same bytes once
there is room."""

import os
import subprocess
import sys

from common import Bench, Tally, arguments, complaint, has_panicked, need, run

ROOM = "size=200m,nr_inodes=100k"
LEFTOVERS = (".partial", ".replaced", ".unfinished", ".report-")


def steps(first, last, number):
    """So many whole numbers from the first to the last, each by about the same factor larger than the one before."""
    factor = (last / first) ** (1 / max(1, number - 1))
    found = []
    for place in range(number):
        found.append(max(round(first * factor**place), found[-1] + 1 if found else first))
    return found


def used(directory):
    """Kilobytes and inodes that the undisturbed run takes."""
    kilobytes = int(run(["du", "-sk", str(directory)]).stdout.split()[0])
    return kilobytes, sum(len(directories) + len(names) for _, directories, names in os.walk(directory))


def disks(bench, rounds):
    kilobytes, inodes = used(bench.reference)
    sizes = round(rounds * 35 / 53)
    yield from (f"size={size}k" for size in steps(4, 2 * kilobytes, sizes))
    yield from (f"size=100m,nr_inodes={number}" for number in steps(2, 2 * inodes, rounds - sizes))


def left_over(directory):
    names = (name for _, directories, files in os.walk(directory) for name in directories + files)
    return [name for name in names if any(mark in name for mark in LEFTOVERS)]


def attack(bench, tally, disk, room):
    output = disk / "output"
    ended = bench.run(output)
    tally.count("runs")
    tally.count("failed", int(ended.returncode != 0))
    if has_panicked(ended) or ended.returncode not in (0, 3):
        tally.flaw(room, f"the run ends with {ended.returncode}: {complaint(ended)}")
    if ended.returncode == 3 and "help:" not in ended.stderr:
        tally.flaw(room, f"the error has no help: {complaint(ended)}")
    for name in left_over(disk):
        tally.flaw(room, f"left over: {name}")
    subprocess.run(["mount", "-o", f"remount,{ROOM}", str(disk)], check=True)
    for flaw in bench.flaws_after(output):
        tally.flaw(room, flaw)
    return ended.returncode


def on_disk(bench, tally, room):
    disk = bench.directory / "disk"
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", room, "tmpfs", str(disk)], check=True)
    try:
        return attack(bench, tally, disk, room)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def main():
    options = arguments(__doc__, rounds=53)
    need("mount", "mount")
    if os.geteuid() != 0:
        sys.exit("this attack mounts disks: run it as root")
    bench, tally = Bench(options.program), Tally("full disk")
    codes = [on_disk(bench, tally, room) for room in disks(bench, options.rounds)]
    if 0 not in codes or 3 not in codes:
        tally.flaw("all disks", "none was large enough, or none too small")
    tally.finish()


if __name__ == "__main__":
    main()
