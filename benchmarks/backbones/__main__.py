"""Latency, throughput, memory and F1 of every exported backbone, on all that runs here.

    python -m benchmarks.backbones --model resnet18.onnx --model resnet152.onnx
    python -m benchmarks.backbones --device torch.compile --device cuda --device tensorrt --quick
    python -m benchmarks.backbones --device cuda --precision float16 --batch 128 --budget-minutes 3

Each float32 file is also measured in float16 and int8, made of it as the export makes them unless
such a file is given, too (resnet18.fp16.onnx beside resnet18.onnx), and in PyTorch with the same
weights. Ratios refer to the first of these that runs: PyTorch on the CPU, or
torch.compile where only GPU devices are asked for. What cannot run has a row with the reason.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
import torch

from benchmarks.backbones.candidates import DEVICES, GPU_DEVICES, PRECISIONS, Candidate
from benchmarks.backbones.facts import Row, add_network, networks_of
from benchmarks.backbones.plan import QUICK, THOROUGH, Budget, Plan, Refused
from benchmarks.backbones.plots import plot_all
from benchmarks.backbones.speed import Sample, peak_flops
from benchmarks.backbones.speed_at_batch import measure_speed, speed_row
from benchmarks.backbones.table import notes_of, table_of
from benchmarks.shared.results import FOLDER, command_line, write_part
from scanner.backends import usable_cores
from scanner.backends.gpu import cuda_driver_present
from scanner.model import DEFAULT_MODEL, ModelError, ModelFile
from trainer.data import DataError
from trainer.minutes import Minutes


@contextmanager
def threads_for_all_cores() -> Iterator[None]:
    """PyTorch's threads, whatever the environment says of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(usable_cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def peaks_of(chosen: Sequence[Candidate], known: Mapping[str, float]) -> dict[str, float]:
    """Operations a second that PyTorch reaches in each place that a candidate runs in."""
    places = sorted({candidate.place for candidate in chosen}.difference(known))
    seen = {"cpu": True, "cuda": torch.cuda.is_available()}
    return {**known, **{place: peak_flops(place) for place in places if seen[place]}}


def share_of_peak(row: Row, peak: float | None) -> float | None:
    """Of `peak` operations a second, counted for the float32 network; None where one is unknown."""
    if peak is None or row["gflop_per_image"] is None:
        return None
    return float(row["images_per_second_median"] * row["gflop_per_image"] * 1e9 / peak)


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
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice(PRECISIONS),
    default=PRECISIONS,
    help="Of the arithmetic, which is float16 for torch.compile; may be repeated.",
)
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(min=1),
    help="Images at once; may be repeated, and F1 is scored at the first.  [default: 1, 8, 32, "
    "128; on a GPU also 256, 512]",
)
@click.option(
    "--budget-minutes",
    type=Minutes(),
    help="After so long nothing more is begun, and what is left out is listed.",
)
@click.option("--quick", is_flag=True, help="Fewer images and shorter rounds.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=FOLDER, help="Folder of the results."
)
def main(
    models: tuple[str, ...],
    data: Path,
    devices: tuple[str, ...],
    precisions: tuple[str, ...],
    batches: tuple[int, ...],
    budget_minutes: float | None,
    quick: bool,
    output: Path,
) -> None:
    """Compare exported backbones in each precision, wherever they run on this machine."""
    plan = replace(
        QUICK if quick else THOROUGH,
        devices=devices,
        precisions=precisions,
        batches=tuple(dict.fromkeys(batches)),
        budget=Budget()
        if budget_minutes is None
        else Budget(time.monotonic() + 60 * budget_minutes),
    )
    asked = [
        *(f"--device {device}" for device in devices if devices != DEVICES),
        *(f"--precision {precision}" for precision in precisions if precisions != PRECISIONS),
        *(f"--batch {batch}" for batch in batches),
        *([] if budget_minutes is None else [f"--budget-minutes {budget_minutes:g}"]),
    ]
    command = command_line("backbones", quick, models, " ".join(asked))
    try:
        with threads_for_all_cores():
            compare_backbones(models, data, plan, output, command)
    except (DataError, ModelError, Refused) as error:
        raise click.ClickException(str(error)) from error


def compare_backbones(
    models: Sequence[str], data: Path, plan: Plan, output: Path, command: str
) -> None:
    """Measure and write the tables to `output`, anew after each batch, and at last the plots.

    command: recorded as what makes them. Raises DataError, ModelError, and Refused when nothing
    runs.
    """
    rows: list[Row] = []
    never: list[Row] = []
    samples: dict[tuple[str, int], list[Sample]] = {}
    peaks: dict[str, float] = {}

    def write() -> None:
        about = {
            "command": command,
            "rounds": plan.rounds,
            "peak_tflops": {place: peak / 1e12 for place, peak in peaks.items()},
        }
        shown = rows + never
        write_part(output, "backbones", about, shown, table_of(shown), notes_of(shown))

    with tempfile.TemporaryDirectory() as folder:
        for networks in taking_turns(networks_of(models), plan.devices):
            chosen: list[Candidate] = []
            facts: dict[str, Row] = {}
            for files in networks:
                added, found, refused = add_network(files, data, plan, Path(folder))
                chosen += added
                facts |= found
                never += [{"candidate": who, "not_measured": why} for who, why in refused.items()]
            peaks = peaks_of(chosen, peaks)
            for batch in dict.fromkeys(n for who in chosen for n in plan.batches_of(who)):
                able = [who for who in chosen if batch in plan.batches_of(who)]
                measured, reasons = measure_speed(able, batch, plan)
                for candidate in able:
                    row = row_of(candidate, batch, facts, measured, reasons, peaks)
                    rows.append(row)
                    click.echo(_said(row))
                for name in measured[0]:
                    samples[name, batch] = [round_[name] for round_ in measured]
                write()  # now, so that an interrupted run leaves what it has
    if rows:
        write()
    if not samples:
        raise Refused(" ".join(["nothing can be measured here.", *notes_of(rows + never)]))
    plot_all(output, rows, samples)


def taking_turns(
    networks: list[list[ModelFile]], devices: Sequence[str]
) -> list[list[list[ModelFile]]]:
    """The networks whose candidates take turns in one set of rounds: all, or one after the other on
    a GPU, which may not hold more.

    Ratios compare candidates of one network, so they are of one set of rounds either way.
    """
    if cuda_driver_present() and set(devices).intersection(GPU_DEVICES):
        return [[files] for files in networks]
    return [networks]


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
