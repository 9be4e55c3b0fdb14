"""The models that a user adds to the bundled ones, to name them as those are named."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from scanner.files import own_partial_path
from scanner.limits import AUTO
from scanner.model.card import ModelError
from scanner.model.file import (
    ModelFile,
    added_folder,
    added_models,
    bundled_models,
    open_model,
    pin_path,
)
from scanner.record import path_text

OWNER_ONLY = 0o700


def add(path: Path) -> tuple[ModelFile, bool]:
    """The added copy of a model file, and whether it is new. Raises ModelError."""
    name = path.stem
    # A name with a suffix of its own would hide the file of that name from --model.
    if path.suffix != ".onnx" or Path(name).suffix in (".onnx", ".engine"):
        raise ModelError(f"{path} cannot be added; name a file like NAME.onnx.")
    if name.lower() == AUTO:
        raise ModelError(f"{AUTO} stands for all bundled models; rename the file.")
    if name.lower() in bundled_models():
        raise ModelError(f"{name} is the name of a bundled model; rename the file.")
    open_model(str(path))
    folder = added_folder()
    place = folder / path.name
    pin = pin_path(place)
    with _told(f"{path} cannot be added as {place}", folder):
        folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        # Both lie there whole before the name is taken, so that a crash costs the pin at most.
        with (
            _written_beside(place, content) as copy,
            _written_beside(pin, f"{digest}\n".encode()) as pin_copy,
        ):
            _check_alone(copy, path)
            new = _take_name(copy, place)
            if not new and _content(place) != content:
                raise ModelError(
                    f"another model was added as {name} before; rename the file, or delete that "
                    f"one with imgscan models remove {name}."
                )
            # Who has the name replaces a pin that a model of before left; another one only adds
            # what is missing, as after a crash or from before there were pins.
            if new or not pin.exists():
                pin_copy.replace(pin)
    return open_model(str(place)), new


def remove(name: str) -> Path:
    """Delete an added model and its pin, and return where it was. Raises ModelError."""
    if name not in added_models():
        known = ", ".join(map(path_text, added_models())) or "none"
        raise ModelError(f"no model was added as {name!r}; added: {known}.")
    place = added_folder() / f"{name}.onnx"
    with _told(f"{place} cannot be deleted", place.parent):
        place.unlink()
        # Last: a pin without a model does no harm, a model without its pin would open unchecked.
        pin_path(place).unlink(missing_ok=True)
    return place


@contextlib.contextmanager
def _written_beside(place: Path, content: bytes) -> Iterator[Path]:
    """A file of this process alone, which goes again whatever happens."""
    partial = own_partial_path(place)
    try:
        partial.unlink(missing_ok=True)  # not written into: it may be another name of a model
        with partial.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        yield partial
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _take_name(copy: Path, place: Path) -> bool:
    """Name the copy `place`, whole and at once; False where something has that name already.

    Of two processes that add a model as the same name, the system lets one have it.
    """
    try:
        os.link(copy, place)
    except FileExistsError:
        return False
    except OSError:  # such as by a file system without hard links: an empty file takes the name
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            return False
        copy.replace(place)
    return True


def _content(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except FileNotFoundError:  # it is a link to what is gone
        return None


def _check_alone(copy: Path, original: Path) -> None:
    try:
        open_model(str(copy))
    except ModelError as error:
        raise ModelError(
            f"{original} needs other files beside it; write it again with python -m export.onnx."
        ) from error


@contextlib.contextmanager
def _told(failure: str, folder: Path) -> Iterator[None]:
    """Raise ModelError for an OSError: the system's reason, and what to do if it is the folder."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        # Not Path.is_dir, which itself raises where looking is denied.
        if not (os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)):  # noqa: PTH112
            reason += f"; make {folder} writable, or set XDG_DATA_HOME to a folder that is"
        raise ModelError(f"{failure}: {reason}.") from error
