"""Protects: an int8 file may score first only where no verdict is then another."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from export.first_pass import MARGIN, PATTERNS, pair_gates
from export.onnx import to_graph
from export.parity import ParityError, scores_onnx, validation_images
from export.patterns import MARGIN_SEED, patterns
from export.precision import to_int8
from scanner.backends.backend import Scores
from scanner.backends.cascade import colours
from scanner.files import file_sha256
from scanner.model import FirstPass, ModelCard, ScoredAgain
from scanner.model.verdict import verdicts
from tests.export.conftest import converted
from trainer.backbones import build_detector


def test_an_int8_file_says_what_it_scores_before(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    file, _ = converted(tiny_model, "int8", tiny_data, tmp_path)
    claim = file.card.first_pass
    assert claim is not None
    assert claim.of == file_sha256(tiny_model)
    views = validation_images(tiny_data, file.card.preprocessing).views
    assert claim.least_colours == min(colours(views)) > 2
    made_up = patterns(PATTERNS, file.card.preprocessing, MARGIN_SEED)
    made_up = made_up[colours(made_up) >= claim.least_colours]
    assert claim.images == len(views) > 50
    assert claim.patterns == len(made_up)
    assert 0 < len(made_up) < PATTERNS
    before, after = (
        file.card.calibration.apply(
            scores_onnx(path.read_bytes(), np.concatenate([views, made_up]), precision).logits
        )
        for path, precision in ((tiny_model, "float32"), (file.path, "int8"))
    )
    apart = np.abs(before - after)
    before, after = before[: len(views)], after[: len(views)]
    assert claim.largest_difference == pytest.approx(apart.max(), abs=1e-5)
    assert claim.mean_difference == pytest.approx(apart[: len(views)].mean(), abs=1e-5)
    assert 0 <= claim.margin - MARGIN * claim.largest_difference <= 0.01 + 1e-9
    assert round(claim.margin, 2) == claim.margin
    points = file.card.operating_points
    assert [it.false_positive_rate for it in claim.scored_again] == [
        it.false_positive_rate for it in points
    ]
    for point, again in zip(points, claim.scored_again, strict=True):
        at = (point.fake_at_least, point.real_at_most)
        near = np.min([np.abs(after - each) for each in at], axis=0) <= claim.margin
        assert again.share == pytest.approx(near.mean())
        pair = np.where(near, before, after)
        assert (verdicts(pair, point) == verdicts(before, point)).all()


def test_the_gates_have_a_line_for_each_point_where_it_is_used(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    file, _ = converted(tiny_model, "int8", tiny_data, tmp_path)
    claim = file.card.first_pass
    assert claim is not None
    used = [it for it in file.card.operating_points if claim.pays(it)]
    gates = [gate for gate in file.card.parity["gates"] if "goes before" in gate["against"]]
    expected = [
        (f"on {pictures} at {point.false_positive_rate:g}", count)
        for pictures, count in (("test images", 1000), ("made-up pictures", PATTERNS))
        for point in used
    ]
    assert len(expected) >= 2
    for gate, (said, count) in zip(gates, expected, strict=True):
        assert gate["against"].endswith(said)
        assert gate["figures"]["verdicts_flipped"] == 0
        assert gate["figures"]["images"] == count


def test_of_what_no_file_is_there_none_goes_first(
    tiny_run: Path, tiny_data: Path, tmp_path: Path
) -> None:
    """A graph that was traced just now lies in no float32 file that could be named."""
    file, _ = converted(tiny_run, "int8", tiny_data, tmp_path)
    assert file.card.first_pass is None


@pytest.fixture
def claimed(card: ModelCard) -> ModelCard:
    """A file's that scores first at thresholds of 2 and -2, with a margin of 0.5."""
    claim = FirstPass("ab" * 32, 0.5, 9, 100, 50, 0.3, 0.1, (ScoredAgain(0.01, 0.1),))
    return replace(card, precision="int8", first_pass=claim)


# Of three images, 32x32; in the second set the first image has two colours.
MANY_COLOURS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
ONE_OF_FEW = MANY_COLOURS.copy()
ONE_OF_FEW[0] = np.indices((32, 32)).sum(axis=0)[..., None] % 2 * 255


def scores(*logits: float) -> Scores:
    return Scores(np.array(logits, np.float32))


def test_a_verdict_that_the_pair_would_move_is_refused(claimed: ModelCard) -> None:
    full, moved = scores(1.9, -5.0, 5.0), scores(2.6, -5.0, 5.0)
    with pytest.raises(ParityError, match="change 1 of 3 verdicts on test images at a false-pos"):
        list(pair_gates(MANY_COLOURS, full, moved, claimed))
    for views, fast in ((MANY_COLOURS, scores(2.4, -4.0, 5.5)), (ONE_OF_FEW, moved)):
        (gate,) = pair_gates(views, full, fast, claimed)
        assert gate.done
        assert gate.figures == {
            "images": 3, "verdicts_flipped": 0, "scored_again": pytest.approx(1 / 3)
        }  # fmt: skip


def test_where_it_would_not_be_used_nothing_is_asked_of_it(claimed: ModelCard) -> None:
    assert claimed.first_pass is not None
    idle = replace(claimed.first_pass, scored_again=(ScoredAgain(0.01, 0.9),))
    idly = replace(claimed, first_pass=idle)
    gates = pair_gates(MANY_COLOURS[:1], scores(1.9), scores(2.6), idly)
    assert list(gates) == []


def test_in_int8_products_resize_and_normalise_the_pixels() -> None:
    """The same scores but for int8's rounding, in less time."""
    torch.manual_seed(0)
    detector = build_detector("bird_lotfi_cnn", 48, "none").eval()
    model = to_graph(detector, (32, 32, 3))
    views = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    graph = to_int8(model, views)
    assert {"Resize", "Sub"} <= kinds(model)
    assert not {"Resize", "Sub"} & kinds(graph)
    before, after = (
        scores_onnx(each.SerializeToString(), views, precision).logits
        for each, precision in ((model, "float32"), (graph, "int8"))
    )
    assert before.std() > 0
    assert math.isclose(np.corrcoef(before, after)[0, 1], 1, abs_tol=0.02)


def kinds(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}
