"""Golden numbers of the augmentation operators on fixed parameters, from torchvision v2 on float images, and of
decoding, from Pillow. Writes augment.json beside this file.

    pip install torch torchvision pillow numpy && python tests/golden/augment.py
"""
import io
import json
import pathlib

import numpy as np
import torch
import torchvision
import torchvision.transforms.v2.functional as F
from PIL import Image

SIDE = 12
rng = np.random.default_rng(666)


def smooth(height, width):
    """Returns an image of [height, width, 3] bytes with gradients, edges, saturated and gray pixels, and some noise."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / width + 20 * rng.standard_normal((height, width))
    green = 128 + 120 * np.sin(y / 2.5) + 10 * rng.standard_normal((height, width))
    blue = np.where((x - y) % 9 < 4, 230, 25) + 10 * rng.standard_normal((height, width))
    pixels = np.stack([red, green, blue], -1)
    pixels[: height // 4, : width // 4] = 77
    pixels[-2:, -3:] = [255, 0, 0]
    return np.clip(pixels, 0, 255).astype(np.uint8)


def numbers(tensor):
    return [float(f"{value:.7g}") for value in tensor.flatten().tolist()]


source = smooth(37, 53)
image = torch.from_numpy(source).permute(2, 0, 1).float() / 255  # [3, 37, 53]
small = F.resize(image, [SIDE, SIDE], antialias=True).clamp(0, 1)  # [3, 12, 12]
cases = []


def case(operator, result, **parameters):
    cases.append({"operator": operator, **parameters, "expected": numbers(result)})


for top, left, height, width, side in [
    (0, 0, 37, 53, 12), (3, 5, 30, 40, 12), (10, 20, 7, 9, 16), (0, 52, 37, 1, 8), (36, 0, 1, 53, 8), (4, 4, 16, 16, 16), (1, 2, 33, 12, 13),
]:
    crop = F.resized_crop(image, top, left, height, width, [side, side], antialias=True)
    case("crop", crop, region=[left, top, width, height], side=side)
case("float_crop", F.resized_crop(small, 2, 3, 10, 9, [SIDE, SIDE], antialias=True), region=[3, 2, 9, 10])
case("horizontal_flip", F.horizontal_flip(small))
case("vertical_flip", F.vertical_flip(small))
for factor in [0.0, 0.3, 1.0, 1.7]:
    case("brightness", F.adjust_brightness(small, factor), amount=factor)
    case("contrast", F.adjust_contrast(small, factor), amount=factor)
    case("saturation", F.adjust_saturation(small, factor), amount=factor)
for shift in [-0.4, 0.25]:
    case("shift", (small + shift).clamp(0, 1), amount=shift)
for turns in [-0.5, -0.13, 0.01, 0.2, 0.5]:
    case("hue", F.adjust_hue(small, turns), amount=turns)
jittered = F.adjust_saturation(F.adjust_brightness(F.adjust_hue(F.adjust_contrast(small, 1.6), -0.15), 1.5), 0.4)
case("jitter", jittered, changes=[["contrast", 1.6], ["hue", -0.15], ["brightness", 1.5], ["saturation", 0.4]])
case("grayscale", F.rgb_to_grayscale(small, num_output_channels=3))
for kernel, sigma in [(3, 0.1), (3, 0.7), (5, 2.0), (9, 1.3), (23, 2.0)]:
    # The largest kernel needs more than 11 pixels to each side.
    case("gaussian_blur", F.gaussian_blur(small, [kernel, kernel], [sigma, sigma]), kernel=kernel, sigma=sigma)
for threshold in [0.0, 0.5, 0.9]:
    case("solarize", F.solarize(small, threshold), amount=threshold)
for degrees in [-30.0, 7.5, 90.0, 180.0]:
    rotated = F.rotate(small, degrees, interpolation=F.InterpolationMode.BILINEAR, fill=None)
    case("rotation", rotated, amount=degrees)
case("normalize", F.normalize(small, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
case("cutout", F.erase(small, 9, 2, 3, 5, torch.tensor(0.5)), rows=[9, 12], columns=[2, 7])

# Sobel as defined here, with a plain convolution: kernels / 4, replicated border, magnitude clipped to 1.
across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
padded = torch.nn.functional.pad(small[:, None], (1, 1, 1, 1), mode="replicate")  # [3, 1, 14, 14]
slopes = torch.nn.functional.conv2d(padded, torch.stack([across, across.T])[:, None])  # [3, 2, 12, 12]
case("sobel", slopes.square().sum(1).sqrt().clamp(max=1))


def encoded(pil_image, **options):
    file = io.BytesIO()
    pil_image.save(file, **options)
    return file.getvalue()


files = []


def file(name, data, tolerance):
    """Adds a file with Pillow's pixels: EXIF orientation applied, over white, as RGB."""
    from PIL import ImageOps
    decoded = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if decoded.mode in ("LA", "RGBA", "P"):
        decoded = decoded.convert("RGBA")
        decoded = Image.alpha_composite(Image.new("RGBA", decoded.size, "white"), decoded)
    if decoded.mode.startswith("I;16"):
        decoded = Image.fromarray((np.asarray(decoded) / 257 + 0.5).astype(np.uint8))
    pixels = np.asarray(decoded.convert("RGB"))
    height, width, _ = pixels.shape
    files.append({"name": name, "bytes": list(data), "width": width, "height": height, "rgb": pixels.flatten().tolist(), "tolerance": tolerance})


y, x = np.mgrid[0:14, 0:19]
soft = Image.fromarray(np.stack([9 * x, 13 * y, 255 - 5 * (x + y)], -1).astype(np.uint8))  # smooth, so that JPEG changes it little
alpha = Image.fromarray(np.dstack([np.asarray(soft), (10 * x) % 256]).astype(np.uint8), "RGBA")
exif = Image.Exif()
exif[0x0112] = 6  # rotate by 90 degrees clockwise for display
file("baseline JPEG", encoded(soft, format="JPEG", quality=95), 3)
file("progressive JPEG", encoded(soft, format="JPEG", quality=95, progressive=True), 3)
file("grayscale JPEG", encoded(soft.convert("L"), format="JPEG", quality=95), 3)
file("JPEG with orientation 6", encoded(soft, format="JPEG", quality=95, exif=exif), 3)
file("CMYK JPEG", encoded(soft.convert("CMYK"), format="JPEG", quality=95), 6)
file("PNG", encoded(soft, format="PNG"), 0)
file("PNG with alpha", encoded(alpha, format="PNG"), 1)
file("grayscale PNG with alpha", encoded(alpha.convert("LA"), format="PNG"), 1)
file("PNG with palette", encoded(soft.quantize(32), format="PNG"), 0)
file("16-bit PNG", encoded(Image.fromarray((x * 3000 + y).astype(np.uint16)), format="PNG"), 1)
file("1-bit PNG", encoded(soft.convert("1"), format="PNG"), 0)
file("lossless WebP", encoded(soft, format="WEBP", lossless=True), 0)
file("WebP with alpha", encoded(alpha, format="WEBP", lossless=True, exact=True), 1)

golden = {
    "made_with": f"torch {torch.__version__}, torchvision {torchvision.__version__}, Pillow {Image.__version__}",
    "picture": {"width": 53, "height": 37, "rgb": source.flatten().tolist()},
    "side": SIDE, "small": numbers(small), "cases": cases, "files": files,
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
