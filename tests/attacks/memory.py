"""Decompression bombs, too little memory, too few threads, too small stacks. A run must succeed or fail with an error
message, never crash."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import bombs
from common import STUDY, Tally, arguments, failure_reason, has_panicked

BOMBS = {
    "webp": bombs.webp,
    "exif.webp": bombs.metadata_webp,
    "short.jpg": bombs.short_jpeg,
    "whole.jpg": bombs.whole_jpeg,
    "png": bombs.png,
}
COPIES = 12
EXPECTED = (0, 2, 3)
MIB = 1 << 20


class Sandbox:
    """Directories that every user may read and write, and a copy of the program that every user may run."""

    def __init__(self, program):
        self.temporary = tempfile.TemporaryDirectory(prefix="simclr-attack-")
        self.directory = Path(self.temporary.name)
        self.directory.chmod(0o777)
        self.program = self.directory / "simclr"
        shutil.copy2(program, self.program)
        self.write("synthetic.toml", STUDY)

    def write(self, name, study):
        (self.directory / name).write_text(study)

    def bombs(self, name, make):
        """Creates a data set of bombs among ordinary images, and its study."""
        images = self.directory / f"images-{name}"
        for shade, kind in enumerate(("light", "dark")):
            (images / kind).mkdir(parents=True)
            for number in range(12):
                (images / kind / f"{number}.png").write_bytes(bombs.plain_png(24, 99 * shade + number))
        data = make()
        for number in range(COPIES):
            (images / "light" / f"bomb{number}.{name}").write_bytes(data)
        source = f'source = {{ image_folder = {{ train = "{images}" }} }}\nbroken_files = "skip"'
        self.write(f"{name}.toml", STUDY.replace("source = { shapes = { train = 60, test = 30, classes = 2 } }", source))

    def run(self, study, *options, limits=(), user=None):
        output = self.directory / "output"
        shutil.rmtree(output, ignore_errors=True)
        command = [str(self.program), "run", str(self.directory / study), "--output", str(output), "-q", *options]

        def limit():
            for what, value in limits:
                resource.setrlimit(what, (value, value))

        pipes = {"capture_output": True, "text": True, "errors": "replace"}
        return subprocess.run(command, **pipes, timeout=600, preexec_fn=limit, user=user, cwd=self.directory)


def check(tally, where, result):
    tally.count("runs")
    tally.count("failed", int(result.returncode != 0))
    if has_panicked(result) or result.returncode not in EXPECTED:
        tally.problem(where, f"the run exits with {result.returncode}: {failure_reason(result)}")


def large_images(sandbox, tally, rounds):
    for name, make in BOMBS.items():
        sandbox.bombs(name, make)
        for gigabytes in (8, 4, 2, 1)[:rounds]:
            where = f"{COPIES} x {name}, 8 threads, address space of {gigabytes} GiB"
            limits = [(resource.RLIMIT_AS, gigabytes * 1024 * MIB)]
            check(tally, where, sandbox.run(f"{name}.toml", "--threads", "8", "--only", "dataset", limits=limits))


def little_memory(sandbox, tally, rounds):
    for megabytes in range(64, 64 * min(rounds, 24) + 1, 64):
        limits = [(resource.RLIMIT_AS, megabytes * MIB)]
        where = f"address space of {megabytes} MiB"
        check(tally, where, sandbox.run("synthetic.toml", "--threads", "4", limits=limits))


def few_threads(sandbox, tally, rounds):
    if os.geteuid() != 0:
        return print("few threads: skipped, it needs root to switch to a user without threads", file=sys.stderr)
    for processes in range(1, min(rounds, 16) + 1):
        limits = [(resource.RLIMIT_NPROC, processes)]
        where = f"at most {processes} threads"
        for options in (["--threads", "4"], ["--threads", "2", "--jobs", "2"]):
            check(tally, where, sandbox.run("synthetic.toml", *options, limits=limits, user="nobody"))


def small_stacks(sandbox, tally, rounds):
    for kilobytes in (16, 32, 48, 64, 96, 128, 256, 512)[:rounds]:
        limits = [(resource.RLIMIT_STACK, kilobytes * 1024)]
        check(tally, f"stacks of {kilobytes} KiB", sandbox.run("synthetic.toml", "--threads", "2", limits=limits))


def main():
    options = arguments(__doc__, rounds=24)
    sandbox, tally = Sandbox(options.program), Tally("memory")
    for attack in (few_threads, small_stacks, little_memory, large_images):
        attack(sandbox, tally, options.rounds)
    tally.finish()


if __name__ == "__main__":
    main()
