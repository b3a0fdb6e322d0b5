"""Views/s of a SimCLR training step in PyTorch, to compare with `simclr doctor --time`: forward pass, NT-Xent, backward
pass, SGD with momentum; channels-last. Prints JSON.

    python3 benches/gpu/step.py --device cuda:0
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

WARM_UP, STEPS, MAX_SECONDS = 3, 30, 10.0
HEAD = (512, 128)
TEMPERATURE = 0.1


def conv_bn(inputs, outputs, kernel, stride):
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


class Block(nn.Module):
    """torchvision's BasicBlock or Bottleneck (ResNet v1.5: stride in the 3x3 convolution)."""

    def __init__(self, inputs, channels, stride, bottleneck):
        super().__init__()
        self.outputs = channels * (4 if bottleneck else 1)
        if bottleneck:
            shapes = [(inputs, channels, 1, 1), (channels, channels, 3, stride), (channels, self.outputs, 1, 1)]
        else:
            shapes = [(inputs, channels, 3, stride), (channels, channels, 3, 1)]
        layers = []
        for shape in shapes:
            layers += [*conv_bn(*shape), nn.ReLU(inplace=True)]
        self.residual = nn.Sequential(*layers[:-1])
        projects = stride != 1 or inputs != self.outputs
        self.shortcut = nn.Sequential(*conv_bn(inputs, self.outputs, 1, stride)) if projects else nn.Identity()

    def forward(self, x):
        return F.relu(self.residual(x) + self.shortcut(x), inplace=True)


def network(depths, bottleneck, cifar):
    stem = conv_bn(3, 64, 3, 1) if cifar else conv_bn(3, 64, 7, 2)
    layers = [*stem, nn.ReLU(inplace=True)]
    if not cifar:
        layers.append(nn.MaxPool2d(3, 2, 1))
    inputs = 64
    for stage, depth in enumerate(depths):
        for block in range(depth):
            layers.append(Block(inputs, 64 * 2**stage, 2 if stage > 0 and block == 0 else 1, bottleneck))
            inputs = layers[-1].outputs
    head = [nn.Linear(inputs, HEAD[0]), nn.ReLU(inplace=True), nn.Linear(*HEAD)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)


SETTINGS = [
    ("ResNet-18, CIFAR stem, 32 px", lambda: network((2, 2, 2, 2), False, True), 32, 1024),
    ("ResNet-50, 224 px", lambda: network((3, 4, 6, 3), True, False), 224, 256),
]


def nt_xent(z):
    """Mean over all rows; rows i and i + n are the two views of an image."""
    z = F.normalize(z.float(), dim=1)
    similarities = z @ z.T / TEMPERATURE
    similarities.fill_diagonal_(float("-inf"))
    rows = torch.arange(len(z), device=z.device)
    return F.cross_entropy(similarities, (rows + len(z) // 2) % len(z))


def median_step(build, side, views, device, precision):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    model = build().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    images = torch.rand(views, 3, side, side).to(device, memory_format=torch.channels_last)
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None

    def step():
        synchronize()
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            z = model(images)
        loss = nt_xent(z)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        synchronize()
        return time.perf_counter() - start

    for _ in range(WARM_UP):
        step()
    seconds, start = [], time.perf_counter()
    while len(seconds) < STEPS and (not seconds or time.perf_counter() - start < MAX_SECONDS):
        seconds.append(step())
    return statistics.median(seconds)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--device", default="cuda:0")
    arguments.add_argument("--precision", action="append", choices=["f32", "tf32", "bf16"])
    arguments.add_argument("--views", type=int)
    arguments = arguments.parse_args()
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    timings = []
    for precision in arguments.precision or ["f32", "tf32", "bf16"]:
        for name, build, side, views in SETTINGS:
            views = arguments.views or views
            if device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats(device)
            seconds = median_step(build, side, views, device, precision)
            memory = torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None
            timings.append({"setting": name, "precision": precision, "views": views,
                            "views_per_second": views / seconds, "memory": memory})
    print(json.dumps({"version": torch.__version__, "timings": timings}))


if __name__ == "__main__":
    main()
