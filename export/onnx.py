"""Write a self-describing ONNX model file, and refuse to when its scores are not the original's.

python -m export.onnx runs/resnet152-paper -o resnet152.onnx --data data/cifake
python -m export.onnx resnet152.onnx --precision fp16 -o resnet152.fp16.onnx
python -m export.onnx resnet152.onnx --precision int8 -o resnet152.int8.onnx
python -m export.onnx runs/resnet152-paper --precision int8-weights -o resnet152.onnx
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxscript import optimizer

from export.first_pass import first_pass, pair_gates, pattern_gates
from export.gate_images import DEFAULT_DATA, data_option, gate_images
from export.parity import (
    Views,
    calibration_images,
    compare,
    compare_scores,
    onnx_name,
    pytorch_name,
    score_pytorch,
    scores_onnx,
)
from export.precision import (
    INT8_WEIGHTS,
    PRECISIONS,
    PrecisionError,
    cast_first,
    rounded_in_floats,
    store_in_int8,
    to_float16,
    to_int8,
)
from scanner.files import write_whole
from scanner.model import (
    INPUT,
    INT8_ROWS,
    METADATA_KEY,
    OOD,
    OUTPUT,
    Gate,
    ModelCard,
    ModelError,
    ModelFile,
    open_model,
    parse_card,
)
from scanner.model.companion import companion_path
from trainer.backbones import Detector
from trainer.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from trainer.command import Command, check_folder_of

OPSET = 18
EXAMPLE_BATCH = 2  # a batch of 1 would be specialised to a constant


@dataclass(frozen=True)
class Source:
    """What is exported: a float32 graph with its card, and the checkpoint when it is at hand.

    traced: whether the graph was made of the checkpoint just now, and not read from a file.
    rows: the int8-rows file's graph that it was made from, if so. sha256: of the float32 file that
    it is the graph of, if so. Raises CheckpointError for a checkpoint beside rounded weights.
    """

    model: onnx.ModelProto
    card: ModelCard
    checkpoint: Checkpoint | None
    traced: bool
    rows: onnx.ModelProto | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if self.rounded and self.checkpoint is not None:
            raise CheckpointError(
                "the weights of this model are in int8, and its card says how far that took its "
                "scores from the checkpoint's; leave out --checkpoint."
            )

    @property
    def rounded(self) -> bool:
        """Whether its weights are in int8 already."""
        return any(weight.data_type == TensorProto.INT8 for weight in self.model.graph.initializer)


def read_source(source: Path, checkpoint: Path | None, licence: str | None) -> Source:
    """A run folder, a checkpoint, or a float32 model file (and the checkpoint it came from).

    Raises CheckpointError, ModelError.
    """
    if source.suffix != ".onnx":
        return trace(load_checkpoint(source), licence or "not stated")
    file = open_model(str(source))
    found = float_source(file, load_checkpoint(checkpoint) if checkpoint else None)
    return replace(found, card=replace(found.card, licence=licence or file.card.licence))


def float_source(file: ModelFile, checkpoint: Checkpoint | None) -> Source:
    """The float32 graph of a model file: its own, or that of an int8-rows file in floats.

    Raises ModelError for a file of fewer bits, CheckpointError.
    """
    if file.card.precision not in ("float32", INT8_ROWS):
        raise ModelError(
            f"{file.path} is {file.card.precision} already; name the float32 file it was made from."
        )
    model = onnx.load(file.path)
    if file.card.precision == "float32":
        return Source(model, file.card, checkpoint, traced=False, sha256=file.sha256)
    card = replace(file.card, precision="float32")
    return Source(rounded_in_floats(model), card, checkpoint, traced=False, rows=model)


def trace(checkpoint: Checkpoint, licence: str) -> Source:
    """The float32 graph of a checkpoint, with a card that has no parity figures yet."""
    model = to_graph(checkpoint.detector(), checkpoint.preprocessing.shape)
    store_in_half(model)
    onnx.checker.check_model(model, full_check=True)
    card = ModelCard(
        backbone=checkpoint.backbone,
        image_size=checkpoint.image_size,
        preprocessing=checkpoint.preprocessing,
        calibration=checkpoint.calibration,
        operating_points=tuple(checkpoint.operating_points),
        reliability=tuple(checkpoint.reliability),
        domain=checkpoint.domain,
        training=checkpoint.training,
        metrics={split: asdict(figures) for split, figures in checkpoint.metrics.items()},
        parity={},
        licence=licence,
    )
    return Source(model, card, checkpoint, traced=True)


def export_onnx(source: Source, precision: str, data: Path, images: Views) -> bytes:
    """The model file's bytes in `precision`, a value of PRECISIONS, after the gates on `images`.

    data: where int8 finds training images, and validation images if it is to score before the file
    it is made from. Raises ParityError, PrecisionError, DataError.
    """
    measured = {OUTPUT, OOD} if precision == "float16" else {OUTPUT}
    more = sorted({output.name for output in source.model.graph.output} - measured)
    if more and precision != "float32":
        raise PrecisionError(
            f"no gate measures what {precision} does to the graph's {' and '.join(more)}; keep "
            "this model in float32."
        )
    arithmetic = "float32" if precision == INT8_WEIGHTS else precision
    card = replace(source.card, precision=arithmetic)
    if precision == INT8_WEIGHTS:
        model = store_in_int8(source.model)
    elif precision == "float16":
        model = to_float16(source.model)
    elif precision == "int8":
        model = to_int8(source.model, calibration_images(data, card.preprocessing))
        if source.sha256 is not None:
            claim = first_pass(source.sha256, source.model, model, card, data)
            card = replace(card, first_pass=claim)
    else:
        model = cast_first(source.model)
    gates = [asdict(gate) for gate in parity_gates(source, model, card, images, precision)]
    if source.rounded:  # what that did to the scores is true of every file made of it
        gates = [*source.card.parity.get("gates", []), *gates]
    card = replace(card, parity={"gates": gates})
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    return model.SerializeToString()


def parity_gates(
    source: Source,
    model: onnx.ModelProto,
    card: ModelCard,
    images: Views,
    precision: str,
) -> list[Gate]:
    """Compare a new graph with PyTorch, and with the float32 graph unless it is that very one.

    precision: as export_onnx takes it. Raises ParityError.
    """
    found = scores_onnx(model.SerializeToString(), images.views, card.precision)
    # What rounds its activations is as far from itself in other arithmetic as such a file may be.
    tolerance = precision if source.rows is None else INT8_ROWS
    asked = (images.labels, card, tolerance, images.no_f1)
    gates: list[Gate] = []
    if source.checkpoint is None and not source.rounded:
        gates = [Gate("PyTorch float32", done=False, reason="no checkpoint was given")]
    elif source.checkpoint is not None:
        expected = score_pytorch(source.checkpoint.detector(), images.views)
        gates = [compare(pytorch_name(), expected, found.logits, *asked)]
    if precision != "float32" or not source.traced:
        floats = scores_onnx(source.model.SerializeToString(), images.views, "float32")
        name = onnx_name("float32 with int8 weights" if source.rounded else "float32")
        gates.append(compare_scores(name, floats, found, *asked))
        gates += pair_gates(images.views, floats, found, card)
        gates += pattern_gates(source.model, model, card)
    if source.rows is not None:
        rows = scores_onnx(source.rows.SerializeToString(), images.views, INT8_ROWS)
        gates.append(compare_scores(onnx_name(INT8_ROWS), rows, found, *asked))
    return gates


def to_graph(detector: Detector, shape: tuple[int, ...]) -> onnx.ModelProto:
    """Trace the detector: uint8 `images` N×shape in, float32 `logit` N out, dynamic N.

    shape: of what it sees of one image, as `Preprocessing.shape` has it.
    """
    example = torch.zeros(EXAMPLE_BATCH, *shape, dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1)
    program = torch.onnx.export(
        detector,
        (example,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        opset_version=OPSET,
        dynamo=True,
        dynamic_shapes={"images": {0: batch}},
        optimize=False,
        verbose=False,
    )
    assert program is not None
    # Not the exporter's own optimisation: it folds batch normalisation into the convolutions,
    # whose weights float16 could then no longer hold exactly. Runtimes fold it as they load.
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    model = program.model_proto
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]  # stack traces with the exporting machine's paths
    return model


def store_in_half(model: onnx.ModelProto) -> None:
    """Store as float16 every float32 weight that float16 holds exactly, widened when loaded.

    Lossless, and half the size for weights the trainer rounded; computation stays float32.
    """
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or len(weight.dims) < 2:
            continue
        values = numpy_helper.to_array(weight)
        half = values.astype(np.float16)
        if np.array_equal(half.astype(np.float32), values):
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _card(written: bytes) -> ModelCard:
    metadata = {entry.key: entry.value for entry in onnx.load_from_string(written).metadata_props}
    return parse_card(metadata[METADATA_KEY])


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Model file to write.",
)
@click.option(
    "--precision",
    type=click.Choice(list(PRECISIONS)),
    default="fp32",
    help="fp16 for GPUs, int8 for CPUs with VNNI, int8-weights for a small file.",
)
@data_option("; for int8 also a training split")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Run or checkpoint that a SOURCE of .onnx came from, to compare with PyTorch as well.",
)
@click.option("--licence", help="Licence of the weights, for the card; else the SOURCE's.")
def main(
    source: Path,
    output: Path,
    precision: str,
    data: Path | None,
    checkpoint: Path | None,
    licence: str | None,
) -> None:
    """Export SOURCE, a run folder, checkpoint or float32 .onnx file, to a self-describing file.

    A float32 file exported to fp32 is rewritten as this version does it, for TensorRT.

    Example: python -m export.onnx resnet152.onnx --precision fp16 -o resnet152.fp16.onnx
    """
    check_folder_of(output)
    read = read_source(source, checkpoint, licence)
    chosen = PRECISIONS[precision]
    images = gate_images(data, read.card.preprocessing, chosen)
    written = export_onnx(read, chosen, data or DEFAULT_DATA, images)
    try:
        write_whole(output, written)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}.") from error
    click.echo(f"{output}: {len(written) / 1e6:.1f} MB, parity checked on {len(images):,} images")
    if chosen == "int8" and (claim := _card(written).first_pass):
        first = f"{companion_path(source).name} beside {source.name}"
        click.echo(f"  it scores first as {first}; {claim.in_words()}")
    if images.no_f1:
        click.echo(f"  {images.no_f1}")


if __name__ == "__main__":
    main()
