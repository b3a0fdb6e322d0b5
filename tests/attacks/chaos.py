"""Kills and suspends runs at random times, often two at once in one output directory. The next run must produce the
same bytes as an undisturbed run."""

import random
import signal
import subprocess
import time

from common import STUDY, Bench, Tally, arguments, run

OPTIONS = ("--jobs", "2", "--threads", "2", "--checkpoint-every", "0")
LONGER = STUDY.replace("epochs = 2", "epochs = 30") + """
[supervised.scratch]
encoder = { tiny = { width = 0.05 } }
labeled_fraction = 0.5
epochs = 30
batch_size = 16
[sweep]
seed = [1, 2]
"""


def start(bench, output):
    # A file, not a pipe: nobody reads while the runs are suspended.
    errors = open(bench.directory / "errors", "a+", encoding="utf-8", errors="replace")
    process = subprocess.Popen(bench.command(output), stdout=subprocess.DEVNULL, stderr=errors)
    errors.close()
    return process


def suspend(process, rng):
    """Suspends a process as Ctrl-Z does; sometimes it resumes before it is killed."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(rng.random() * 0.5)
    if rng.random() < 0.5:
        process.send_signal(signal.SIGCONT)
        time.sleep(rng.random() * 0.2)


def disturb(bench, output, rng, tally):
    """Starts one or two runs and kills some of them. Returns the exit codes of the runs that were left alone."""
    processes = [start(bench, output)]
    if rng.random() < 0.8:
        time.sleep(rng.random() * 0.3)
        processes.append(start(bench, output))
    time.sleep(rng.random() * bench.seconds * 0.9)
    is_suspended = rng.random() < 0.4 and processes[0].poll() is None
    if is_suspended:
        tally.count("suspended")
        suspend(processes[0], rng)
    victims = processes if rng.random() < 0.6 else processes[:1]
    for process in victims:
        if process.poll() is None:
            process.kill()
            tally.count("kills")
    codes = [process.wait(timeout=300) for process in processes]
    return codes[len(victims):]


def attack(bench, tally, number, seed):
    rng, output = random.Random(f"{seed} {number}"), bench.fresh("chaos")
    (bench.directory / "errors").unlink(missing_ok=True)
    try:
        for _ in range(rng.choice((1, 1, 2, 3))):
            for code in disturb(bench, output, rng, tally):
                if code != 0:
                    tally.problem(f"round {number}", f"a run next to a killed one exits with {code}")
    except subprocess.TimeoutExpired:
        tally.problem(f"round {number}", "a run next to a killed one hangs")
    if "panicked" in (bench.directory / "errors").read_text(errors="replace"):
        tally.problem(f"round {number}", "a run panicked")
    for problem in bench.problems_after(output):
        tally.problem(f"round {number}", problem)
    status = run([str(bench.program), "status", "--output", str(output)], 60)
    if status.returncode != 0:
        tally.problem(f"round {number}", f"status exits with {status.returncode}")
    tally.count("rounds")


def main():
    options = arguments(__doc__, rounds=70)
    bench, tally = Bench(options.program, LONGER, OPTIONS), Tally("chaos")
    for number in range(options.rounds):
        attack(bench, tally, number, options.seed)
    tally.finish()


if __name__ == "__main__":
    main()
