"""Protects: model files are found by name and read, and others are refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zlib
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from scanner.files import file_sha256
from scanner.model import (
    AUTO,
    BUNDLED,
    METADATA_KEY,
    ModelCard,
    ModelError,
    bundled_models,
    open_model,
    open_models,
)
from scanner.model.companion import companion, companion_path
from scanner.model.file import SUMS, check_graph
from scanner.model.metadata import metadata
from scanner.preprocess import Preprocessing
from scanner.scan import Request
from scanner.scan.scorers import open_scorers
from tests.conftest import CIFAKE_MODEL, ModelMaker
from tests.scanner.views_model import VIEWS, write_views_model

FLOAT, DOUBLE, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.INT64


def test_card_round_trip_through_a_model_file(brightness_model: Path, card: ModelCard) -> None:
    model = open_model(str(brightness_model))
    assert model.card.to_json() == card.to_json()
    assert model.name == "brightness"
    assert model.sha256 == hashlib.sha256(brightness_model.read_bytes()).hexdigest()


def test_the_bundled_models_open() -> None:
    assert "resnet18" in bundled_models()
    for name in bundled_models():
        model = open_model(name)
        assert all(0 <= figures["f1"] <= 1 for figures in model.card.metrics.values())
        size = model.card.preprocessing.size
        session = onnxruntime.InferenceSession(model.path, providers=["CPUExecutionProvider"])
        check_graph(session, model.card)
        for count in (1, 3):
            views = np.zeros((count, size, size, 3), np.uint8)
            (logits,) = session.run(["logit"], {"images": views})
            assert logits.shape == (count,)
            assert logits.dtype == np.float32


def test_a_bundled_models_card_is_the_one_that_onnx_finds() -> None:
    for path in BUNDLED.glob("*.onnx"):
        assert metadata(path) == {it.key: it.value for it in onnx.load(path).metadata_props}


def test_every_bundled_file_is_known_by_its_hash() -> None:
    """Or each scan would open it to read its card, which takes long."""
    sums = (BUNDLED / SUMS).read_text().splitlines()
    paths = sorted(BUNDLED.glob("*.onnx"))
    assert sums == [f"{file_sha256(path)}  {path.name}" for path in paths]


@pytest.mark.parametrize("damaged", ["resnet18.onnx", "resnet18.int8.onnx"])
def test_a_bundled_file_that_was_damaged_is_refused_before_a_scan(
    damaged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its card and all around its network may be whole."""
    shutil.copytree(BUNDLED, tmp_path / "models")
    monkeypatch.setattr("scanner.model.file.BUNDLED", tmp_path / "models")
    request = Request((tmp_path,), model=CIFAKE_MODEL, device="cpu")
    (scorer,) = open_scorers(request, print)
    assert scorer.first is not None
    path = tmp_path / "models" / damaged
    content = bytearray(path.read_bytes())
    content[1000:1200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"{re.escape(damaged)} is not a usable ONNX file"):
        open_scorers(request, print)


def test_a_wheel_of_the_models_stays_under_the_indexs_100_mb() -> None:
    """With 3 MB left for all else."""
    packed = [len(zlib.compress(path.read_bytes())) for path in BUNDLED.glob("*.onnx")]
    assert sum(packed) <= 97e6


def test_a_companion_is_no_model_of_its_own(tmp_path: Path, brightness_model: Path) -> None:
    """Without a card that claims it, it is none either: older versions gave files such names."""
    (file,) = [open_model(name) for name in bundled_models() if name == CIFAKE_MODEL]
    found = companion(file)
    assert found is not None
    first, claim = found
    assert first.name not in bundled_models()
    assert (first.path, first.card.precision) == (companion_path(file.path), "int8")
    assert claim.of == file.sha256, "or no scan would use it"
    assert claim.pays(file.card.operating_points[0])
    assert first.card.preprocessing == file.card.preprocessing
    assert first.card.calibration == file.card.calibration
    assert first.card.operating_points == file.card.operating_points
    for name in ("mine.onnx", "mine.int8.onnx"):
        (tmp_path / name).write_bytes(brightness_model.read_bytes())
    assert companion(open_model(str(tmp_path / "mine.onnx"))) is None
    assert companion(open_model(str(tmp_path / "mine.int8.onnx"))) is None


def test_auto_is_all_bundled_models_and_a_name_is_one() -> None:
    assert [model.name for model in open_models(AUTO)] == bundled_models()
    assert open_models("resnet18") == (open_model("resnet18"),)
    with pytest.raises(ModelError, match=r"auto stands for all bundled models \(.*resnet18"):
        open_model(AUTO)


def test_auto_needs_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.model.file.BUNDLED", tmp_path)
    with pytest.raises(ModelError, match=r"there is no model in .*; name an \.onnx file"):
        open_models(AUTO)


def test_no_image_lies_in_two_bundled_domains() -> None:
    """A domain is a square of sides, so two overlap where both their ranges of sides do."""
    domains = [model.card.domain for model in open_models(AUTO)]
    for one, other in combinations(domains, 2):
        assert one.max_side < other.min_side or other.max_side < one.min_side


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


@pytest.mark.parametrize("version", [1, 8, "2", None])
def test_another_format(
    version: object, card_record: dict[str, Any], make_model: ModelMaker
) -> None:
    card_record["format"] = version
    path = make_model("future", {METADATA_KEY: json.dumps(card_record)})
    with pytest.raises(
        ModelError, match=f"format {version!r}, this version reads 2, 3, 4, 5, 6 and 7"
    ):
        open_model(str(path))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"preprocessing": Preprocessing(16)},
            "takes images: uint8 N×32×32×3, and its card says images: uint8 N×16×16×3",
        ),
        (
            {"preprocessing": Preprocessing(32, native=4)},
            "takes images: uint8 N×32×32×3, and its card says images: uint8 N×5×32×32×3",
        ),
        ({"ood_at_most": 1.0}, "lacks the output 'ood', which its card says it has"),
    ],
)
def test_a_graph_that_is_not_as_its_card_says_is_refused(
    changes: dict[str, Any], sentence: str, card: ModelCard, make_model: ModelMaker
) -> None:
    path = make_model("other", {METADATA_KEY: replace(card, **changes).to_json()})
    with pytest.raises(ModelError, match=rf"other\.onnx: its graph {sentence}; export the model"):
        open_model(str(path))


@pytest.mark.parametrize(
    ("views", "outputs", "sentence"),
    [
        (VIEWS, ("logit", "view_logits"), None),
        (VIEWS, ("logit", "ood"), "has an output 'ood', and its card no ood_at_most to judge by"),
        (VIEWS, ("view_logits",), "lacks the output 'logit', which its card says it has"),
        (replace(VIEWS, native=9), ("logit",), "takes images: uint8 N×5×16×16×3, and its card"),
        (replace(VIEWS, native=0), ("logit",), "takes images: uint8 N×5×16×16×3, and its card"),
    ],
)
def test_several_views_are_as_the_card_says(
    views: Preprocessing,
    outputs: tuple[str, ...],
    sentence: str | None,
    card: ModelCard,
    tmp_path: Path,
) -> None:
    whole = replace(card, preprocessing=views)
    path = write_views_model(tmp_path / "x.onnx", whole, outputs)
    if sentence is None:
        assert open_model(str(path)).card.preprocessing == views
    else:
        with pytest.raises(ModelError, match=rf"x\.onnx: its graph {sentence}"):
            open_model(str(path))


def returning(path: Path, name: str, kind: int, shape: list[str | int | None]) -> None:
    """Have the graph of the model file return its output `name` in another type and shape.

    shape: [] for one that is known at a run alone.
    """
    model = onnx.load(path)
    graph = model.graph
    (node,) = (node for node in graph.node if name in node.output)
    node.output[:] = ["before"]
    sides = [side if isinstance(side, int) else -1 for side in shape]
    graph.initializer.append(onnx.helper.make_tensor("sides", INT64, [len(sides)], sides))
    last = ("Reshape", ["cast", "sides"]) if shape else ("Squeeze", ["cast"])
    graph.node.append(onnx.helper.make_node("Cast", ["before"], ["cast"], to=kind))
    graph.node.append(onnx.helper.make_node(*last, [name]))
    (output,) = (output for output in graph.output if output.name == name)
    output.CopyFrom(onnx.helper.make_tensor_value_info(name, kind, shape or None))
    onnx.save_model(model, path)


@pytest.mark.parametrize("name", ["logit", "ood"])
@pytest.mark.parametrize(
    ("kind", "shape", "found"),
    [
        (FLOAT, ["N"], None),
        (FLOAT, [None], None),
        (FLOAT, [], None),
        (DOUBLE, ["N"], "double N"),
        (INT64, ["N"], "int64 N"),
        (FLOAT, ["N", 1], "float N×1"),
        (FLOAT, [1, "N"], "float 1×N"),
        (FLOAT, [1], "float 1"),
    ],
)
def test_outputs_are_as_the_card_says(
    name: str,
    kind: int,
    shape: list[str | int | None],
    found: str | None,
    card: ModelCard,
    tmp_path: Path,
) -> None:
    """What else a graph returns would end a scan at its first image."""
    whole = replace(card, preprocessing=VIEWS, ood_at_most=1.0)
    path = write_views_model(tmp_path / "x.onnx", whole)
    returning(path, name, kind, shape)
    if found is None:
        assert open_model(str(path)).card.ood_at_most == 1
    else:
        sentence = rf"its graph returns {name}: {found}, and its card says {name}: float N; export"
        with pytest.raises(ModelError, match=rf"x\.onnx: {sentence}"):
            open_model(str(path))
