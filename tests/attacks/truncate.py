"""Truncates or overwrites the data set's file while a training run reads it. The run must fail or recompute, and never
produce a different result or crash."""

import os
import random
import subprocess
import time

from common import STUDY, Bench, Tally, arguments, content, differences, failure_reason, has_panicked

# Several seconds of pretraining and of supervised training, long enough to be interrupted partway.
LONGER = STUDY.replace("train = 60", "train = 600").replace("epochs = 2", "epochs = 60") + """
[supervised.scratch]
encoder = { tiny = { width = 0.05 } }
labeled_fraction = 0.5
epochs = 120
batch_size = 16
"""


def cut_to_nothing(path, _):
    os.truncate(path, 0)


def cut_to_a_page(path, _):
    os.truncate(path, 4096)


def cut_somewhere(path, rng):
    os.truncate(path, rng.randrange(path.stat().st_size))


def zeros(path, _):
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.write(bytes(size))


def zeros_somewhere(path, rng):
    with open(path, "r+b") as file:
        file.seek(rng.randrange(path.stat().st_size))
        file.write(bytes(256))


DAMAGES = [cut_to_nothing, cut_to_a_page, cut_somewhere, zeros, zeros_somewhere]


def finished_data_set(output, process):
    """Returns the image file of the data set as soon as that is finished."""
    while process.poll() is None:
        finished = [path.parent for path in output.glob("store-v1/dataset/*/manifest.json") if not path.parent.suffix]
        if finished:
            return finished[0] / "form" / "images.bin"
        time.sleep(0.002)
    return None


def results(files):
    """Returns everything but the data set itself, which stays damaged until a run needs it again."""
    return {name: digest for name, digest in files.items() if not name.startswith("store-v1/dataset/")}


def attack(bench, tally, damage, rng):
    """Damages the data set during a run. Returns False if the run finished too early."""
    output, where = bench.fresh("cut"), damage.__name__
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    process = subprocess.Popen(bench.command(output), **pipes)
    path = finished_data_set(output, process)
    time.sleep(rng.random() * bench.seconds * 0.8)
    if path is None or process.poll() is not None:
        process.communicate()
        return False
    damage(path, rng)
    errors = process.communicate(timeout=120)[1]
    result = subprocess.CompletedProcess(process.args, process.returncode, stderr=errors)
    tally.count("damaged")
    tally.count("failed", int(result.returncode != 0))
    if has_panicked(result) or result.returncode not in (0, 3):
        tally.problem(where, f"the run exits with {result.returncode}: {failure_reason(result)}")
    if result.returncode == 0:
        for problem in differences(results(bench.content), results(content(output))):
            tally.problem(where, f"a result computed from damaged data was kept: {problem}")
    for problem in bench.problems_after(output, may_set_aside=True):
        tally.problem(where, problem)
    return True


def main():
    options = arguments(__doc__, rounds=60)
    bench, tally = Bench(options.program, LONGER, ("--threads", "1")), Tally("truncate")
    for number in range(options.rounds):
        rng = random.Random(f"{options.seed} {number}")
        # Try again if the run finished before its data was damaged.
        any(attack(bench, tally, DAMAGES[number % len(DAMAGES)], rng) for _ in range(10))
    tally.finish()


if __name__ == "__main__":
    main()
