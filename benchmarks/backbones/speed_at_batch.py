"""Candidates at one batch: how fast they are, and why some are not measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmarks.backbones.candidates import Candidate, forget_compiled
from benchmarks.backbones.plan import Plan, Refused, refusing
from benchmarks.backbones.speed import Sample, percentiles_ms, sample
from benchmarks.shared.rounds import alternate, ratios, spread


def measure_speed(
    chosen: Sequence[Candidate], batch: int, plan: Plan
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
            plan.budget.check()
            measure = opened(candidate, batch)
            measure(0)  # compiles, chooses kernels, takes memory
        except Refused as error:
            refused[candidate.name] = str(error)
        else:
            turns[candidate.name] = partial(attempt, candidate.name, partial(measure, plan.seconds))
    measured = list(alternate(turns, plan.rounds))
    whole = [
        {name: found for name, found in round_.items() if found and name not in refused}
        for round_ in measured
    ]
    return whole, refused


def opened(candidate: Candidate, batch: int) -> Callable[[float], Sample]:
    """What measures the candidate for so many seconds. Both raise Refused."""
    shape = candidate.file.card.preprocessing.shape
    with refusing():
        backend = candidate.open(batch)

    def measure(seconds: float) -> Sample:
        with refusing():
            found = sample(backend, batch, shape, seconds)
        if backend.batch_size != batch:  # its speed would stand beside a batch it has not run
            raise Refused(
                f"GPU memory is too small for this batch, which shrank to {backend.batch_size}."
            )
        return found

    return measure


def speed_row(name: str, reference: str, measured: list[dict[str, Sample]]) -> dict[str, Any]:
    """One candidate at one batch: percentiles of all rounds, images/s and its ratio by round."""
    latencies = [second for round_ in measured for second in round_[name].latencies]
    row: dict[str, Any] = {"calls": len(latencies)} | percentiles_ms(latencies)
    rates = [{key: found.rate for key, found in round_.items()} for round_ in measured]
    figures = {"images_per_second": spread([rate[name] for rate in rates])}
    if reference in rates[0]:
        figures["ratio_to_reference"] = ratios(rates, name, reference)
    for key, figure in figures.items():
        row |= {f"{key}_{part}": value for part, value in asdict(figure).items()}
    return row
