"""`imgscan models`: the bundled models and the user's own, and how to add one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click_default_group import DefaultGroup

from scanner.exits import told
from scanner.file_names import FileName
from scanner.record import safe_text

if TYPE_CHECKING:
    from scanner.model import ModelFile


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
    from scanner.model import (
        DEFAULT_MODEL,
        ModelError,
        added_models,
        bundled_models,
        model_path,
        open_model,
    )

    with told("the command", (ModelError,)):
        if name is not None:
            click.echo(open_model(name).card.to_json())
            return
        for bundled in bundled_models():
            default = "  (default)" if bundled == DEFAULT_MODEL else ""
            click.echo(f"{bundled}{default}")
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
    from scanner.added_models import add
    from scanner.model import ModelError

    with told("the command", (ModelError,)):
        model, new = add(file)
    done = "added as" if new else "is there already:"
    click.echo(safe_text(f"{model.path} {done} --model {model.name}"))


@models_command.command("remove", short_help="Delete a model that was added.")
@click.argument("name")
def remove_command(name: str) -> None:
    """Delete the model that was added as NAME; the file it was copied from stays.

    Example: imgscan models remove resnet152
    """
    from scanner.added_models import remove
    from scanner.model import ModelError

    with told("the command", (ModelError,)):
        click.echo(safe_text(f"deleted {remove(name)}"))


def _show_facts(model: ModelFile) -> None:
    card = model.card
    runs_on = "CPU only" if card.cpu_only else "CPU and GPU"
    before = "" if card.precision == "float32" else f", before its conversion to {card.precision}"
    f1 = card.metrics.get("test", {}).get("f1")
    stated = "not stated" if f1 is None else f"{f1:.4f} on the test split{before}"
    click.echo(safe_text(f"  domain   {card.domain.description}"))
    click.echo(f"  F1       {stated}")
    click.echo(f"  size     {model.path.stat().st_size / 1e6:.1f} MB")
    click.echo(f"  runs in  {card.precision}, {runs_on}")
