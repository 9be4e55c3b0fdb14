"""Protects: tower and head become one file, whose scores are the same in integers and floats."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from export.gate_images import SAMPLES
from export.onnx import export_onnx, float_source
from export.parity import ParityError, Views, compare_scores, scores_onnx
from export.photographs import export_photographs, main, with_heads
from export.precision import rounded_in_floats
from scanner.backends.backend import Scores
from scanner.backends.choose import open_backend
from scanner.model import (
    INPUT,
    INT8_ROWS,
    OOD,
    OUTPUT,
    Domain,
    ModelCard,
    ModelFile,
    open_model,
)
from tests.towers import random_weights
from trainer.photographs.clip import PREPROCESSING, SIDE, WIDTH
from trainer.photographs.evenness import even_out
from trainer.photographs.head import Head
from trainer.photographs.model import PhotographModel
from trainer.photographs.tower import TOKENS, build


@pytest.fixture(scope="module")
def tower() -> onnx.ModelProto:
    weights = random_weights()
    return build(weights, even_out(weights), [0, 1])


@pytest.fixture(scope="module")
def head() -> Head:
    return Head(np.random.default_rng(2).normal(0, 0.02, (2, WIDTH)).astype(np.float32), -0.5)


@pytest.fixture(scope="module")
def domain() -> Head:
    return Head(np.random.default_rng(4).normal(0, 0.02, (2, WIDTH)).astype(np.float32), 0.25)


@pytest.fixture(scope="module")
def views() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def tower_card(card: ModelCard) -> ModelCard:
    """With thresholds that five random scores do not lie close to."""
    point = replace(card.operating_points[0], fake_at_least=50.0, real_at_most=-50.0)
    return replace(
        card,
        preprocessing=PREPROCESSING,
        image_size=SIDE,
        domain=Domain("photographs", SIDE, 8192),
        operating_points=(point,),
        precision=INT8_ROWS,
        ood_at_most=1.5,
    )


@pytest.fixture
def file(
    tower: onnx.ModelProto,
    head: Head,
    domain: Head,
    tower_card: ModelCard,
    views: NDArray[np.uint8],
    tmp_path: Path,
) -> ModelFile:
    images = Views(views, None, "no labels")
    model = with_heads(tower, {OUTPUT: head, OOD: domain})
    (tmp_path / "small.onnx").write_bytes(export_photographs(model, tower_card, images))
    return open_model(str(tmp_path / "small.onnx"))


def test_both_outputs_are_the_heads_of_the_towers_tokens(
    tower: onnx.ModelProto, head: Head, domain: Head, file: ModelFile, views: NDArray[np.uint8]
) -> None:
    session = onnxruntime.InferenceSession(tower.SerializeToString())
    tokens = session.run([TOKENS], {INPUT: views})[0]
    found = onnxruntime.InferenceSession(file.path).run([OUTPUT, OOD], {INPUT: views})
    for each, by in zip(found, (head, domain), strict=True):
        assert each == pytest.approx(by.logits(tokens), abs=1e-4)


def test_scores_are_the_same_for_any_batch_in_a_scan(
    file: ModelFile, views: NDArray[np.uint8]
) -> None:
    backend = open_backend(file, "cpu", 1)
    assert backend.precision == "int8"
    together = backend.score(views).logits
    apart = [backend.score(views[place : place + 1]).logits[0] for place in range(len(views))]
    assert together.tobytes() == np.array(apart).tobytes()


def test_the_file_says_how_its_forms_compare(file: ModelFile) -> None:
    (gate,) = file.card.parity["gates"]
    assert gate["against"].endswith("float32")
    assert gate["done"]
    assert gate["figures"]["images"] == 5


def test_a_head_that_magnifies_rounding_is_refused(
    tower: onnx.ModelProto, head: Head, tower_card: ModelCard, views: NDArray[np.uint8]
) -> None:
    loud = Head(1000 * head.weights, 0.0)
    model = with_heads(tower, {OUTPUT: loud, OOD: head})
    with pytest.raises(ParityError, match="Nothing was written"):
        export_photographs(model, tower_card, Views(views, None))


@pytest.mark.parametrize(("moved", "is_refused"), [(0, False), (5, False), (6, True)])
def test_so_is_a_file_that_rounding_moves_over_the_bound_of_its_domain(
    moved: int, is_refused: bool, tower_card: ModelCard
) -> None:
    """As few images as of verdicts that may change."""
    logits, ood = np.zeros(100, np.float32), np.full(100, 1.4, np.float32)
    rounded = ood + np.where(np.arange(100) < moved, np.float32(0.2), np.float32(0.05))
    words = ("a file", Scores(logits, ood), Scores(logits, rounded), None, tower_card)
    if is_refused:
        with pytest.raises(ParityError, match="6 moved into the domain or out of it"):
            compare_scores(*words)
    else:
        figures = compare_scores(*words).figures
        assert figures["moved_over_the_bound"] == moved
        assert figures["largest_ood_difference"] == pytest.approx(0.2 if moved else 0.05)


def test_in_floats_nothing_is_int8_but_the_weights(
    tower: onnx.ModelProto, head: Head, domain: Head, views: NDArray[np.uint8]
) -> None:
    model = with_heads(tower, {OUTPUT: head, OOD: domain})
    floats = rounded_in_floats(model)
    kinds = Counter(node.op_type for node in floats.graph.node)
    products = kinds["DequantizeLinear"]  # one a matrix
    assert (kinds["QuantizeLinear"], kinds["Round"]) == (0, products)
    used = {name for node in floats.graph.node for name in node.input}
    assert {weight.name for weight in floats.graph.initializer} <= used
    rounded = scores_onnx(model.SerializeToString(), views, INT8_ROWS).logits
    found = scores_onnx(floats.SerializeToString(), views, "float32").logits
    assert found == pytest.approx(rounded, abs=0.2)


def test_float16_is_made_of_it_and_held_against_it(
    file: ModelFile, views: NDArray[np.uint8], tmp_path: Path
) -> None:
    source = float_source(file, None)
    written = export_onnx(source, "float16", tmp_path, Views(views, None, "no labels"))
    (tmp_path / "half.onnx").write_bytes(written)
    half = open_model(str(tmp_path / "half.onnx"))
    assert half.card.precision == "float16"
    against = [gate["against"] for gate in half.card.parity["gates"]]
    assert any(INT8_ROWS in name for name in against)
    expected = scores_onnx(file.path.read_bytes(), views, INT8_ROWS).logits
    assert scores_onnx(written, views, "float16").logits == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_gpus_are_not_refused_for_its_integers(
    device: str, file: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stops here is the missing GPU, or nothing."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(Exception, match="was asked for but"):
        open_backend(file, device)


def test_the_command_writes_what_a_scan_opens(
    tower: onnx.ModelProto,
    head: Head,
    domain: Head,
    tower_card: ModelCard,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    PhotographModel(tower, head, domain, tower_card).save(run)
    words = [str(run), "-o", str(tmp_path / "made.onnx"), "--data", str(SAMPLES)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "parity checked on 57 images" in done.output
    assert open_model(str(tmp_path / "made.onnx")).card.preprocessing == PREPROCESSING


def test_no_folder_to_write_to_is_told_before_the_work(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "-o", str(tmp_path / "no" / "x.onnx")])
    assert "there is no folder" in done.output
