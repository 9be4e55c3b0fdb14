"""The model-file contract: an ONNX file that describes itself.

Input `images`: uint8, N×V×V×3, RGB, dynamic N; normalisation is inside the graph. Output `logit`:
float32, N, the log-odds that each image is fake, before calibration. The ONNX metadata entry
`imgscan` holds the model card as JSON; `export` writes it through `ModelCard.to_json` and the
scanner refuses a file whose card is missing or incomplete.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from scanner.preprocess import Preprocessing
from scanner.record import path_text

Built = TypeVar("Built")
CARD_FORMAT = 2
METADATA_KEY = "imgscan"
PRECISIONS = ("float32", "float16", "int8")
INPUT, OUTPUT = "images", "logit"
# A setting of ONNX Runtime for graphs that compute in float32: int8 weights are widened once, as a
# file is loaded. Without it they are kept, for an int8 graph's kernels, and widened at every run.
WIDEN_ONCE = ("session.disable_quant_qdq", "1")
BUNDLED = Path(__file__).parent / "models"
DEFAULT_MODEL = "resnet18"


class ModelError(Exception):
    """The model file cannot be used; the sentence says why and what to do."""


@dataclass(frozen=True)
class Calibration:
    """calibrated logit = raw logit / temperature + bias (Platt scaling, Platt 1999)."""

    temperature: float
    bias: float

    def __post_init__(self) -> None:
        if not (0 < self.temperature < math.inf and math.isfinite(self.bias)):
            raise ValueError(
                f"temperature {self.temperature} and bias {self.bias} cannot calibrate"
            )

    def apply(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated log-odds, float32, of raw ones of any shape."""
        return (logits / self.temperature + self.bias).astype(np.float32)


@dataclass(frozen=True)
class OperatingPoint:
    """Thresholds on the calibrated logit, and how they fare on the test split.

    At or above `fake_at_least` the verdict is fake, at or below `real_at_most` real, between them
    inconclusive. Each was placed on validation where the 95% interval of the share of the opposite
    class beyond it ends below `false_positive_rate`. Of the fakes, the true positives were called
    fake, the false negatives real, and the others inconclusive. Intervals are 95% (low, high).
    """

    false_positive_rate: float
    fake_at_least: float
    real_at_most: float
    test_false_positive_rate: float
    test_false_positive_rate_interval: tuple[float, float]
    test_true_positive_rate: float
    test_true_positive_rate_interval: tuple[float, float]
    test_false_negative_rate: float
    test_false_negative_rate_interval: tuple[float, float]
    test_inconclusive_rate: float

    def __post_init__(self) -> None:
        if not -math.inf < self.real_at_most <= self.fake_at_least < math.inf:
            raise ValueError("its thresholds are not two finite numbers in order")


@dataclass(frozen=True)
class ReliabilityBin:
    """The test images of about one `p_fake`: how many of them are fake.

    p_fake: their mean. share_of_fakes: with its 95% interval (low, high).
    """

    images: int
    p_fake: float
    share_of_fakes: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Domain:
    """The images the model was trained on; outside of them it gives no verdict.

    Sides are in pixels of the stored image, both ends included.
    """

    description: str
    min_side: int
    max_side: int

    def __post_init__(self) -> None:
        if not 1 <= self.min_side <= self.max_side:
            raise ValueError(f"no image has sides of {self.min_side} to {self.max_side} pixels")

    def __contains__(self, size: tuple[int, int]) -> bool:
        return all(self.min_side <= side <= self.max_side for side in size)


@dataclass(frozen=True)
class ModelCard:
    """What a model file says of itself.

    operating_points: the first is the scanner's default. reliability: the reliability diagram of
    the test split. metrics: split name to figures, after calibration. parity: what the export
    compared, on how many images, and how far apart. precision: of the graph's arithmetic, one of
    PRECISIONS.
    """

    backbone: str
    image_size: int
    preprocessing: Preprocessing
    calibration: Calibration
    operating_points: tuple[OperatingPoint, ...]
    reliability: tuple[ReliabilityBin, ...]
    domain: Domain
    training: dict[str, Any]
    metrics: dict[str, dict[str, float]]
    parity: dict[str, Any]
    licence: str
    precision: str = "float32"

    def __post_init__(self) -> None:
        if not self.operating_points:
            raise ValueError("it has no operating point, so no thresholds")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"unknown precision {self.precision!r}; known: {', '.join(PRECISIONS)}"
            )

    @property
    def cpu_only(self) -> bool:
        """Whether GPUs cannot run the file: its graph is made for a CPU's int8 instructions."""
        return self.precision == "int8"

    def at(self, false_positive_rate: float) -> ModelCard:
        """This card with the operating point of that rate as its default. Raises ModelError."""
        chosen = [p for p in self.operating_points if p.false_positive_rate == false_positive_rate]
        if not chosen:
            known = " and ".join(f"{p.false_positive_rate:g}" for p in self.operating_points)
            raise ModelError(
                f"no thresholds for a false-positive rate of {false_positive_rate:g} came with the "
                f"model, only for {known}; choose one of these."
            )
        others = [p for p in self.operating_points if p not in chosen]
        return replace(self, operating_points=(*chosen, *others))

    def to_json(self) -> str:
        return json.dumps({"format": CARD_FORMAT, **asdict(self)}, indent=1)


def parse_card(text: str) -> ModelCard:
    """Read a card's JSON. Raises ModelError naming what is missing or unreadable."""
    try:
        record = json.loads(text)
    except ValueError as error:
        raise ModelError(f"the model card is not JSON: {error}") from error
    if not isinstance(record, dict) or record.get("format") != CARD_FORMAT:
        found = record.get("format") if isinstance(record, dict) else None
        raise ModelError(
            f"the model card has format {found!r}, this version reads {CARD_FORMAT}; "
            "export the model again."
        )
    try:
        return _build(
            ModelCard,
            {"precision": "float32"}  # files from before there was another do not say it
            | record
            | {
                "preprocessing": _build(Preprocessing, record["preprocessing"]),
                "calibration": _build(Calibration, record["calibration"]),
                "operating_points": _build_all(OperatingPoint, record["operating_points"]),
                "reliability": _build_all(ReliabilityBin, record["reliability"]),
                "domain": _build(Domain, record["domain"]),
            },
        )
    except KeyError as error:
        raise ModelError(
            f"the model card lacks {error.args[0]!r}; export the model again."
        ) from error
    except (TypeError, ValueError) as error:
        raise ModelError(f"the model card is malformed: {error}.") from error


def _build_all(kind: Callable[..., Built], records: list[dict[str, Any]]) -> tuple[Built, ...]:
    return tuple(_build(kind, record) for record in records)


def _build(kind: Callable[..., Built], values: dict[str, Any]) -> Built:
    names = inspect.signature(kind).parameters
    return kind(**{name: values[name] for name in names})


@dataclass(frozen=True)
class ModelFile:
    """A model on disk. `name` is the file's stem; `sha256` identifies it in reports."""

    path: Path
    name: str
    sha256: str
    card: ModelCard


def bundled_models() -> list[str]:
    """Names of the models that come with the scanner."""
    return sorted(path.stem for path in BUNDLED.glob("*.onnx"))


def added_folder() -> Path:
    """Where the user's own models are kept; XDG_DATA_HOME moves it on Linux."""
    import platformdirs  # which training, that reads cards, does without

    return platformdirs.user_data_path("imgscan", appauthor=False) / "models"


def added_models() -> list[str]:
    """Names of the user's own models, none of which is a bundled one's.

    Also of links whose file is missing.
    """
    files = {
        path.stem
        for path in added_folder().glob("*.onnx")
        if os.path.isfile(path) or path.is_symlink()  # noqa: PTH113  also where looking is denied
    }
    return sorted(files.difference(bundled_models()))


def model_path(name_or_file: str) -> Path:
    """Where a bundled or added model lies, or the file that is named."""
    if name_or_file in bundled_models():  # which takes no look at the user's folders
        return BUNDLED / f"{name_or_file}.onnx"
    if name_or_file in added_models():
        return added_folder() / f"{name_or_file}.onnx"
    return Path(name_or_file)


def open_model(name_or_file: str) -> ModelFile:
    """Find a bundled or added model by name, or a file, and read its card. Raises ModelError."""
    path = model_path(name_or_file)
    if not os.path.isfile(path):  # noqa: PTH113  also of what the system takes for no path
        names = added_models()
        if name_or_file in names:
            raise ModelError(
                f"the file that {path} leads to is missing; put it back, or delete that link with "
                f"imgscan models remove {name_or_file}."
            )
        bundled = ", ".join(bundled_models()) or "none"
        added = ", ".join(map(path_text, names))
        known = f"bundled: {bundled}; added: {added}" if added else f"bundled: {bundled}"
        raise ModelError(f"there is no model {name_or_file!r}; {known}; or name an .onnx file.")
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    card = _read_engines_card(path) if path.suffix == ".engine" else _read_card(path)
    return ModelFile(path, path_text(path.stem), digest, card)


def _read_engines_card(path: Path) -> ModelCard:
    from scanner.engine import EngineError, read_engine_card  # which reads model cards itself

    try:
        return read_engine_card(path).model
    except EngineError as error:
        raise ModelError(str(error)) from error


def _read_card(path: Path) -> ModelCard:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no public base class
        raise ModelError(
            f"{path} is not a usable ONNX file: {str(error).splitlines()[0]}"
        ) from error
    card = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if card is None:
        raise ModelError(
            f"{path} has no imgscan model card, so its preprocessing, thresholds and domain are "
            "unknown; export it with python -m export.onnx."
        )
    try:
        return parse_card(card)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
