"""Write the model file for photographs: tower and head as one graph, which describes itself.

python -m export.photographs runs/photographs -o clip-vit-b16.onnx --data data/photographs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.gate_images import data_option, gate_images
from export.parity import Views, compare_scores, onnx_name, scores_onnx
from scanner.files import own_partial_path, write_whole
from scanner.model import INT8_ROWS, METADATA_KEY, OOD, OUTPUT, Gate, ModelCard
from trainer.command import Command, check_folder_of
from trainer.photographs.head import Head
from trainer.photographs.model import load_model
from trainer.photographs.tower import TOKENS


def with_heads(tower: onnx.ModelProto, heads: Mapping[str, Head]) -> onnx.ModelProto:
    """The tower's graph with each head's logit, float32 N, by the name of its output.

    The tokens that they weigh are no output any more.
    """
    model = onnx.ModelProto()
    model.CopyFrom(tower)
    graph = model.graph
    del graph.output[:]
    graph.initializer.append(numpy_helper.from_array(np.array([1, 2], np.int64), "heads.axes"))
    for output, head in heads.items():
        weights, bias = f"{output}.weights", f"{output}.bias"
        graph.initializer.append(numpy_helper.from_array(head.weights[None], weights))
        graph.initializer.append(numpy_helper.from_array(np.array(head.bias, np.float32), bias))
        # Not a matrix product, whose sums a library may order by the size of the batch.
        weighed, total = f"{output}.weighed", f"{output}.sum"
        graph.node.extend(
            [
                helper.make_node("Mul", [TOKENS, weights], [weighed]),
                helper.make_node("ReduceSum", [weighed, "heads.axes"], [total], keepdims=0),
                helper.make_node("Add", [total, bias], [output]),
            ]
        )
        graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N"]))
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
    found = scores_onnx(content, images.views, INT8_ROWS)
    expected = scores_onnx(content, images.views, "float32")
    asked = (images.labels, card, INT8_ROWS, images.no_f1)
    return compare_scores(onnx_name("float32"), expected, found, *asked)


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
    model = with_heads(trained.tower, {OUTPUT: trained.head, OOD: trained.domain})
    written = export_photographs(model, trained.card, images)
    write_whole(output, written, own_partial_path(output))
    click.echo(f"{output}: {len(written) / 1e6:.1f} MB, parity checked on {len(images):,} images")
    if images.no_f1:
        click.echo(f"  {images.no_f1}")


if __name__ == "__main__":
    main()
