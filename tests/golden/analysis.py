"""Golden values of the analysis of features: python3 analysis.py > analysis.json

PCA, confusion matrix and t-SNE's divergence and trustworthiness by scikit-learn, intervals by scipy, health (alignment,
uniformity, embedding standard deviation, effective rank) by its definitions in float64."""

import json

import numpy as np
from scipy import stats
from scipy.spatial.distance import squareform
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, _t_sne, trustworthiness
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score
from sklearn.neighbors import NearestNeighbors

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


def start(x, jitter):
    """Returns TSNE's own initialization from principal components; a little jitter leads to different results."""
    points = PCA(2, svd_solver="full").fit_transform(x.astype(np.float64))
    points *= 1 + jitter * random.normal(size=points.shape)
    return (points / points[:, 0].std() * 1e-4).astype(np.float32)


def first_steps(x, perplexity, steps):
    """Returns the first steps of TSNE, exact and without early stopping, before rounding errors have grown."""
    neighbors = NearestNeighbors(n_neighbors=int(3 * perplexity + 1)).fit(x)
    distances = neighbors.kneighbors_graph(mode="distance")
    distances.data **= 2
    p = squareform(_t_sne._joint_probabilities_nn(distances, perplexity, 0).toarray(), checks=False)
    points, _, _ = _t_sne._gradient_descent(
        _t_sne._kl_divergence, start(x, 0).ravel().astype(np.float64), it=0, max_iter=steps, n_iter_check=steps,
        momentum=0.5, learning_rate=50.0, min_grad_norm=0.0, args=[12.0 * p, 1.0, len(x), 2],
    )
    return {"perplexity": perplexity, "steps": steps, "points": points.tolist()}


def tsne():
    labels = np.repeat(np.arange(6), 25)
    x = (2.5 * random.normal(size=(6, 10))[labels] + random.normal(size=(150, 10))).astype(np.float32)
    runs = []
    for perplexity in [5.0, 15.0, 30.0]:
        divergences, trust = [], []
        for _ in range(7):
            model = TSNE(perplexity=perplexity, init=start(x, 1e-3), learning_rate="auto")
            points = model.fit_transform(x)
            divergences.append(float(model.kl_divergence_))
            trust.append(float(trustworthiness(x, points, n_neighbors=10)))
        runs.append({
            "perplexity": perplexity, "divergences": divergences, "trustworthiness": float(np.median(trust)),
            "points": points.flatten().tolist(),
        })
    return {
        "rows": 150, "width": 10, "features": x.flatten().tolist(), "runs": runs,
        "first_steps": [first_steps(x, 15.0, 3), first_steps(x, 15.0, 6)],
    }


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
