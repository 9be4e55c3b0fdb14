"""`imgscan models`: the bundled models and the user's own; `imgscan engines`: what was built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click_default_group import DefaultGroup

from scanner.cli.exits import told
from scanner.cli.file_names import FileName
from scanner.record import safe_text

if TYPE_CHECKING:
    from scanner.model import FirstPass, ModelCard
    from scanner.model.file import ModelFile


@click.group(
    "models",
    cls=DefaultGroup,
    default="show",
    default_if_no_args=True,
    short_help="List the models, show one's card, or add one.",
)
def models_command() -> None:
    """List the models that --model finds by name, show one's card, or add and remove your own.

    Example: imgscan models add resnet152.onnx
    """


@models_command.command("show", short_help="List the models, or show one's card.")
@click.argument("name", required=False)
def show_command(name: str | None) -> None:
    """List the bundled and added models, or print the model card of NAME (or of an .onnx file).

    Example: imgscan models resnet18
    """
    from scanner.limits import AUTO
    from scanner.model.card import ModelError
    from scanner.model.file import (
        added_models,
        bundled_models,
        model_path,
        open_model,
    )

    with told("the command"):
        if name is not None:
            card = open_model(name).card
            click.echo(card.to_json())
            if card.preprocessing.native:
                click.echo(f"it sees {card.preprocessing.in_words()}", err=True)
            return
        for bundled in bundled_models():
            click.echo(f"{bundled}  ({AUTO})")
            _show_facts(open_model(bundled))
        for added in added_models():
            click.echo(safe_text(f"{added}  (added)"))
            try:
                _show_facts(open_model(added))
            except ModelError as error:  # an older version may have added it
                click.echo(safe_text(f"  unusable: {error}"))
            click.echo(safe_text(f"  file     {model_path(added)}"))


@models_command.command("add", short_help="Add a model file to the models known by name.")
@click.argument("file", type=FileName(exists=True))
def add_command(file: Path) -> None:
    """Copy FILE, an .onnx file with an imgscan card, to your own models.

    --model finds it by its name afterwards, which is that of FILE without .onnx.

    Example: imgscan models add resnet152.onnx
    """
    from scanner.model.added import add

    with told("the command"):
        model, new = add(file)
    done = "added as" if new else "is there already:"
    click.echo(safe_text(f"{model.path} {done} --model {model.name}"))


@models_command.command("remove", short_help="Delete a model that was added.")
@click.argument("name")
def remove_command(name: str) -> None:
    """Delete the model that was added as NAME; the file it was copied from stays.

    Example: imgscan models remove resnet152
    """
    from scanner.model.added import remove
    from scanner.model.companion import companion_path
    from scanner.model.file import added_models

    with told("the command"):
        place = remove(name)
    click.echo(safe_text(f"deleted {place}"))
    first = companion_path(place)
    if first.stem in added_models():
        left = f"{first.name}, which may have scored first, is still there"
        click.echo(safe_text(f"{left}: imgscan models remove {first.stem} deletes it, too"))


def _show_facts(model: ModelFile) -> None:
    from scanner.model.companion import companion

    card = model.card
    click.echo(safe_text(f"  domain   {card.domain.description}"))
    if card.preprocessing.native:
        click.echo(f"  sees     {card.preprocessing.in_words()}")
    if card.looks:
        click.echo(f"  fake     only if it stays so once {' and once '.join(card.looks)}")
    click.echo(f"  {_quality(card)}")
    click.echo(f"  size     {model.path.stat().st_size / 1e6:.1f} MB")
    click.echo(f"  runs in  {_arithmetic(card)}")
    if found := companion(model):
        click.echo(safe_text(f"  first    {_first(model, *found)}"))


def _quality(card: ModelCard) -> str:
    """F1 on the test split; of a model that was tested without one, what its verdicts come to."""
    f1 = card.metrics.get("test", {}).get("f1")
    if f1 is not None:
        converted = card.precision != "float32"
        before = f", before its conversion to {card.precision}" if converted else ""
        return f"F1       {f1:.4f} on the test split{before}"
    point = card.operating_points[0]
    return (
        f"rates    {point.test_false_positive_rate:.1%} of photographs called fake, "
        f"{point.test_true_positive_rate:.1%} of fakes found, "
        f"{point.test_false_negative_rate:.1%} of fakes called real, "
        f"{point.test_inconclusive_rate:.0%} inconclusive, of sources left out of training"
    )


def _arithmetic(card: ModelCard) -> str:
    from scanner.model import INT8_ROWS

    if card.precision == INT8_ROWS:
        return "int8 on CPUs, float32 with CUDA"
    return f"{card.precision}, {'CPU only' if card.cpu_only else 'CPU and GPU'}"


def _first(model: ModelFile, first: ModelFile, claim: FirstPass) -> str:
    """When the file beside a model scores before it, if ever."""
    from scanner.model.companion import why_unused

    if reason := why_unused(model, first, claim):
        return f"not {first.path.name}: {reason}"
    points = [point for point in model.card.operating_points if claim.pays(point)]
    rates = " and ".join(f"{point.false_positive_rate:g}" for point in points)
    size = first.path.stat().st_size / 1e6
    when = f"at a false-positive rate of {rates}" if points else "at no false-positive rate"
    return f"on CPUs {first.path.name}, {size:.1f} MB, {when}"


@click.command("engines", short_help="List the cached TensorRT engines, or delete them.")
@click.option("--prune", "delete", is_flag=True, help="Delete them; scans build them again.")
def engines_command(delete: bool) -> None:
    """List the TensorRT engines that scans have built and kept, or delete them.

    Example: imgscan engines --prune
    """
    from scanner.backends.tensorrt.cache import cache_folder, cached_engines, prune

    folder = cache_folder()
    engines = prune(folder) if delete else cached_engines(folder)
    for engine in engines:
        card = engine.card
        if card is None:
            click.echo("  its card cannot be read; no scan will use it")
            continue
        capabilities = ", ".join(card.compute_capabilities)
        batch = card.batch
        click.echo(f"  model     {card.model.backbone} {card.model_sha256[:12]}, {card.precision}")
        click.echo(f"  built by  {card.flavor} {card.version}")
        click.echo(f"  runs on   {card.gpu} ({capabilities}), driver {card.driver}")
        click.echo(f"  batches   {batch.minimum} to {batch.maximum}, best at {batch.optimum}")
    size = sum(engine.bytes for engine in engines) / 1e6
    verb = "deleted from" if delete else "in"
    noun = "engine" if len(engines) == 1 else "engines"
    click.echo(f"{len(engines)} {noun}, {size:.1f} MB, {verb} {folder}")
