"""Build a float16 TensorRT engine of a model file, and measure it where there is a GPU.

python -m export.trt resnet152.onnx --data data/cifake
python -m export.trt resnet152.onnx --compute-capability 8.9 --compute-capability 12.0

The second builds ahead of time, for other RTX GPUs and on a machine with none; the engine's own
parity is then recorded as not done. The float16 graph it is built from is measured either way.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from export.gate_images import DEFAULT_DATA, data_option, gate_images
from export.onnx import export_onnx, float_source
from export.parity import (
    Views,
    compare,
    compare_scores,
    onnx_name,
    pytorch_name,
    score_pytorch,
    scores_onnx,
)
from scanner.backends.backend import BackendError, Scores, joined
from scanner.backends.gpu import Gpu, find_gpu
from scanner.backends.tensorrt.build import build
from scanner.backends.tensorrt.flavors import choose_flavor, version
from scanner.model import Gate, ModelCard, ModelFile, open_model
from scanner.model.engine import FLAVORS, BatchProfile, EngineCard, EngineFile, write_engine
from trainer.checkpoint import Checkpoint, load_checkpoint
from trainer.command import Command, check_folder_of

PRECISION = "float16"
MIB = 2**20
NO_GPU = "there is no usable NVIDIA GPU here"


@dataclass(frozen=True)
class Target:
    """Where an engine is to run: compute capabilities, and the GPU here when it is one of them.

    reason: why the engine cannot be measured here, without the GPU.
    ahead: whether it is built for the capabilities and not for the GPU here.
    """

    flavor: str
    capabilities: tuple[str, ...]
    gpu: Gpu | None
    reason: str
    ahead: bool

    @property
    def label(self) -> str:
        """For file names: the GPU, like `nvidia-h100`, or `sm89-sm120`."""
        if self.gpu is not None and not self.ahead:
            return re.sub(r"[^a-z0-9]+", "-", self.gpu.name.lower()).strip("-")
        return "-".join(f"sm{capability.replace('.', '')}" for capability in self.capabilities)


def find_target(capabilities: Sequence[str], flavor: str | None) -> Target:
    """The GPU here, or the ones named. Raises BackendError when TensorRT or a GPU is missing."""
    gpu = gpu_here()
    if capabilities:
        if flavor == "tensorrt":
            raise BackendError(
                "only TensorRT for RTX builds for another GPU; leave out --flavor, or "
                "--compute-capability on the GPU itself."
            )
        for capability in capabilities:
            chosen = choose_flavor(capability, "tensorrt_rtx")
        here = gpu if gpu is not None and gpu.capability in capabilities else None
        reason = "the GPU here is not one the engine is for" if gpu else NO_GPU
        return Target(chosen, tuple(capabilities), here, reason, ahead=True)
    chosen = choose_flavor(gpu.capability if gpu else None, flavor)
    if gpu is None:
        raise BackendError(
            f"{NO_GPU} to build for; name the GPU's compute capability, like "
            "--compute-capability 8.9, to build ahead of time with TensorRT for RTX."
        )
    return Target(chosen, (gpu.capability,), gpu, "", ahead=False)


def gpu_here() -> Gpu | None:
    """The first GPU, if there is one that CUDA can use."""
    try:
        return find_gpu("tensorrt")
    except BackendError:
        return None


def half_graph(
    file: ModelFile, checkpoint: Checkpoint | None, images: Views
) -> tuple[bytes, ModelCard]:
    """A float16 model file's bytes and card, from itself or from a float32 one, after its gates.

    Raises ModelError, ParityError, PrecisionError.
    """
    if file.card.precision == PRECISION:
        return file.path.read_bytes(), file.card
    source = float_source(file, checkpoint)
    half = export_onnx(source, PRECISION, DEFAULT_DATA, images)  # data is for int8 alone
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / file.path.name
        written.write_bytes(half)
        return half, open_model(str(written)).card


def export_engine(
    file: ModelFile,
    output: Path,
    target: Target,
    batch: BatchProfile,
    data: Path | None,
    checkpoint: Checkpoint | None = None,
    workspace_bytes: int | None = None,
    timing_cache: Path | None = None,
) -> EngineFile:
    """A float16 engine of a model file, with the gates on its card; `output` is not yet written.

    data: as gate_images takes it. Raises BackendError, DataError, ModelError, ParityError,
    PrecisionError.
    """
    images = gate_images(data, file.card.preprocessing, PRECISION)
    graph, card = half_graph(file, checkpoint, images)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file.path.name
        path.write_bytes(graph)
        shape, ahead = card.preprocessing.shape, target.capabilities if target.ahead else ()
        content = build(path, shape, target.flavor, batch, workspace_bytes, timing_cache, ahead)
    here = None if target.ahead else target.gpu
    engine_card = EngineCard(
        model=card,
        model_sha256=file.sha256,
        engine_sha256=hashlib.sha256(content).hexdigest(),
        flavor=target.flavor,
        version=version(target.flavor),
        gpu=here.name if here else "",
        compute_capabilities=target.capabilities,
        driver=here.driver if here else "",
        precision=PRECISION,
        batch=batch,
        gates=(),
    )
    engine = EngineFile(output, engine_card, content)
    graphs = {file.card.precision: file.path.read_bytes(), PRECISION: graph}
    gates = engine_gates(engine, graphs, checkpoint, target, images)
    return replace(engine, card=replace(engine_card, gates=gates))


def engine_gates(
    engine: EngineFile,
    graphs: dict[str, bytes],
    checkpoint: Checkpoint | None,
    target: Target,
    images: Views,
) -> tuple[Gate, ...]:
    """Compare the engine with PyTorch and with the ONNX `graphs`, by precision.

    Without the GPU each gate is recorded as not done. Raises ParityError, BackendError.
    """
    if target.gpu is None:
        names = [pytorch_name(), *map(onnx_name, graphs)]
        return tuple(Gate(name, done=False, reason=target.reason) for name in names)
    found = score_engine(engine, images.views)
    asked = (images.labels, engine.card.model, PRECISION, images.no_f1)
    if checkpoint is None:
        gates = [Gate(pytorch_name(), done=False, reason="no checkpoint was given")]
    else:
        expected = score_pytorch(checkpoint.detector(), images.views)
        gates = [compare(pytorch_name(), expected, found.logits, *asked)]
    for precision, graph in graphs.items():
        scores = scores_onnx(graph, images.views, precision)
        gates.append(compare_scores(onnx_name(precision), scores, found, *asked))
    return tuple(gates)


def score_engine(engine: EngineFile, views: NDArray[np.uint8]) -> Scores:
    """By the engine on the GPU here. Raises BackendError."""
    from scanner.backends.tensorrt.runtime import Engine

    batch = engine.card.batch.optimum
    lane = Engine(engine).open_lane(batch)
    try:
        starts = range(0, len(views), batch)
        return joined([lane.run(views[start : start + batch]) for start in starts])
    finally:
        lane.close()


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Engine file to write.  [default: MODEL.GPU.fp16.engine beside MODEL]",
)
@click.option("--flavor", type=click.Choice(FLAVORS), help="Instead of the one for the GPU.")
@click.option("--min-batch", default=1, help="Smallest batch the engine takes.")
@click.option("--batch", default=128, help="Batch it is tuned for.")
@click.option("--max-batch", default=256, help="Largest batch it takes.")
@click.option("--workspace", type=int, help="Scratch memory for kernels, in MiB; else all.")
@click.option(
    "--timing-cache",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that makes the next build faster (tensorrt only).",
)
@click.option(
    "--compute-capability",
    "capabilities",
    multiple=True,
    help="Build ahead of time for this RTX GPU, like 8.9; may be repeated; needs no GPU.",
)
@data_option()
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Run or checkpoint that MODEL came from, to compare with PyTorch as well.",
)
def main(
    model: Path,
    output: Path | None,
    flavor: str | None,
    min_batch: int,
    batch: int,
    max_batch: int,
    workspace: int | None,
    timing_cache: Path | None,
    capabilities: tuple[str, ...],
    data: Path | None,
    checkpoint: Path | None,
) -> None:
    """Build a float16 engine of MODEL, a float32 or float16 .onnx file, with its card beside it.

    Example: python -m export.trt resnet152.onnx --compute-capability 8.9
    """
    try:
        profile = BatchProfile(min_batch, batch, max_batch)
    except ValueError as error:
        raise click.ClickException(f"{error}.") from error
    file = open_model(str(model))
    target = find_target(capabilities, flavor)
    output = output or model.with_name(f"{file.name}.{target.label}.fp16.engine")
    check_folder_of(output)
    loaded = load_checkpoint(checkpoint) if checkpoint else None
    scratch = workspace * MIB if workspace else None
    engine = export_engine(file, output, target, profile, data, loaded, scratch, timing_cache)
    try:
        write_engine(output, engine.content, engine.card)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}.") from error
    card, megabytes = engine.card, len(engine.content) / 1e6
    click.echo(f"{output}: {megabytes:.1f} MB, {card.flavor} {card.version}, {PRECISION}")
    for gate in card.gates:
        click.echo(f"  parity with {gate.in_words()}")
    for made in card.model.parity.get("gates", []):
        click.echo(f"  its graph's parity with {Gate(**made).in_words()}")


if __name__ == "__main__":
    main()
