"""Helpers shared by the attacks: a small study, its runs, and the checks after each attack."""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = """
name = "study"
seed = 1
device = "cpu"
[dataset]
source = { shapes = { train = 60, test = 30, classes = 2 } }
image_size = 8
[augment.views]
ops = [{ random_resized_crop = {} }]
[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.05 } }
projection = { layers = [4] }
optimizer = { adam = { learning_rate = 2e-3 } }
epochs = 2
batch_size = 16
[knn_eval.main]
from = "main"
k = 3
[linear_eval.main]
from = "main"
depths = [0]
epochs = 2
"""

# Provenance of artifacts and digests of the published page, which contains times, may differ between runs.
NOT_CONTENT = {"record.json", ".key"}
# Locks, records of verification, and files waiting to be removed.
NOT_STORE = {".locks", ".verified", ".trash"}

PANICS = {1, 101, 134, -6}


def arguments(description, rounds):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("program", type=Path, help="path to the program, such as target/release/simclr")
    parser.add_argument("--rounds", type=int, default=rounds, help="number of attacks (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of random attacks (default: %(default)s)")
    options = parser.parse_args()
    options.program = options.program.resolve()
    if not os.access(options.program, os.X_OK):
        sys.exit(f"{options.program} does not exist or is not executable: build it with `cargo build --release`")
    return options


def need(tool, package):
    if shutil.which(tool) is None:
        sys.exit(f"this attack needs `{tool}`: install the package `{package}`")


def has_panicked(result):
    return "panicked" in result.stderr or result.returncode in PANICS


def failure_reason(result):
    """Returns the panic message, or the last line of standard error."""
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    for index, line in enumerate(lines):
        if "panicked at" in line or "memory allocation of" in line:
            return " ".join(lines[index:index + 2])[:300]
    return lines[-1][:300] if lines else "no output"


class Bench:
    """A directory with the study and the content produced by an undisturbed run."""

    def __init__(self, program, study=STUDY, options=("--threads", "1", "--checkpoint-every", "0")):
        self.temporary = tempfile.TemporaryDirectory(prefix="simclr-attack-")
        self.directory = Path(self.temporary.name)
        self.program, self.options = program, options
        self.file = self.directory / "study.toml"
        self.file.write_text(study)
        self.reference = self.directory / "reference"
        start = time.monotonic()
        result = self.run(self.reference)
        self.seconds = time.monotonic() - start
        if result.returncode != 0:
            sys.exit(f"the undisturbed run failed: {result.stderr}")
        self.content = content(self.reference)

    def command(self, output):
        return [str(self.program), "run", str(self.file), "--output", str(output), "-q", *self.options]

    def run(self, output, before=(), timeout=120):
        return run([*before, *self.command(output)], timeout)

    def fresh(self, name):
        output = self.directory / name
        shutil.rmtree(output, ignore_errors=True)
        return output

    def problems_after(self, output, may_set_aside=False):
        """Returns what is wrong after another, undisturbed run, which may set aside only damaged artifacts."""
        try:
            again = self.run(output)
        except subprocess.TimeoutExpired:
            return ["the next run hangs"]
        problems = []
        if again.returncode != 0 or has_panicked(again):
            problems.append(f"the next run exits with {again.returncode}: {failure_reason(again)}")
        found = content(output)
        if may_set_aside:
            found = {name: digest for name, digest in found.items() if ".damaged-" not in name}
        problems += differences(self.content, found)
        verified = run([str(self.program), "cache", "verify", "--output", str(output)], 60)
        if verified.returncode != 0:
            problems.append(f"cache verify exits with {verified.returncode}: {failure_reason(verified)}")
        locks = output / "store-v1" / ".locks"
        remaining = [name for name in os.listdir(locks) if name != "store.lock"] if locks.is_dir() else []
        return problems + [f"leftover lock: {name}" for name in remaining]


def run(command, timeout=120):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout)


def differences(expected, found):
    missing = [f"missing: {name}" for name in sorted(expected.keys() - found.keys())]
    extra = [f"leftover: {name}" for name in sorted(found.keys() - expected.keys())]
    changed = [name for name in sorted(expected) if found.get(name, expected[name]) != expected[name]]
    return missing[:2] + extra[:2] + [f"different bytes: {name}" for name in changed[:2]]


def content(output):
    """Returns the digests of all files in the store and the published report, by name."""
    found = {}
    for top in ("store-v1", "study/report"):
        for directory, directories, names in os.walk(output / top):
            directories[:] = [name for name in directories if name not in NOT_STORE]
            for name in set(names) - NOT_CONTENT:
                path = Path(directory, name)
                found[str(path.relative_to(output))] = digest(path, is_published=top != "store-v1")
    return found


def digest(path, is_published):
    data = path.read_bytes()
    if is_published and path.name == "index.html":
        # The published page reports how long the stages took.
        before, _, rest = data.partition(b'<section id="times">')
        data = before + rest.partition(b"</section>")[2]
    return hashlib.sha256(data).hexdigest()


class Tally:
    """Counts events and prints problems as they happen."""

    def __init__(self, name):
        self.name, self.counts, self.bad, self.start = name, {}, 0, time.monotonic()

    def count(self, what, number=1):
        self.counts[what] = self.counts.get(what, 0) + number

    def problem(self, where, what):
        self.bad += 1
        print(f"BAD {where}: {what}", flush=True)

    def finish(self):
        counts = ", ".join(f"{number} {what}" for what, number in self.counts.items())
        print(f"{self.name}: {counts}; {self.bad} bad; {time.monotonic() - self.start:.0f} s", flush=True)
        sys.exit(1 if self.bad else 0)
