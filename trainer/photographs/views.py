"""Views of pictures made while a network learns from them: by processes, a batch each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from scanner.images.decode import decode
from scanner.preprocess import view
from trainer.data.examples import DataError
from trainer.photographs.clip import PREPROCESSING
from trainer.photographs.head import image_weights
from trainer.photographs.sources import Photograph
from trainer.photographs.tiers import AUGMENTED, in_tier

Batch = Sequence[tuple[int, str]]  # the number of an image, and the tier that it is seen in


def drawn(photographs: Sequence[Photograph], size: int, seed: int, first: int) -> Iterator[Batch]:
    """Batches without end, of images drawn by their weights and augmented anew each time.

    A batch is a function of the seed and its own number. first: the number to begin with.
    """
    weights = image_weights(photographs)
    weights /= weights.sum()
    for number in itertools.count(first):
        random = np.random.default_rng([seed, number])
        chosen = random.choice(len(photographs), size, p=weights)
        yield [(int(it), f"{AUGMENTED}-{number * size + n}") for n, it in enumerate(chosen)]


def in_order(count: int, size: int, tier: str) -> Iterator[Batch]:
    """Each of `count` images once, in one tier."""
    for start in range(0, count, size):
        yield [(number, tier) for number in range(start, min(start + size, count))]


def loaded(
    photographs: Sequence[Photograph], batches: Iterable[Batch], workers: int, pin: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Views, uint8 N×224×224×3, and labels, float32 N, of each batch, in order.

    pin: in memory that a GPU copies from by itself. Raises DataError for a broken image.
    """
    loader = DataLoader(
        _Views(photographs),
        sampler=batches,
        batch_size=None,  # a sample is a batch already
        num_workers=workers,
        pin_memory=pin,
    )
    for views, labels, trouble in loader:
        if trouble:
            raise DataError(trouble)
        yield views, labels


class _Views(Dataset[tuple[NDArray[np.uint8], NDArray[np.float32], str]]):
    """By batch: views, labels, and what is wrong with an image, if anything."""

    def __init__(self, photographs: Sequence[Photograph]) -> None:
        self._photographs = photographs

    def __getitem__(self, batch: Batch) -> tuple[NDArray[np.uint8], NDArray[np.float32], str]:
        views = []
        for number, tier in batch:
            photograph = self._photographs[number]
            try:
                rgb = decode(photograph.path.read_bytes()).rgb
            except Exception as error:  # decoders raise nearly anything on broken files
                trouble = f"{photograph.path} cannot be decoded: {error}."
                return np.empty(0, np.uint8), np.empty(0, np.float32), trouble
            views.append(view(in_tier(rgb, tier, photograph.sha256), PREPROCESSING))
        labels = [self._photographs[number].label for number, _ in batch]
        return np.stack(views), np.array(labels, np.float32), ""
