"""Pillow and ONNX Runtime, a file at a time: python one_by_one.py FOLDER OUTPUT MODEL.onnx"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image


def main(folder: Path, output: Path, model: Path) -> None:
    """Write the logit of every file in `folder`, with ONNX Runtime's default session."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with output.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "logit"])
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            with Image.open(path) as image:
                view = np.asarray(image.convert("RGB"))
            logit = session.run(["logit"], {"images": view[None]})[0][0]
            writer.writerow([path.relative_to(folder).as_posix(), logit])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
