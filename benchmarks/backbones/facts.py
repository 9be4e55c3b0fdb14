"""What is known of a backbone before its speed: F1, memory, and why some of it does not run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.backbones.candidates import COMPILED, Candidate, candidates, forget_compiled
from benchmarks.backbones.footprint import footprint
from benchmarks.backbones.plan import Plan, Refused, refusing
from benchmarks.backbones.speed import flops_per_image
from benchmarks.shared.results import Row
from export.onnx import export_onnx, read_source
from export.parity import LabelledViews, ParityError, parity_images
from export.precision import PrecisionError
from scanner.backends.backend import Backend, joined
from scanner.model import ModelError, ModelFile, open_model
from scanner.model.verdict import verdicts
from trainer.backbones import BACKBONES, build_detector
from trainer.metrics import measure

# The precisions that a float32 file is converted to, and the devices that run such files.
CONVERSIONS = {"float16": ("cuda", "tensorrt"), "int8": ("cpu",)}

read_images = cache(parity_images)  # models that take the same views share them


def networks_of(models: Sequence[str]) -> list[list[ModelFile]]:
    """The model files of each network, which is what they are called up to the first dot.

    Raises ModelError, also for two files of one network in one precision.
    """
    networks: dict[str, list[ModelFile]] = {}
    for file in map(open_model, models):
        source = Candidate(file.path, "cpu").source
        for other in networks.setdefault(source, []):
            same_views = file.card.preprocessing == other.card.preprocessing
            if file.card.precision == other.card.precision or not same_views:
                raise ModelError(f"two models are called {source} up to the first dot; rename one.")
        networks[source].append(file)
    return list(networks.values())


def add_network(
    files: Sequence[ModelFile], data: Path, plan: Plan, folder: Path
) -> tuple[list[Candidate], dict[str, Row], dict[str, str]]:
    """A network's candidates that run here, their facts, and why the others do not run.

    Its float32 file, if it has one, is converted to what is asked for and not given. folder: for
    its conversions. Raises DataError, ModelError.
    """
    images = read_images(data, files[0].card.preprocessing, plan.each)
    given = {file.card.precision: file for file in files}
    paths, refused = [file.path for file in files], {}
    missing = [p for p in CONVERSIONS if p in plan.precisions and p not in given]
    for precision in missing if "float32" in given else ():
        name = f"{Candidate(files[0].path, 'cpu').source} {precision}"
        try:
            if set(CONVERSIONS[precision]).intersection(plan.devices):
                paths.append(convert(given["float32"], precision, data, images, folder, plan))
            elif precision == "int8" or COMPILED not in plan.devices:
                refused[name] = "No device that was asked for runs such files."
        except Refused as error:
            refused[name] = str(error)
    mine = list(candidates(paths, plan.devices, plan.precisions))
    facts, reasons = gather_facts(mine, images, plan)
    return [candidate for candidate in mine if candidate.name in facts], facts, refused | reasons


def convert(
    model: ModelFile, precision: str, data: Path, images: LabelledViews, to: Path, plan: Plan
) -> Path:
    """Write the model in `precision` to the folder `to`, through the export's gates.

    Raises Refused, DataError.
    """
    plan.budget.check()
    path = to / f"{model.path.stem}.{precision}.onnx"
    try:
        path.write_bytes(export_onnx(read_source(model.path, None, None), precision, data, images))
    except (ParityError, PrecisionError) as error:
        raise Refused(f"the export refuses it: {error}") from error
    return path


def gather_facts(
    chosen: Iterable[Candidate], images: LabelledViews, plan: Plan
) -> tuple[dict[str, Row], dict[str, str]]:
    """The facts of each candidate by its name, and why the others have none."""
    found: dict[str, Row] = {}
    refused: dict[str, str] = {}
    references: dict[str, tuple[str, NDArray[np.str_]]] = {}
    for candidate in chosen:
        try:
            row, judged = facts_of(candidate, images, plan)
        except Refused as error:
            refused[candidate.name] = str(error)
            click.echo(f"{candidate.name}: not measured: {error}")
            continue
        reference, expected = references.setdefault(candidate.source, (candidate.name, judged))
        flipped = int((judged != expected).sum())
        found[candidate.name] = row | {"reference": reference, "verdicts_flipped": flipped}
        click.echo(f"{candidate.name}: F1 {row['f1']:.4f}, {flipped} verdicts flipped")
    return found, refused


def facts_of(
    candidate: Candidate, images: LabelledViews, plan: Plan
) -> tuple[Row, NDArray[np.str_]]:
    """What does not depend on the batch, and the verdicts on `images`. Raises Refused.

    Load time and resident memory are of CPU candidates only: they need a process of their own, in
    which torch.compile would compile anew, and say little of a GPU.
    """
    plan.budget.check()
    forget_compiled()
    with refusing():
        backend = candidate.open(plan.scoring_batch)
        logits = score_all(backend, images.views, plan.scoring_batch)
    card = candidate.file.card
    calibrated = card.calibration.apply(logits)
    figures = measure(calibrated, images.labels)
    row: Row = {
        "provider": backend.provider,
        "precision": backend.precision,
        "train_images": card.training.get("train_images"),
        "input_pixels": card.image_size,
        "gflop_per_image": gflop_of(card.backbone, card.image_size, card.preprocessing.shape),
        "file_bytes": candidate.path.stat().st_size,
        "images": figures.images,
        "f1": figures.f1,
        "auroc": figures.auroc,
        "ece": figures.expected_calibration_error,
    }
    if not candidate.on_gpu:
        row |= asdict(footprint(candidate, plan.scoring_batch))
    return row, verdicts(calibrated, card.operating_points[0])


def score_all(backend: Backend, views: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
    """Raw logits of all views. The last batch is filled up: a shape of its own would be compiled,
    and its kernels chosen, anew.
    """
    shape = (batch, *views.shape[1:])
    starts = range(0, len(views), batch)
    scored = [backend.score(np.resize(views[n : n + batch], shape)) for n in starts]
    return joined(scored).logits[: len(views)]


@cache
def gflop_of(backbone: str, image_size: int, shape: tuple[int, ...]) -> float | None:
    """Of one image, seen as `shape`, counted from shapes alone; None for an unknown backbone."""
    if backbone not in BACKBONES:
        return None
    with torch.device("meta"):
        detector = build_detector(backbone, image_size, "none").eval()
    return flops_per_image(detector, shape) / 1e9
