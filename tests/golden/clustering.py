"""Golden values of clusterings by scikit-learn and scipy: python3 clustering.py > clustering.json"""

import json

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

random = np.random.default_rng(7)


def agreement(name, labels, clusters):
    labels, clusters = np.asarray(labels), np.asarray(clusters)
    table = contingency_matrix(labels, clusters)
    matched = table[linear_sum_assignment(-table)].sum()
    return {
        "name": name, "labels": labels.tolist(), "clusters": clusters.tolist(),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "adjusted_rand": float(adjusted_rand_score(labels, clusters)),
        "purity": table.max(axis=0).sum() / len(labels), "clustering_accuracy": matched / len(labels),
    }


def agreements():
    labels = random.integers(0, 5, 200)
    noisy = np.where(random.random(200) < 0.3, random.integers(0, 5, 200), (labels + 2) % 5)
    yield agreement("random", labels, random.integers(0, 5, 200))
    yield agreement("noisy", labels, noisy)
    yield agreement("more clusters", labels, 3 * noisy + random.integers(0, 3, 200))
    yield agreement("fewer clusters", labels, noisy // 2)
    yield agreement("missing numbers", labels * 7, noisy * 11 + 4)
    yield agreement("renamed", labels, (labels + 3) % 5)
    yield agreement("one cluster", labels, np.zeros(200, int))
    yield agreement("one class and one cluster", np.zeros(9, int), np.ones(9, int))
    yield agreement("each its own", labels[:12], np.arange(12))
    yield agreement("worse than chance", [0, 0, 1, 1], [0, 1, 0, 1])
    yield agreement("one image", [0], [3])


def kmeans(rows, width, clusters, noise):
    centers = random.normal(size=(clusters, width))
    points = (centers[random.integers(0, clusters, rows)] + noise * random.normal(size=(rows, width)) + 2).astype(np.float32)
    start = random.permutation(rows)[:clusters]
    x = points.astype(np.float64)
    model = KMeans(clusters, init=x[start], n_init=1, tol=0, max_iter=300, algorithm="lloyd").fit(x)
    best = KMeans(clusters, n_init=20, tol=0, random_state=0).fit(x)
    return {
        "rows": rows, "width": width, "points": points.flatten().tolist(), "start": start.tolist(),
        "clusters": model.labels_.tolist(), "inertia": model.inertia_, "best_inertia": best.inertia_,
    }


print(json.dumps({
    "agreement": list(agreements()),
    "kmeans": [kmeans(150, 6, 5, 0.5), kmeans(200, 3, 4, 1.0), kmeans(70, 10, 2, 0.3), kmeans(33, 2, 8, 0.4)],
}))
