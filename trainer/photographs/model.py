"""What a finished run leaves for `export`: the tower, the head, and the model card's facts."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from scanner.errors import ImgscanError
from scanner.files import own_partial_path, write_whole
from scanner.model import ModelCard, ModelError, parse_card
from trainer.photographs.head import Head
from trainer.photographs.tower import tower_bytes

TOWER_FILE, HEAD_FILE, CARD_FILE = "tower.onnx", "head.npz", "card.json"


class PhotographModelError(ImgscanError):
    """The folder holds no finished run; the sentence says what is missing."""


@dataclass(frozen=True)
class PhotographModel:
    """tower: from images to the class tokens that both heads weigh. domain: the head whose logit
    says that a picture looks like no photograph. card: without parity figures.
    """

    tower: onnx.ModelProto
    head: Head
    domain: Head
    card: ModelCard

    def save(self, folder: Path) -> None:
        stream = io.BytesIO()
        np.savez(
            stream,
            weights=self.head.weights,
            bias=self.head.bias,
            domain_weights=self.domain.weights,
            domain_bias=self.domain.bias,
        )
        contents = {
            TOWER_FILE: tower_bytes(self.tower),
            HEAD_FILE: stream.getvalue(),
            CARD_FILE: self.card.to_json().encode(),
        }
        for name, content in contents.items():
            write_whole(folder / name, content, own_partial_path(folder / name))


def load_model(folder: Path) -> PhotographModel:
    """Read the folder of a finished run. Raises PhotographModelError."""
    try:
        arrays = np.load(folder / HEAD_FILE)
        head = Head(arrays["weights"], float(arrays["bias"]))
        domain = Head(arrays["domain_weights"], float(arrays["domain_bias"]))
        card = parse_card((folder / CARD_FILE).read_text(encoding="utf-8"))
        return PhotographModel(onnx.load(folder / TOWER_FILE), head, domain, card)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, ModelError) as error:
        raise PhotographModelError(
            f"{folder} holds no finished run of python -m trainer.photographs: {error}."
        ) from error
