"""A PyTorch DataLoader and a loop over it: python dataloader.py FOLDER OUTPUT MODEL.pt SIDE"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

WORKERS = os.cpu_count() or 1
BATCH = 32


class Files(Dataset[tuple[str, Tensor]]):
    """Image files of a folder, as their path in it and a view, uint8 side×side×3."""

    def __init__(self, folder: Path, side: int) -> None:
        self._folder, self._size = folder, (side, side)
        self._files = sorted(path for path in folder.rglob("*") if path.is_file())

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[str, Tensor]:
        path = self._files[index]
        with Image.open(path) as image:
            seen = ImageOps.fit(image.convert("RGB"), self._size, Image.Resampling.BICUBIC)
        return path.relative_to(self._folder).as_posix(), torch.from_numpy(np.array(seen))


def main(folder: Path, output: Path, weights: Path, side: int) -> None:
    """Write the logit of every file in `folder`. weights: a pickled detector. side: its view's."""
    detector = torch.load(weights, weights_only=False).eval()
    loader = DataLoader(Files(folder, side), batch_size=BATCH, num_workers=WORKERS)
    with output.open("w", newline="") as stream, torch.inference_mode():
        writer = csv.writer(stream)
        writer.writerow(["path", "logit"])
        for paths, views in loader:
            writer.writerows(zip(paths, detector(views).tolist(), strict=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
