"""Protects: thresholds hold for every camera there is, and no source sets its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanner.model.figures import wilson_interval
from trainer.calibration import fewest
from trainer.photographs.head import labels_of
from trainer.photographs.sources import Photograph
from trainer.photographs.thresholds import Measured, Rates, Strangers, judge_strangers

RATES = Rates(accused=0.01, of_a_source=0.03, missed=0.01)
LOOSE = Rates(accused=0.01, of_a_source=None, missed=0.01)
NOWHERE = -1e6  # a floor that bounds nothing


def images(sources: int, each: int) -> list[Photograph]:
    """Of each source, both classes; two sources share a group."""
    return [
        Photograph(
            f"{number:064}",
            number // sources % 2,
            f"source {number % sources}",
            f"group {number % sources // 2}",
            "",
            "",
            Path(),
            True,
        )
        for number in range(sources * each)
    ]


def strangers_of(count: int, shift: float, sources: int = 5) -> Measured:
    photographs = images(sources, count // sources)
    random = np.random.default_rng(1)
    logits = random.normal(0, 1, len(photographs)) + shift * labels_of(photographs)
    return measured(photographs, logits.astype(np.float32))


def measured(photographs: list[Photograph], logits: np.ndarray) -> Measured:
    """Without second looks, and with nothing doubtful."""
    zeros = np.zeros(len(logits), np.float32)
    return Measured(photographs, logits, logits, zeros, np.full(len(logits), "", "U12"))


def accused_from(found: Strangers) -> float:
    """The raw logit from which on images are called fake."""
    calibration = found.calibration
    return (found.thresholds.fake_at_least - calibration.bias) * calibration.temperature


def with_logits(scored: Measured, which: np.ndarray, logit: float) -> Measured:
    logits = scored.logits.copy()
    logits[which] = logit
    return replace(scored, logits=logits, least=logits)


def test_thresholds_hold_over_all_tiers() -> None:
    sure, unsure = strangers_of(4000, 8), strangers_of(2000, 2)
    alone = judge_strangers({"sure": sure}, "sure", LOOSE, NOWHERE)
    both = judge_strangers({"sure": sure, "unsure": unsure}, "sure", LOOSE, NOWHERE)
    assert both.calibration == alone.calibration
    assert both.thresholds.real_at_most < alone.thresholds.real_at_most
    said = np.concatenate(list(both.verdicts.values()))
    labels = np.concatenate([scored.labels for scored in both.scored.values()])
    assert (said[labels == 0] == "fake").mean() < 0.012
    assert (said[labels == 1] == "real").mean() < 0.012


def test_a_group_of_false_alarms_does_not_set_its_own_threshold() -> None:
    """Else a strange camera would look as if its pictures had been foreseen."""
    scored = strangers_of(4000, 3)
    strange = (scored.groups == "group 1") & (scored.labels == 0)
    found = judge_strangers({"t": with_logits(scored, strange, 6)}, "t", RATES, NOWHERE)
    assert (found.verdicts["t"][strange] == "fake").all()
    assert found.thresholds.fake_at_least > found.scored["t"].logits[strange].max()


def test_no_large_source_is_accused_more_than_its_rate_shows() -> None:
    """Ten accused are little among all photographs, and much of one source."""
    scored = strangers_of(8000, 3)
    of_one = np.array([it.source == "source 3" for it in scored.photographs])
    accused = np.flatnonzero(of_one & (scored.labels == 0))[:20]
    known = with_logits(scored, accused, 5)
    loose = judge_strangers({"t": known}, "t", LOOSE, NOWHERE)
    strict = judge_strangers({"t": known}, "t", RATES, NOWHERE)
    logits = strict.scored["t"].logits
    called = [int((logits[accused] >= it.thresholds.fake_at_least).sum()) for it in (loose, strict)]
    assert called[0] == 20
    photographs = int((of_one & (scored.labels == 0)).sum())
    assert wilson_interval(called[1], photographs)[1] <= 0.03


@pytest.mark.parametrize(("each", "is_heard"), [(10, False), (60, True)])
def test_sources_too_small_to_show_anything_are_heard_together(each: int, is_heard: bool) -> None:
    """Here each sixth of their photographs is high; six of ten sources are small."""
    large = images(4, 1000)
    small = [replace(it, source=f"s {it.source}", group=f"s {it.group}") for it in images(6, each)]
    photographs = large + small
    logits = np.random.default_rng(2).normal(0, 1, len(photographs)) + 3 * labels_of(photographs)
    strange = [n for n, it in enumerate(photographs) if it.source == "s source 1" and not it.label]
    known = with_logits(measured(photographs, logits.astype(np.float32)), np.array(strange), 5)
    found = judge_strangers({"t": known}, "t", Rates(0.1, 0.03, 0.01), NOWHERE)
    is_above = found.thresholds.fake_at_least > found.scored["t"].logits[strange].max()
    assert is_above == is_heard
    assert fewest(0.03) == 125


def test_what_a_second_look_or_a_doubt_spares_sets_no_threshold() -> None:
    scored = strangers_of(4000, 3)
    high = np.flatnonzero(scored.labels == 0)[:200]
    plain = judge_strangers({"t": scored}, "t", RATES, NOWHERE)
    accused = with_logits(scored, high, 7)
    doubts = scored.doubts.copy()
    doubts[high] = "domain"
    for spared in (replace(accused, least=scored.least), replace(accused, doubts=doubts)):
        found = judge_strangers({"t": spared}, "t", RATES, NOWHERE)
        assert accused_from(found) == pytest.approx(accused_from(plain), abs=0.5)
        assert (found.verdicts["t"][high] == "fake").sum() < 10


def test_each_inconclusive_verdict_has_its_reason() -> None:
    scored = strangers_of(4000, 3)
    doubts = scored.doubts.copy()
    doubts[:5] = "domain"
    fakes = np.flatnonzero(scored.labels == 1)[10:20]
    least = scored.least.copy()
    least[fakes] = 0
    found = judge_strangers({"t": replace(scored, least=least, doubts=doubts)}, "t", RATES, NOWHERE)
    said, why = found.verdicts["t"], found.reasons["t"]
    assert ((why == "") == (said != "inconclusive")).all()
    assert set(why[:5]) == {"domain"}
    assert "turned" in why[fakes]
    assert set(why) <= {"", "domain", "turned", "unsure"}


def test_nothing_below_the_floor_is_called_fake() -> None:
    """There no picture was looked at again."""
    scored = strangers_of(4000, 3)
    plain = judge_strangers({"t": scored}, "t", RATES, NOWHERE)
    found = judge_strangers({"t": scored}, "t", RATES, 7.5)
    lowest = float(found.calibration.apply(np.array([7.5], np.float32))[0])
    assert plain.thresholds.fake_at_least < lowest == found.thresholds.fake_at_least
