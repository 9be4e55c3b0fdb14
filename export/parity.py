"""The parity gates: a file of another kind must score images as the one it was made from does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.patterns import RANGES_SEED, patterns
from export.precision import INT8_WEIGHTS, rounding_every_tensor
from scanner.backends.backend import Scores, joined
from scanner.backends.cuda import FATAL, OPTIONS, PROVIDER
from scanner.backends.gpu import DEVICE, cuda_driver_present
from scanner.errors import ImgscanError
from scanner.model import INPUT, INT8_ROWS, OOD, OUTPUT, WIDEN_ONCE, Gate, ModelCard
from scanner.model.verdict import verdicts
from scanner.preprocess import Preprocessing
from scanner.record import Verdict
from trainer.backbones import Detector
from trainer.data.examples import DataError, Example, read_examples, split_examples
from trainer.data.images import ImageSet
from trainer.metrics import measure

MIN_IMAGES = 1000
# Of each class, for int8's ranges: with 200, an image beyond them moved its logit by 5.
CALIBRATION_IMAGES = 1000
# Beside them: the activations of a chequerboard go beyond those of any photograph.
CALIBRATION_PATTERNS = 600
BATCH = 32


@dataclass(frozen=True)
class Tolerance:
    """The most a file may differ: in raw logits, in the share of verdicts, and in F1 lost.

    turned: the share whose verdict is the opposite one, and not only lost or found. each: how many
    test images of each class tell; None for all of them.
    """

    largest: float
    mean: float
    flipped: float
    f1_lost: float
    each: int | None = MIN_IMAGES
    turned: float = 1.0


# float32 differs by the order of its sums alone. float16 keeps 11 bits, so logits of up to 20 move
# by hundredths; int8 moves them by tenths, which only images close to a threshold may feel.
# Where activations are rounded row by row, a last bit decides which way a value goes, and twelve
# blocks magnify that: the scores of one file differ by tenths between kinds of processors. A
# verdict may then be lost or found, but never turned.
# What ships in int8-weights must be as good as float32, and 2,000 images cannot show 0.0005 of F1.
TOLERANCES = {
    "float32": Tolerance(1e-3, 1e-4, 0.0, 0.0),
    "float16": Tolerance(0.1, 0.02, 0.005, 0.002),
    "int8": Tolerance(4.0, 0.3, 0.02, 0.005),
    INT8_WEIGHTS: Tolerance(1.0, 0.1, 0.005, 0.0005, each=None),
    INT8_ROWS: Tolerance(2.0, 0.3, 0.05, 0.005, each=100, turned=0.0),
}


class ParityError(ImgscanError):
    """Two files disagree beyond tolerance; the sentence has the figures."""


@dataclass(frozen=True)
class Views:
    """What a model sees of N images, and their labels, or why F1 is not checked on them.

    views: uint8, N×S×S×3 or, of several views of each, N×V×S×S×3. labels: 1 is fake.
    """

    views: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    no_f1: str = ""

    def __len__(self) -> int:
        return len(self.views)


@dataclass(frozen=True)
class LabelledViews(Views):
    """Those that have labels."""

    labels: NDArray[np.int64]


def parity_images(
    data: Path, preprocessing: Preprocessing, each: int | None = MIN_IMAGES
) -> LabelledViews:
    """The first `each` test images of each class, or all of them, for the gates.

    Raises DataError when there are fewer than MIN_IMAGES in all, or one cannot be decoded.
    """
    chosen = first_of_each(split_examples(read_examples(data)).test, each)
    if len(chosen) < MIN_IMAGES:
        raise DataError(
            f"{data} has only {len(chosen)} test images; the parity gate needs {MIN_IMAGES:,}."
        )
    return read_views(chosen, preprocessing)


def calibration_images(data: Path, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Views of training images and of patterns, from which int8 takes its ranges.

    Raises DataError.
    """
    train = first_of_each(split_examples(read_examples(data)).train, CALIBRATION_IMAGES)
    made_up = patterns(CALIBRATION_PATTERNS, preprocessing, RANGES_SEED)
    return np.concatenate([read_views(train, preprocessing).views, made_up])


def validation_images(data: Path, preprocessing: Preprocessing) -> LabelledViews:
    """All validation images, which no model file was trained on or is tested by. Raises DataError.

    They are those of the split, which is cut out of the training images where it has no name.
    """
    return read_views(split_examples(read_examples(data)).validation, preprocessing)


def first_of_each(examples: list[Example], each: int | None) -> list[Example]:
    return [e for label in (0, 1) for e in [e for e in examples if e.label == label][:each]]


def read_views(chosen: list[Example], preprocessing: Preprocessing) -> LabelledViews:
    images = ImageSet(chosen, preprocessing.size, "cpu")
    views = images.eval_batch(0, len(chosen), preprocessing).numpy()
    return LabelledViews(views, np.array([example.label for example in chosen]))


def score_pytorch(detector: Detector, views: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Raw logits by PyTorch in float32, on the GPU where there is one; there the detector stays."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    detector.to(device)
    with torch.inference_mode(), _without_tf32():
        batches = [
            detector(torch.from_numpy(batch).to(device)).cpu().numpy() for batch in _batches(views)
        ]
    return np.concatenate(batches)


@contextmanager
def _without_tf32() -> Iterator[None]:
    """float32 means float32 on a GPU, too."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def scores_onnx(model: bytes, views: NDArray[np.uint8], precision: str) -> Scores:
    """Scores by ONNX Runtime of a model file of that precision, in its onnx_place.

    Of float16, every tensor is rounded; sums inside a layer are float32, as on a GPU's tensor
    cores.
    """
    options = onnxruntime.SessionOptions()
    if precision == "float32":  # as a scan does it
        options.add_session_config_entry(*WIDEN_ONCE)
    if precision == "float16":
        model = rounding_every_tensor(onnx.load_from_string(model)).SerializeToString()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    on_gpu = [(PROVIDER, OPTIONS)] if onnx_place(precision) == "CUDA" else []
    session = onnxruntime.InferenceSession(
        model, options, providers=[*on_gpu, "CPUExecutionProvider"], enable_fallback=0
    )
    there = {output.name for output in session.get_outputs()}
    asked = [name for name in (OUTPUT, OOD) if name in there]
    return joined([Scores(*session.run(asked, {INPUT: batch})) for batch in _batches(views)])


def onnx_place(precision: str) -> str:
    """`CUDA` for float32 where it works, else `CPU`.

    float16's every tensor is rounded by a CPU, and int8 files are for CPUs.
    """
    return "CUDA" if precision.startswith("float32") and _cuda_works() else "CPU"


@cache
def _cuda_works() -> bool:
    """Whether ONNX Runtime runs on a GPU here, tried: it also lists CUDA where libraries lack."""
    if PROVIDER not in onnxruntime.get_available_providers() or not cuda_driver_present():
        return False
    shape = (1, 1, 1, 1)
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xwy"]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])], "trial", tensors[:2], tensors[2:]
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    one = np.ones(shape, np.float32)
    with suppress(Exception):  # absent libraries are met when the session opens
        onnxruntime.preload_dlls()
    onnxruntime.set_default_logger_severity(FATAL)  # whose warnings say nothing of what is checked
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=[(PROVIDER, OPTIONS)], enable_fallback=0
        )
        session.run(None, {"x": one, "w": one})
    except Exception:  # ONNX Runtime's exceptions share no public base class
        return False
    return bool(session.get_providers()[0] == PROVIDER)


def _batches(views: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [views[start : start + BATCH] for start in range(0, len(views), BATCH)]


def pytorch_name() -> str:
    where = f" on {torch.cuda.get_device_name(DEVICE)}" if torch.cuda.is_available() else ""
    return f"PyTorch {torch.__version__} float32{where}"


def onnx_name(precision: str) -> str:
    return f"ONNX Runtime {onnxruntime.__version__} {onnx_place(precision)} {precision}"


def compare(
    against: str,
    expected: NDArray[np.float32],
    found: NDArray[np.float32],
    labels: NDArray[np.int64] | None,
    card: ModelCard,
    precision: str | None = None,
    no_f1: str = "",
) -> Gate:
    """The gate between the raw logits `expected`, by `against`, and those `found` with a new file.

    card: the new file's; its calibration and first operating point set the verdicts. precision: a
    key of TOLERANCES; None for the card's. no_f1: without labels, why F1 is not checked. Raises
    ParityError beyond the tolerance.
    """
    precision = precision or card.precision
    allowed = TOLERANCES[precision]
    difference = np.abs(expected.astype(np.float64) - found)
    before, after = card.calibration.apply(expected), card.calibration.apply(found)
    point = card.operating_points[0]
    said_before, said_after = verdicts(before, point), verdicts(after, point)
    changed = said_before != said_after
    decided = (said_before != Verdict.INCONCLUSIVE) & (said_after != Verdict.INCONCLUSIVE)
    flipped, turned = int(changed.sum()), int((changed & decided).sum())
    largest, mean = float(difference.max()), float(difference.mean())
    # Not `>`: a logit that is not a number must fail too, before metrics stumble over it.
    close = largest <= allowed.largest and mean <= allowed.mean
    kept = flipped <= allowed.flipped * len(found) and turned <= allowed.turned * len(found)
    said = (
        f"largest logit difference {largest:.2g} (allowed {allowed.largest:g}), mean {mean:.2g} "
        f"(allowed {allowed.mean:g}), {flipped:,} verdicts flipped (allowed "
        f"{int(allowed.flipped * len(found)):,})"
    )
    if allowed.turned < allowed.flipped:
        said += f", {turned:,} of them into the opposite (allowed none)"
    figures = {
        "images": len(found),
        "largest_logit_difference": largest,
        "mean_logit_difference": mean,
        "verdicts_flipped": flipped,
        "verdicts_turned": turned,
    }
    if labels is not None:
        f1_before, f1_after = (_f1(logits, labels) for logits in (before, after))
        kept = kept and f1_before - f1_after <= allowed.f1_lost
        said += f", F1 {f1_after:.4f} after {f1_before:.4f} (allowed to lose {allowed.f1_lost:g})"
        figures |= {"f1": f1_after, "f1_before": f1_before}
    if not (close and kept):
        raise ParityError(
            f"the {precision} file disagrees with {against} on {len(found):,} images: "
            f"{said}. Nothing was written."
        )
    return Gate(against, done=True, reason=no_f1, figures=figures)


def compare_scores(
    against: str,
    expected: Scores,
    found: Scores,
    labels: NDArray[np.int64] | None,
    card: ModelCard,
    precision: str | None = None,
    no_f1: str = "",
) -> Gate:
    """As `compare`, with the images that the rounding moves into or out of the model's domain.

    Of these there may be as many as of verdicts. Raises ParityError.
    """
    gate = compare(against, expected.logits, found.logits, labels, card, precision, no_f1)
    if card.ood_at_most is None:
        return gate
    if expected.ood is None or found.ood is None:
        raise ParityError(f"the file or {against} returned no {OOD!r}. Nothing was written.")
    precision = precision or card.precision
    difference = np.abs(expected.ood.astype(np.float64) - found.ood)
    moved = int(((expected.ood <= card.ood_at_most) != (found.ood <= card.ood_at_most)).sum())
    allowed = int(TOLERANCES[precision].flipped * len(found.ood))
    if not (moved <= allowed and np.isfinite(difference).all()):
        raise ParityError(
            f"the {precision} file disagrees with {against} on {len(found.ood):,} images: "
            f"{moved:,} moved into the domain or out of it (allowed {allowed:,}). Nothing was "
            "written."
        )
    figures = {"largest_ood_difference": float(difference.max()), "moved_over_the_bound": moved}
    return replace(gate, figures=gate.figures | figures)


def _f1(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """F1 of p_fake >= 0.5; no number counts as no fake."""
    return measure(np.nan_to_num(logits, nan=-1e6, posinf=1e6, neginf=-1e6), labels).f1
