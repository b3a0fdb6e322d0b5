"""Time to the first batch, views/s of an epoch, CPU time and peak memory of PyTorch's DataLoader.

    python3 benches/loading_peers/torchvision_loader.py DIRECTORY [--workers 2] [--batches 0] [--side 224] [--shards]

Two views of each image: crop, flip, color jitter, grayscale (transforms v2 on uint8 tensors), in batches of 64 images.
The images are those of torchvision's ImageFolder, or with --shards those of the tar files of DIRECTORY, which `shards.py`
writes, as the package `webdataset` reads them. Memory is the sum of the peaks of the main process and its workers, which
share some of it. Needs torchvision.
"""

import argparse
import glob
import resource
import time

import torch
import torchvision.transforms.v2 as T
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_jpeg, read_image


class TwoViews:
    """Two views of an image. A class, so that worker processes can receive it."""

    def __init__(self, side):
        self.policy = T.Compose([
            T.RandomResizedCrop(side, scale=(0.08, 1.0), antialias=True),
            T.RandomHorizontalFlip(),
            T.RandomApply([T.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8),
            T.RandomGrayscale(0.2),
            T.ToDtype(torch.float32, scale=True),
        ])

    def __call__(self, image):
        return self.policy(image), self.policy(image)


def read(path):
    return read_image(path, ImageReadMode.RGB)


def decode(data):
    return decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)


def folder(a):
    data = ImageFolder(a.directory + "/train", transform=TwoViews(a.side), loader=read)
    return torch.utils.data.DataLoader(data, 64, shuffle=True, num_workers=a.workers, drop_last=True)


def shards(a):
    import webdataset

    views = TwoViews(a.side)
    files = sorted(glob.glob(a.directory + "/*.tar"))
    data = webdataset.WebDataset(files, shardshuffle=100).shuffle(1000).to_tuple("jpg", "cls")
    data = data.map(lambda sample: (*views(decode(sample[0])), int(sample[1]))).batched(64, partial=False)
    data = data.map(lambda batch: (batch[:2], batch[2]))
    return torch.utils.data.DataLoader(data, None, num_workers=a.workers)


def cpu_time():
    """User and system seconds of this process and of the workers that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batches", type=int, default=0, help="stop after so many batches")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--shards", action="store_true")
    a = parser.parse_args()
    start, cpu = time.perf_counter(), cpu_time()
    loader = shards(a) if a.shards else folder(a)
    views, first = 0, None
    for number, ((one, two), _) in enumerate(loader):
        if first is None:
            first, epoch = time.perf_counter() - start, time.perf_counter()
            continue
        views += len(one) + len(two)
        if number == a.batches:
            break
    seconds = time.perf_counter() - epoch
    del loader
    name = "webdataset" if a.shards else "torchvision"
    main_process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    workers = a.workers * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    memory = (main_process + workers) >> 10
    print(f"{name}, {a.workers} workers: first batch after {first:.1f} s, {views / seconds:.0f} views/s, "
          f"{1000 * (cpu_time() - cpu) / max(views, 1):.2f} CPU s per 1,000 views, peak memory {memory} MiB")


if __name__ == "__main__":
    main()
