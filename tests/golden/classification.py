"""Golden values of classification metrics by scikit-learn: python3 classification.py > classification.json"""

import json
import warnings

import numpy as np
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, recall_score, top_k_accuracy_score

warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
random = np.random.default_rng(11)


def case(name, classes, labels, signal):
    labels = np.asarray(labels)
    scores = random.normal(size=(len(labels), classes)).astype(np.float32)
    scores[np.arange(len(labels)), labels] += np.float32(signal)
    predictions = scores.argmax(1)
    present = np.unique(labels)
    recalls = recall_score(labels, predictions, labels=present, average=None)
    return {
        "name": name, "classes": classes, "labels": labels.tolist(), "scores": scores.flatten().tolist(),
        "counts": confusion_matrix(labels, predictions, labels=np.arange(classes)).flatten().tolist(),
        "balanced_accuracy": balanced_accuracy_score(labels, predictions),
        "macro_f1": f1_score(labels, predictions, average="macro", zero_division=0),
        "present": present.tolist(), "recalls": recalls.tolist(),
        "majority_rate": float(np.bincount(labels).max() / len(labels)),
        "top5": top_k_accuracy_score(labels, scores, k=5, labels=np.arange(classes)) if classes > 5 else None,
    }


unbalanced = random.choice(4, size=120, p=[0.8, 0.1, 0.07, 0.03])
print(json.dumps([
    case("balanced", 4, np.arange(80) % 4, 1.0),
    case("unbalanced", 4, unbalanced, 1.0),
    case("a class without images", 5, np.arange(60) % 4, 0.5),
    case("one class", 3, np.zeros(20, int), 1.0),
    case("ten classes", 10, random.integers(0, 10, 200), 0.5),
    case("more classes than images", 30, random.integers(0, 30, 25), 1.0),
]))
