"""A PyTorch DataLoader and a loop over it: python dataloader.py FOLDER OUTPUT MODEL.pt"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

WORKERS = os.cpu_count() or 1
BATCH = 32


class Files(Dataset[tuple[str, Tensor]]):
    """Image files of a folder, as their path in it and uint8 pixels H×W×3."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = sorted(path for path in folder.rglob("*") if path.is_file())

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[str, Tensor]:
        path = self._files[index]
        with Image.open(path) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB")))
        return path.relative_to(self._folder).as_posix(), pixels


def main(folder: Path, output: Path, weights: Path) -> None:
    """Write the logit of every file in `folder`. weights: a pickled detector."""
    detector = torch.load(weights, weights_only=False).eval()
    loader = DataLoader(Files(folder), batch_size=BATCH, num_workers=WORKERS)
    with output.open("w", newline="") as stream, torch.inference_mode():
        writer = csv.writer(stream)
        writer.writerow(["path", "logit"])
        for paths, views in loader:
            writer.writerows(zip(paths, detector(views).tolist(), strict=True))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
