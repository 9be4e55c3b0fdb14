"""Protects: what is called torch.compile is compiled, however many networks and batches came first,
and a GPU holds the candidates of one model at a time.

Of torch.compile itself only the part that needs neither a GPU nor a compiler runs here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.backbones import comparison
from benchmarks.backbones.candidates import DEVICES, candidates, forget_compiled
from benchmarks.backbones.comparison import taking_turns
from scanner.model import open_model
from trainer.backbones import build_detector

BATCHES = range(1, 12)  # more than PyTorch's limit of 8 compilations


def test_forgetting_makes_room_for_more_compilations() -> None:
    detector = build_detector("bird_lotfi_cnn", 32, "none").eval()
    for batch in BATCHES:
        forget_compiled()
        compiled = torch.compile(detector, backend="eager", dynamic=False, fullgraph=True)
        with torch.inference_mode():  # raises once PyTorch refuses to compile again
            assert compiled(torch.zeros(batch, 32, 32, 3, dtype=torch.uint8)).shape == (batch,)


@pytest.mark.parametrize(
    ("driver", "devices", "alone"),
    [(True, DEVICES, True), (True, ("cpu",), False), (False, DEVICES, False)],
)
def test_a_gpu_holds_one_models_candidates_at_a_time(
    driver: bool,
    devices: tuple[str, ...],
    alone: bool,
    brightness_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison, "cuda_driver_present", lambda: driver)
    first, second = [open_model(str(brightness_model))], [open_model("resnet18")]
    turns = [[first], [second]] if alone else [[first, second]]
    assert taking_turns([first, second], devices) == turns


def test_the_arithmetic_is_chosen_and_not_the_file() -> None:
    """A float32 file is float16 in torch.compile, the yardstick there."""
    path = open_model("resnet18").path
    for precision, devices in (("float16", ["torch.compile"]), ("int8", [])):
        assert [who.device for who in candidates([path], DEVICES, [precision])] == devices
