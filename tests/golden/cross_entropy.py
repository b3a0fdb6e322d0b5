"""Golden values of the cross-entropy and its gradient, in float64: python3 cross_entropy.py > cross_entropy.json"""

import json

import torch

torch.manual_seed(2)


def case(rows, classes, scale, weights=None):
    logits = (scale * torch.randn(rows, classes)).float().double().requires_grad_()
    labels = torch.randint(0, classes, (rows,))
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    loss = torch.nn.CrossEntropyLoss(weight=weight)(logits, labels)
    loss.backward()
    return {
        "rows": rows,
        "classes": classes,
        "logits": logits.detach().flatten().tolist(),
        "labels": labels.tolist(),
        "class_weights": weights,
        "loss": loss.item(),
        "accuracy": (logits.argmax(1) == labels).double().mean().item(),
        "gradient": logits.grad.flatten().tolist(),
    }


cases = [case(1, 2, 1.0), case(7, 3, 1.0), case(64, 10, 3.0), case(16, 5, 500.0)]
cases += [case(1, 2, 1.0, [0.25, 4.0]), case(7, 3, 1.0, [0.5, 1.0, 7.0]), case(64, 10, 3.0, [0.1 * i + 0.1 for i in range(10)])]
print(json.dumps(cases))
