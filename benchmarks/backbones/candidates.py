"""What is compared: a model file and the place it runs at, all behind the scan's own interface."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scanner.backends.backend import Backend, BackendError, Scores
from scanner.backends.choose import open_backend
from scanner.model import ModelFile, open_model

if TYPE_CHECKING:
    import torch

    from trainer.backbones import Detector

PYTORCH, COMPILED = "pytorch", "torch.compile"
TORCH_DEVICES = (PYTORCH, COMPILED)
GPU_DEVICES = (COMPILED, "cuda", "tensorrt")
DEVICES = (PYTORCH, "cpu", *GPU_DEVICES)
PRECISIONS = ("float32", "float16", "int8")


@dataclass(frozen=True)
class Candidate:
    """A model file on a device: one of DEVICES.

    `pytorch` is eager float32 on the CPU; `torch.compile` is float16 on a GPU, the yardstick there.
    """

    path: Path
    device: str

    @cached_property
    def file(self) -> ModelFile:
        """Raises ModelError."""
        return open_model(str(self.path))

    @property
    def on_gpu(self) -> bool:
        return self.device in GPU_DEVICES

    @property
    def place(self) -> str:
        """`cuda` or `cpu`, as PyTorch calls what it runs on."""
        return "cuda" if self.on_gpu else "cpu"

    @property
    def precision(self) -> str:
        """What it computes in."""
        return "float16" if self.device == COMPILED else self.file.card.precision

    @property
    def source(self) -> str:
        """The name of the float32 file that this one is, or was made of."""
        return self.path.name.partition(".")[0]

    @property
    def name(self) -> str:
        """The model, its precision and where it runs."""
        places = {"cpu": "ONNX Runtime CPU", "cuda": "ONNX Runtime CUDA", "tensorrt": "TensorRT"}
        place = places.get(self.device, "PyTorch" if self.device == PYTORCH else self.device)
        return f"{self.source} {self.precision}, {place}"

    def open(self, batch: int) -> Backend:
        """Ready to score `batch` views at once. Raises BackendError, NoPytorchModel."""
        if self.device in TORCH_DEVICES:
            return TorchBackend(self.file, self.device, batch)
        if self.device == "cpu" and self.file.card.precision == "float16":
            raise BackendError(
                "CPUs have no float16 arithmetic; ONNX Runtime widens the file to float32 there."
            )
        return open_backend(self.file, self.device, batch_size=batch)


def candidates(
    paths: Sequence[Path],
    devices: Sequence[str] = DEVICES,
    precisions: Sequence[str] = PRECISIONS,
) -> Iterator[Candidate]:
    """Each model file on each of `devices`, in the order of DEVICES; PyTorch reads float32 only.

    precisions: of the arithmetic, in which torch.compile differs from its file.
    """
    for path in paths:
        for device in (device for device in DEVICES if device in devices):
            candidate = Candidate(path, device)
            runs = device not in TORCH_DEVICES or candidate.file.card.precision == "float32"
            if runs and candidate.precision in precisions:
                yield candidate


class TorchBackend:
    """The model file's weights in PyTorch: what there was before the export. Fulfils `Backend`.

    It is the loop that people write: a batch is copied, scored and fetched before the next, so that
    on a GPU nothing is in flight beside it, where the scan's own backends have two batches.
    """

    streams = 1

    def __init__(self, model: ModelFile, device: str, batch_size: int) -> None:
        """Raises BackendError where there is no GPU for torch.compile, and NoPytorchModel."""
        import torch

        from benchmarks.shared.pytorch import detector_of

        compiled = device == COMPILED
        if compiled and not torch.cuda.is_available():
            raise BackendError("PyTorch finds no GPU here.")
        self.provider = device
        self.precision = "float16" if compiled else "float32"
        self.batch_size = batch_size
        detector = detector_of(model)
        if compiled:
            detector = _narrowed(detector).cuda()
        self._on_gpu = compiled
        # Kernels of this very batch; and a full graph raises where PyTorch, after too many
        # compilations, would carry on uncompiled without a word.
        self._score = (
            torch.compile(detector, dynamic=False, fullgraph=True) if compiled else detector
        )

    def score(self, views: NDArray[np.uint8]) -> Scores:
        """The scores of views, which cross the bus from pinned memory as uint8."""
        import torch

        images = torch.from_numpy(views)
        if self._on_gpu:
            images = images.pin_memory().cuda(non_blocking=True)
        with torch.inference_mode():
            return Scores(self._score(images).float().cpu().numpy())


def forget_compiled() -> None:
    """Drop what torch.compile made so far, and the GPU memory that PyTorch keeps for itself.

    PyTorch counts the compilations of all networks together and soon refuses more. To be called
    between backends, not while one is timed: it would compile again.
    """
    import torch

    torch.compiler.reset()
    gc.collect()  # compiled networks refer to themselves
    torch.cuda.empty_cache()


def _narrowed(detector: Detector) -> Detector:
    """The network in float16; resizing and normalisation stay float32, as in a float16 file."""
    import torch

    def narrow(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> torch.Tensor:
        return inputs[0].to(torch.float16, memory_format=torch.channels_last)

    detector.network.to(torch.float16).to(memory_format=torch.channels_last)
    detector.network.register_forward_pre_hook(narrow)
    return detector
