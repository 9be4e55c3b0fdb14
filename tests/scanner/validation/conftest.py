"""Labelled pictures of every brightness, and a model that goes by brightness, with second looks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scanner.looks import LOOKS
from scanner.model import METADATA_KEY, Domain, ModelCard, OperatingPoint
from scanner.preprocess import Preprocessing
from scanner.validation import Asked, validate
from tests.conftest import ModelMaker, encoded
from tests.scanner.walking import zipped

SIDE = 16
CENTRE = Preprocessing(SIDE, whole=False, native=1)
# The default is neither the strictest nor the laxest.
THRESHOLDS = {0.01: 2.0, 0.05: 1.0, 0.001: 3.0}


def point(rate: float, threshold: float) -> OperatingPoint:
    return OperatingPoint(
        rate, threshold, -threshold, rate, (0.0, 2 * rate), 0.9, (0.8, 0.95), rate, (0.0, 0.1), 0.1
    )


@pytest.fixture(scope="session")
def looking_card(card: ModelCard) -> ModelCard:
    """Sees the centre as it is, so that a picture that is halved shows it more of the rest."""
    return replace(
        card,
        image_size=SIDE,
        preprocessing=CENTRE,
        domain=Domain("test pictures", 32, 96),
        operating_points=tuple(point(*it) for it in THRESHOLDS.items()),
        looks=tuple(LOOKS),
    )


@pytest.fixture(scope="session")
def looking_model(looking_card: ModelCard, make_model: ModelMaker) -> Path:
    return make_model("looking", {METADATA_KEY: looking_card.to_json()}, SIDE)


def spot(centre: int, rest: int, seed: int) -> Image.Image:
    """A shade where the model looks, and another around it."""
    noise = np.random.default_rng(seed).integers(-3, 4, (64, 64, 3))
    pixels = np.full((64, 64, 3), rest) + noise
    pixels[20:44, 20:44] = centre + noise[20:44, 20:44]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def write_labelled(folder: Path, count: int = 24) -> Path:
    """Dark photographs and bright fakes in sub-folders, some in an archive, some of either kind."""
    random = np.random.default_rng(5)
    members: list[tuple[str, bytes]] = []
    for label, middle in (("real", 70), ("FAKE", 185)):
        for number in range(count):
            shades = np.clip(random.normal(middle, 60, 2), 0, 255).astype(int)
            if number == 1:  # which is bound to be judged wrongly
                shades = np.full(2, 5 if middle > 127 else 250)
            data = encoded(spot(int(shades[0]), int(shades[1]), len(members)), "PNG")
            place = folder / label / f"group{number % 2}"
            place.mkdir(parents=True, exist_ok=True)
            if number % 3:
                (place / f"{number:02}.png").write_bytes(data)
            else:
                members.append((f"inside/{label}/{number:02}.png", data))
    (folder / "pack.zip").write_bytes(zipped(members))
    return folder


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 pictures, and what cannot be judged: see-through, broken, too small, text, unlabelled."""
    folder = write_labelled(tmp_path_factory.mktemp("labelled"))
    clear = Image.new("RGBA", (64, 64), (255, 255, 255, 100))
    (folder / "real" / "clear.png").write_bytes(encoded(clear, "PNG"))
    (folder / "FAKE" / "broken.png").write_bytes(encoded(spot(9, 9, 9), "PNG")[:200])
    (folder / "FAKE" / "tiny.png").write_bytes(encoded(Image.new("RGB", (9, 9)), "PNG"))
    (folder / "FAKE" / "note.txt").write_text("a note")
    (folder / "unknown.png").write_bytes(encoded(spot(1, 2, 3), "PNG"))
    return folder


def asked(labelled: Path, report: Path, model: Path, flips: int = 0, **more: Any) -> Asked:
    return Asked((labelled,), report, str(model), "cpu", 8, 1, flips, **more)


def validated(labelled: Path, report: Path, model: Path, flips: int = 0) -> dict[str, Any]:
    """The JSON of a validation."""
    validate(asked(labelled, report, model, flips))
    found: dict[str, Any] = json.loads(report.with_suffix(".json").read_bytes())
    return found
