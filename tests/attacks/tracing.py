"""System calls of a run: counts them, and injects faults into the n-th of them."""

import re
from common import need

CALL = re.compile(r"^\d+\s+(\w+)\(")


def disturb(call, effect, number):
    """Returns the command prefix that disturbs the n-th such call of a program, in any of its threads."""
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    return [*trace, "-e", f"inject={call}:{effect}:when={number}"]


def calls(bench, names):
    """Returns, for each system call, the numbers of those made after the pipeline file was opened; the dynamic loader
    makes the earlier ones."""
    need("strace", "strace")
    log = bench.directory / "calls"
    traced = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(names)},openat"]
    bench.run(bench.fresh("traced"), before=traced)
    first, last, is_ours = {}, dict.fromkeys(names, 0), False
    for line in log.read_text(errors="replace").splitlines():
        call = CALL.match(line)
        is_ours = is_ours or bench.file.name in line
        if call and call[1] in last:
            last[call[1]] += 1
            if is_ours:
                first.setdefault(call[1], last[call[1]])
    return {name: range(first[name], last[name] + 1) for name in names if name in first}


def spread(numbers, max_count):
    """Returns up to `max_count` of the numbers, evenly spaced, including the first and the last."""
    if max_count >= len(numbers):
        return list(numbers)
    return sorted({numbers[round(i * (len(numbers) - 1) / max(1, max_count - 1))] for i in range(max_count)})


def shares(available, rounds):
    """Distributes the rounds as evenly as the number of available calls allows."""
    left, allotted = rounds, {}
    for index, name in enumerate(sorted(available, key=lambda name: available[name])):
        allotted[name] = min(available[name], left // (len(available) - index))
        left -= allotted[name]
    return allotted
