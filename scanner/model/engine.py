"""The engine-file contract: a TensorRT engine with a card beside it.

`NAME.engine` holds what TensorRT serialised, with the model file's input and those of its outputs
that a scan reads; `NAME.engine.json` holds everything the scanner must know of it. An engine
without a card, or with a card of other bytes, is refused. `export.trt` and the scanner's engine
cache write them. Nothing here needs TensorRT.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scanner.files import own_partial_path, write_whole
from scanner.model.card import Gate, ModelCard, ModelError, parse_card

ENGINE_FORMAT = 3  # rises with the format of the model card inside
SUFFIX = ".engine"
FLAVORS = ("tensorrt", "tensorrt_rtx")


class EngineError(ModelError):
    """The engine file cannot be used; the sentence says why and what to do."""


@dataclass(frozen=True)
class BatchProfile:
    """Images a batch that the engine takes: at least, tuned for, at most."""

    minimum: int
    optimum: int
    maximum: int

    def __post_init__(self) -> None:
        sizes = (self.minimum, self.optimum, self.maximum)
        if not all(isinstance(size, int) for size in sizes):
            raise ValueError("the batch sizes are not three whole numbers")
        if not 1 <= self.minimum <= self.optimum <= self.maximum:
            raise ValueError(
                "a batch profile needs 1 <= minimum <= optimum <= maximum, "
                f"not {self.minimum}, {self.optimum}, {self.maximum}"
            )


@dataclass(frozen=True)
class EngineCard:
    """What is known of an engine.

    model_sha256: of the ONNX file it was built from; engine_sha256: of its own bytes.
    flavor: the Python module that built it and can run it, one of FLAVORS; version: that module's.
    gpu: name of the GPU it was built on, and driver its driver; both empty when it was built ahead
    of time. compute_capabilities: the GPUs it is for, like "8.9". precision: of its arithmetic.
    """

    model: ModelCard
    model_sha256: str
    engine_sha256: str
    flavor: str
    version: str
    gpu: str
    compute_capabilities: tuple[str, ...]
    driver: str
    precision: str
    batch: BatchProfile
    gates: tuple[Gate, ...]

    def __post_init__(self) -> None:
        if self.flavor not in FLAVORS:
            raise ValueError(f"unknown flavor {self.flavor!r}; known: {', '.join(FLAVORS)}")
        if not self.compute_capabilities:
            raise ValueError("it names no compute capability")

    def to_json(self) -> str:
        record = asdict(self) | {"model": json.loads(self.model.to_json())}
        return json.dumps({"format": ENGINE_FORMAT, **record}, indent=1)


@dataclass(frozen=True)
class EngineFile:
    """An engine read from disk: `content` is for TensorRT and has the hash the card names."""

    path: Path
    card: EngineCard
    content: bytes


def card_path(engine: Path) -> Path:
    """Where the card of an engine file lies: NAME.engine.json."""
    return engine.with_name(f"{engine.name}.json")


def write_engine(path: Path, content: bytes, card: EngineCard) -> None:
    """Write an engine and its card. Raises OSError.

    A crash on the way leaves the old pair, or two files that disagree and are refused.
    """
    for target, data in ((path, content), (card_path(path), card.to_json().encode())):
        write_whole(target, data, own_partial_path(target))


def read_engine(path: Path) -> EngineFile:
    """Read an engine and its card, and check that they belong together. Raises EngineError."""
    card = read_engine_card(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EngineError(f"the engine {path} cannot be read: {error.strerror}.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.engine_sha256:
        raise EngineError(
            f"{path} is not the engine its card was written for: its SHA-256 begins {digest[:12]}, "
            f"the card says {card.engine_sha256[:12]}; build it again with python -m export.trt."
        )
    return EngineFile(path, card, content)


def read_engine_card(path: Path) -> EngineCard:
    """Read only the card beside the engine `path`, without its bytes. Raises EngineError."""
    beside = card_path(path)
    try:
        text = beside.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise EngineError(
            f"{path} has no card {beside.name} beside it, so its model, GPU and batch sizes are "
            "unknown; build it with python -m export.trt."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(f"the engine card {beside} cannot be read: {error}.") from error
    try:
        return parse_engine_card(text)
    except ModelError as error:
        raise EngineError(f"{beside}: {error}") from error


def parse_engine_card(text: str) -> EngineCard:
    """Read an engine card's JSON. Raises ModelError."""
    try:
        record: Any = json.loads(text)
    except ValueError as error:
        raise EngineError(f"the engine card is not JSON: {error}") from error
    found = record.pop("format", None) if isinstance(record, dict) else None
    if found != ENGINE_FORMAT:
        raise EngineError(
            f"the engine card has format {found!r}, this version reads {ENGINE_FORMAT}; "
            "build it again with python -m export.trt."
        )
    try:
        return EngineCard(
            **record
            | {
                "model": parse_card(json.dumps(record["model"])),
                "compute_capabilities": tuple(record["compute_capabilities"]),
                "batch": BatchProfile(**record["batch"]),
                "gates": tuple(Gate(**gate) for gate in record["gates"]),
            }
        )
    except KeyError as error:
        raise EngineError(
            f"the engine card lacks {error.args[0]!r}; build the engine again."
        ) from error
    except (TypeError, ValueError) as error:
        raise EngineError(f"the engine card is malformed: {error}.") from error
