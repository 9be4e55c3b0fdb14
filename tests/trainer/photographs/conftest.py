"""A small tower of random weights, and pictures of a few sources."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from trainer.photographs.tower import PATCH, PLACES, WIDTH, Matrix, Weights

LAYERS = 2
SHAPES = {
    **dict.fromkeys((f"self_attn/{name}_proj" for name in ("q", "k", "v", "out")), (WIDTH, WIDTH)),
    "mlp/fc1": (WIDTH, 4 * WIDTH),
    "mlp/fc2": (4 * WIDTH, WIDTH),
}
SOURCES = ("one/camera", "two/phones", "three/generator", "four/both", "five/both")
EACH = 6  # images of a class


@pytest.fixture(scope="session")
def weights() -> Weights:
    random = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0, 0.5, shape).astype(np.float32)

    arrays = {
        "embeddings.class_embedding": normal(WIDTH),
        "embeddings.patch_embedding.weight": normal(WIDTH, 3, PATCH, PATCH) / PATCH,
        "embeddings.position_embedding.weight": normal(1 + PLACES, WIDTH),
    }
    matrices = {}
    norms = ["pre_layrnorm"]
    for layer in range(LAYERS):
        norms += [f"encoder.layers.{layer}.layer_norm{number}" for number in (1, 2)]
        for name, shape in SHAPES.items():
            steps = random.integers(-127, 128, shape, dtype=np.int8)
            scale = (1 + random.random(shape[1])) / (60 * shape[0] ** 0.5)
            bias = normal(shape[1])
            matrices[f"layers.{layer}/{name}"] = Matrix(steps, scale.astype(np.float32), bias)
    for norm in norms:
        arrays |= {f"{norm}.weight": 1 + normal(WIDTH) / 5, f"{norm}.bias": normal(WIDTH)}
    return Weights(matrices, {f"vision_model.{name}": value for name, value in arrays.items()})


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
                        "sha256": hashlib.sha256(content).hexdigest(),
                        "generator": "a camera",
                        "licence": "MIT",
                        "whole": name,
                    }
                )
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
