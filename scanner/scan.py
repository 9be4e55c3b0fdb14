"""A whole scan, from the paths a user names to the reports on disk."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from scanner import __version__
from scanner.backends import Backend, BackendError, open_backend
from scanner.hashing import Hashing
from scanner.journal import SUFFIX, Journal, JournalError
from scanner.known import KnownError, read_lists
from scanner.limits import Limits
from scanner.manifest import (
    ManifestError,
    manifest_path,
    signature_path,
    surroundings,
    utc_now,
    write_manifest,
)
from scanner.model import ModelError, ModelFile, open_model
from scanner.pipeline import Pipeline, Progress
from scanner.provenance import CAVEAT
from scanner.record import UNEXAMINED, Status, Verdict
from scanner.reports import ReportError, check_report, write_report
from scanner.reports import csv as csv_report
from scanner.signing import SigningError, load_private_key
from scanner.workers import WorkerError

KNOWN_SUFFIX = "-known"  # after the journal's name: the tables of the hash lists


ERRORS = (
    BackendError,
    JournalError,
    KnownError,
    ManifestError,
    ModelError,
    ReportError,
    SigningError,
    WorkerError,
)


class ScanError(Exception):
    """The scan cannot start or finish; the sentence says why and what to do."""


@dataclass(frozen=True)
class Outcome:
    """What a finished scan found, over all its runs; `seconds` and `rate` are of the last one."""

    statuses: Counter[Status]
    verdicts: Counter[Verdict]
    seconds: float
    rate: float
    model: ModelFile
    provider: str
    precision: str
    reports: tuple[Path, ...]

    @property
    def unexamined(self) -> int:
        return sum(self.statuses[status] for status in UNEXAMINED)

    def summary(self) -> str:
        """The closing lines for a person."""
        verdicts = ", ".join(f"{self.verdicts[verdict]:,} {verdict}" for verdict in Verdict)
        lines = [
            f"{self.statuses.total():,} files in {self.seconds:.1f} s ({self.rate:,.0f} files/s), "
            f"{self.model.name} on {self.provider}, {self.precision}",
            f"  scored        {self.statuses[Status.SCORED]:,}: {verdicts}",
            f"  not an image  {self.statuses[Status.NOT_IMAGE]:,}",
        ]
        if known := self.statuses[Status.KNOWN]:
            lines.append(f"  known         {known:,}: skipped, not examined")
        failures = [(status, self.statuses[status]) for status in Status if status in UNEXAMINED]
        detail = ", ".join(f"{count:,} {status}" for status, count in failures if count)
        lines.append(f"  NOT EXAMINED  {self.unexamined:,}" + (f": {detail}" if detail else ""))
        lines.extend(f"  report        {report}" for report in self.reports)
        return "\n".join(lines)


def run_scan(
    paths: Sequence[Path],
    reports: Sequence[Path],
    model_name: str,
    device: str,
    batch_size: int | None,
    workers: int | None,
    fresh: bool,
    quiet: bool,
    *,
    md5: bool = False,
    known: Sequence[Path] = (),
    skip_known: bool = False,
    sign: Path | None = None,
    passwords: Sequence[str] = (),
) -> Outcome:
    """Scan `paths` and write `reports`; without any, CSV goes to standard output.

    batch_size and workers: None for the backend's own and for one a core. passwords: tried in
    turn on whatever is encrypted. Raises ScanError.
    """
    limits = Limits()
    try:
        for report in reports:
            check_report(report)
            manifest = manifest_path(report)
            for output in (report, manifest, signature_path(manifest)):
                _refuse_inside_evidence(output, paths)
        key = load_private_key(sign) if sign else None
        model = open_model(model_name)
        backend = open_backend(model, device)
        with ExitStack() as stack:
            if reports:
                place = reports[0].with_name(reports[0].name + SUFFIX)
            else:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="imgscan-"))
                place = Path(folder) / f"scan{SUFFIX}"
            hashing = Hashing(md5=md5, skip_known=skip_known)
            if known:
                index = place.with_name(place.name + KNOWN_SUFFIX)
                stack.callback(index.unlink, missing_ok=True)
                hashing = replace(hashing, known=read_lists(known, index))
            journal = Journal(
                place, _identity(paths, model, backend, limits, hashing, passwords), fresh
            )
            stack.callback(journal.close)
            started_at = journal.first_start(utc_now())
            pipeline = Pipeline(
                roots=paths,
                model=model,
                backend=backend,
                journal=journal,
                limits=limits,
                batch_size=batch_size or backend.batch_size,
                workers=workers or usable_cores(),
                hashing=hashing,
                passwords=passwords,
            )
            started = time.monotonic()
            if journal.resumed and not quiet:
                print("carrying on from the journal of an interrupted scan", file=sys.stderr)
            with tqdm(unit="file", disable=True if quiet else None) as bar:
                pipeline.run(_show_on(bar))
            seconds = time.monotonic() - started
            statuses, verdicts = journal.counts()
            facts = _facts(model, backend, statuses, verdicts)
            _write_reports(reports, journal, model, facts)
            if reports:
                custody = {
                    "started": started_at,
                    "ended": utc_now(),
                    "resumed": journal.resumed,
                    "evidence": [str(path) for path in paths],
                    "limits": asdict(limits),
                    "hashing": _hashing_facts(hashing),
                }
                write_manifest(facts | surroundings() | custody, reports, key)
                journal.remove()
    except ERRORS as error:
        raise ScanError(str(error)) from error
    return Outcome(
        statuses=statuses,
        verdicts=verdicts,
        seconds=seconds,
        rate=pipeline.progress.files / seconds,
        model=model,
        provider=backend.provider,
        precision=backend.precision,
        reports=tuple(reports),
    )


def usable_cores() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _show_on(bar: tqdm[Any]) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        bar.set_postfix(fakes=progress.fakes, errors=progress.unexamined, refresh=False)
        bar.update(progress.files - bar.n)

    return show


def _refuse_inside_evidence(report: Path, paths: Sequence[Path]) -> None:
    place = report.resolve()
    for path in paths:
        evidence = path.resolve()
        if place == evidence or (evidence.is_dir() and place.is_relative_to(evidence)):
            raise ReportError(f"{report} lies inside the evidence {path}; write it elsewhere.")


def _identity(
    paths: Sequence[Path],
    model: ModelFile,
    backend: Backend,
    limits: Limits,
    hashing: Hashing,
    passwords: Sequence[str],
) -> dict[str, Any]:
    """What a journal's records depend on; a scan resumes only where all of it is the same."""
    return {
        "version": __version__,
        "evidence": [str(path.resolve()) for path in paths],
        "model": model.sha256,
        "provider": [backend.provider, backend.precision],
        "limits": asdict(limits),
        "hash options": _hashing_facts(hashing),
        # Not the passwords themselves: journals lie about.
        "passwords": hashlib.sha256("\0".join(passwords).encode()).hexdigest(),
    }


def _hashing_facts(hashing: Hashing) -> dict[str, Any]:
    lists = hashing.known.lists if hashing.known else ()
    return {
        "md5": hashing.md5,
        "known": [asdict(known) for known in lists],
        "skip_known": hashing.skip_known,
    }


def _facts(
    model: ModelFile, backend: Backend, statuses: Counter[Status], verdicts: Counter[Verdict]
) -> dict[str, Any]:
    """What reports say of their scan."""
    point = model.card.operating_points[0]
    # No times and no machine names: the same evidence must give the same bytes.
    return {
        "imgscan": __version__,
        "decoder": _decoder(),
        "model": {"name": model.name, "sha256": model.sha256},
        "domain": asdict(model.card.domain),
        "false_positive_rate": point.false_positive_rate,
        "provider": backend.provider,
        "precision": backend.precision,
        "statuses": {status: statuses[status] for status in Status},
        "evidence": CAVEAT,
        "verdicts": {verdict: verdicts[verdict] for verdict in Verdict},
    }


def _write_reports(
    reports: Sequence[Path], journal: Journal, model: ModelFile, facts: dict[str, Any]
) -> None:
    for report in reports:
        write_report(report, journal.records(model), facts)
    if not reports:
        csv_report.write_stream(sys.stdout.buffer, journal.records(model))


def _decoder() -> str:
    import PIL

    return f"Pillow {PIL.__version__}, Python {platform.python_version()}"
