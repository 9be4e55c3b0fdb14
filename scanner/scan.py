"""A whole scan, from the paths a user names to the reports on disk."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from scanner import facts
from scanner.backends import Backend, BackendError, open_backend, usable_cores
from scanner.engine import card_path
from scanner.files import partial_path
from scanner.hashing import Hashing
from scanner.journal import SUFFIX, Journal, JournalError, journal_files, trouble_explained
from scanner.known import KnownError, check_index, index_path, read_lists
from scanner.limits import Limits
from scanner.logs import FACTS, LogError, set_up_logging
from scanner.manifest import (
    ManifestError,
    check_manifest,
    manifest_path,
    signature_path,
    utc_now,
    write_manifest,
)
from scanner.model import (
    ModelError,
    ModelFile,
    added_folder,
    bundled_models,
    model_path,
    open_model,
)
from scanner.outcome import Outcome
from scanner.outputs import (
    PlaceError,
    check_added_model,
    check_outputs,
    check_temporary_folder,
    check_written_in_place,
)
from scanner.pipeline import Pipeline, Progress
from scanner.processes import ProcessError, close_search_paths
from scanner.record import RECORDS_VERSION
from scanner.reports import ReportError, check_report, writable, write_report
from scanner.reports import csv as csv_report
from scanner.roots import OverlapError, check_roots
from scanner.signing import SigningError, load_private_key
from scanner.streams import OutputError, check_standard_output, say, standard_output

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Exceptions whose text is a sentence for the user.
SENTENCES = (
    BackendError,
    JournalError,
    KnownError,
    LogError,
    ManifestError,
    ModelError,
    OutputError,
    OverlapError,
    PlaceError,
    ProcessError,
    ReportError,
    SigningError,
)

logger = logging.getLogger(__name__)


class ScanError(Exception):
    """The scan cannot start or finish; the sentence says why and what to do."""


@dataclass(frozen=True)
class Request:
    """What a user asks for.

    reports: files to write; without any, CSV goes to standard output. model: a bundled model's
    name or a file. false_positive_rate: of one of its operating points; None for its first.
    batch_size and workers: None for the backend's own and for one a core. known: hash lists.
    passwords: tried in turn on whatever is encrypted. sign: a private key's file.
    """

    paths: tuple[Path, ...]
    reports: tuple[Path, ...]
    model: str
    false_positive_rate: float | None
    device: str
    batch_size: int | None
    workers: int | None
    limits: Limits
    md5: bool
    known: tuple[Path, ...]
    skip_known: bool
    passwords: tuple[str, ...]
    sign: Path | None
    fresh: bool
    quiet: bool
    verbose: bool
    log_file: Path | None


def run_scan(request: Request) -> Outcome:
    """Scan what is asked for and write its reports and their manifest. Raises ScanError."""
    tell = _say_nothing if request.quiet else _tell
    try:
        close_search_paths(request.paths)
        check_roots(request.paths)
        _check_outputs(request)
        set_up_logging(request.verbose, request.log_file)
        key = load_private_key(request.sign) if request.sign else None
        model = _model(request)
        backend = open_backend(model, request.device, batch_size=request.batch_size, tell=tell)
        # The lock comes first: the hash lists' index that lies beside it may be a running scan's.
        with (
            _journal_folder(request) as place,
            closing(Journal(place, request.fresh)) as journal,
            trouble_explained(place),
        ):
            with _hashing(request, place) as hashing:
                outcome = _scan(request, model, backend, journal, hashing, key)
            if request.reports:
                journal.remove()
    except SENTENCES as error:
        logger.error("stopped: %s", error)
        raise ScanError(str(error)) from error
    return outcome


def _scan(
    request: Request,
    model: ModelFile,
    backend: Backend,
    journal: Journal,
    hashing: Hashing,
    key: Ed25519PrivateKey | None,
) -> Outcome:
    """From the evidence to reports and manifest, by way of the journal."""
    identity = facts.identity(request.paths, request.limits, model, backend, hashing)
    journal.begin(identity, request.passwords)
    started_at = journal.first_start(utc_now())
    seconds, rate = _examine(request, model, backend, journal, hashing, identity)
    files = journal.files()
    statuses, verdicts = journal.counts()
    said = facts.facts(model, backend, statuses, verdicts)
    _write_reports(request.reports, journal, model, said)
    if request.reports:
        custody = {
            "started": started_at,
            "ended": utc_now(),
            "resumed": journal.resumed,
            "evidence": [str(path) for path in request.paths],
            "batch": backend.batch_size,
            "kind_of_record": RECORDS_VERSION,
            "limits": asdict(request.limits),
            "hashing": facts.hashing_facts(hashing),
        }
        write_manifest(said | facts.surroundings() | custody, request.reports, key)
    counts = {FACTS: {"statuses": statuses, "verdicts": verdicts}}
    logger.info("finished: %d files", files, extra=counts)
    return Outcome(
        files=files,
        statuses=statuses,
        verdicts=verdicts,
        seconds=seconds,
        rate=rate,
        model=model,
        provider=backend.provider,
        precision=backend.precision,
        reports=request.reports,
    )


def _model(request: Request) -> ModelFile:
    model = open_model(request.model)
    if request.false_positive_rate is None:
        return model
    return replace(model, card=model.card.at(request.false_positive_rate))


def _tell(sentence: str) -> None:
    logger.info(sentence)
    with tqdm.external_write_mode(sys.stderr):  # between redraws of the bar
        say(sentence)


def _say_nothing(sentence: str) -> None:
    logger.info(sentence)


def _check_outputs(request: Request) -> None:
    """Raise PlaceError or ReportError for an output that cannot be written, or not there."""
    check_temporary_folder(request.paths)
    place = _journal_place(request)
    if not request.reports:
        check_standard_output()
    outputs = [*journal_files(place), index_path(place)]
    if request.log_file:
        outputs.append(request.log_file)
    in_place = tuple(outputs)
    anew = list(request.reports)
    for report in request.reports[:1]:
        manifest = manifest_path(report)
        anew += [manifest, signature_path(manifest)]
    for path in anew:
        outputs += [path, partial_path(path)]
    inputs = [*request.known, *((request.sign,) if request.sign else ())]
    model = model_path(request.model)
    if model.name:
        inputs += [model, card_path(model)]
    if request.model not in bundled_models() and model.parent == added_folder():
        check_added_model(model, request.paths)
    check_outputs(outputs, request.paths, inputs)
    check_written_in_place(in_place)
    for report in request.reports[:1]:
        check_manifest(report)
    for report in request.reports:
        check_report(report)


def _journal_place(request: Request) -> Path:
    """Beside the first report; without one, in the folder for temporary files."""
    if request.reports:
        first = request.reports[0]
        return first.with_name(first.name + SUFFIX)
    return Path(tempfile.gettempdir()) / f"imgscan{SUFFIX}"


@contextmanager
def _journal_folder(request: Request) -> Iterator[Path]:
    """Where the journal lies; without a report, in a folder that goes when the scan ends."""
    place = _journal_place(request)
    if request.reports:
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="imgscan-") as folder:
        yield Path(folder) / place.name


@contextmanager
def _hashing(request: Request, place: Path) -> Iterator[Hashing]:
    """What is asked for about hashes; the lists' index lies beside the journal meanwhile."""
    hashing = Hashing(md5=request.md5, skip_known=request.skip_known)
    if not request.known:
        yield hashing
        return
    index = index_path(place.absolute())  # workers, which map it, are elsewhere
    check_index(index)
    try:
        yield replace(hashing, known=read_lists(request.known, index))
    finally:
        index.unlink(missing_ok=True)


def _examine(
    request: Request,
    model: ModelFile,
    backend: Backend,
    journal: Journal,
    hashing: Hashing,
    identity: dict[str, Any],
) -> tuple[float, float]:
    """Fill the journal; returns seconds and files/s of this run."""
    pipeline = Pipeline(
        roots=request.paths,
        model=model,
        backend=backend,
        journal=journal,
        limits=request.limits,
        batch_size=backend.batch_size,
        workers=request.workers or usable_cores(),
        hashing=hashing,
        passwords=request.passwords,
    )
    sentence = "scanning with %s on %s"
    logger.info(sentence, model.name, backend.provider, extra={FACTS: identity})
    if journal.resumed and not request.quiet:
        say("carrying on from the journal of an interrupted scan")
    started = time.monotonic()
    with tqdm(unit="file", disable=True if request.quiet else None) as bar:
        pipeline.run(_show_on(bar))
    seconds = time.monotonic() - started
    return seconds, pipeline.progress.files / seconds


def _show_on(bar: tqdm[Any]) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        bar.set_postfix(fakes=progress.fakes, errors=progress.unexamined, refresh=False)
        bar.update(progress.files - bar.n)

    return show


def _write_reports(
    reports: Sequence[Path], journal: Journal, model: ModelFile, said: dict[str, Any]
) -> None:
    for report in reports:
        write_report(report, journal.records(model), said)
        logger.info("wrote %s", report, extra={FACTS: {"report": str(report)}})
    if not reports:
        with standard_output() as stream:
            csv_report.write_stream(stream.buffer, map(writable, journal.records(model)))
