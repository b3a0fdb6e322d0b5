"""System calls of a run: how often it makes each, and runs in which the n-th of them is disturbed."""

import re
from common import need

CALL = re.compile(r"^\d+\s+(\w+)\(")


def disturb(call, effect, number):
    """The command that disturbs the n-th such call of what follows it, in any of its threads."""
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
    return [*trace, "-e", f"inject={call}:{effect}:when={number}"]


def calls(bench, names):
    """For each system call the numbers of those made after the pipeline file was opened: the others are the loader's."""
    need("strace", "strace")
    log = bench.directory / "calls"
    traced = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(names)},openat"]
    bench.run(bench.fresh("traced"), before=traced)
    first, last, is_ours = {}, dict.fromkeys(names, 0), False
    for line in log.read_text(errors="replace").splitlines():
        made = CALL.match(line)
        is_ours = is_ours or bench.file.name in line
        if made and made[1] in last:
            last[made[1]] += 1
            if is_ours:
                first.setdefault(made[1], last[made[1]])
    return {name: range(first[name], last[name] + 1) for name in names if name in first}


def spread(numbers, most):
    """At most so many of the numbers, evenly spaced, the first and the last among them."""
    if most >= len(numbers):
        return list(numbers)
    return sorted({numbers[round(i * (len(numbers) - 1) / max(1, most - 1))] for i in range(most)})


def shares(available, rounds):
    """How many rounds each gets: as equal as can be where some have fewer to give."""
    left, given = rounds, {}
    for place, name in enumerate(sorted(available, key=lambda name: available[name])):
        given[name] = min(available[name], left // (len(available) - place))
        left -= given[name]
    return given
