"""Write the model file for photographs: tower and head as one graph, which describes itself.

python -m export.photographs runs/photographs -o clip-vit-b16.onnx --data data/photographs
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.gate_images import data_option, gate_images
from export.parity import Views, compare, onnx_name, score_onnx
from scanner.files import own_partial_path, write_whole
from scanner.model import INT8_ROWS, METADATA_KEY, OUTPUT, Gate, ModelCard
from trainer.command import Command, check_folder_of
from trainer.photographs.head import Head
from trainer.photographs.model import load_model
from trainer.photographs.tower import TOKENS


def with_head(tower: onnx.ModelProto, head: Head) -> onnx.ModelProto:
    """The tower's graph with the head's `logit`, float32 N, in place of its tokens."""
    model = onnx.ModelProto()
    model.CopyFrom(tower)
    graph = model.graph
    constants = {
        "head.weights": head.weights[None],
        "head.bias": np.float32(head.bias),
        "head.axes": np.array([1, 2], np.int64),
    }
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    # Not a matrix product, whose sums a library may order by the size of the batch.
    weighed = helper.make_node("Mul", [TOKENS, "head.weights"], ["head.weighed"])
    summed = helper.make_node("ReduceSum", ["head.weighed", "head.axes"], ["head.sum"], keepdims=0)
    graph.node.extend(
        [weighed, summed, helper.make_node("Add", ["head.sum", "head.bias"], [OUTPUT])]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N"]))
    onnx.checker.check_model(model, full_check=True)
    return model


def export_photographs(model: onnx.ModelProto, card: ModelCard, images: Views) -> bytes:
    """The model file's bytes, after the gate on `images`. Raises ParityError."""
    card = replace(card, parity={"gates": [asdict(_gate(model, card, images))]})
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    return model.SerializeToString(deterministic=True)


def _gate(model: onnx.ModelProto, card: ModelCard, images: Views) -> Gate:
    """The integers of a CPU against the same graph in float32, as a GPU computes it."""
    content = model.SerializeToString()
    found = score_onnx(content, images.views, INT8_ROWS)
    expected = score_onnx(content, images.views, "float32")
    return compare(onnx_name("float32"), expected, found, images.labels, card, no_f1=images.no_f1)


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Model file to write.",
)
@data_option()
def main(run: Path, output: Path, data: Path | None) -> None:
    """Export RUN, a folder of python -m trainer.photographs, to a self-describing .onnx file.

    Example: python -m export.photographs runs/photographs -o clip-vit-b16.onnx
    """
    check_folder_of(output)
    trained = load_model(run)
    images = gate_images(data, trained.card.preprocessing, INT8_ROWS)
    written = export_photographs(with_head(trained.tower, trained.head), trained.card, images)
    write_whole(output, written, own_partial_path(output))
    click.echo(f"{output}: {len(written) / 1e6:.1f} MB, parity checked on {len(images):,} images")
    if images.no_f1:
        click.echo(f"  {images.no_f1}")


if __name__ == "__main__":
    main()
