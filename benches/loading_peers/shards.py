"""Copies a directory that images.py wrote into tar files, as WebDataset reads them.

    python3 benches/loading_peers/shards.py DIRECTORY OUTPUT [--images 10000]

The training images, in a random order, become OUTPUT/NNNNN.tar with so many images each; labels are numbers.
"""

import argparse
import io
import pathlib
import random
import tarfile


def member(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("output")
    parser.add_argument("--images", type=int, default=10_000)
    a = parser.parse_args()
    train, output = pathlib.Path(a.directory) / "train", pathlib.Path(a.output)
    output.mkdir(parents=True, exist_ok=True)
    labels = {path.name: label for label, path in enumerate(sorted(train.iterdir()))}
    images = sorted(train.glob("*/*.jpg"))
    random.Random(1).shuffle(images)
    for start in range(0, len(images), a.images):
        with tarfile.open(output / f"{start // a.images:05}.tar", "w") as tar:
            for path in images[start : start + a.images]:
                member(tar, f"{path.stem}.jpg", path.read_bytes())
                member(tar, f"{path.stem}.cls", str(labels[path.parent.name]).encode())


if __name__ == "__main__":
    main()
