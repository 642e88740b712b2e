"""An epoch over a folder of small JPEGs that stays on disk: read, decode, shift, flip, normalise, batches of 128.

Ours, with OpenCV and with Pillow alone, beside a DataLoader of two workers that does the same to one picture at a time
with Pillow. The target is 1.5 times the DataLoader's speed. Run: python benchmarks/bench_jpegs.py [--pictures 20000]
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import parnassus as pn
from harness import Work, compare, installed
from parnassus.data.images import jpegs

SIZE, BATCH, SHIFT = 64, 128, 8


def write(folder: Path, n: int) -> list[Path]:
    rng = np.random.default_rng(0)
    for i in range(n):
        coarse = rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        picture.save(folder / f"{i:05}.jpg", quality=90)
    return sorted(folder.iterdir())


class Pictures(Dataset):
    """One picture at a time, as a DataLoader's workers are usually told to make it."""

    def __init__(self, files: list[Path], mean: torch.Tensor, std: torch.Tensor) -> None:
        self.files, self.mean, self.std = files, mean, std

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> torch.Tensor:
        with Image.open(self.files[i]) as image:
            pixels = np.asarray(image.convert("RGB"))
        wide = np.pad(pixels, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
        y, x = (int(v) for v in torch.randint(0, 2 * SHIFT + 1, (2,)))
        cut = torch.from_numpy(np.ascontiguousarray(wide[y : y + SIZE, x : x + SIZE])).permute(2, 0, 1).float()
        return ((cut.flip(2) if torch.rand(()) < 0.5 else cut) - self.mean) / self.std


def works(files: list[Path]) -> dict[str, Work]:
    codec = pn.Image(memory=1, augment="shift-flip")
    codec.fit(files[:512])
    rows = codec.encode(files)

    def ours() -> None:
        for index in torch.randperm(len(files)).split(BATCH):
            codec.prepare(rows.take(index), "image", training=True)

    def by_pillow() -> None:
        kept, jpegs.opencv = jpegs.opencv, lambda: None
        try:
            ours()
        finally:
            jpegs.opencv = kept

    def loader() -> None:
        found = Pictures(files, codec.mean, codec.std)
        for _ in DataLoader(found, batch_size=BATCH, shuffle=True, num_workers=2):
            pass

    mine = {"parnassus, OpenCV": ours} if installed("cv2") else {}
    return mine | {"parnassus, Pillow": by_pillow, "DataLoader, 2 workers, Pillow": loader}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    pn.keep_memory()
    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder), args.pictures)
        found = works(files)
        compare(f"{len(files):,} JPEGs of {SIZE} x {SIZE}", found, ours=next(iter(found)), args=args)


if __name__ == "__main__":
    main()
