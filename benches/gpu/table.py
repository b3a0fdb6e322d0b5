"""Prints the Markdown table of benches/gpu/run.sh from its results: `python3 benches/gpu/table.py DIRECTORY`."""

import json
import sys
from pathlib import Path


def read(path):
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return None


def best(rounds):
    """Maximum views/s and maximum memory by setting, precision and views."""
    results = {}
    for timing in (timing for round_ in rounds if round_ for timing in round_["timings"]):
        key = (timing["setting"], timing["precision"], timing["views"])
        speed, memory = results.get(key, (0.0, None))
        memories = [bytes_ for bytes_ in (memory, timing["memory"]) if bytes_ is not None]
        results[key] = (max(speed, timing["views_per_second"]), max(memories, default=None))
    return results


def gigabytes(count):
    return "" if count is None else f"{count / 1e9:.1f} GB"


def views(speed):
    return f"{speed:,.0f}" if speed >= 100 else f"{speed:.2f}"


def main():
    directory = Path(sys.argv[1])
    ours = [read(path) for path in sorted(directory.glob("doctor-*.json"))]
    pytorch = [read(path) for path in sorted(directory.glob("torch-*.json"))]
    first = next((result for result in ours if result), None)
    if first is None:
        sys.exit("doctor produced no results: see the logs in " + str(directory))
    device, checks = first["device"], first["checks"]
    all_checks = [check for result in ours if result for check in result["checks"]]
    failed = {(check["operation"], check["pass"], check["precision"]): check for check in all_checks if not check["ok"]}
    versions = ", ".join(f"{part} {version}" for part, version in device["parts"])
    print(f"# simclr {first['version']} on {device['model']}\n\n{device['name']}: {versions}\n")
    print(f"Checks: {len(checks)} per round, {len(failed)} over their tolerance.\n")
    if failed:
        print("| operation | pass | precision | error | tolerance |\n| --- | --- | --- | ---: | ---: |")
        for check in failed.values():
            print(f"| {check['operation']} | {check['pass']} | {check['precision']} "
                  f"| {'not finite' if check['error'] is None else check['error']} | {check['tolerance']} |")
        print()
    torch = next((f"PyTorch {result['version']}" for result in pytorch if result), "PyTorch (did not run)")
    theirs = best(pytorch)
    print(f"| training step | precision | views | simclr, views/s | {torch}, views/s | ratio | memory | PyTorch's |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for key, (speed, memory) in best(ours).items():
        setting, precision, rows = key
        peer, peer_memory = theirs.get(key, (None, None))
        ratio, peer = ("", "") if peer is None else (f"{speed / peer:.2f}", views(peer))
        print(f"| {setting} | {precision} | {rows} | {views(speed)} | {peer} | {ratio} "
              f"| {gigabytes(memory)} | {gigabytes(peer_memory)} |")


if __name__ == "__main__":
    main()
