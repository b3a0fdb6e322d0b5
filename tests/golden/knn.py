"""Golden kNN predictions by the definition of Wu et al. 2018, in float64: python3 knn.py > knn.json"""

import json

import torch

torch.manual_seed(4)


def case(train_rows, test_rows, width, classes, k, temperature):
    centers = torch.randn(classes, width)
    labels, test_labels = torch.randint(0, classes, (train_rows,)), torch.randint(0, classes, (test_rows,))
    train = (centers[labels] + 1.5 * torch.randn(train_rows, width)).float()
    test = (centers[test_labels] + 1.5 * torch.randn(test_rows, width)).float()
    unit = lambda x: torch.nn.functional.normalize(x.double(), dim=1)
    similarity, index = (unit(test) @ unit(train).T).topk(min(k, train_rows), dim=1)
    votes = torch.nn.functional.one_hot(labels[index], classes) * (similarity / temperature).exp()[:, :, None]
    scores = votes.sum(1)
    scores = scores / scores.sum(1, keepdim=True)
    return {
        "train_rows": train_rows, "test_rows": test_rows, "width": width, "classes": classes,
        "knn": {"k": k, "temperature": temperature},
        "train": train.flatten().tolist(), "labels": labels.tolist(), "test": test.flatten().tolist(),
        "predictions": scores.argmax(1).tolist(), "scores": scores.flatten().tolist(),
    }


print(json.dumps([
    case(60, 25, 8, 4, 1, 0.1),
    case(60, 25, 8, 4, 20, 0.1),
    case(90, 70, 5, 3, 7, 0.5),
    case(10, 5, 3, 2, 200, 0.07),
]))
