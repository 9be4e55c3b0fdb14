"""How well facts of files tell the classes apart, and what of that is left in a model's logits.

All figures are shares of pairs of images, 0.5 being chance, and what is left is told twice. Among
images of one class, whose label cannot move it, does the logit follow the fact? And between images
that are alike in the fact, which then tells nothing, how well does the logit tell the classes?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.tree import DecisionTreeClassifier

from benchmarks.shared.results import Row
from trainer.audit import FOLDS, LEAST_IN_CLASS
from trainer.data.examples import LABELS

# Of a single fact a tree makes as much as a forest.
TREE = DecisionTreeClassifier(min_samples_leaf=10, class_weight="balanced", random_state=0)
FOREST = RandomForestClassifier(20, min_samples_leaf=3, class_weight="balanced", random_state=0)
BINS = 10  # of as many images each, of which one holds images that are alike in a number
NO_VALUE = -1.0  # below all that facts can be
DEVIATIONS = 1.96  # on either side, of a 95% interval
TOGETHER = "all of these"  # facts
ANY, SAME = "any source", "one source"  # that the images of a pair are from
ALONE, FOLLOWED, ALIKE = "alone", "followed", "alike"


@dataclass(frozen=True)
class Concordance:
    """Of `pairs` that differ in one value, the share that another value puts in the same order.

    Ties of the other count half, so that of a label and a score it is the AUROC. low, high: 95%.
    """

    pairs: int
    share: float
    low: float
    high: float


def concordance(
    one: NDArray[np.float64], other: NDArray[np.float64], groups: NDArray[np.int64]
) -> Concordance | None:
    """Over pairs of N images of the same group; None where no pair differs. NaN is in no pair."""
    known = ~(np.isnan(one) | np.isnan(other))
    compared, agreed = [np.zeros(0)], [np.zeros(0)]  # of each image's pairs
    for group in np.unique(groups[known]):
        mine = known & (groups == group)
        first, second = (np.sign(it[mine, None] - it[mine]).astype(np.int8) for it in (one, other))
        compared.append(np.abs(first).sum(axis=1))
        agreed.append((np.abs(first) + first * second).sum(axis=1) / 2)
    each, right = np.concatenate(compared), np.concatenate(agreed)
    if not each.sum():
        return None
    share = right.sum() / each.sum()
    # An image's part in the figure is that of all its pairs, each of which has two images.
    deviation = 2 * np.sqrt(((right - share * each) ** 2).sum()) / each.sum()
    return Concordance(
        int(each.sum()) // 2,
        float(share),
        float(share - DEVIATIONS * deviation),
        float(share + DEVIATIONS * deviation),
    )


def shortcuts(said: pd.DataFrame, facts: pd.DataFrame) -> Iterator[Row]:
    """A row, with a Concordance, for each question, tier, kind of pairs (`of`) and fact.

    said: columns image, source, group, label, tier, score. facts: numbers by image, as `facts`
    gives them.

    ALONE: of labels with the best rule on the fact, for sources that it was not fitted on, and
    within each source that has enough of both classes. FOLLOWED: of the fact with the score, within
    a class. ALIKE: of labels with the score, in pairs that are alike in the fact, or any for the
    fact "". In both of these, TOGETHER is what rules within a source make of all facts.
    """
    images = said.drop_duplicates("image").set_index("image")
    known = facts.loc[images.index]
    yield from _alone(known, images["label"], images["group"], ANY)
    together = pd.Series(np.nan, images.index)
    for source, labels in images.groupby("source")["label"]:
        if np.bincount(labels, minlength=len(LABELS)).min() >= LEAST_IN_CLASS:
            its, names = known.loc[labels.index], labels.index.to_series()
            yield from _alone(its, labels, names, str(source))
            together[labels.index], _ = _left_out(its, labels, names)
    known = known.assign(**{TOGETHER: together})
    for tier, scored in said.groupby("tier", sort=False):
        its = known.loc[scored["image"]]
        for row in (*_followed(scored, its), *_alike(scored, its)):
            yield {"tier": tier, **row}


def _alone(
    facts: pd.DataFrame, labels: pd.Series[int], groups: pd.Series[str], of: str
) -> Iterator[Row]:
    for name in map(str, facts):
        yield from _row(ALONE, of, name, labels, *_left_out(facts[[name]], labels, groups))
    yield from _row(ALONE, of, TOGETHER, labels, *_left_out(facts, labels, groups))


def _left_out(
    facts: pd.DataFrame, labels: pd.Series[int], groups: pd.Series[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scores of N images by rules that have not seen their groups, and the numbers of these.

    Scores of one rule are to be compared: where a fact says nothing, what little they differ by
    from rule to rule depends on how many of the left-out images are fakes. Where that is the same
    for all, as within a source, they may be pooled.
    """
    scores, fold = np.zeros(len(labels)), np.zeros(len(labels), np.int64)
    splits = StratifiedGroupKFold(min(FOLDS, groups.nunique()), shuffle=True, random_state=0)
    known = facts.fillna(NO_VALUE).to_numpy()
    rule = TREE if len(facts.columns) == 1 else FOREST
    for number, (seen, unseen) in enumerate(splits.split(known, labels, groups)):
        rule.fit(known[seen], labels.iloc[seen])
        scores[unseen] = rule.predict_proba(known[unseen])[:, 1]
        fold[unseen] = number
    return scores, fold


def _followed(scored: pd.DataFrame, facts: pd.DataFrame) -> Iterator[Row]:
    sources = pd.factorize(scored["source"])[0]
    for name, label in LABELS.items():
        mine = (scored["label"] == label).to_numpy()
        scores = scored["score"].to_numpy()[mine]
        for of, groups in ((ANY, np.zeros(mine.sum())), (SAME, sources[mine])):
            for fact in _comparable(facts, of):
                values = facts[fact].to_numpy()[mine]
                yield from _row(FOLLOWED, f"{name}, {of}", fact, values, scores, groups)


def _alike(scored: pd.DataFrame, facts: pd.DataFrame) -> Iterator[Row]:
    sources = scored["source"].to_numpy()
    for of, source in ((ANY, np.zeros(len(scored))), (SAME, sources)):
        for fact in ("", *_comparable(facts, of)):
            groups = pd.DataFrame({"source": source, "bin": _bins(facts[fact]) if fact else 0})
            numbers = groups.groupby(["source", "bin"]).ngroup().to_numpy()
            yield from _row(ALIKE, of, fact, scored["label"], scored["score"], numbers)


def _comparable(facts: pd.DataFrame, of: str) -> Iterator[str]:
    """The facts but TOGETHER between sources, each of which has rules of its own."""
    return (name for name in map(str, facts) if of == SAME or name != TOGETHER)


def _bins(values: pd.Series[float]) -> NDArray[np.int64]:
    """Numbers of BINS whose values are alike; images without the fact have one of their own."""
    places = values.rank(pct=True) * BINS  # equal values have the same
    return places.fillna(NO_VALUE).to_numpy().astype(np.int64)


def _row(
    question: str, of: str, fact: str, one: ArrayLike, other: ArrayLike, groups: ArrayLike
) -> Iterator[Row]:
    values, scores = (np.asarray(it, np.float64) for it in (one, other))
    if found := concordance(values, scores, np.asarray(groups)):
        yield {"question": question, "of": of, "fact": fact, **asdict(found)}
