"""Compares every exact linear evaluation of a finished study with scikit-learn on the same features and labeled images.

    python3 benches/linear_eval/compare.py outputs [--tol 1e-7] [--max-labels 1000]

Prints for each evaluation: the maximum relative difference of the minimized loss over the regularization path
(positive if ours is larger), the chosen C, the test accuracy, and the number of test images that are classified
differently by the saved classifier on the saved features and by scikit-learn, which chooses C by the same rule; then
the seconds that scikit-learn needs for the path (each fit warm-started from the previous one). Needs NumPy and
scikit-learn.
"""

import argparse
import csv
import json
import pathlib
import struct
import time

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler


def tensors(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    header.pop("__metadata__", None)
    start = 8 + size
    return {
        name: np.frombuffer(raw[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]], np.float32).reshape(entry["shape"])
        for name, entry in header.items()
    }


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def fits(x, y, grid, tol):
    """Returns the solution for each C, each warm-started from the previous one, and the total seconds."""
    model = LogisticRegression(tol=tol, max_iter=100_000, warm_start=True)
    solutions, seconds = [], 0.0
    for c in grid:
        model.set_params(C=c)
        start = time.perf_counter()
        model.fit(x, y)
        seconds += time.perf_counter() - start
        weights, biases = model.coef_.T, model.intercept_
        if len(biases) == 1:
            weights, biases = np.hstack([-weights, weights]) / 2, np.hstack([-biases, biases]) / 2
        solutions.append((weights, biases))
    return solutions, seconds


def compare(store, artifact, tol, max_labels):
    key = json.loads((artifact / "key.json").read_text())
    parameters, inputs = key["parameters"], key["inputs"]
    training = parameters["training"].get("lbfgs")
    if training is None or json.loads((artifact / "metrics.json").read_text())["labeled"] > max_labels:
        return None
    dataset = json.loads((store / "dataset" / inputs["dataset"] / "index.json").read_text())
    split = json.loads((store / "split" / inputs["split"] / "split.json").read_text())
    features = tensors(store / "features" / inputs["features"] / "features.safetensors")[f"depth{parameters['depth']}"]
    labeled_rows = rows(artifact / "labeled.csv")
    labeled = np.array([int(row["row"]) for row in labeled_rows])
    names = list(dataset["classes"])
    y = np.array([names.index(row["class"]) for row in labeled_rows])
    labels = np.array(dataset["labels"])
    chosen_on, test = np.array(split[training["select_on"]], int), np.array(split["test"], int)
    path = rows(artifact / "regularization.csv")
    scaler = StandardScaler(with_std=parameters["standardize"]).fit(features[labeled].astype(np.float64))
    scaled = scaler.transform(features.astype(np.float64))
    x = scaled[labeled]
    solutions, seconds = fits(x, y, [float(point["c"]) for point in path], tol)
    worst, best = 0.0, None
    for point, (weights, biases) in zip(path, solutions):
        c = float(point["c"])
        objective = -log_softmax(x @ weights + biases, 1)[np.arange(len(y)), y].mean() + (weights**2).sum() / (2 * c * len(y))
        difference = float(point["objective"]) / objective - 1
        worst = max(worst, difference, key=abs)
        if len(chosen_on):
            scores = log_softmax(scaled[chosen_on] @ weights + biases, 1)
            accuracy = (scores.argmax(1) == labels[chosen_on]).mean()
            rank = (accuracy, scores[np.arange(len(chosen_on)), labels[chosen_on]].mean(), -c)
        else:
            rank = (0, 0, 0)
        if best is None or rank > best[0]:
            best = (rank, c, weights, biases)
    _, c, weights, biases = best
    classifier = tensors(artifact / "classifier.safetensors")
    ours = (features[test] @ classifier["weight"] + classifier["bias"]).argmax(1)
    theirs = (scaled[test] @ weights + biases).argmax(1)
    metrics = json.loads((artifact / "metrics.json").read_text())
    return {
        "depth": parameters["depth"],
        "labels": len(y),
        "loss": worst,
        "c": (metrics["c"], c),
        "accuracy": (metrics["accuracy"], (ours == labels[test]).mean(), (theirs == labels[test]).mean()),
        "different": int((ours != theirs).sum()),
        "tests": len(test),
        "seconds": seconds,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("outputs", type=pathlib.Path)
    parser.add_argument("--tol", type=float, default=1e-7, help="scikit-learn's tolerance (maximum entry of the gradient)")
    parser.add_argument("--max-labels", type=int, default=10**9, help="skip evaluations with more labeled images")
    arguments = parser.parse_args()
    store = arguments.outputs / "store-v1"
    print("features  depth  labels  loss, relative   C ours / theirs    accuracy reported / ours / theirs  different    s")
    for artifact in sorted((store / "linear_eval").iterdir()):
        if not (artifact / "manifest.json").exists():
            continue
        result = compare(store, artifact, arguments.tol, arguments.max_labels)
        if result is None:
            continue
        features = json.loads((artifact / "key.json").read_text())["inputs"]["features"][:8]
        reported, ours, theirs = result["accuracy"]
        print(
            f"{features}  {result['depth']:5}  {result['labels']:6}  {result['loss']:+14.1e}   {result['c'][0]:7g} / {result['c'][1]:7g}"
            f"    {reported:.4f} / {ours:.4f} / {theirs:.4f}        {result['different']:4} of {result['tests']}  {result['seconds']:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
