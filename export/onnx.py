"""Write a self-describing ONNX model file, and refuse to when it disagrees with PyTorch.

python -m export.onnx runs/resnet152-paper -o resnet152.onnx --data data/cifake
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxscript import optimizer

from export.parity import ParityError, compare, parity_images
from scanner.model import INPUT, METADATA_KEY, OUTPUT, ModelCard
from trainer.backbones import Detector
from trainer.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from trainer.data import DataError

OPSET = 18
EXAMPLE_BATCH = 2  # a batch of 1 would be specialised to a constant


def export_onnx(checkpoint: Checkpoint, images: NDArray[np.uint8], licence: str) -> bytes:
    """The model file's bytes, after its logits were compared with PyTorch's on `images`.

    images: uint8 views N×V×V×3. Raises ParityError when the two disagree.
    """
    detector = checkpoint.detector()
    model = to_graph(detector, checkpoint.preprocessing.size)
    store_in_half(model)
    onnx.checker.check_model(model, full_check=True)
    parity = compare(detector, model.SerializeToString(), images, checkpoint)
    card = ModelCard(
        backbone=checkpoint.backbone,
        image_size=checkpoint.image_size,
        preprocessing=checkpoint.preprocessing,
        calibration=checkpoint.calibration,
        operating_points=tuple(checkpoint.operating_points),
        domain=checkpoint.domain,
        training=checkpoint.training,
        metrics={split: asdict(figures) for split, figures in checkpoint.metrics.items()},
        parity=asdict(parity),
        licence=licence,
    )
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    return model.SerializeToString()


def to_graph(detector: Detector, view: int) -> onnx.ModelProto:
    """Trace the detector: uint8 `images` N×view×view×3 in, float32 `logit` N out, dynamic N."""
    example = torch.zeros(EXAMPLE_BATCH, view, view, 3, dtype=torch.uint8)
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


@click.command(context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Model file to write.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/cifake"),
    help="Labelled images for the parity gate; their test split is used.",
)
@click.option("--licence", default="not stated", help="Licence of the weights, for the card.")
def main(run: Path, output: Path, data: Path, licence: str) -> None:
    """Export RUN, a run folder or checkpoint, to a self-describing ONNX file.

    Example: python -m export.onnx runs/resnet152-paper -o resnet152.onnx
    """
    if not output.parent.is_dir():  # said now, not after minutes of exporting
        raise click.ClickException(
            f"{output} cannot be written: there is no folder {output.parent}."
        )
    try:
        checkpoint = load_checkpoint(run)
        images = parity_images(data, checkpoint.preprocessing)
        written = export_onnx(checkpoint, images, licence)
    except (CheckpointError, DataError, ParityError) as error:
        raise click.ClickException(str(error)) from error
    try:
        output.write_bytes(written)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}.") from error
    click.echo(f"{output}: {len(written) / 1e6:.1f} MB, parity checked on {len(images):,} images")


if __name__ == "__main__":
    main()
