"""Networks compared in every way that they run here: a row for each candidate at each batch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import torch

from benchmarks.backbones.candidates import GPU_DEVICES, Candidate
from benchmarks.backbones.facts import add_network, networks_of
from benchmarks.backbones.plan import Plan, Refused
from benchmarks.backbones.plots import plot_all
from benchmarks.backbones.speed import Sample, peak_flops
from benchmarks.backbones.speed_at_batch import measure_speed, speed_row
from benchmarks.backbones.table import notes_of, table_of
from benchmarks.shared.results import Row, write_part
from scanner.backends.backend import usable_cores
from scanner.backends.gpu import cuda_driver_present
from scanner.model import ModelFile


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
