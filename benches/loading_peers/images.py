"""Generates JPEGs in one directory per class, for benchmarks of loading.

    python3 benches/loading_peers/images.py DIRECTORY [--count 200000] [--classes 100] [--width 500] [--height 375]

Every image is a random low-frequency color field with texture, at JPEG quality 85 (about 45 kB at 500 x 375, half of the
mean of ImageNet). A twentieth of the images is for testing. Needs NumPy and Pillow.
"""

import argparse
import concurrent.futures
import pathlib

import numpy as np
from PIL import Image


def write(directory, number, classes, width, height):
    rng = np.random.default_rng(number)
    field = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((width, height), Image.BICUBIC)
    texture = rng.integers(0, 24, (height // 2, width // 2, 1), np.uint8).repeat(2, 0).repeat(2, 1)
    pixels = np.asarray(field).copy()
    pixels[: texture.shape[0], : texture.shape[1]] ^= texture
    part = "test" if number % 20 == 0 else "train"
    path = pathlib.Path(directory) / part / f"class{number // 20 % classes:04}"
    path.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path / f"{number:07}.jpg", quality=85)


def write_one(arguments):
    write(*arguments)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--width", type=int, default=500)
    parser.add_argument("--height", type=int, default=375)
    a = parser.parse_args()
    with concurrent.futures.ProcessPoolExecutor() as pool:
        each = ((a.directory, n, a.classes, a.width, a.height) for n in range(a.count))
        for _ in pool.map(write_one, each, chunksize=64):
            pass


if __name__ == "__main__":
    main()
