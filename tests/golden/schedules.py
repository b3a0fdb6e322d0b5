"""Golden learning rates by torch.optim.lr_scheduler: python3 schedules.py > schedules.json

Warm-up as in the reference implementation: peak * step / warm-up steps."""

import json

import torch
from torch.optim import lr_scheduler

PEAK = 0.3


def rates(make, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def warmed(make, warmup):
    def build(optimizer):
        first = lr_scheduler.LambdaLR(optimizer, lambda step: min(step / warmup, 1.0) if warmup else 1.0)
        if warmup == 0:
            return make(optimizer)
        return lr_scheduler.SequentialLR(optimizer, [first, make(optimizer)], [warmup])

    return build


def constant(optimizer):
    return lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)


def cosine(length):
    return lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, length)


def steps(milestones, factor):
    return lambda optimizer: lr_scheduler.MultiStepLR(optimizer, milestones, factor)


def case(schedule, steps_per_epoch, epochs, expected):
    return {
        "schedule": schedule, "peak": PEAK, "steps_per_epoch": steps_per_epoch, "epochs": epochs, "rates": expected,
    }


cases = [
    case({"constant": {}}, 5, 4, rates(constant, 20)),
    case({"constant": {"warmup_epochs": 2.0}}, 5, 4, rates(warmed(constant, 10), 20)),
    case({"cosine": {}}, 7, 6, rates(cosine(42), 42)),
    case({"cosine": {"warmup_epochs": 1.5}}, 10, 5, rates(warmed(cosine(35), 15), 50)),
    # As in the W&B report: fewer cosine steps than training steps, then 0 (torch's schedule would rise again).
    case({"cosine": {"steps": 100}}, 19, 8, rates(cosine(100), 100) + [0.0] * 52),
    case({"step": {"milestones": [2.0, 4.0]}}, 3, 6, rates(steps([6, 12], 0.1), 18)),
    case({"step": {"milestones": [2.0, 3.0], "factor": 0.5, "warmup_epochs": 1.0}}, 4, 5,
         rates(warmed(steps([4, 8], 0.5), 4), 20)),
]
print(json.dumps(cases))
