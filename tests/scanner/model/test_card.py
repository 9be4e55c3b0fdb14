"""Protects: a card survives the round trip, and one that is incomplete or malformed is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scanner.looks import LOOKS
from scanner.model import (
    INT8_ROWS,
    Calibration,
    FirstPass,
    ModelCard,
    ModelError,
    ScoredAgain,
    TrainingSource,
    parse_card,
)
from scanner.preprocess import Preprocessing
from scanner.quality import QualityBounds


def test_card_round_trip(card: ModelCard) -> None:
    assert parse_card(card.to_json()).to_json() == card.to_json()


def test_unknown_keys_of_a_later_minor_version_are_ignored(card_record: dict[str, Any]) -> None:
    card_record["later"] = 1
    card_record["domain"]["later"] = 1
    assert parse_card(json.dumps(card_record)).licence == "Apache-2.0"


def test_calibration_keeps_shape_and_type() -> None:
    logits = np.array([[1.0, -2.0]], np.float32)
    calibrated = Calibration(temperature=0.5, bias=1.0).apply(logits)
    assert calibrated.tolist() == [[3.0, -3.0]]
    assert calibrated.dtype == np.float32


@pytest.mark.parametrize("text", ["", "{", "\udcff".encode("utf-8", "ignore").decode()])
def test_a_card_that_is_not_json(text: str) -> None:
    with pytest.raises(ModelError, match="is not JSON"):
        parse_card(text)


@pytest.mark.parametrize("text", ["[]", "null", "3", '"card"'])
def test_a_card_that_is_no_object(text: str) -> None:
    with pytest.raises(ModelError, match="has format None"):
        parse_card(text)


def test_every_key_is_required_and_named(card_record: dict[str, Any]) -> None:
    later = {"precision", "sources", "ood_at_most", "quality", "looks", "first_pass"}
    for key in card_record.keys() - {"format"} - later:
        spoilt = {name: value for name, value in card_record.items() if name != key}
        with pytest.raises(ModelError, match=f"lacks '{key}'"):
            parse_card(json.dumps(spoilt))


def test_a_card_from_before_there_were_precisions_is_float32(card_record: dict[str, Any]) -> None:
    del card_record["precision"]
    assert parse_card(json.dumps(card_record)).precision == "float32"


def without_second_looks(card_record: dict[str, Any]) -> dict[str, Any]:
    """The record as format 4 had it: with verdicts on pictures of any quality, at first sight."""
    old = card_record | {"format": 4}
    del old["quality"], old["looks"]
    return old


def without_views(card_record: dict[str, Any]) -> dict[str, Any]:
    """The record as format 3 had it: of one view of the whole picture, without `ood`."""
    old = without_second_looks(card_record) | {"format": 3}
    del old["ood_at_most"]
    old["preprocessing"] = {
        name: old["preprocessing"][name] for name in ("size", "fit", "resample")
    }
    return old


def test_a_card_of_format_2_still_reads(card_record: dict[str, Any]) -> None:
    """It knows of no sources, and of one error rate for both classes."""
    old = without_views(card_record) | {"format": 2}
    del old["sources"]
    for point in old["operating_points"]:
        del point["false_negative_rate"]
    card = parse_card(json.dumps(old))
    assert card.sources == ()
    assert card.operating_points[0].false_negative_rate is None


def test_a_card_of_format_3_still_reads(card_record: dict[str, Any], card: ModelCard) -> None:
    read = parse_card(json.dumps(without_views(card_record)))
    assert read.to_json() == card.to_json()
    assert (read.preprocessing.whole, read.preprocessing.native) == (True, 0)
    assert (read.ood_at_most, read.outputs) == (None, ("logit",))


def test_a_card_of_format_4_still_reads(card_record: dict[str, Any], card: ModelCard) -> None:
    read = parse_card(json.dumps(without_second_looks(card_record)))
    assert read.to_json() == card.to_json()
    assert (read.quality, read.looks) == (None, ())


def test_a_card_of_format_5_bounds_no_proportions(card_record: dict[str, Any]) -> None:
    bounds = {"least_detail": 0.6, "least_texture": 0.5, "most_blocks": 3.0}
    read = parse_card(json.dumps(card_record | {"format": 5, "quality": bounds}))
    assert read.quality == QualityBounds(**bounds, least_seen=0.0)


def test_what_a_verdict_takes_comes_back_as_it_was(card: ModelCard) -> None:
    quality = QualityBounds(least_detail=0.6, least_texture=0.5, most_blocks=3.0, least_seen=0.5)
    taking = replace(card, quality=quality, looks=tuple(LOOKS))
    read = parse_card(taking.to_json())
    assert (read.quality, read.looks) == (quality, tuple(LOOKS))


def test_views_and_the_bound_on_ood_come_back_as_they_were(card: ModelCard) -> None:
    views = Preprocessing(32, whole=False, native=9)
    read = parse_card(replace(card, preprocessing=views, ood_at_most=2.5).to_json())
    assert (read.preprocessing, read.ood_at_most) == (views, 2.5)
    assert read.outputs == ("logit", "ood")


def test_sources_come_back_as_they_were(card: ModelCard) -> None:
    source = TrainingSource(
        "a/gallery", "fake", 3, "a generator", "MIT", called_fake=2, called_real=0
    )
    whole = replace(card, sources=(source,), precision=INT8_ROWS)
    assert parse_card(whole.to_json()).sources == (source,)


def test_an_unknown_precision_is_refused(card_record: dict[str, Any]) -> None:
    card_record["precision"] = "fp4"
    with pytest.raises(ModelError, match="unknown precision 'fp4'; known: float32"):
        parse_card(json.dumps(card_record))


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ("domain", "max_side"),
        ("calibration", "bias"),
        ("preprocessing", "resample"),
    ],
)
def test_every_inner_key_is_required_and_named(
    part: str, key: str, card_record: dict[str, Any]
) -> None:
    del card_record[part][key]
    with pytest.raises(ModelError, match=f"lacks '{key}'"):
        parse_card(json.dumps(card_record))


@pytest.mark.parametrize(("real", "fake"), [(3.0, 2.0), (float("nan"), 2.0), (-2.0, "high")])
def test_thresholds_are_numbers_in_order(
    real: object, fake: object, card_record: dict[str, Any]
) -> None:
    card_record["operating_points"][0] |= {"real_at_most": real, "fake_at_least": fake}
    with pytest.raises(ModelError, match="the model card is malformed"):
        parse_card(json.dumps(card_record))


def test_thresholds_are_required(card_record: dict[str, Any]) -> None:
    del card_record["operating_points"][0]["real_at_most"]
    with pytest.raises(ModelError, match="lacks 'real_at_most'"):
        parse_card(json.dumps(card_record))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("operating_points", []),
        ("operating_points", None),
        ("operating_points", [3]),
        ("preprocessing", None),
        ("preprocessing", {"size": 0, "fit": "crop", "resample": "bilinear"}),
        ("calibration", {"temperature": -1, "bias": 0}),
        ("calibration", {"temperature": 0, "bias": 0}),
        ("calibration", {"temperature": "hot", "bias": 0}),
        ("preprocessing", {"size": 8, "fit": "crop", "resample": "bilinear", "native": 5}),
        ("ood_at_most", math.nan),
        ("ood_at_most", math.inf),
        ("ood_at_most", "far"),
        ("quality", {"least_detail": math.nan, "least_texture": 0, "most_blocks": 1}),
        ("quality", {"least_detail": 0.5}),
        ("looks", ["upside down"]),
        ("looks", 2 * list(LOOKS)),
        ("domain", []),
        ("domain", {"description": "x", "min_side": None, "max_side": "big"}),
    ],
)
def test_a_malformed_value_is_refused_at_once(
    key: str, value: object, card_record: dict[str, Any]
) -> None:
    """Not with a traceback in the middle of a scan."""
    card_record[key] = value
    with pytest.raises(ModelError):
        parse_card(json.dumps(card_record))


@pytest.fixture
def first(card: ModelCard) -> ModelCard:
    """A card of a file that scores before another, where that saves time at one point of two."""
    strict = replace(card.operating_points[0], false_positive_rate=0.001, fake_at_least=4.0)
    again = (ScoredAgain(0.01, 0.04), ScoredAgain(0.001, 0.8))
    return replace(
        card,
        precision="int8",
        operating_points=(*card.operating_points, strict),
        first_pass=FirstPass("ab" * 32, 0.72, 85, 9922, 2000, 0.475, 0.04, again),
    )


def test_a_first_pass_survives_the_round_trip(first: ModelCard) -> None:
    read = parse_card(first.to_json())
    assert read.first_pass == first.first_pass
    assert read.first_pass is not None
    assert [read.first_pass.pays(point) for point in read.operating_points] == [True, False]
    assert read.first_pass.pays(read.at(0.01).operating_points[0]), "whichever point is chosen"


def test_a_card_of_format_6_scores_before_no_other(
    card_record: dict[str, Any], card: ModelCard
) -> None:
    del card_record["first_pass"]
    read = parse_card(json.dumps(card_record | {"format": 6}))
    assert read.to_json() == card.to_json()
    assert read.first_pass is None


@pytest.mark.parametrize("margin", [0.475, 0.0, math.nan, math.inf, "wide"])
def test_a_margin_that_bounds_nothing_is_refused(margin: Any, first: ModelCard) -> None:
    record = json.loads(first.to_json())
    record["first_pass"]["margin"] = margin
    with pytest.raises(ModelError, match="the model card is malformed: "):
        parse_card(json.dumps(record))


@pytest.mark.parametrize(
    "key", ["of", "margin", "least_colours", "scored_again", "largest_difference"]
)
def test_a_first_pass_that_lacks_something_is_refused(key: str, first: ModelCard) -> None:
    record = json.loads(first.to_json())
    del record["first_pass"][key]
    with pytest.raises(ModelError, match=f"lacks '{key}'"):
        parse_card(json.dumps(record))


def test_a_first_pass_gives_no_ood(first: ModelCard) -> None:
    """Two files that differ in it would not agree on which images get no verdict."""
    with pytest.raises(ValueError, match="a first pass, which gives no ood"):
        replace(first, ood_at_most=1.0)
