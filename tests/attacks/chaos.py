"""Kills and stops runs at random times, two beside each other in one output directory; the next run must end in the bytes
of a run that nothing happened to."""

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
    # Files, not pipes: nobody reads while the runs are stopped.
    errors = open(bench.directory / "errors", "a+", encoding="utf-8", errors="replace")
    process = subprocess.Popen(bench.command(output), stdout=subprocess.DEVNULL, stderr=errors)
    errors.close()
    return process


def pause(process, rng):
    """Ctrl-Z; sometimes it goes on before it is killed."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(rng.random() * 0.5)
    if rng.random() < 0.5:
        process.send_signal(signal.SIGCONT)
        time.sleep(rng.random() * 0.2)


def disturb(bench, output, rng, tally):
    """One or two runs at once, and what becomes of them. Returns the exit codes of those that were left alone."""
    processes = [start(bench, output)]
    if rng.random() < 0.8:
        time.sleep(rng.random() * 0.3)
        processes.append(start(bench, output))
    time.sleep(rng.random() * bench.seconds * 0.9)
    is_stopped = rng.random() < 0.4 and processes[0].poll() is None
    if is_stopped:
        tally.count("stopped")
        pause(processes[0], rng)
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
                    tally.flaw(f"round {number}", f"a run beside a killed one ends with {code}")
    except subprocess.TimeoutExpired:
        tally.flaw(f"round {number}", "a run beside a killed one hangs")
    if "panicked" in (bench.directory / "errors").read_text(errors="replace"):
        tally.flaw(f"round {number}", "a run panicked")
    for flaw in bench.flaws_after(output):
        tally.flaw(f"round {number}", flaw)
    status = run([str(bench.program), "status", "--output", str(output)], 60)
    if status.returncode != 0:
        tally.flaw(f"round {number}", f"status ends with {status.returncode}")
    tally.count("rounds")


def main():
    options = arguments(__doc__, rounds=70)
    bench, tally = Bench(options.program, LONGER, OPTIONS), Tally("chaos")
    for number in range(options.rounds):
        attack(bench, tally, number, options.seed)
    tally.finish()


if __name__ == "__main__":
    main()
