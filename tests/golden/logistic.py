"""Golden values of multinomial logistic regression by scikit-learn: python3 logistic.py > logistic.json

Each problem is solved for several C: loss, weights and biases at the minimum, found by L-BFGS from zero or by Newton's
method with a gradient norm below 1e-8 (of the loss as scikit-learn scales it), and loss and gradient at another point.
"""

import json

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

random = np.random.default_rng(1)


def clusters(rows, width, classes, distance):
    labels = np.arange(rows) % classes
    centers = random.normal(size=(classes, width))
    return (distance * centers[labels] + random.normal(size=(rows, width))).astype(np.float32), labels


def loss_and_gradient(x, y, c, weights, biases):
    """Returns (C * sum of cross-entropies + squared norm of the weights / 2) / (C * rows), and its gradient."""
    rows = len(x)
    scores = x @ weights + biases
    loss = -log_softmax(scores, axis=1)[np.arange(rows), y].mean() + (weights**2).sum() / (2 * c * rows)
    error = softmax(scores, axis=1)
    error[np.arange(rows), y] -= 1
    return loss, x.T @ error / rows + weights / (c * rows), error.mean(axis=0)


def solve(x, y, c):
    model = LogisticRegression(C=c, tol=1e-10, max_iter=100_000).fit(x, y)
    polished = LogisticRegression(C=c, tol=1e-13, max_iter=1000, solver="newton-cholesky").fit(x, y)
    for candidate in (polished, model):
        weights, biases = candidate.coef_.T, candidate.intercept_
        if len(biases) == 1:  # for two classes, scikit-learn has only one set of weights
            raise ValueError("use at least three classes")
        loss, *gradient = loss_and_gradient(x, y, c, weights, biases)
        norm = np.sqrt(sum((part**2).sum() for part in gradient))
        if norm < 1e-8:
            break
    assert norm < 1e-8, (c, norm)
    # The biases are unique up to a constant: both sides shift their mean over classes to 0.
    return {
        "c": c,
        "objective": loss,
        "weights": weights.flatten().tolist(),
        "biases": (biases - biases.mean()).tolist(),
        "accuracy": float((np.argmax(x @ weights + biases, axis=1) == y).mean()),
    }


def problem(name, features, labels, grid):
    x = StandardScaler().fit_transform(features.astype(np.float64))
    classes = int(labels.max()) + 1
    weights, biases = 0.3 * random.normal(size=(x.shape[1], classes)), random.normal(size=classes)
    loss, weight_gradient, bias_gradient = loss_and_gradient(x, labels, grid[0], weights, biases)
    return {
        "name": name,
        "rows": len(x),
        "width": x.shape[1],
        "classes": classes,
        "features": features.flatten().tolist(),
        "labels": labels.tolist(),
        "elsewhere": {
            "c": grid[0],
            "weights": weights.flatten().tolist(),
            "biases": biases.tolist(),
            "objective": loss,
            "weight_gradient": weight_gradient.flatten().tolist(),
            "bias_gradient": bias_gradient.tolist(),
        },
        "solutions": [solve(x, labels, c) for c in grid],
    }


def ill_conditioned():
    """Columns that are nearly combinations of each other: singular values from 1 down to 1e-4, and unequal scales."""
    features, labels = clusters(120, 16, 3, 0.4)
    left, _, right = np.linalg.svd(features, full_matrices=False)
    features = (left * np.logspace(0, -4, 16)) @ right * np.logspace(-2, 2, 16) + 5
    return features.astype(np.float32), labels


print(
    json.dumps(
        {
            "problems": [
                problem("three classes", *clusters(150, 8, 3, 0.6), [1e-3, 0.1, 1.0, 100.0]),
                problem("ten classes", *clusters(200, 12, 10, 0.7), [1e-4, 1e-2, 1.0, 30.0]),
                problem("few labels, many features", *clusters(24, 40, 4, 0.5), [1e-4, 1e-2, 1.0, 100.0]),
                problem("ill-conditioned", *ill_conditioned(), [1e-3, 1.0, 100.0]),
            ]
        }
    )
)
