"""Golden values of pretraining steps with each variant of batch norm, computed with torch in float64: python views.py,
writes views.json beside it.

The tiny encoder with a head, NT-Xent over both views, three steps of SGD: output, losses, every gradient of the first
step, running statistics after the last, inference. "joint" calls the model once on the 2N views, "per_view" calls it
once on each view, as code that calls the model twice does. The head's batch norm is "none", "hidden" (between linear
layer and ReLU) or "all" (also after the last layer, there without a shift, as in google-research/simclr's model_util.py).

Weights, images and sketches are made, compared and chosen as in resnet.py.
"""
import json, pathlib
import torch, torchvision
from resnet import SEEDS, STEPS, error, initial, rounded, sketch, uniform, watch

BasicBlock = torchvision.models.resnet.BasicBlock
SIDE, IMAGES = 16, 8


class Layer(torch.nn.Linear):
    """A linear layer of the head, with either a bias or batch norm."""

    def __init__(self, inputs, outputs, norm, last):
        super().__init__(inputs, outputs, bias=not norm)
        self.norm, self.last = torch.nn.BatchNorm1d(outputs) if norm else None, last
        if norm and last:
            self.norm.register_parameter("bias", None)
        self.activation = torch.nn.Identity() if last else torch.nn.ReLU()

    def forward(self, x):
        x = super().forward(x)
        return self.activation(x if self.norm is None else self.norm(x))


class Network(torch.nn.Module):
    def __init__(self, case):
        super().__init__()
        self.conv1, self.bn1 = torch.nn.Conv2d(3, 32, 3, 2, 1, bias=False), torch.nn.BatchNorm2d(32)
        self.relu, self.maxpool, inputs = torch.nn.ReLU(), None, 32
        for i, (outputs, stride) in enumerate([(32, 2), (64, 1), (128, 2)]):
            shortcut = torch.nn.Sequential(torch.nn.Conv2d(inputs, outputs, 1, stride, bias=False), torch.nn.BatchNorm2d(outputs))
            self.add_module(f"layer{i + 1}", torch.nn.Sequential(BasicBlock(inputs, outputs, stride, shortcut)))
            inputs = outputs
        widths, count = [inputs] + case["head"], len(case["head"])
        normed = {"none": 0, "hidden": count - 1, "all": count}[case["head_norm"]]
        self.head = torch.nn.ModuleList(Layer(widths[i], widths[i + 1], i < normed, i + 1 == count) for i in range(count))
        for module in self.modules():
            if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
                module.momentum, module.eps = case["momentum"], case["epsilon"]
        for name, parameter in self.named_parameters():
            parameter.data = initial(name, parameter.shape, "bn2")

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x)))))).mean((2, 3))
        for layer in self.head:
            x = layer(x)
        return x


def nt_xent(z, temperature):
    u = torch.nn.functional.normalize(z)
    similarities = (u @ u.T / temperature).fill_diagonal_(float("-inf"))
    return torch.nn.functional.cross_entropy(similarities, torch.arange(len(z)).roll(len(z) // 2))


def views(seed, dtype):
    """Returns two views that differ in brightness and contrast, so that their statistics differ."""
    images = ((uniform(f"pictures{seed}", 2 * IMAGES * SIDE * SIDE * 3) + 1.0) / 2.0).reshape(2, IMAGES, SIDE, SIDE, 3)
    images[1] = 0.25 + 0.5 * images[1]
    return torch.from_numpy(images.reshape(2 * IMAGES, SIDE, SIDE, 3)).permute(0, 3, 1, 2).to(dtype)


def call(net, x, case):
    if case["batch_norm"] == "joint":
        return net(x)
    return torch.cat([net(x[:IMAGES]), net(x[IMAGES:])])


def margin(case, seed):
    net, margins = Network(case).double(), []
    watch(net, margins)
    with torch.no_grad():
        call(net, views(seed, torch.float64), case)
    return min(margins)


def train(case, seed, dtype):
    net, losses = Network(case).to(dtype), []
    x = views(seed, dtype)
    for step in range(STEPS):
        z = call(net, x, case)
        loss = nt_xent(z, case["temperature"])
        net.zero_grad(set_to_none=True)
        loss.backward()
        losses.append(float(loss.detach()))
        if step == 0:
            output = sketch("output", z)
            gradients = [sketch(name, p.grad) for name, p in net.named_parameters()]
        for p in net.parameters():
            p.data -= case["rate"] * p.grad
    statistics = [sketch(name, b) for name, b in net.named_buffers() if "running" in name]
    net.eval()
    with torch.no_grad():
        inference = sketch("inference", net(x))
    return {"losses": losses, "output": output, "gradients": gradients, "statistics": statistics, "inference": inference}


def case(batch_norm, head_norm, momentum=0.1, epsilon=1e-5):
    return {"batch_norm": batch_norm, "head_norm": head_norm, "momentum": momentum, "epsilon": epsilon,
            "head": [32, 24, 16], "temperature": 0.5, "rate": 0.05}


CASES = [
    case("joint", "hidden"), case("joint", "all"), case("per_view", "none"), case("per_view", "hidden"),
    case("per_view", "all", momentum=0.3, epsilon=1e-2),
]

if __name__ == "__main__":
    torch.set_num_threads(1)
    goldens = []
    for case in CASES:
        farthest, seed = max((margin(case, seed), seed) for seed in range(SEEDS))
        net = Network(case)
        counts = [sum(p.numel() for p in net.parameters()), sum(b.numel() for n, b in net.named_buffers() if "running" in n)]
        best = train(case, seed, torch.float64)
        f32 = error(best, train(case, seed, torch.float32))
        print(case["batch_norm"], case["head_norm"], "seed", seed, "margin", farthest, "torch f32", f32, flush=True)
        goldens.append(case | {"seed": seed, "margin": farthest, "trainable": counts[0], "not_trainable": counts[1],
                               "torch_f32": f32} | best)
    golden = {"made_with": f"torch {torch.__version__}, torchvision {torchvision.__version__}, float64", "cases": goldens}
    text = json.dumps(rounded(golden), separators=(",", ":")).replace("},{", "},\n{")
    pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
