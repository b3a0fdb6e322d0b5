"""Golden values of NT-Xent and its gradient, in float64: python3 nt_xent.py > nt_xent.json"""

import json

import torch

torch.manual_seed(1)


def nt_xent(z, temperature, similarity):
    rows = len(z)
    u = torch.nn.functional.normalize(z, dim=1) if similarity == "cosine" else z
    scores = u @ u.T / temperature
    scores = scores.masked_fill(torch.eye(rows, dtype=torch.bool), float("-inf"))
    pairs = (torch.arange(rows) + rows // 2) % rows
    accuracy = (scores.argmax(1) == pairs).double().mean().item()
    return torch.nn.functional.cross_entropy(scores, pairs), accuracy


def case(z, temperature, similarity):
    z = z.double().requires_grad_()
    loss, accuracy = nt_xent(z, temperature, similarity)
    loss.backward()
    return {
        "rows": z.shape[0],
        "width": z.shape[1],
        "temperature": temperature,
        "similarity": similarity,
        "z": z.detach().flatten().tolist(),
        "loss": loss.item(),
        "accuracy": accuracy,
        "gradient": z.grad.flatten().tolist(),
    }


def views(images, width, noise):
    # Rounded to float32, so that both sides start from the same values.
    centers = torch.randn(images, width)
    return torch.cat([centers + noise * torch.randn(images, width) for _ in range(2)]).float()


cases = []
for images, width in [(1, 3), (2, 2), (5, 7), (20, 12)]:
    for temperature in [0.05, 0.1, 0.5, 1.0]:
        cases.append(case(views(images, width, 0.5), temperature, "cosine"))
    for temperature in [0.5, 1.0, 10.0]:
        cases.append(case(views(images, width, 0.5), temperature, "dot"))
# Dot products of several thousand with small differences, of multiples of 1/4, so that they are exact in float32.
base = torch.randint(-80, 81, (16,)) / 4
large = base + torch.randint(-2, 3, (24, 16)) / 4
for temperature in [1.0, 4.0, 64.0]:
    cases.append(case(large, temperature, "dot"))
print(json.dumps(cases))
