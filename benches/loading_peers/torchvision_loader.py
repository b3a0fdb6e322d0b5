"""Time to the first batch, views/s of an epoch and peak memory of torchvision's ImageFolder with PyTorch's DataLoader.

    python3 benches/loading_peers/torchvision_loader.py DIRECTORY [--workers 2] [--batches 0]

Two views of each image at 224 pixels: crop, flip, color jitter, grayscale (transforms v2 on uint8 tensors), in batches of
64 images. Memory is the sum of the peaks of the main process and its workers, which share some of it. Needs torchvision.
"""

import argparse
import resource
import time

import torch
import torchvision.transforms.v2 as T
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, read_image

policy = T.Compose([
    T.RandomResizedCrop(224, scale=(0.08, 1.0), antialias=True),
    T.RandomHorizontalFlip(),
    T.RandomApply([T.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8),
    T.RandomGrayscale(0.2),
    T.ToDtype(torch.float32, scale=True),
])


def read(path):
    return read_image(path, ImageReadMode.RGB)


def two_views(image):
    return policy(image), policy(image)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batches", type=int, default=0, help="stop after so many batches")
    a = parser.parse_args()
    start = time.perf_counter()
    data = ImageFolder(a.directory + "/train", transform=two_views, loader=read)
    loader = torch.utils.data.DataLoader(data, 64, shuffle=True, num_workers=a.workers, drop_last=True)
    views, first = 0, None
    for number, ((one, two), _) in enumerate(loader):
        if first is None:
            first, epoch = time.perf_counter() - start, time.perf_counter()
            continue
        views += len(one) + len(two)
        if number == a.batches:
            break
    rate = views / (time.perf_counter() - epoch)
    main_process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    workers = a.workers * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    memory = (main_process + workers) >> 10
    print(f"torchvision, {a.workers} workers: first batch after {first:.1f} s, {rate:.0f} views/s, peak memory {memory} MiB")


if __name__ == "__main__":
    main()
