"""Protects: what is called torch.compile is compiled, however many networks and batches came first,
and a GPU holds the candidates of one model at a time.

Of torch.compile itself only the part that needs neither a GPU nor a compiler runs here.
"""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.backbone_speed import groups_of
from benchmarks.candidates import Candidate, forget_compiled
from trainer.backbones import build_detector

BATCHES = range(1, 12)  # more than PyTorch's limit of 8 compilations


def test_forgetting_makes_room_for_more_compilations() -> None:
    detector = build_detector("bird_lotfi_cnn", 32, "none").eval()
    for batch in BATCHES:
        forget_compiled()
        compiled = torch.compile(detector, backend="eager", dynamic=False, fullgraph=True)
        with torch.inference_mode():  # raises once PyTorch refuses to compile again
            assert compiled(torch.zeros(batch, 32, 32, 3, dtype=torch.uint8)).shape == (batch,)


def test_a_gpu_holds_one_models_candidates_at_a_time() -> None:
    names = ("a.onnx", "b.onnx", "a.int8.onnx")
    a, b, a_int8 = on_cpu = [Candidate(Path(name), "cpu") for name in names]
    on_gpu = Candidate(Path("b.onnx"), "cuda")
    assert groups_of(on_cpu) == [on_cpu]
    assert groups_of([*on_cpu, on_gpu]) == [[a, a_int8], [b, on_gpu]]
