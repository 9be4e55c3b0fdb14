"""The parity gate: an exported file must score images as PyTorch does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from scanner.model import INPUT, OUTPUT
from scanner.preprocess import Preprocessing
from scanner.verdict import verdicts
from trainer.backbones import Detector
from trainer.checkpoint import Checkpoint
from trainer.data import DataError, ImageSet, read_examples, split_examples

MIN_IMAGES = 1000
MAX_LOGIT_DIFFERENCE = 1e-3  # float32 against float32
BATCH = 32


class ParityError(Exception):
    """The exported file disagrees with PyTorch; the sentence has the figures."""


@dataclass(frozen=True)
class Parity:
    """How far an exported file is from PyTorch on `images` real images."""

    against: str
    images: int
    largest_logit_difference: float
    mean_logit_difference: float
    verdicts_flipped: int


def parity_images(data: Path, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Views, uint8 N×V×V×3, of the first MIN_IMAGES test images of each class.

    Raises DataError when there are fewer than MIN_IMAGES in all, or one cannot be decoded.
    """
    test = split_examples(read_examples(data)).test
    chosen = [e for label in (0, 1) for e in [e for e in test if e.label == label][:MIN_IMAGES]]
    if len(chosen) < MIN_IMAGES:
        raise DataError(
            f"{data} has only {len(chosen)} test images; the parity gate needs {MIN_IMAGES:,}."
        )
    images = ImageSet(chosen, preprocessing.size, "cpu")
    return images.eval_batch(0, len(chosen), preprocessing).numpy()


def compare(
    detector: Detector, model: bytes, images: NDArray[np.uint8], checkpoint: Checkpoint
) -> Parity:
    """Score `images` with PyTorch and with ONNX Runtime, both float32 on the CPU.

    Raises ParityError when a logit differs by more than MAX_LOGIT_DIFFERENCE or a verdict flips.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    theirs, ours = [], []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            theirs.append(detector(torch.from_numpy(batch)).numpy())
            ours.append(session.run([OUTPUT], {INPUT: batch})[0])
    expected, found = np.concatenate(theirs), np.concatenate(ours)
    difference = np.abs(expected - found)
    point, calibration = checkpoint.operating_points[0], checkpoint.calibration
    before = verdicts(calibration.apply(expected), point)
    after = verdicts(calibration.apply(found), point)
    parity = Parity(
        against=f"PyTorch {torch.__version__} float32, ONNX Runtime {onnxruntime.__version__} CPU",
        images=len(images),
        largest_logit_difference=float(difference.max()),
        mean_logit_difference=float(difference.mean()),
        verdicts_flipped=int((before != after).sum()),
    )
    # Not `>`: a logit that is not a number must fail too.
    if not parity.largest_logit_difference <= MAX_LOGIT_DIFFERENCE or parity.verdicts_flipped:
        raise ParityError(
            f"ONNX Runtime disagrees with PyTorch on {parity.images:,} images: largest logit "
            f"difference {parity.largest_logit_difference:.2g} (allowed {MAX_LOGIT_DIFFERENCE:g}), "
            f"{parity.verdicts_flipped} verdicts flipped. Nothing was written."
        )
    return parity
