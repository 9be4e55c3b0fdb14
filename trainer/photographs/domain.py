"""Which pictures are photographs at all, or pass for some: the model's `ood` output.

Another linear head on the same tokens, between pictures that look like photographs, whoever made
them, and those that do not: drawings, paintings, renderings, documents, posters, screenshots. On
these the model's verdict means nothing, since it learnt to tell photographs from their imitations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainer.calibration import upper_threshold
from trainer.photographs.head import Head
from trainer.photographs.sources import KINDS, Photograph
from trainer.photographs.strangers import Choice, Heads, Parts, Tokens, heads_without, score

STRENGTH = 1e-3
LOST = 0.02  # of photographs that may be taken for something else


@dataclass(frozen=True)
class Seen:
    """Images with their tokens by tier."""

    images: Sequence[Photograph]
    tokens: Tokens


@dataclass(frozen=True)
class DomainHeads:
    """head: on all there is; its logit is the `ood` output. without: by the group left out."""

    choice: Choice
    head: Head
    without: Heads

    def ood(self, images: Sequence[Photograph], tokens: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each image by the head that has not seen its group."""
        return score(self.choice, self.without, images, tokens).logits


def fit_domain(
    photographs: Seen, others: Seen, blocks: tuple[int, ...], parts: Parts
) -> DomainHeads:
    """Heads that tell what looks like a photograph, label 0, from what does not, label 1.

    parts: of the groups of both. Raises DataError.
    """
    choice = Choice(blocks, STRENGTH)
    alike = photographic(photographs.images)
    images = [
        replace(image, label=0)
        for image, is_alike in zip(photographs.images, alike, strict=True)
        if is_alike
    ]
    images += [replace(image, label=1) for image in others.images]
    tokens = {
        tier: np.concatenate([found[alike], others.tokens[tier]])
        for tier, found in photographs.tokens.items()
    }
    return DomainHeads(
        choice, choice.fit(images, tokens), heads_without(choice, images, tokens, parts)
    )


def photographic(images: Sequence[Photograph]) -> NDArray[np.bool_]:
    """Which look like photographs: they are, or were noted to, or came beside photographs.

    Of other fakes nothing is known: galleries of generators are full of posters and drawings.
    """
    real = {image.source for image in images if image.label == 0}
    return np.array(
        [
            image.kind in KINDS or (not image.kind and (image.label == 0 or image.source in real))
            for image in images
        ]
    )


def bound(ood: NDArray[np.float32]) -> float:
    """The `ood` above which a picture gets no verdict, so that at most LOST photographs fall to it.

    ood: of photographs that the heads had not seen.
    """
    return upper_threshold(ood, LOST)
