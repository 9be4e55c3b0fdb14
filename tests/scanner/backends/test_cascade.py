"""Protects: two files of one model give the verdicts of the full one, which scores few images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scanner.backends.backend import Backend, BackendError, joined
from scanner.backends.cascade import CascadeBackend, colours
from scanner.backends.choose import open_backend
from scanner.model import Calibration, ModelCard, open_model
from scanner.model.companion import companion_path
from scanner.model.verdict import near_thresholds, verdicts
from tests.conftest import ModelMaker
from tests.scanner.pair import MARGIN, write_pair

# Every grey, and in the middle of a range in which the two files' verdicts differ.
GREYS = np.tile(np.arange(256, dtype=np.uint8)[:, None, None, None], (1, 32, 32, 3))


def opened(full: Path, batch_size: int | None = None) -> tuple[Backend, Backend, CascadeBackend]:
    """Of the first file, the full one, and both together."""
    files = (open_model(str(companion_path(full))), open_model(str(full)))
    first, whole = (open_backend(file, "cpu", 1, batch_size) for file in files)
    claim = files[0].card.first_pass
    assert claim is not None
    return first, whole, CascadeBackend(first, whole, files[1].card, claim)


@pytest.mark.parametrize(
    "calibration", [Calibration(1.0, 0.0), Calibration(2.0, 0.5)], ids=["as it is", "calibrated"]
)
def test_the_verdicts_are_the_full_files(
    calibration: Calibration, make_model: ModelMaker, card: ModelCard, tmp_path: Path
) -> None:
    card = replace(card, calibration=calibration)
    first, whole, pair = opened(write_pair(tmp_path, make_model, card))
    fast, full, both = (backend.score(GREYS).logits for backend in (first, whole, pair))
    point = card.operating_points[0]

    def given(logits: NDArray[np.float32]) -> list[str]:
        return list(verdicts(calibration.apply(logits), point))

    assert given(both) == given(full)
    assert len(set(given(full))) > 1
    assert given(fast) != given(full), "the first file alone would give others"


def test_what_is_near_a_threshold_is_scored_again_and_nothing_else(
    make_model: ModelMaker, card: ModelCard, tmp_path: Path
) -> None:
    first, whole, pair = opened(write_pair(tmp_path, make_model, card))
    fast, full = first.score(GREYS).logits, whole.score(GREYS).logits
    near = np.array([min(abs(logit - 2), abs(logit + 2)) <= MARGIN for logit in fast])
    assert 0 < near.sum() < 50
    assert not (fast == full).any()
    assert pair.score(GREYS).logits.tolist() == np.where(near, full, fast).tolist()


def test_what_has_fewer_colours_than_any_validation_image_is_scored_by_the_full_file(
    make_model: ModelMaker, card: ModelCard, tmp_path: Path
) -> None:
    """There the first file may be farther off than its margin, so its score counts for nothing."""
    made = write_pair(tmp_path, make_model, card, least_colours=3)
    first, whole, pair = opened(made)
    chequers = np.indices((32, 32)).sum(axis=0) % 2
    two = np.array([[200, 0, 0], [0, 0, 0]], np.uint8)[chequers]
    three = two.copy()
    three[0, 0] = 9
    views = np.stack([two, three, np.zeros_like(two)])
    fast, full = first.score(views).logits, whole.score(views).logits
    assert not (fast == full).any()
    assert (np.abs(np.abs(fast) - 2) > MARGIN).all(), "none is near a threshold"
    assert pair.score(views).logits.tolist() == [full[0], fast[1], full[2]]


def test_colours_are_counted_over_all_views_and_channels() -> None:
    random = np.random.default_rng(0)
    for shape in ((6, 32, 32, 3), (6, 5, 8, 8, 3), (6, 1, 1, 3)):
        for limit in (2, 6, 256):
            views = random.integers(0, limit, shape, dtype=np.uint8)
            expected = [len(np.unique(each.reshape(-1, 3), axis=0)) for each in views]
            assert colours(views).tolist() == expected


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_the_batch_changes_no_bit(
    batch: int, make_model: ModelMaker, card: ModelCard, tmp_path: Path
) -> None:
    _, _, pair = opened(write_pair(tmp_path, make_model, card))
    parts = [pair.score(GREYS[n : n + batch]) for n in range(0, len(GREYS), batch)]
    assert joined(parts).logits.tobytes() == pair.score(GREYS).logits.tobytes()


def test_what_runs_is_said(make_model: ModelMaker, card: ModelCard, tmp_path: Path) -> None:
    first, _, pair = opened(write_pair(tmp_path, make_model, card), batch_size=5)
    assert (pair.provider, pair.precision) == (
        "CPUExecutionProvider",
        "int8, float32 near thresholds",
    )
    assert (pair.batch_size, pair.streams) == (5, first.streams)


def test_what_is_no_number_is_scored_again(card: ModelCard) -> None:
    """No first pass may settle what it could not score."""
    logits = np.array([np.nan, np.inf, -np.inf, 9.0, 2.0, 0.0], np.float32)
    near = near_thresholds(logits, card.operating_points[0], MARGIN)
    assert near.tolist() == [True, True, True, False, True, False]


@pytest.mark.parametrize("which", ["pair.onnx", "pair.int8.onnx"])
def test_a_file_that_was_exchanged_meanwhile_scores_nothing(
    which: str, make_model: ModelMaker, card: ModelCard, tmp_path: Path
) -> None:
    _, _, pair = opened(write_pair(tmp_path, make_model, card))
    changed = tmp_path / which
    changed.write_bytes(changed.read_bytes() + b"\0")
    with pytest.raises(BackendError, match=f"{which} has changed since the scan began"):
        pair.score(GREYS)
