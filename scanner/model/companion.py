"""The int8 file beside a model, which may score images before the model itself does."""

from __future__ import annotations

from pathlib import Path

from scanner.model.card import FirstPass, ModelCard, ModelError, OperatingPoint
from scanner.model.file import FIRST, ModelFile, is_added, open_model, pin_path


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


def why_unused(model: ModelFile, first: ModelFile, claim: FirstPass) -> str | None:
    """Why a companion may not score before `model`, a clause about it; None where it may."""
    if claim.of != model.sha256:
        return f"it was made from another file than {model.path.name}"
    before, after = first.card, model.card
    if before.preprocessing != after.preprocessing:
        return f"its card has another preprocessing than {model.path.name}"
    if before.calibration != after.calibration:
        return f"its card has another calibration than {model.path.name}"
    if _in_order(before) != _in_order(after):
        return f"its card has other operating points than {model.path.name}"
    if is_added(first.path) and not pin_path(first.path).exists():
        return "it was not added with imgscan models add: its SHA-256 is not kept beside it"
    return None


def _in_order(card: ModelCard) -> list[OperatingPoint]:
    """Whichever of them is the default."""
    return sorted(card.operating_points, key=lambda point: point.false_positive_rate)
