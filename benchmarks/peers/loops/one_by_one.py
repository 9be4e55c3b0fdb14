"""Pillow and ONNX Runtime, a file at a time: python one_by_one.py FOLDER OUTPUT MODEL.onnx SIDE"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def main(folder: Path, output: Path, model: Path, side: int) -> None:
    """Write the logit of every file in `folder`, with ONNX Runtime's default session."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with output.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "logit"])
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            with Image.open(path) as image:
                seen = ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.BICUBIC)
            logit = session.run(["logit"], {"images": np.asarray(seen)[None]})[0][0]
            writer.writerow([path.relative_to(folder).as_posix(), logit])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
