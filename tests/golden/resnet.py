"""Golden values of ResNet encoders, computed with torchvision in float64: python resnet.py, writes resnet*.json beside
it.

Weights and images come from a formula that tests/golden_resnet.rs repeats, so only sketches of the results are kept:
of each array its L2 norm, products with fixed pseudorandom vectors, and sampled entries. A sketch is tested to a
relative error of 1e-4: differences are relative to the norm (products) or to the largest entry (samples).

If the input of a ReLU is within rounding of 0, or two entries of a pooling window are almost equal, the gradients in
f32 and f64 differ without an error. So the images are those of the seed, out of SEEDS, that stays farthest from such
kinks in the first step ("margin"). "torch_f32" is the maximum error of torch's own f32 by the same measure;
"torch_bf16" are its errors under bf16 autocast, to which the encoder's bf16 errors are compared.
"""
import json, math, pathlib, sys
import numpy as np, torch, torchvision

SEEDS, STEPS, PRODUCTS, SAMPLES = 100, 3, 3, 16
MASK = (1 << 64) - 1


def fnv(name):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def uniform(name, length):
    """Returns values in [-1, 1) with 24 bits, exact in f32: splitmix64 of (name, index)."""
    with np.errstate(over="ignore"):
        z = np.arange(1, length + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(fnv(name))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2.0**23 - 1.0


def initial(name, shape, last):
    """Returns weights of Kaiming scale, scales around 1 (1/4 in each block's last batch norm, which keeps deep gradients well
    conditioned), shifts and biases around 0; rounded to f32."""
    u = uniform(name, math.prod(shape)).reshape(shape)
    if len(shape) > 1:
        values = u * math.sqrt(6.0 / math.prod(shape[1:]))
    elif name.endswith(f"{last}.weight"):
        values = 0.25 + 0.0625 * u
    elif name.endswith("weight"):
        values = 1.0 + 0.25 * u
    else:
        values = 0.25 * u
    return torch.from_numpy(values.astype(np.float32))


def sketch(name, array):
    flat = array.detach().double().reshape(-1).numpy()
    indices = [(i * 7919 + fnv(name)) % len(flat) for i in range(SAMPLES)]
    return {
        "name": name,
        "shape": list(array.shape),
        "norm": float(np.linalg.norm(flat)),
        "largest": float(np.abs(flat).max()),
        "products": [float(flat @ uniform(f"product{i} {name}", len(flat))) for i in range(PRODUCTS)],
        "samples": [float(flat[p]) for p in indices],
    }


class KerasBottleneck(torchvision.models.resnet.Bottleneck):
    """A bottleneck with the stride in the first 1x1, as in Keras Applications."""

    def __init__(self, inplanes, planes, stride=1, downsample=None, *rest, **named):
        super().__init__(inplanes, planes, stride, downsample, *rest, **named)
        self.conv1.stride, self.conv2.stride = (stride, stride), (1, 1)


def build(case):
    if case["arch"] == "resnet18":
        net = torchvision.models.resnet18()
    elif case["flavour"] == "keras":
        net = torchvision.models.ResNet(KerasBottleneck, [3, 4, 6, 3])
    else:
        net = torchvision.models.resnet50()
    if case["stem"] == "cifar":
        net.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        net.maxpool = torch.nn.Identity()
    features, layers = net.fc.in_features, []
    for outputs in case["head"]:
        layers += [torch.nn.Linear(features, outputs), torch.nn.ReLU()]
        features = outputs
    net.fc = torch.nn.Sequential(*layers[:-1])
    if case["flavour"] == "keras":
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.bias = torch.nn.Parameter(torch.zeros(module.out_channels))
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eps, module.momentum = 1.001e-5, 0.01
    for name, parameter in net.named_parameters():
        parameter.data = initial(ours(name), parameter.shape, case["last_norm"])
    return net.train()


def ours(name):
    """Returns the name of a parameter in simclr: fc.0, fc.2, ... are head.0, head.1, ..."""
    if not name.startswith("fc."):
        return name
    _, index, part = name.split(".")
    return f"head.{int(index) // 2}.{part}"


def watch(net, margins):
    """Records the distance of each step to the nearest kink."""
    relu = torch.nn.functional.relu

    def watched(x, inplace=False):
        margins.append(float((x.detach().abs() / x.detach().std()).min()))
        return relu(x)

    def pooled(module, inputs, output):
        x = inputs[0].detach()
        windows = torch.nn.functional.unfold(x, 3, padding=1, stride=2).reshape(x.shape[0], x.shape[1], 9, -1)
        top = windows.topk(2, dim=2).values
        gap = (top[:, :, 0] - top[:, :, 1])[top[:, :, 0] > 0]
        margins.append(float((gap / x.std()).min()))

    for module in net.modules():
        if isinstance(module, torch.nn.ReLU):
            module.forward = watched
    if isinstance(net.maxpool, torch.nn.MaxPool2d):
        net.maxpool.register_forward_hook(pooled)


def batch(case, seed, dtype):
    rows, side = case["rows"], case["side"]
    images = (uniform(f"pictures{seed}", rows * side * side * 3) + 1.0) / 2.0
    return torch.from_numpy(images.reshape(rows, side, side, 3)).permute(0, 3, 1, 2).to(dtype)


def margin(case, seed):
    """Returns the distance of the first step to the nearest kink, in standard deviations of the layer."""
    net, margins = build(case).double(), []
    watch(net, margins)
    with torch.no_grad():
        net(batch(case, seed, torch.float64))
    return min(margins)


def train(case, seed, dtype, autocast=False):
    """Takes three steps of plain SGD on the mean squared distance to fixed targets."""
    net, losses = build(case).to(dtype), []
    images = batch(case, seed, dtype)
    targets = torch.from_numpy(uniform("targets", case["rows"] * case["width"]).reshape(case["rows"], -1)).to(dtype)
    gradients = output = None
    for step in range(STEPS):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            z = net(images)
        loss = (z.to(dtype) - targets).square().mean()
        net.zero_grad(set_to_none=True)
        loss.backward()
        losses.append(float(loss.detach()))
        if step == 0:
            output = sketch("output", z)
            gradients = [sketch(ours(name), p.grad) for name, p in net.named_parameters()]
        for p in net.parameters():
            p.data -= case["rate"] * p.grad
    net.eval()
    with torch.no_grad():
        inference = sketch("inference", net(images))
    statistics = [sketch(name, b) for name, b in net.named_buffers() if "running" in name]
    return {"losses": losses, "output": output, "gradients": gradients, "statistics": statistics, "inference": inference}


def difference(a, b):
    """Returns the error of an array, as the test measures it."""
    return max([abs(a["norm"] - b["norm"]) / a["norm"]]
               + [abs(x - y) / a["norm"] for x, y in zip(a["products"], b["products"])]
               + [abs(x - y) / a["largest"] for x, y in zip(a["samples"], b["samples"])])


def error(golden, other):
    """Returns the maximum error of all arrays except biases before a batch norm, whose gradient is 0."""
    arrays = lambda result: [result["output"], result["inference"]] + result["gradients"] + result["statistics"]
    return max(difference(a, b) for a, b in zip(arrays(golden), arrays(other)) if a["norm"] > 1e-9)


def bf16_errors(golden, other):
    """Returns the error of the first output, and the mean over all gradients."""
    gradients = [difference(a, b) for a, b in zip(golden["gradients"], other["gradients"]) if a["norm"] > 1e-9]
    return {"output": difference(golden["output"], other["output"]), "gradients": sum(gradients) / len(gradients)}


CASES = [
    {"name": "resnet18", "arch": "resnet18", "last_norm": "bn2", "stem": "imagenet", "flavour": "torchvision",
     "side": 32, "rows": 8, "head": [32, 16], "rate": 0.005},
    {"name": "resnet18_cifar", "arch": "resnet18", "last_norm": "bn2", "stem": "cifar", "flavour": "torchvision",
     "side": 8, "rows": 8, "head": [], "rate": 0.005},
    {"name": "resnet50", "arch": "resnet50", "last_norm": "bn3", "stem": "imagenet", "flavour": "torchvision",
     "side": 32, "rows": 8, "head": [], "rate": 0.005},
    {"name": "resnet50_keras", "arch": "resnet50", "last_norm": "bn3", "stem": "imagenet", "flavour": "keras",
     "side": 32, "rows": 8, "head": [24], "rate": 0.005},
]


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else value


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in CASES:
        if sys.argv[1:] and case["name"] not in sys.argv[1:]:
            continue
        case["width"] = (case["head"] or [{"resnet18": 512, "resnet50": 2048}[case["arch"]]])[-1]
        net = build(case)
        counts = [sum(p.numel() for p in net.parameters()), sum(b.numel() for n, b in net.named_buffers() if "running" in n)]
        farthest, seed = max((margin(case, seed), seed) for seed in range(SEEDS))
        best = {"seed": seed, "margin": farthest} | train(case, seed, torch.float64)
        f32 = error(best, train(case, seed, torch.float32))
        bf16 = bf16_errors(best, train(case, seed, torch.float32, autocast=True))
        golden = case | {"made_with": f"torch {torch.__version__}, torchvision {torchvision.__version__}, float64",
                         "trainable": counts[0], "not_trainable": counts[1], "torch_f32": f32, "torch_bf16": bf16} | best
        path = pathlib.Path(__file__).with_name(case["name"] + ".json")
        path.write_text(json.dumps(rounded(golden), separators=(",", ":")).replace("},{", "},\n{") + "\n")
        print(case["name"], "seed", best["seed"], "margin", best["margin"], "torch f32", f32, "bf16", bf16, path.stat().st_size, flush=True)
