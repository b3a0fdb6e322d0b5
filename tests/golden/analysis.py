"""Golden values of what is computed from features: python3 analysis.py > analysis.json

PCA, confusion and t-SNE's divergence and trustworthiness by scikit-learn, intervals by scipy, health by its
definitions in 64 bits."""

import json

import numpy as np
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

random = np.random.default_rng(5)


def pca(rows, width, count):
    spread = np.linspace(3.0, 0.2, width) ** 2
    x = (random.normal(size=(rows, width)) * spread @ np.linalg.qr(random.normal(size=(width, width)))[0] + 1.5)
    x = x.astype(np.float32)
    model = PCA(count, svd_solver="full")
    points = model.fit_transform(x.astype(np.float64))
    return {
        "rows": rows, "width": width, "count": count, "features": x.flatten().tolist(),
        "points": points.flatten().tolist(), "variance": model.explained_variance_.tolist(),
        "ratio": model.explained_variance_ratio_.tolist(),
    }


def tsne():
    labels = np.repeat(np.arange(6), 25)
    x = (2.5 * random.normal(size=(6, 10))[labels] + random.normal(size=(150, 10))).astype(np.float32)
    runs = []
    for perplexity in [5.0, 15.0, 30.0]:
        model = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=0)
        points = model.fit_transform(x)
        runs.append({
            "perplexity": perplexity, "divergence": float(model.kl_divergence_),
            "trustworthiness": float(trustworthiness(x, points, n_neighbors=10)), "points": points.flatten().tolist(),
        })
    return {"rows": 150, "width": 10, "features": x.flatten().tolist(), "labels": labels.tolist(), "runs": runs}


def health():
    first = random.normal(size=(30, 6)).astype(np.float32)
    second = (first + 0.3 * random.normal(size=(30, 6))).astype(np.float32)
    u, v = (x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True) for x in (first, second))

    def uniformity(x):
        squares = ((x[:, None] - x[None]) ** 2).sum(-1)[np.triu_indices(len(x), 1)]
        return np.log(np.exp(-2 * squares).mean())

    both = np.concatenate([u, v])
    singular = np.linalg.svd(both, compute_uv=False)
    p = singular / singular.sum()
    return {
        "rows": 30, "width": 6, "first": first.flatten().tolist(), "second": second.flatten().tolist(),
        "alignment": ((u - v) ** 2).sum(1).mean(), "uniformity": (uniformity(u) + uniformity(v)) / 2,
        "embedding_std": both.std(0).mean(), "effective_rank": float(np.exp(-(p * np.log(p)).sum())),
    }


def wilson(correct, total):
    interval = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
    return {"correct": correct, "total": total, "low": interval.low, "high": interval.high}


def mean(count):
    values = random.normal(0.6, 0.03, size=count)
    low, high = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    return {"values": values.tolist(), "mean": values.mean(), "half": (high - low) / 2}


def confusion():
    labels, predictions = random.integers(0, 4, size=80), random.integers(0, 4, size=80)
    return {
        "labels": labels.tolist(), "predictions": predictions.tolist(), "classes": 4,
        "counts": confusion_matrix(labels, predictions).flatten().tolist(),
        "accuracy": accuracy_score(labels, predictions), "recall": recall_score(labels, predictions, average=None).tolist(),
    }


print(json.dumps({
    "pca": [pca(20, 6, 3), pca(9, 40, 4), pca(30, 30, 2)],
    "tsne": tsne(),
    "health": health(),
    "wilson": [wilson(132, 250), wilson(0, 10), wilson(10, 10), wilson(1, 3), wilson(4999, 10000)],
    "mean": [mean(n) for n in [2, 3, 5, 31, 32, 60]],
    "confusion": confusion(),
}))
