"""Protects the model-file contract: cards survive the round trip, other files are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from scanner.model import (
    METADATA_KEY,
    Calibration,
    ModelCard,
    ModelError,
    bundled_models,
    open_model,
    parse_card,
)
from tests.conftest import ModelMaker


def test_card_round_trip(card: ModelCard) -> None:
    assert parse_card(card.to_json()).to_json() == card.to_json()


def test_card_round_trip_through_a_model_file(brightness_model: Path, card: ModelCard) -> None:
    model = open_model(str(brightness_model))
    assert model.card.to_json() == card.to_json()
    assert model.name == "brightness"
    assert model.sha256 == hashlib.sha256(brightness_model.read_bytes()).hexdigest()


def test_unknown_keys_of_a_later_minor_version_are_ignored(card_record: dict[str, Any]) -> None:
    card_record["later"] = 1
    card_record["domain"]["later"] = 1
    assert parse_card(json.dumps(card_record)).licence == "Apache-2.0"


def test_the_bundled_models_open() -> None:
    assert "resnet18" in bundled_models()
    sizes = [open_model(name).path.stat().st_size for name in bundled_models()]
    assert max(sizes) <= 64e6
    assert sum(sizes) <= 110e6
    for name in bundled_models():
        model = open_model(name)
        assert 0 <= model.card.metrics["test"]["f1"] <= 1
        size = model.card.preprocessing.size
        session = onnxruntime.InferenceSession(model.path, providers=["CPUExecutionProvider"])
        for count in (1, 3):
            views = np.zeros((count, size, size, 3), np.uint8)
            (logits,) = session.run(["logit"], {"images": views})
            assert logits.shape == (count,)
            assert logits.dtype == np.float32


def test_calibration_keeps_shape_and_type() -> None:
    logits = np.array([[1.0, -2.0]], np.float32)
    calibrated = Calibration(temperature=0.5, bias=1.0).apply(logits)
    assert calibrated.tolist() == [[3.0, -3.0]]
    assert calibrated.dtype == np.float32


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"no model 'resnet9000'; bundled: .*resnet18"):
        open_model("resnet9000")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model"):
        open_model(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(1000)])
def test_a_file_that_is_not_onnx(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.onnx is not a usable ONNX file") as caught:
        open_model(str(path))
    assert "\n" not in str(caught.value)


def test_a_model_cut_short(brightness_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(brightness_model.read_bytes()[:-50])
    with pytest.raises(ModelError):
        open_model(str(path))


def test_a_model_without_card(make_model: ModelMaker) -> None:
    path = make_model("cardless", {"producer": "someone"})
    with pytest.raises(ModelError, match="has no imgscan model card"):
        open_model(str(path))


@pytest.mark.parametrize("version", [1, 3, "2", None])
def test_another_format(
    version: object, card_record: dict[str, Any], make_model: ModelMaker
) -> None:
    card_record["format"] = version
    path = make_model("future", {METADATA_KEY: json.dumps(card_record)})
    with pytest.raises(ModelError, match=f"has format {version!r}, this version reads 2"):
        open_model(str(path))


@pytest.mark.parametrize("text", ["", "{", "\udcff".encode("utf-8", "ignore").decode()])
def test_a_card_that_is_not_json(text: str) -> None:
    with pytest.raises(ModelError, match="is not JSON"):
        parse_card(text)


@pytest.mark.parametrize("text", ["[]", "null", "3", '"card"'])
def test_a_card_that_is_no_object(text: str) -> None:
    with pytest.raises(ModelError, match="has format None"):
        parse_card(text)


def test_every_key_is_required_and_named(card_record: dict[str, Any]) -> None:
    for key in card_record.keys() - {"format", "precision"}:
        spoilt = {name: value for name, value in card_record.items() if name != key}
        with pytest.raises(ModelError, match=f"lacks '{key}'"):
            parse_card(json.dumps(spoilt))


def test_a_card_from_before_there_were_precisions_is_float32(card_record: dict[str, Any]) -> None:
    del card_record["precision"]
    assert parse_card(json.dumps(card_record)).precision == "float32"


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
