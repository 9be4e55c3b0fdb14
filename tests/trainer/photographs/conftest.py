"""Pictures of a few sources, and a tower to look at them with."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.towers import random_weights
from trainer.photographs.clip import Weights

SOURCES = ("one/camera", "two/phones", "three/generator", "four/both", "five/both")
GROUPS = dict.fromkeys(("two/phones", "three/generator"), "one site")
DRAWN = ("six/drawings", "seven/drawings")
EACH = 6  # images of a class


@pytest.fixture(scope="session")
def weights() -> Weights:
    return random_weights()


def picture(seed: int, fake: bool) -> bytes:
    """Noise, which in a photograph is blurred."""
    random = np.random.default_rng(seed)
    size = tuple(int(side) for side in random.integers(230, 400, 2))
    image = Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8))
    if not fake:
        image = image.filter(ImageFilter.GaussianBlur(4))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def drawing(seed: int) -> bytes:
    """Stripes of a few colours."""
    colours = np.random.default_rng(seed).integers(0, 256, (1, 6, 3), dtype=np.uint8)
    stream = io.BytesIO()
    striped = Image.fromarray(colours).resize((240, 260), Image.Resampling.NEAREST)
    striped.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a manifest of SOURCES, and beside it `files`, the whole images."""
    folder = tmp_path / "photographs"
    (tmp_path / "files" / "clone").mkdir(parents=True)
    folder.mkdir()
    rows = []
    for number, source in enumerate(SOURCES):
        labels = ("real", "fake") if "both" in source else ("fake" if number == 2 else "real",)
        for label in labels:
            for place in range(EACH):
                content = picture(1000 * number + 10 * place + len(label), label == "fake")
                name = f"{number}-{place}-{label}.jpg"
                (tmp_path / "files" / "clone" / name).write_bytes(content)
                (folder / name).write_bytes(content)
                rows.append(
                    {
                        "label": label,
                        "source": source,
                        "commit": "0" * 40,
                        "path": name,
                        "sha256": hashlib.sha256(content).hexdigest(),
                        "generator": "a camera",
                        "licence": "MIT",
                        "kind": "",
                        "group": GROUPS.get(source, ""),
                        "whole": name,
                    }
                )
    _write(folder / "manifest.csv", rows)
    drawings = []
    for number, source in enumerate(DRAWN):
        for place in range(EACH):
            content = drawing(10 * number + place)
            name = f"drawn-{number}-{place}.png"
            (tmp_path / "files" / "clone" / name).write_bytes(content)
            (folder / name).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            named = {"source": source, "path": name, "whole": name, "sha256": digest}
            drawings.append(rows[0] | {"label": "real", "kind": "drawing", "group": ""} | named)
    _write(folder / "others.csv", drawings)
    return folder


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[-1]))
        writer.writeheader()
        writer.writerows(rows)
