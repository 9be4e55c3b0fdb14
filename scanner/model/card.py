"""The model card, with which a model file describes itself.

A model file is an ONNX graph. Input `images`: uint8, RGB, dynamic N, N×S×S×3 of models that see one
view of an image and N×V×S×S×3 of those that see several; normalisation and the joining of the views
are inside the graph. Output `logit`: float32, N, the log-odds that each image is fake, before
calibration. Output `ood`, of models whose card has `ood_at_most` and no others: float32, N, how far
each image lies from what the model was made from (out of distribution). Output `view_logits`, which
no scan reads: float32, N×V, what each view says by itself.

The ONNX metadata entry `imgscan` holds the card as JSON; `export` writes it through
`ModelCard.to_json`. The scanner refuses a file whose card is missing or incomplete, or whose graph
is not as its card says.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from scanner.errors import ImgscanError
from scanner.looks import LOOKS
from scanner.preprocess import Preprocessing
from scanner.quality import QualityBounds

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Built = TypeVar("Built", bound="DataclassInstance")
Logits = TypeVar("Logits", np.float32, NDArray[np.float32])
CARD_FORMAT = 7
READABLE_FORMATS = (2, 3, 4, 5, 6, CARD_FORMAT)
METADATA_KEY = "imgscan"
# int8 files are for CPUs. Those of int8-rows, which scale each row of a layer's input to 8 bits by
# its own magnitude, run anywhere: in integers on a CPU and by TensorRT, in float32 by CUDA.
INT8_ROWS = "int8-rows"
PRECISIONS = ("float32", "float16", "int8", INT8_ROWS)
# Of images: beyond it, a first pass on a CPU, in about two fifths of the time, saves next to none.
MOST_SCORED_AGAIN = 0.5
INPUT, OUTPUT, OOD, VIEW_LOGITS = "images", "logit", "ood", "view_logits"
# A setting of ONNX Runtime for graphs that compute in float32: int8 weights are widened once, as a
# file is loaded. Without it they are kept, for an int8 graph's kernels, and widened at every run.
WIDEN_ONCE = ("session.disable_quant_qdq", "1")


class ModelError(ImgscanError):
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

    def apply(self, logits: Logits) -> Logits:
        """Calibrated log-odds, float32, of raw ones of any shape, or of one."""
        return (logits / self.temperature + self.bias).astype(np.float32)


@dataclass(frozen=True)
class OperatingPoint:
    """Thresholds on the calibrated logit, and how they fare on the test split.

    At or above `fake_at_least` the verdict is fake, at or below `real_at_most` real, between them
    inconclusive. Each was placed on validation where the 95% interval of the share of the opposite
    class beyond it ends below `false_positive_rate` or, for `real_at_most`, below
    `false_negative_rate`, which is None where it is the same. In place of a test split there may be
    sources that were left out in turn, judged by thresholds of the others. Of the fakes, the true
    positives were called fake, the false negatives real, and the others inconclusive. Intervals are
    95% (low, high).
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
    false_negative_rate: float | None = None

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
class Gate:
    """One parity check: against what, and how it ended.

    done: False when the check was not possible, and then `reason` says why and there are no
    figures. A check that failed leaves no file, so one that was done was passed. Without labelled
    images its figures have no F1, and `reason` says why.
    """

    against: str
    done: bool
    reason: str = ""
    figures: dict[str, float] = field(default_factory=dict)

    def in_words(self) -> str:
        """How it ended, on how many images, and what was left unchecked."""
        end = f"passed on {self.figures['images']:,} images" if self.done else "NOT DONE"
        return f"{self.against}: {end}" + (f", {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class TrainingSource:
    """Where some of the images a model was made from come from.

    label: `real` or `fake`. made_by: camera or generator. Where the source was left out of training
    to see how the model fares on strangers, `called_fake` and `called_real` count its images that
    the thresholds then called so; else they are None.
    """

    name: str
    label: str
    images: int
    made_by: str
    licence: str
    called_fake: int | None = None
    called_real: int | None = None


@dataclass(frozen=True)
class ScoredAgain:
    """The share of validation images within a first pass's margin of an operating point."""

    false_positive_rate: float
    share: float


@dataclass(frozen=True)
class FirstPass:
    """Says that a file may score images first, before the full model file that it was made from.

    of: that file's SHA-256. margin: in calibrated logits; what lies within it of a threshold is to
    be scored again by the full file. least_colours: so is what has fewer distinct colours than
    these, which each of the `images` validation images has. mean_difference: of the two files'
    calibrated logits on those images. largest_difference: on these and on `patterns` made-up
    pictures of as many colours; the margin exceeds it. scored_again: for each operating point.
    """

    of: str
    margin: float
    least_colours: int
    images: int
    patterns: int
    largest_difference: float
    mean_difference: float
    scored_again: tuple[ScoredAgain, ...]

    def __post_init__(self) -> None:
        if not self.largest_difference < self.margin < math.inf:
            raise ValueError(f"its first pass has a margin of {self.margin}, which bounds nothing")

    def pays(self, point: OperatingPoint) -> bool:
        """Whether scoring first saves time there: most images are then scored once."""
        shares = {each.false_positive_rate: each.share for each in self.scored_again}
        return shares.get(point.false_positive_rate, 1.0) < MOST_SCORED_AGAIN

    def in_words(self) -> str:
        """What a scan of images like those of validation scores a second time."""
        shares = [f"{it.share:.1%} at {it.false_positive_rate:g}" for it in self.scored_again]
        return (
            f"within {self.margin:g} of a threshold or of fewer than {self.least_colours} colours, "
            f"scored again: {', '.join(shares)}"
        )


@dataclass(frozen=True)
class ModelCard:
    """What a model file says of itself.

    operating_points: the first is the scanner's default. reliability: the reliability diagram of
    the test split. metrics: split name to figures, after calibration. parity: what the export
    compared, on how many images, and how far apart. precision: of the graph's arithmetic, one of
    PRECISIONS. sources: of the training images; empty where `training` names one data set.
    ood_at_most: the graph's `ood` above which an image gets no verdict; None without that output.
    quality: what an image must have for a verdict; None where anything will do. looks: of LOOKS,
    those by which an image must be called fake, too, to be called so. first_pass: of a file that
    may score images before another does; None of all others.
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
    sources: tuple[TrainingSource, ...] = ()
    ood_at_most: float | None = None
    quality: QualityBounds | None = None
    looks: tuple[str, ...] = ()
    first_pass: FirstPass | None = None

    def __post_init__(self) -> None:
        if not self.operating_points:
            raise ValueError("it has no operating point, so no thresholds")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"unknown precision {self.precision!r}; known: {', '.join(PRECISIONS)}"
            )
        if self.ood_at_most is not None and not math.isfinite(self.ood_at_most):
            raise ValueError(f"its ood_at_most is {self.ood_at_most}, which bounds nothing")
        if unknown := set(self.looks) - set(LOOKS):
            raise ValueError(f"unknown look {min(unknown)!r}; known: {', '.join(LOOKS)}")
        if len(set(self.looks)) < len(self.looks):
            raise ValueError("it names a look twice")
        if self.first_pass is not None and self.ood_at_most is not None:
            raise ValueError("it has a first pass, which gives no ood, and an ood_at_most")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of the graph that a scan reads."""
        return (OUTPUT,) if self.ood_at_most is None else (OUTPUT, OOD)

    @property
    def cpu_only(self) -> bool:
        """Whether GPUs cannot run the file: its graph is made for a CPU's int8 instructions."""
        return self.precision == "int8"

    def at(self, false_positive_rate: float) -> ModelCard:
        """This card with the operating point of that rate as its default. Raises ModelError."""
        chosen = [p for p in self.operating_points if p.false_positive_rate == false_positive_rate]
        if not chosen:
            *most, last = (f"{p.false_positive_rate:g}" for p in self.operating_points)
            known = f"{', '.join(most)} and {last}" if most else last
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
    if not isinstance(record, dict) or record.get("format") not in READABLE_FORMATS:
        found = record.get("format") if isinstance(record, dict) else None
        *most, last = READABLE_FORMATS
        known = f"{', '.join(map(str, most))} and {last}"
        raise ModelError(
            f"the model card has format {found!r}, this version reads {known}; "
            "export the model again."
        )
    try:
        return _build(
            ModelCard,
            # What older files do not say: all had one precision, no list of sources, one view, and
            # gave verdicts on anything at first sight, and then on pictures of any proportions.
            # None scored before another.
            {"precision": "float32", "sources": [], "ood_at_most": None}
            | {"quality": None, "looks": ()}
            | record
            | {
                "preprocessing": _build(
                    Preprocessing, {"whole": True, "native": 0} | record["preprocessing"]
                ),
                "calibration": _build(Calibration, record["calibration"]),
                "operating_points": _build_all(
                    OperatingPoint,
                    [{"false_negative_rate": None} | point for point in record["operating_points"]],
                ),
                "reliability": _build_all(ReliabilityBin, record["reliability"]),
                "domain": _build(Domain, record["domain"]),
                "sources": _build_all(TrainingSource, record.get("sources", [])),
                "quality": _bounds(record.get("quality")),
                "looks": tuple(record.get("looks", ())),
                "first_pass": _first_pass(record.get("first_pass")),
            },
        )
    except KeyError as error:
        raise ModelError(
            f"the model card lacks {error.args[0]!r}; export the model again."
        ) from error
    except (TypeError, ValueError) as error:
        raise ModelError(f"the model card is malformed: {error}.") from error


def _bounds(record: dict[str, Any] | None) -> QualityBounds | None:
    return None if record is None else _build(QualityBounds, {"least_seen": 0.0} | record)


def _first_pass(record: dict[str, Any] | None) -> FirstPass | None:
    if record is None:
        return None
    again = _build_all(ScoredAgain, record["scored_again"])
    return _build(FirstPass, record | {"scored_again": again})


def _build_all(kind: type[Built], records: list[dict[str, Any]]) -> tuple[Built, ...]:
    return tuple(_build(kind, record) for record in records)


def _build(kind: type[Built], values: dict[str, Any]) -> Built:
    return kind(**{field.name: values[field.name] for field in fields(kind)})
