"""Protects: what is called torch.compile is compiled, however many networks and batches came first.

Of torch.compile itself only the part that needs neither a GPU nor a compiler runs here.
"""

from __future__ import annotations

import torch

from benchmarks.candidates import forget_compiled
from trainer.backbones import build_detector

BATCHES = range(1, 12)  # more than PyTorch's limit of 8 compilations


def test_forgetting_makes_room_for_more_compilations() -> None:
    detector = build_detector("bird_lotfi_cnn", 32, "none").eval()
    for batch in BATCHES:
        forget_compiled()
        compiled = torch.compile(detector, backend="eager", dynamic=False, fullgraph=True)
        with torch.inference_mode():  # raises once PyTorch refuses to compile again
            assert compiled(torch.zeros(batch, 32, 32, 3, dtype=torch.uint8)).shape == (batch,)
