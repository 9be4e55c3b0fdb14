"""The int8 file beside a model, which may score images before the model itself does."""

from __future__ import annotations

from pathlib import Path

from scanner.model.card import FirstPass, ModelError
from scanner.model.file import FIRST, ModelFile, open_model


def companion_path(model: Path) -> Path:
    """Where the companion of a model file lies, if it has one: `NAME.int8.onnx`."""
    return model.with_suffix(FIRST)


def companion(model: ModelFile) -> tuple[ModelFile, FirstPass] | None:
    """The file beside `model` whose card has a first pass, be it before this model or another.

    None where there is no file, or one that claims nothing of the kind. Raises ModelError.
    """
    path = companion_path(model.path)
    if not path.is_file():
        return None
    try:
        found = open_model(str(path))
    except ModelError as error:
        reason = str(error).removesuffix(".")
        raise ModelError(
            f"{reason}; put {path.name} back as it was, or delete it: without it "
            f"{model.path.name} scores alone."
        ) from error
    claimed = found.card.first_pass
    return (found, claimed) if claimed else None
