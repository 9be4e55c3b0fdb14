"""Latency, throughput, memory and F1 of every exported backbone, on all that runs here.

    python -m benchmarks.backbones --model resnet18.onnx --model resnet152.onnx

Each float32 file is also measured in float16 and int8, made of it as the export makes them, and in
PyTorch with the same weights. Ratios refer to the first of these that runs, which is PyTorch. What
cannot run has a row with the reason.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.backbone_plots import plot_all
from benchmarks.backbone_table import notes_of, table_of
from benchmarks.candidates import Candidate, candidates, forget_compiled
from benchmarks.footprint import FootprintFailed, footprint
from benchmarks.pytorch import NoPytorchModel, detector_of
from benchmarks.results import FOLDER, command_line, write_part
from benchmarks.rounds import alternate, ratios, spread
from benchmarks.speed import Sample, flops_per_image, peak_flops, percentiles_ms, sample
from export.onnx import export_onnx, read_source
from export.parity import LabelledViews, ParityError, parity_images
from export.precision import PrecisionError
from scanner.backends import BackendError, usable_cores
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


class Refused(Exception):
    """What cannot be measured here; the sentence says why."""


@contextmanager
def refusing() -> Iterator[None]:
    """Raise Refused for what a backend fails with as it opens or scores."""
    try:
        yield
    except (BackendError, NoPytorchModel, RuntimeError) as error:  # the last is PyTorch's
        raise Refused((str(error).splitlines() or [type(error).__name__])[0]) from error


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
    name: str, data: Path, each: int, folder: Path
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
    mine = list(candidates(paths))
    facts, reasons = gather_facts(mine, images)
    return [candidate for candidate in mine if candidate.name in facts], facts, refused | reasons


def share_of_peak(row: Row, peak: float) -> float | None:
    """Of `peak` operations a second, counted for the float32 network."""
    if row["gflop_per_image"] is None:
        return None
    return float(row["images_per_second_median"] * row["gflop_per_image"] * 1e9 / peak)


def _gflop(model: ModelFile) -> float | None:
    try:
        return flops_per_image(detector_of(model), model.card.preprocessing.size) / 1e9
    except NoPytorchModel:
        return None


def measure_speed(
    chosen: Sequence[Candidate], batch: int, rounds: int, seconds: float
) -> tuple[list[dict[str, Sample]], dict[str, str]]:
    """Interleaved rounds at one batch, after a warm-up, and why some candidates are not in them.

    Who fails in one of the rounds is in none.
    """
    forget_compiled()
    refused: dict[str, str] = {}

    def attempt(name: str, measure: Callable[[], Sample]) -> Sample | None:
        """None once the candidate has failed."""
        if name in refused:
            return None
        try:
            return measure()
        except Refused as error:
            refused[name] = str(error)
            return None

    turns = {}
    for candidate in chosen:
        try:
            measure = opened(candidate, batch)
            measure(0)  # compiles, chooses kernels, takes memory
        except Refused as error:
            refused[candidate.name] = str(error)
        else:
            turns[candidate.name] = partial(attempt, candidate.name, partial(measure, seconds))
    measured = list(alternate(turns, rounds))
    whole = [
        {name: found for name, found in round_.items() if found and name not in refused}
        for round_ in measured
    ]
    return whole, refused


def opened(candidate: Candidate, batch: int) -> Callable[[float], Sample]:
    """What measures the candidate for so many seconds. Both raise Refused."""
    side = candidate.file.card.preprocessing.size
    with refusing():
        backend = candidate.open(batch)

    def measure(seconds: float) -> Sample:
        with refusing():
            found = sample(backend, batch, side, seconds)
        if backend.batch_size != batch:  # its speed would stand beside a batch it has not run
            raise Refused(
                f"GPU memory is too small for this batch, which shrank to {backend.batch_size}."
            )
        return found

    return measure


def speed_row(name: str, reference: str, measured: list[dict[str, Sample]]) -> Row:
    """One candidate at one batch: percentiles of all rounds, images/s and its ratio by round."""
    latencies = [second for round_ in measured for second in round_[name].latencies]
    row: Row = {"calls": len(latencies)} | percentiles_ms(latencies)
    rates = [{key: found.rate for key, found in round_.items()} for round_ in measured]
    figures = {"images_per_second": spread([rate[name] for rate in rates])}
    if reference in rates[0]:
        figures["ratio_to_reference"] = ratios(rates, name, reference)
    for key, figure in figures.items():
        row |= {f"{key}_{part}": value for part, value in asdict(figure).items()}
    return row


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
@click.option("--quick", is_flag=True, help="Fewer images and shorter rounds.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=FOLDER, help="Folder of the results."
)
def main(models: tuple[str, ...], data: Path, quick: bool, output: Path) -> None:
    """Compare exported backbones in each precision, wherever they run on this machine."""
    rounds, seconds, each = (3, 0.3, 500) if quick else (5, 2.0, 2000)
    try:
        with threads_for_all_cores():
            compare_backbones(models, data, each, rounds, seconds, output, quick)
    except (DataError, ModelError, Refused) as error:
        raise click.ClickException(str(error)) from error


def compare_backbones(
    models: Sequence[str],
    data: Path,
    each: int,
    rounds: int,
    seconds: float,
    output: Path,
    quick: bool,
) -> None:
    """Measure and write the tables and plots to `output`.

    each: test images of each class. seconds: of each measurement in a round. quick: whether the
    command that is recorded says so. Raises DataError, ModelError, and Refused when nothing runs.
    """
    _refuse_equal_names(models)
    gpu = torch.cuda.is_available()
    peaks = {device: peak_flops(device) for device in (("cpu", "cuda") if gpu else ("cpu",))}
    chosen: list[Candidate] = []
    facts: dict[str, Row] = {}
    refused: dict[str, str] = {}
    rows: list[Row] = []
    samples: dict[tuple[str, int], list[Sample]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in models:
            added, found, reasons = add_model(name, data, each, Path(folder))
            chosen += added
            facts |= found
            refused |= reasons
        if not chosen:
            reasons_said = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
            raise Refused(f"nothing can be measured here. {reasons_said}")
        for batch in BATCHES + (GPU_BATCHES if gpu else ()):
            able = [who for who in chosen if who.on_gpu or batch in BATCHES]
            measured, reasons = measure_speed(able, batch, rounds, seconds)
            for candidate in able:
                name = candidate.name
                row: Row = {"candidate": name, "batch": batch} | facts[name]
                if name in reasons:
                    row["not_measured"] = reasons[name]
                else:
                    row |= speed_row(name, row["reference"], measured)
                    row["share_of_peak"] = share_of_peak(
                        row, peaks["cuda" if candidate.on_gpu else "cpu"]
                    )
                    samples[name, batch] = [found[name] for found in measured]
                rows.append(row)
                click.echo(_said(row))
    rows += [{"candidate": name, "not_measured": reason} for name, reason in refused.items()]
    about = {
        "command": command_line("backbones", quick, models),
        "rounds": rounds,
        "peak_tflops": {device: peak / 1e12 for device, peak in peaks.items()},
    }
    write_part(output, "backbones", about, rows, table_of(rows), notes_of(rows))
    plot_all(output, rows, samples)


def _said(row: Row) -> str:
    head = f"{row['candidate']:45} batch {row['batch']:4}"
    if "not_measured" in row:
        return f"{head} not measured: {row['not_measured']}"
    return f"{head} {row['images_per_second_median']:10,.1f} images/s {row['p50_ms']:9.2f} ms"


if __name__ == "__main__":
    main()
