"""Protects: a checkpoint gives back exactly what was trained, and nothing else passes for one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainer.checkpoint import FILE_NAME, CheckpointError, load_checkpoint


def test_round_trip(tiny_run: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tiny_run)
    checkpoint.save(tmp_path / "copy.pt")
    copy = load_checkpoint(tmp_path / "copy.pt")
    tensors = zip(checkpoint.state.values(), copy.state.values(), strict=True)
    assert all(torch.equal(one, other) for one, other in tensors)
    one, other = vars(checkpoint), vars(copy)
    assert {k: v for k, v in one.items() if k != "state"} == {
        k: v for k, v in other.items() if k != "state"
    }
    assert not copy.detector().training


def test_missing_checkpoint_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*trainer\.finetune"):
        load_checkpoint(tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="is not a PyTorch checkpoint"):
        load_checkpoint(path)
    for other in ({"weight": torch.zeros(2)}, [1, 2], {"format": 99}):
        torch.save(other, path)
        with pytest.raises(CheckpointError, match="was not written by this version"):
            load_checkpoint(path)


def test_a_record_that_lacks_or_spoils_a_part_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    record = torch.load(tiny_run / FILE_NAME, weights_only=True)
    for spoilt in (
        {name: value for name, value in record.items() if name != "domain"},
        record | {"metrics": 3},
        record | {"calibration": {"temperature": 0.0, "bias": 0.0}},
    ):
        torch.save(spoilt, tmp_path / "model.pt")
        with pytest.raises(CheckpointError, match="is malformed"):
            load_checkpoint(tmp_path / "model.pt")
