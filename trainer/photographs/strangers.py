"""How heads fare on sources they have not seen: the scores that thresholds are set on.

Sources are left out in turn, a part of them at a time, photographs and fakes together, and scored
by a head fitted on the others; the scores of all are pooled. Sources of one group are never on both
sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.examples import LABELS, DataError
from trainer.photographs.head import Head, fit, image_weights, labels_of
from trainer.photographs.sources import Photograph

PARTS = 6  # that sources are left out in
STRENGTH = 1e-3  # by which a head's weights are held back
Tokens = Mapping[str, NDArray[np.float32]]  # of the same images by tier, N×blocks×768


@dataclass(frozen=True)
class Scored:
    """Images, and their logits by heads that had not seen their groups."""

    photographs: Sequence[Photograph]
    logits: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.int64]:
        return labels_of(self.photographs)

    @property
    def groups(self) -> NDArray[np.str_]:
        return groups_of(self.photographs)


@dataclass(frozen=True)
class Choice:
    """What a head is given: the class tokens of `blocks`, and a penalty of `strength`."""

    blocks: tuple[int, ...]
    strength: float

    def fit(self, photographs: Sequence[Photograph], tokens: Tokens) -> Head:
        """A head on every tier of the images."""
        seen = np.concatenate([tier[:, list(self.blocks)] for tier in tokens.values()])
        times = len(tokens)
        labels, weights = labels_of(photographs), image_weights(photographs)
        return fit(seen, np.tile(labels, times), np.tile(weights, times), self.strength)

    def logits(self, head: Head, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
        """By one of these heads, of N images' tokens of all blocks."""
        return head.logits(tokens[:, list(self.blocks)])


Heads = Mapping[str, Head]  # by the group that was left out
Parts = Sequence[frozenset[str]]  # of groups, each left out together


def groups_of(photographs: Sequence[Photograph]) -> NDArray[np.str_]:
    return np.array([photograph.group for photograph in photographs])


def without(photographs: Sequence[Photograph], part: frozenset[str]) -> list[Photograph]:
    """The images of all other groups. Raises DataError where they are of one class."""
    others = [photograph for photograph in photographs if photograph.group not in part]
    if len({photograph.label for photograph in others}) < len(LABELS):
        more = f" and {len(part) - 1:,} more" if len(part) > 1 else ""
        raise DataError(
            f"without {min(part)}{more} there are images of one class alone; it takes photographs "
            "and fakes of more sources."
        )
    return others


def heads_without(
    choice: Choice,
    photographs: Sequence[Photograph],
    tokens: Tokens,
    parts: Parts,
) -> dict[str, Head]:
    """A head for each part of the groups, fitted on all the others' images, by group.

    Raises DataError.
    """
    heads: dict[str, Head] = {}
    groups = groups_of(photographs)
    for part in parts:
        kept = ~np.isin(groups, list(part))
        others = without(photographs, part)
        head = choice.fit(others, {tier: found[kept] for tier, found in tokens.items()})
        heads |= dict.fromkeys(part, head)
    return heads


def score(
    choice: Choice,
    heads: Heads,
    photographs: Sequence[Photograph],
    tokens: NDArray[np.float32],
) -> Scored:
    """Each image by the head that has not seen its group."""
    logits = np.zeros(len(photographs), np.float32)
    groups = groups_of(photographs)
    for group in set(groups):
        mine = groups == group
        logits[mine] = choice.logits(heads[group], tokens[mine])
    return Scored(photographs, logits)


def in_parts(photographs: Sequence[Photograph], count: int) -> Parts:
    """The groups in `count` parts of about as many images each."""
    sizes = Counter(photograph.group for photograph in photographs)
    parts: list[set[str]] = [set() for _ in range(count)]
    for group, _ in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        min(parts, key=lambda part: sum(sizes[it] for it in part)).add(group)
    return [frozenset(part) for part in parts if part]


@dataclass(frozen=True)
class Tried:
    """A choice's heads by the group that each has not seen, and their AUROC on left-out images, the
    mean over the tiers that heads are fitted on.
    """

    choice: Choice
    heads: Heads
    auroc: float


def try_choice(
    choice: Choice, photographs: Sequence[Photograph], tokens: Tokens, parts: Parts
) -> Tried:
    """Raises DataError."""
    from sklearn.metrics import roc_auc_score

    heads = heads_without(choice, photographs, tokens, parts)
    labels = labels_of(photographs)
    each = [
        roc_auc_score(labels, score(choice, heads, photographs, tier).logits)
        for tier in tokens.values()
    ]
    return Tried(choice, heads, float(np.mean(each)))
