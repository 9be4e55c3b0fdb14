"""How heads fare on sources they have not seen: the scores that thresholds are set on.

Each source is left out in turn, photographs and fakes together, and scored by a head fitted on the
others; the scores of all are pooled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanner.model import Calibration
from scanner.model.verdict import verdicts
from trainer.calibration import Thresholds, thresholds
from trainer.calibration import fit as fit_calibration
from trainer.data.examples import LABELS, DataError
from trainer.photographs.head import Head, fit, image_weights, labels_of
from trainer.photographs.sources import Photograph

Tokens = Mapping[str, NDArray[np.float32]]  # of the same images by tier, N×blocks×768


@dataclass(frozen=True)
class Scored:
    """Images, and their logits by heads that had not seen their sources."""

    photographs: Sequence[Photograph]
    logits: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.int64]:
        return labels_of(self.photographs)

    @property
    def sources(self) -> NDArray[np.str_]:
        return np.array([photograph.source for photograph in self.photographs])


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


Rates = tuple[float, float]  # of photographs called fake, and of fakes called real
Heads = Mapping[str, Head]  # by the source that was left out


def heads_without(
    choice: Choice,
    photographs: Sequence[Photograph],
    tokens: Tokens,
    groups: Iterable[frozenset[str]],
) -> dict[str, Head]:
    """A head for each group of sources, fitted on all the others' images, by source.

    Raises DataError.
    """
    heads: dict[str, Head] = {}
    sources = np.array([photograph.source for photograph in photographs])
    for group in groups:
        kept = ~np.isin(sources, list(group))
        others = [it for it in photographs if it.source not in group]
        if len({it.label for it in others}) < len(LABELS):
            raise DataError(
                f"without {' and '.join(sorted(group))} there are images of one class alone; it "
                "takes photographs and fakes of more sources."
            )
        head = choice.fit(others, {tier: found[kept] for tier, found in tokens.items()})
        heads |= dict.fromkeys(group, head)
    return heads


def score(
    choice: Choice,
    heads: Heads,
    photographs: Sequence[Photograph],
    tokens: NDArray[np.float32],
) -> Scored:
    """Each image by the head that has not seen its source."""
    logits = np.zeros(len(photographs), np.float32)
    sources = np.array([photograph.source for photograph in photographs])
    for source in set(sources):
        mine = sources == source
        logits[mine] = choice.logits(heads[source], tokens[mine])
    return Scored(photographs, logits)


def one_by_one(photographs: Sequence[Photograph]) -> list[frozenset[str]]:
    """Each source alone."""
    return [frozenset([source]) for source in sorted({it.source for it in photographs})]


def in_groups(photographs: Sequence[Photograph], count: int) -> list[frozenset[str]]:
    """The sources in `count` groups of about as many images each."""
    sizes = Counter(photograph.source for photograph in photographs)
    groups: list[set[str]] = [set() for _ in range(count)]
    for source, _ in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        min(groups, key=lambda group: sum(sizes[it] for it in group)).add(source)
    return [frozenset(group) for group in groups if group]


def choose(
    photographs: Sequence[Photograph], tokens: Tokens, choices: Sequence[Choice], count: int
) -> list[tuple[Choice, float]]:
    """The choices with their AUROC on left-out sources, over all tiers, the best one first.

    count: of the groups that the sources are left out in.
    """
    from sklearn.metrics import roc_auc_score

    labels, groups = labels_of(photographs), in_groups(photographs, count)
    found = []
    for choice in choices:
        heads = heads_without(choice, photographs, tokens, groups)
        scored = [score(choice, heads, photographs, tier) for tier in tokens.values()]
        each = [float(roc_auc_score(labels, tier.logits)) for tier in scored]
        found.append((choice, float(np.mean(each))))
    return sorted(found, key=lambda pair: -pair[1])


@dataclass(frozen=True)
class Strangers:
    """What the pooled scores of left-out sources give.

    scored: by tier, with calibrated logits. calibration: of the raw ones. thresholds: on calibrated
    ones. verdicts: of each image of a tier, by thresholds that its own source had no part in.
    """

    scored: Mapping[str, Scored]
    calibration: Calibration
    thresholds: Thresholds
    verdicts: Mapping[str, NDArray[np.str_]]


def judge_strangers(scored: Mapping[str, Scored], tier: str, rates: Rates) -> Strangers:
    """Calibrate on one tier's raw logits, and set thresholds that hold over all tiers."""
    fitted = fit_calibration(scored[tier].logits, scored[tier].labels)
    scored = {
        name: Scored(found.photographs, fitted.apply(found.logits))
        for name, found in scored.items()
    }
    said = {name: np.full(len(found.logits), "", "U12") for name, found in scored.items()}
    for source in set(scored[tier].sources):
        at = _pooled(scored, rates, without=source)
        for name, found in scored.items():
            mine = found.sources == source
            said[name][mine] = verdicts(found.logits[mine], at)
    return Strangers(scored, fitted, _pooled(scored, rates), said)


def _pooled(scored: Mapping[str, Scored], rates: Rates, without: str = "") -> Thresholds:
    """Thresholds of all tiers' images together, but those of one source."""
    kept = [found.sources != without for found in scored.values()]
    pairs = list(zip(scored.values(), kept, strict=True))
    logits = np.concatenate([found.logits[others] for found, others in pairs])
    labels = np.concatenate([found.labels[others] for found, others in pairs])
    return thresholds(logits, labels, *rates)
