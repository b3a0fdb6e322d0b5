"""Golden numbers of color jitter's TensorFlow variant, from tf.image on float images: python jitter_tensorflow.py, writes
jitter_tensorflow.json beside it.

    pip install tensorflow-cpu && python tests/golden/jitter_tensorflow.py

The second image has values outside [0, 1], as additive brightness leaves them if values are clipped only at the end.
"""
import json
import pathlib

import numpy as np
import tensorflow as tf

SIDE = 12
rng = np.random.default_rng(666)


def colors():
    """Returns [12, 12, 3] with gradients, edges, gray, black and saturated pixels, noise."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    image = np.stack([x, 0.5 + 0.5 * np.sin(6 * y), np.where((x - y) % 0.4 < 0.2, 0.9, 0.1)], -1)
    image = np.clip(image + 0.05 * rng.standard_normal(image.shape), 0, 1)
    image[:3, :3], image[-2:, -3:], image[:2, -4:] = 0.3, [1, 0, 0], 0
    return image.astype(np.float32)


def planes(image):
    """Returns [side, side, 3] as the values of [3, side, side]."""
    return [float(f"{value:.8g}") for value in np.asarray(image).transpose(2, 0, 1).flatten().tolist()]


inside = colors()
outside = (1.7 * inside - 0.4).astype(np.float32)
outside[:2, :2] = -0.2  # gray below black
outside[2, 0] = [-0.1, -0.3, -0.2]  # a color whose maximum is below black
changes = {"channel_contrast": tf.image.adjust_contrast, "hsv_saturation": tf.image.adjust_saturation, "hue": tf.image.adjust_hue}
amounts = {"channel_contrast": [0.0, 0.4, 1.8], "hsv_saturation": [0.0, 0.3, 1.8], "hue": [-0.2, 0.13]}
cases = []
for name, image in [("inside", inside), ("outside", outside)]:
    for change, apply in changes.items():
        for amount in amounts[change]:
            cases.append({"image": name, "changes": [[change, amount]], "expected": planes(apply(image, amount))})
steps = [["shift", -0.35], ["channel_contrast", 1.6], ["hsv_saturation", 1.4], ["hue", -0.15]]
result = tf.image.adjust_brightness(inside, -0.35)
for change, amount in steps[1:]:
    result = changes[change](result, amount)
cases.append({"image": "inside", "changes": steps, "clip": True, "expected": planes(tf.clip_by_value(result, 0, 1))})

golden = {
    "made_with": f"TensorFlow {tf.__version__}", "side": SIDE,
    "images": {"inside": planes(inside), "outside": planes(outside)}, "cases": cases,
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
