"""Latency, throughput, memory and F1 of every exported backbone, on all that runs here.

    python -m benchmarks.backbones --model resnet18.onnx --model resnet152.onnx
    python -m benchmarks.backbones --device torch.compile --device cuda --device tensorrt --quick

Each float32 file is also measured in float16 and int8, made of it as the export makes them, and in
PyTorch with the same weights. Ratios refer to the first of these that runs: PyTorch on the CPU, or
torch.compile where only GPU devices are asked for. What cannot run has a row with the reason.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.backbone_plots import plot_all
from benchmarks.backbone_speed import Refused, groups_of, measure_speed, refusing, speed_row
from benchmarks.backbone_table import notes_of, table_of
from benchmarks.candidates import DEVICES, Candidate, candidates, forget_compiled
from benchmarks.footprint import FootprintFailed, footprint
from benchmarks.pytorch import NoPytorchModel, detector_of
from benchmarks.results import FOLDER, command_line, write_part
from benchmarks.speed import Sample, flops_per_image, peak_flops
from export.onnx import export_onnx, read_source
from export.parity import LabelledViews, ParityError, parity_images
from export.precision import PrecisionError
from scanner.backends import usable_cores
from scanner.model import DEFAULT_MODEL, ModelError, ModelFile, open_model
from scanner.verdict import verdicts
from trainer.data import DataError
from trainer.metrics import measure

Row = dict[str, Any]
CONVERSIONS = ("float16", "int8")
BATCHES = (1, 8, 32, 128)
GPU_BATCHES = (256, 512)  # after those
SCORING_BATCH = 32


@contextmanager
def threads_for_all_cores() -> Iterator[None]:
    """PyTorch's threads, whatever the environment says of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(usable_cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Extent:
    """How much to measure.

    seconds: of each measurement in a round. each: test images of each class.
    """

    rounds: int
    seconds: float
    each: int


QUICK = Extent(rounds=3, seconds=0.3, each=500)
THOROUGH = Extent(rounds=5, seconds=2.0, each=2000)


def convert(model: ModelFile, precision: str, data: Path, images: LabelledViews, to: Path) -> Path:
    """Write the model in `precision` to the folder `to`, through the export's gates.

    Raises Refused, DataError.
    """
    path = to / f"{model.path.stem}.{precision}.onnx"
    try:
        path.write_bytes(export_onnx(read_source(model.path, None, None), precision, data, images))
    except (ParityError, PrecisionError) as error:
        raise Refused(f"the export refuses it: {error}") from error
    return path


def facts_of(
    candidate: Candidate, images: LabelledViews, gflop: float | None
) -> tuple[Row, NDArray[np.str_]]:
    """What does not depend on the batch, and the verdicts on `images`. Raises Refused."""
    forget_compiled()
    starts = range(0, len(images), SCORING_BATCH)
    with refusing():
        backend = candidate.open(SCORING_BATCH)
        logits = np.concatenate(
            [backend.score(images.views[n : n + SCORING_BATCH]) for n in starts]
        )
    card = candidate.file.card
    calibrated = card.calibration.apply(logits)
    figures = measure(calibrated, images.labels)
    row: Row = {
        "provider": backend.provider,
        "precision": backend.precision,
        "train_images": card.training.get("train_images"),
        "input_pixels": card.image_size,
        "gflop_per_image": gflop,
        "file_bytes": candidate.path.stat().st_size,
        "images": figures.images,
        "f1": figures.f1,
        "auroc": figures.auroc,
        "ece": figures.expected_calibration_error,
    }
    try:
        row |= asdict(footprint(candidate, SCORING_BATCH))
    except FootprintFailed as error:
        raise Refused(str(error)) from error
    return row, verdicts(calibrated, card.operating_points[0])


def gather_facts(
    chosen: Iterable[Candidate], images: LabelledViews
) -> tuple[dict[str, Row], dict[str, str]]:
    """The facts of each candidate by its name, and why the others have none."""
    found: dict[str, Row] = {}
    refused: dict[str, str] = {}
    references: dict[str, tuple[str, NDArray[np.str_]]] = {}
    gflops: dict[str, float | None] = {}
    for candidate in chosen:
        if candidate.source not in gflops:
            gflops[candidate.source] = _gflop(candidate.file)
        try:
            row, judged = facts_of(candidate, images, gflops[candidate.source])
        except Refused as error:
            refused[candidate.name] = str(error)
            click.echo(f"{candidate.name}: not measured: {error}")
            continue
        reference, expected = references.setdefault(candidate.source, (candidate.name, judged))
        flipped = int((judged != expected).sum())
        found[candidate.name] = row | {"reference": reference, "verdicts_flipped": flipped}
        click.echo(f"{candidate.name}: F1 {row['f1']:.4f}, {flipped} verdicts flipped")
    return found, refused


def _refuse_equal_names(models: Sequence[str]) -> None:
    sources = [Candidate(open_model(name).path, "cpu").source for name in models]
    for source in sources:
        if sources.count(source) > 1:
            raise ModelError(f"two models are called {source} up to the first dot; rename one.")


def add_model(
    name: str, data: Path, devices: Sequence[str], each: int, folder: Path
) -> tuple[list[Candidate], dict[str, Row], dict[str, str]]:
    """A model's candidates that run here, their facts, and why the others do not run.

    each: test images of each class. folder: for its conversions. Raises DataError, ModelError.
    """
    file = open_model(name)
    images = parity_images(data, file.card.preprocessing, each)
    paths, refused = [file.path], {}
    for precision in CONVERSIONS if file.card.precision == "float32" else ():
        try:
            paths.append(convert(file, precision, data, images, folder))
        except Refused as error:
            refused[f"{file.path.stem} {precision}"] = str(error)
    mine = list(candidates(paths, devices))
    facts, reasons = gather_facts(mine, images)
    return [candidate for candidate in mine if candidate.name in facts], facts, refused | reasons


def peaks_of(chosen: Sequence[Candidate]) -> dict[str, float]:
    """Operations a second that PyTorch reaches in each place that a candidate runs in."""
    places = sorted({candidate.place for candidate in chosen})
    seen = {"cpu": True, "cuda": torch.cuda.is_available()}
    return {place: peak_flops(place) for place in places if seen[place]}


def share_of_peak(row: Row, peak: float | None) -> float | None:
    """Of `peak` operations a second, counted for the float32 network; None where one is unknown."""
    if peak is None or row["gflop_per_image"] is None:
        return None
    return float(row["images_per_second_median"] * row["gflop_per_image"] * 1e9 / peak)


def _gflop(model: ModelFile) -> float | None:
    try:
        return flops_per_image(detector_of(model), model.card.preprocessing.size) / 1e9
    except NoPytorchModel:
        return None


@click.command(context_settings={"show_default": True})
@click.option(
    "--model",
    "models",
    multiple=True,
    default=[DEFAULT_MODEL],
    help="A bundled model or a model file; may be repeated.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/cifake"),
    help="CIFAKE, as for the trainer; test images are scored.",
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    type=click.Choice(DEVICES),
    default=DEVICES,
    help="Where to measure; may be repeated. Without CPU devices F1 comes from the GPU, too.",
)
@click.option("--quick", is_flag=True, help="Fewer images and shorter rounds.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=FOLDER, help="Folder of the results."
)
def main(
    models: tuple[str, ...], data: Path, devices: tuple[str, ...], quick: bool, output: Path
) -> None:
    """Compare exported backbones in each precision, wherever they run on this machine."""
    only = "" if devices == DEVICES else " ".join(f"--device {device}" for device in devices)
    command = command_line("backbones", quick, models, only)
    try:
        with threads_for_all_cores():
            compare_backbones(models, data, devices, QUICK if quick else THOROUGH, output, command)
    except (DataError, ModelError, Refused) as error:
        raise click.ClickException(str(error)) from error


def compare_backbones(
    models: Sequence[str],
    data: Path,
    devices: Sequence[str],
    extent: Extent,
    output: Path,
    command: str,
) -> None:
    """Measure and write the tables and plots to `output`, anew after each batch.

    command: recorded as what makes them. Raises DataError, ModelError, and Refused when nothing
    runs.
    """
    _refuse_equal_names(models)
    chosen: list[Candidate] = []
    facts: dict[str, Row] = {}
    refused: dict[str, str] = {}
    rows: list[Row] = []
    samples: dict[tuple[str, int], list[Sample]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in models:
            added, found, reasons = add_model(name, data, devices, extent.each, Path(folder))
            chosen += added
            facts |= found
            refused |= reasons
        never = [{"candidate": name, "not_measured": reason} for name, reason in refused.items()]
        peaks = peaks_of(chosen)
        about = {
            "command": command,
            "rounds": extent.rounds,
            "peak_tflops": {place: peak / 1e12 for place, peak in peaks.items()},
        }
        on_gpu = any(candidate.on_gpu for candidate in chosen)
        for batch in BATCHES + (GPU_BATCHES if on_gpu else ()):
            able = [who for who in chosen if who.on_gpu or batch in BATCHES]
            for group in groups_of(able):
                measured, reasons = measure_speed(group, batch, extent.rounds, extent.seconds)
                for candidate in group:
                    row = row_of(candidate, batch, facts, measured, reasons, peaks)
                    rows.append(row)
                    click.echo(_said(row))
                for name in measured[0]:
                    samples[name, batch] = [round_[name] for round_ in measured]
            if samples:  # written now, so that an interrupted run leaves what it has
                shown = rows + never
                write_part(output, "backbones", about, shown, table_of(shown), notes_of(shown))
                plot_all(output, rows, samples)
    if not samples:
        raise Refused(" ".join(["nothing can be measured here.", *notes_of(rows + never)]))


def row_of(
    candidate: Candidate,
    batch: int,
    facts: dict[str, Row],
    measured: list[dict[str, Sample]],
    reasons: dict[str, str],
    peaks: dict[str, float],
) -> Row:
    """All that is known of a candidate at one batch: figures, or the reason for none."""
    name = candidate.name
    row: Row = {"candidate": name, "device": candidate.device, "batch": batch} | facts[name]
    if name in reasons:
        return row | {"not_measured": reasons[name]}
    row |= speed_row(name, row["reference"], measured)
    return row | {"share_of_peak": share_of_peak(row, peaks.get(candidate.place))}


def _said(row: Row) -> str:
    head = f"{row['candidate']:45} batch {row['batch']:4}"
    if "not_measured" in row:
        return f"{head} not measured: {row['not_measured']}"
    return f"{head} {row['images_per_second_median']:10,.1f} images/s {row['p50_ms']:9.2f} ms"


if __name__ == "__main__":
    main()
