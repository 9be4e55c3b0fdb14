"""timm's dataset, loader and result table: python timm_loader.py FOLDER OUTPUT MODEL.pt SIDE

Workers, batch and the table at the end are those of timm's own inference script.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from timm.data.dataset import ImageDataset
from timm.data.loader import create_loader

WORKERS = 2
BATCH = 256


def main(folder: Path, output: Path, weights: Path, side: int) -> None:
    """Write the logit of every image in `folder`. weights: a pickled detector. side: its view's."""
    detector = torch.load(weights, weights_only=False).eval()
    loader = create_loader(
        ImageDataset(str(folder)),
        input_size=(3, side, side),
        batch_size=BATCH,
        num_workers=WORKERS,
        interpolation="bicubic",
        crop_pct=1.0,
        mean=(0.0, 0.0, 0.0),
        std=(1 / 255, 1 / 255, 1 / 255),  # so 0 to 255: the detector normalises by itself
        device=torch.device("cpu"),
    )
    with torch.inference_mode():
        logits = [detector(pixels.permute(0, 2, 3, 1)).numpy() for pixels, _ in loader]
    table = {"path": loader.dataset.filenames(), "logit": np.concatenate(logits)}
    pd.DataFrame(table).to_csv(output, index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
