"""Where a scan may write: never inside or over its evidence, its inputs or its own other files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from scanner.custody.manifest import check_manifest, manifest_path, signature_path
from scanner.errors import ImgscanError
from scanner.files import partial_path
from scanner.limits import AUTO
from scanner.paths import holder, identity, resolved
from scanner.reports import check_report, pages_folder
from scanner.roots import Roots
from scanner.scan.journal_file import SUFFIX, JournalError, index_path, journal_files
from scanner.scan.request import Request


class OverlapError(ImgscanError):
    """Files would be met more than once; the sentence says through which roots."""


class PlaceError(ImgscanError):
    """A file that the scan writes would damage another; the sentence says which."""


def check_places(request: Request, evidence: Roots) -> None:
    """Raise PlaceError or ReportError for an output that cannot be written, or not there.

    And OverlapError for evidence that is named twice. evidence: the request's. It takes no heavy
    import, so that what is refused is refused at once; models are left to `check_models`.
    """
    check_roots(evidence)
    inputs = [
        *request.known,
        *request.similar,
        *request.c2pa_trust,
        *((request.sign,) if request.sign else ()),
    ]
    outputs, folders = _outputs(request), _page_folders(request)
    check_outputs(outputs, evidence, inputs)
    check_pages(folders, evidence, [it for it in outputs if it not in folders])
    check_written_in_place(_written_in_place(request))
    for report in request.reports[:1]:
        check_manifest(report)
    for report in request.reports:
        check_report(report)


def check_models(request: Request, evidence: Roots) -> None:
    """Raise PlaceError for a model that may be the evidence's, or that an output would replace.

    After `check_places`.
    """
    from scanner.model.companion import companion_path
    from scanner.model.engine import card_path
    from scanner.model.file import added_folder, bundled_models, model_paths

    inputs: list[Path] = []
    for model in model_paths(request.model):
        if model.name:
            inputs += [model, card_path(model), companion_path(model)]
        if request.model not in (AUTO, *bundled_models()) and model.parent == added_folder():
            check_added_model(model, evidence)
    check_outputs(_outputs(request), evidence, inputs)


def _outputs(request: Request) -> list[Path]:
    """Every file and folder that the scan writes."""
    anew = list(request.reports)
    for report in request.reports[:1]:
        manifest = manifest_path(report)
        anew += [manifest, signature_path(manifest)]
    halves = map(partial_path, anew)
    return [*_written_in_place(request), *anew, *halves, *_page_folders(request)]


def _written_in_place(request: Request) -> list[Path]:
    place = journal_place(request)
    return [*journal_files(place), index_path(place), *request.also_written]


def _page_folders(request: Request) -> list[Path]:
    finished = list(filter(None, map(pages_folder, request.reports)))
    return [*finished, *map(partial_path, finished)]


def journal_place(request: Request) -> Path:
    """Beside the first report; without one, in the folder for temporary files."""
    if request.reports:
        first = request.reports[0]
        return first.with_name(first.name + SUFFIX)
    return Path(tempfile.gettempdir()) / f"imgscan{SUFFIX}"


def remove_journal(request: Request) -> None:
    """Take away the journal that a finished scan was asked to leave. Raises OSError.

    Unless the same command was given again meanwhile: then it is that scan's, which is locked.
    """
    from scanner.scan.journal import Journal

    with suppress(JournalError):
        Journal(journal_place(request)).remove()


@contextmanager
def journal_folder(request: Request) -> Iterator[Path]:
    """Where the journal lies; without a report, in a folder that goes when the scan ends."""
    place = journal_place(request)
    if request.reports:
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="imgscan-") as folder:
        yield Path(folder) / place.name


def check_roots(roots: Roots) -> None:
    """Raise OverlapError if one of `roots` is another or lies in it.

    Records go by path: two of one name would replace each other, and would be counted as two when
    an interrupted scan looks whether all that it recorded is still there.
    """
    if twins := roots.twins():
        root, same = twins
        both = f"{root} and {same} are the same" if root != same else f"{root} is named twice"
        raise OverlapError(f"{both}, and its files would be met twice; name it once.")
    for root, folder in roots.inside(roots.may_hold()):
        raise OverlapError(
            f"{root} lies in {folder}, and its files would be met twice; name only one of them."
        )


def check_outputs(outputs: Sequence[Path], evidence: Roots, inputs: Sequence[Path]) -> None:
    """Raise PlaceError for the first of `outputs` that must not be written where it is named.

    outputs: every file that the scan writes. inputs: files it reads besides the evidence.
    """
    others = {identity(path): path for path in inputs}
    written = set()
    for output in outputs:
        if root := evidence.holder(output):
            raise PlaceError(f"{output} lies inside the evidence {root}; write it elsewhere.")
        this = identity(output)
        if other := others.get(this):
            raise PlaceError(f"{output} would replace {other}, which the scan reads; rename it.")
        if this in written:
            raise PlaceError(f"the scan would write two files as {output}; rename one.")
        written.add(this)


def check_added_model(model: Path, evidence: Roots) -> None:
    """Raise PlaceError if a model that is known by its name lies in the evidence.

    Whoever made the evidence may have put it there.
    """
    if root := evidence.holder(model):
        raise PlaceError(
            f"the added model {model} lies inside the evidence {root}, which may have brought it; "
            "name a model outside of it, or set XDG_DATA_HOME to a folder that is."
        )


def check_pages(folders: Sequence[Path], evidence: Roots, outputs: Sequence[Path]) -> None:
    """Raise PlaceError if anything lies in one of `folders`, which are for pages of a report alone.

    outputs: what else the scan writes. After `check_outputs`: no folder is evidence itself.
    """
    places = {identity(folder): folder for folder in folders}
    for path, folder in evidence.inside(places):
        _refuse_inside(path, folder)
    for path in outputs:
        _refuse_inside(path, holder(resolved(path), places))


def _refuse_inside(path: Path, folder: Path | None) -> None:
    if folder is not None:
        raise PlaceError(
            f"{path} lies in {folder}, where pages of the report would be written; name another "
            "report."
        )


def check_written_in_place(outputs: Sequence[Path]) -> None:
    """Raise PlaceError for the first of `outputs` that is a hard link, maybe to evidence.

    outputs: those that are written where they lie. Others are written anew and then take their
    name, so that what it was a link to stays.
    """
    for output in outputs:
        with suppress(OSError):  # it does not exist yet
            if output.is_file() and output.stat().st_nlink > 1:
                raise PlaceError(
                    f"{output} is a hard link, and what the scan writes to it would change the "
                    "file of another name, too; move it away, or name another."
                )
