"""Golden parameters after several steps of each optimizer, in float64: python3 optim.py > optim.json

SGD, Adam and AdamW are torch.optim's, with weight decay only on the weights or, with decay = "all", on every parameter,
which is torch's default. LARS follows the reference implementation of SimCLR (lars_optimizer.py, classic momentum)."""

import json

import torch

torch.manual_seed(3)

ROLES = ["weight", "bias", "weight", "norm_scale", "norm_shift", "weight"]
LENGTHS = [12, 4, 20, 5, 5, 3]
STEPS = 5
RATES = [0.1, 0.05, 0.2, 0.0, 0.01]


def sample(scale):
    return [(scale * torch.randn(length)).float().double() for length in LENGTHS]


start = sample(1.0)
start[5].zero_()  # a weight of norm 0: its trust ratio is 1
gradients = [sample(0.3) for _ in range(STEPS)]
gradients[2][2].zero_()  # a gradient of norm 0


def run_torch(make, decay, factor, everything=False):
    parameters = [torch.nn.Parameter(values.clone()) for values in start]
    weights = [p for p, role in zip(parameters, ROLES) if everything or role == "weight"]
    others = [p for p, role in zip(parameters, ROLES) if not everything and role != "weight"]
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = make([group for group in groups if group["params"]])
    for step in range(STEPS):
        for parameter, gradient in zip(parameters, gradients[step]):
            parameter.grad = gradient.clone()
        for group in optimizer.param_groups:
            group["lr"] = factor * RATES[step]
        optimizer.step()
    return [p.detach().tolist() for p in parameters]


def run_lars(momentum, decay, trust, factor, everything=False):
    values = [v.clone() for v in start]
    velocity = [torch.zeros_like(v) for v in start]
    for step in range(STEPS):
        for i, role in enumerate(ROLES):
            gradient, ratio = gradients[step][i].clone(), 1.0
            if everything or role == "weight":
                gradient += decay * values[i]
                w, g = values[i].norm().item(), gradient.norm().item()
                ratio = trust * w / g if w > 0 and g > 0 else 1.0
            velocity[i] = momentum * velocity[i] + ratio * factor * RATES[step] * gradient
            values[i] = values[i] - velocity[i]
    return [v.tolist() for v in values]


def case(kind, settings, factor, after):
    return {"optimizer": {kind: {"learning_rate": 0.1, **settings}}, "factor": factor, "after": after}


cases = []
for momentum, nesterov, decay in [(0.0, False, 0.0), (0.0, False, 0.1), (0.9, False, 0.01), (0.9, True, 0.01)]:
    after = run_torch(lambda g: torch.optim.SGD(g, lr=0.1, momentum=momentum, nesterov=nesterov), decay, 1.0)
    settings = {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
    cases.append(case("sgd", settings, 1.0, after))
for betas, epsilon, decay in [((0.9, 0.999), 1e-8, 0.0), ((0.8, 0.95), 1e-3, 0.1)]:
    settings = {"betas": betas, "epsilon": epsilon, "weight_decay": decay}
    for kind, rule in [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]:
        after = run_torch(lambda g: rule(g, lr=0.1, betas=betas, eps=epsilon), decay, 0.1)
        cases.append(case(kind, settings, 0.1, after))
for momentum, decay, trust in [(0.9, 1e-6, 1e-3), (0.9, 0.1, 0.02), (0.0, 0.0, 1.0)]:
    settings = {"momentum": momentum, "weight_decay": decay, "trust": trust}
    cases.append(case("lars", settings, 3.0, run_lars(momentum, decay, trust, 3.0)))

# Every parameter decays.
settings = {"momentum": 0.9, "nesterov": False, "weight_decay": 0.1, "decay": "all"}
after = run_torch(lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.9), 0.1, 1.0, everything=True)
cases.append(case("sgd", settings, 1.0, after))
settings = {"betas": (0.8, 0.95), "epsilon": 1e-3, "weight_decay": 0.1, "decay": "all"}
for kind, rule in [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]:
    after = run_torch(lambda g: rule(g, lr=0.1, betas=(0.8, 0.95), eps=1e-3), 0.1, 0.1, everything=True)
    cases.append(case(kind, settings, 0.1, after))
settings = {"momentum": 0.9, "weight_decay": 0.1, "trust": 0.02, "decay": "all"}
cases.append(case("lars", settings, 3.0, run_lars(0.9, 0.1, 0.02, 3.0, everything=True)))

clips = []
for max_norm in [0.5, 2.0, 100.0]:
    parameters = [torch.nn.Parameter(values.clone()) for values in start]
    for parameter, gradient in zip(parameters, gradients[0]):
        parameter.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm).item()
    clips.append({"most": max_norm, "norm": norm, "after": [p.grad.tolist() for p in parameters]})

print(json.dumps({
    "roles": ROLES,
    "rates": RATES,
    "start": [v.tolist() for v in start],
    "gradients": [[g.tolist() for g in step] for step in gradients],
    "cases": cases,
    "clips": clips,
}))
