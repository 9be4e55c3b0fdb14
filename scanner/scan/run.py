"""How a scan runs: models and backends, journal, examination, reports, manifest."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner.backends.backend import usable_cores
from scanner.containers.zip_names import code_page
from scanner.custody.manifest import utc_now, write_manifest
from scanner.custody.signing import load_private_key
from scanner.hashes.hashing import Hashing
from scanner.hashes.known import check_index, read_lists
from scanner.hashes.similar import check_installed, read_similar
from scanner.log import FACTS
from scanner.provenance.trust import Trust, read_trust
from scanner.record import RECORDS_VERSION, Verdict
from scanner.reports import identifies_by_weak_hashes, writable, write_report
from scanner.reports.gallery import Gallery
from scanner.roots import Roots
from scanner.scan import facts
from scanner.scan.journal import Journal
from scanner.scan.journal_file import index_path, trouble_explained
from scanner.scan.outcome import Outcome
from scanner.scan.pipeline import Pipeline
from scanner.scan.places import check_models, journal_folder
from scanner.scan.records import records
from scanner.scan.request import Request
from scanner.scan.scorers import Scorer, open_scorers
from scanner.scan.watcher import Watcher

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MOST_LOGGED = 1000  # paths of the evidence, all of which the manifest has

logger = logging.getLogger(__name__)


def run(request: Request, evidence: Roots, watcher: Watcher) -> Outcome:
    """As `scanner.scan.start.run_scan`, once `check_places` has found nothing to refuse."""

    def tell(sentence: str) -> None:
        logger.info(sentence)
        watcher.say(sentence)

    check_models(request, evidence)
    watcher.checked()
    key = load_private_key(request.sign) if request.sign else None
    trust = read_trust(request.c2pa_trust)
    scorers = open_scorers(request, tell)
    # The lock comes first: the hash lists' index that lies beside it may be a running scan's.
    with (
        journal_folder(request) as place,
        closing(Journal(place, request.fresh)) as journal,
        trouble_explained(place),
    ):
        with _hashing(request, place, tell) as hashing:
            outcome = _scan(request, evidence, watcher, scorers, journal, hashing, trust, key)
        if request.reports and not request.keep_journal:
            journal.remove()
    return outcome


def _scan(
    request: Request,
    evidence: Roots,
    watcher: Watcher,
    scorers: Sequence[Scorer],
    journal: Journal,
    hashing: Hashing,
    trust: Trust,
    key: Ed25519PrivateKey | None,
) -> Outcome:
    """From the evidence to reports and manifest, by way of the journal."""
    identity = facts.identity(request, evidence, scorers, hashing, trust)
    journal.begin(identity, request.passwords)
    started_at = journal.first_start(utc_now())
    seconds, rate = _examine(request, evidence, watcher, scorers, journal, hashing, trust, identity)
    if hashing.known:
        hashing.known.check_unchanged()
    files = journal.files()
    statuses, verdicts = journal.counts()
    models = tuple(each.judged(verdicts[each.name]) for each in scorers)
    total, origins = sum(verdicts.values(), Counter[Verdict]()), journal.origins()
    said = facts.facts(models, statuses, total, origins, trust)
    watcher.examined()
    gallery = Gallery(journal.picture, request.blur)
    written: list[Path] = []
    for report in request.reports:
        written += write_report(report, records(journal), said, gallery)
        logger.info("wrote %s", report, extra={FACTS: {"report": str(report)}})
    if request.reports:
        custody = {
            "started": started_at,
            "ended": utc_now(),
            "resumed": journal.resumed,
            "evidence": list(evidence.paths.texts()),
            "models": [
                model | {"batch": scorer.backend.batch_size}
                for model, scorer in zip(said["models"], scorers, strict=True)
            ],
            "kind_of_record": RECORDS_VERSION,
            "limits": asdict(request.limits),
            "hashing": facts.hashing_facts(hashing),
            "carving": request.carve,
            "zip_names": code_page(request.zip_names),
            "explain": facts.explained(request),
        }
        write_manifest(said | facts.surroundings(request.command) | custody, written, key)
    if request.streamed or not request.reports:
        watcher.receive(map(writable, records(journal)), said)
    counts = {FACTS: {"statuses": statuses, "verdicts": total}}
    logger.info("finished: %d files", files, extra=counts)
    return Outcome(
        files=files,
        statuses=statuses,
        verdicts=total,
        origins=origins,
        seconds=seconds,
        rate=rate,
        models=models,
        reports=request.reports,
    )


@contextmanager
def _hashing(request: Request, place: Path, tell: Callable[[str], None]) -> Iterator[Hashing]:
    """What is asked for about hashes; the lists' index lies beside the journal meanwhile."""
    exchanged = any(map(identifies_by_weak_hashes, request.reports))
    hashing = Hashing(
        sha1=request.sha1 or exchanged,
        md5=request.md5 or exchanged,
        skip_known=request.skip_known,
        pdq=request.pdq,
        similar=read_similar(request.similar) if request.similar else None,
    )
    if hashing.takes_pdq:
        check_installed()
    if not request.known:
        yield hashing
        return
    index = index_path(place.absolute())  # workers, which map it, are elsewhere
    check_index(index)
    try:
        yield replace(hashing, known=read_lists(request.known, index, tell))
    finally:
        index.unlink(missing_ok=True)


def _examine(
    request: Request,
    evidence: Roots,
    watcher: Watcher,
    scorers: Sequence[Scorer],
    journal: Journal,
    hashing: Hashing,
    trust: Trust,
    identity: dict[str, Any],
) -> tuple[float, float]:
    """Fill the journal; returns seconds and files/s of this run."""
    pipeline = Pipeline(
        roots=evidence,
        scorers=scorers,
        journal=journal,
        limits=request.limits,
        workers=request.workers or usable_cores(),
        hashing=hashing,
        passwords=request.passwords,
        carve=request.carve,
        zip_names=request.zip_names,
        trust_anchors=trust.anchors,
        pictures=request.pictures,
        explain=request.explain,
    )
    used = ", ".join(f"{scorer.model.name} on {scorer.backend.provider}" for scorer in scorers)
    named = {"paths": len(evidence.paths), "evidence": list(islice(evidence.places(), MOST_LOGGED))}
    logger.info("scanning with %s", used, extra={FACTS: identity | named})
    if journal.resumed:
        watcher.say("carrying on from the journal of an interrupted scan")
    started = time.monotonic()
    pipeline.run(watcher.show)
    seconds = time.monotonic() - started
    return seconds, pipeline.progress.files / seconds
