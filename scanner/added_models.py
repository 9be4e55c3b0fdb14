"""The models that a user adds to the bundled ones, to name them as those are named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from scanner.files import replacing
from scanner.model import (
    ModelError,
    ModelFile,
    added_folder,
    added_models,
    bundled_models,
    open_model,
)
from scanner.record import path_text

OWNER_ONLY = 0o700


def add(path: Path) -> tuple[ModelFile, bool]:
    """The added copy of a model file, and whether it is new. Raises ModelError."""
    name = path.stem
    # A name with a suffix of its own would hide the file of that name from --model.
    if path.suffix != ".onnx" or Path(name).suffix in (".onnx", ".engine"):
        raise ModelError(f"{path} cannot be added; name a file like NAME.onnx.")
    if name.lower() in bundled_models():
        raise ModelError(f"{name} is the name of a bundled model; rename the file.")
    open_model(str(path))
    folder = added_folder()
    place = folder / path.name
    with _writing_to(folder):
        content = path.read_bytes()
        new = not place.exists()
        if not new and place.read_bytes() != content:
            raise ModelError(
                f"another model was added as {name} before; rename the file, or delete that one "
                f"with imgscan models remove {name}."
            )
        if new:
            folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
            with replacing(place) as partial:
                partial.write_bytes(content)
                _check_alone(partial, path)
    return open_model(str(place)), new


def remove(name: str) -> Path:
    """Delete an added model, and return where it was. Raises ModelError."""
    if name not in added_models():
        known = ", ".join(map(path_text, added_models())) or "none"
        raise ModelError(f"no model was added as {name!r}; added: {known}.")
    place = added_folder() / f"{name}.onnx"
    with _writing_to(place.parent):
        place.unlink()
    return place


def _check_alone(copy: Path, original: Path) -> None:
    try:
        open_model(str(copy))
    except ModelError as error:
        raise ModelError(
            f"{original} needs other files beside it; write it again with python -m export.onnx."
        ) from error


@contextlib.contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"models cannot be kept in {folder}: {error.strerror}; make it writable, or set "
            "XDG_DATA_HOME to a folder that is."
        ) from error
