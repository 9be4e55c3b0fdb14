"""What float16 and int8 cost in parity: the figures of the export's gates on real images.

python -m benchmarks.precision --data data/cifake
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import onnx

from benchmarks.shared.options import shared_option
from benchmarks.shared.results import CIFAKE_MODEL, write_results
from export.onnx import export_onnx, read_source
from export.parity import parity_images
from scanner.errors import ImgscanError
from scanner.model import BUNDLED, METADATA_KEY
from trainer.command import Command


@click.command(cls=Command, context_settings={"show_default": True})
@shared_option("--data")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    default=BUNDLED / f"{CIFAKE_MODEL}.onnx",
    help="A float32 model file.  [default: the bundled float32 one]",
    show_default=False,
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="The checkpoint it came from, to compare with PyTorch as well.",
)
@click.option("--images", default=1000, help="Test images of each class.")
@shared_option("--output", default=Path("results/precision.json"), help="Where the figures go.")
def main(data: Path, model: Path, checkpoint: Path | None, images: int, output: Path) -> None:
    """Export a float32 model in fewer bits and record the gates, or how one failed."""
    source = read_source(model, checkpoint, None)
    views = parity_images(data, source.card.preprocessing, images)
    results: dict[str, object] = {"model": model.stem}
    for precision in ("int8", "float16"):
        try:
            written = export_onnx(source, precision, data, views)
        except ImgscanError as error:
            results[precision] = {"failed": str(error)}
        else:
            props = onnx.load_model_from_string(written).metadata_props
            card = json.loads(next(p.value for p in props if p.key == METADATA_KEY))
            results[precision] = {"bytes": len(written), **card["parity"]}
        click.echo(f"{precision}: {json.dumps(results[precision], indent=1)}")
    write_results(output, results)


if __name__ == "__main__":
    main()
