"""How a validation runs: a scan of labelled pictures, the figures of each model, flips, reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.custody.manifest import manifest_path, read_manifest
from scanner.errors import ImgscanError
from scanner.files import file_sha256, partial_path, write_whole
from scanner.limits import AUTO
from scanner.model.card import ModelError
from scanner.model.file import ModelFile, open_models
from scanner.record import columns, safe_text
from scanner.reports.read import read_records
from scanner.roots import Roots
from scanner.scan import Request, Watcher, run_scan
from scanner.scan.places import check_models, check_places, journal_place, remove_journal
from scanner.validation.copies import clear_copies, copies_folder
from scanner.validation.facts import facts
from scanner.validation.figures import figures
from scanner.validation.flips import flips
from scanner.validation.labels import Labels
from scanner.validation.page import page
from scanner.validation.pictures import LabelError, gather, row_name
from scanner.validation.result import Tested, Validated

FLIPS = 200  # pictures of each class that are saved again
PAGES = (".html", ".htm")
# Of the files that are written beside the page.
JSON_START = b'{\n "validation": '
CSV_START = ",".join(column.name for column in columns()[:3]).encode()


class ValidationError(ImgscanError):
    """A validation cannot be written; the sentence says why and what to do."""


@dataclass(frozen=True)
class Asked:
    """What a user asks for. Raises ValidationError.

    labelled: folders, pictures and archives, with labels in their paths. report: the HTML file; the
    JSON and the CSV lie beside it under the same name. flips: how many pictures of each class and
    model are saved again and resized. The others are as in `Request`.
    """

    labelled: tuple[Path, ...]
    report: Path
    model: str = AUTO
    device: str = "auto"
    batch_size: int | None = None
    workers: int | None = None
    flips: int = FLIPS
    fresh: bool = False
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.report.suffix.lower() not in PAGES:
            raise ValidationError(
                f"{self.report} does not end in .html; name a report that does: its figures as "
                ".json and the scan as .csv are written beside it."
            )
        for path in (self.report, self.figures):
            if path.is_dir():
                raise ValidationError(f"{path} is a folder; name a file.")

    @property
    def figures(self) -> Path:
        return self.report.with_suffix(".json")

    @property
    def scan(self) -> Path:
        return self.report.with_suffix(".csv")

    def request(self, false_positive_rate: float) -> Request:
        """The scan behind it: of what lies in files, and not of what may be hidden in them."""
        written = (self.report, self.figures)
        return Request(
            paths=self.labelled,
            reports=(self.scan,),
            model=self.model,
            false_positive_rate=false_positive_rate,
            device=self.device,
            batch_size=self.batch_size,
            workers=self.workers,
            fresh=self.fresh,
            carve=False,
            also_written=(*written, *map(partial_path, written), copies_folder(self.scan)),
            command=self.command,
            keep_journal=True,
            exact=True,  # figures are of every operating point
        )


def validate(asked: Asked, watcher: Watcher = Watcher()) -> Validated:  # noqa: B008  stateless
    """Scan, count and write what is asked for.

    Until all is written the same carries on from the scan that was done. Raises ImgscanError.
    """
    models = open_models(asked.model)
    request = asked.request(laxest(models))
    _check_beside(asked, request)
    evidence = Roots(request.paths)
    check_places(request, evidence)
    check_models(request, evidence)
    clear_copies(request)
    outcome = run_scan(request, watcher)
    try:
        material = gather(read_records(asked.scan), Labels(asked.labelled), models)
    except LabelError:
        # Or they would refuse the same pictures once these are labelled.
        remove_journal(request)
        for path in (asked.scan, manifest_path(asked.scan)):
            path.unlink(missing_ok=True)
        raise
    turned = flips(request, material, models, asked.flips, watcher) if asked.flips else {}
    tested = tuple(
        Tested(model, figures(judged, model.card), turned.get(row_name(model)))
        for model in models
        if (judged := material.judged[row_name(model)])
    )
    validated = Validated(outcome, material, tested)
    _write(asked, validated)
    remove_journal(request)
    return validated


def _check_beside(asked: Asked, request: Request) -> None:
    """Raise ValidationError for a file that no validation left where the user named none.

    The scan of one that ended has the figures beside it, and of one that did not, its journal: any
    other is a report by itself.
    """
    is_scan_ours = asked.figures.exists() or journal_place(request).exists()
    for path, start in ((asked.figures, JSON_START), (asked.scan, CSV_START)):
        try:
            with path.open("rb") as stream:
                found = stream.read(len(start))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ValidationError(f"{path} cannot be read: {error.strerror or error}.") from error
        if found != start or (path == asked.scan and not is_scan_ours):
            raise ValidationError(
                f"{path} was left by no validation, whose files beside {asked.report.name} would "
                "lie there. It was left as it is: move it away, or name another report."
            )


def laxest(models: Sequence[ModelFile]) -> float:
    """The false-positive rate at which the models call the most fake.

    What is called fake at any other then had its second looks. Raises ModelError.
    """
    points = [min(m.card.operating_points, key=lambda it: it.fake_at_least) for m in models]
    rates = {point.false_positive_rate for point in points}
    if len(rates) > 1:
        raise ModelError(
            "the models call the most fake at different false-positive rates; validate one at a "
            "time with --model."
        )
    return rates.pop()


def _write(asked: Asked, validated: Validated) -> None:
    try:
        manifest = read_manifest(manifest_path(asked.scan))
        told = facts(asked.labelled, asked.scan, validated, manifest)
        write_whole(asked.figures, _json(told))
        sha256 = file_sha256(asked.figures)
        html = page(told, manifest["ended"], safe_text(asked.figures.name), sha256)
        write_whole(asked.report, html.encode())
    except OSError as error:
        where = error.filename or asked.report
        raise ValidationError(f"{where} cannot be written: {error.strerror or error}.") from error


def _json(told: dict[str, Any]) -> bytes:
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
