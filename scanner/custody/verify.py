"""Whether a report, its manifest and the evidence are still what they were.

What cannot be settled counts as neither: it is a finding of its own, so that nothing unchecked
looks intact.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import groupby
from pathlib import Path
from typing import Any

from scanner.containers.budget import Budget
from scanner.containers.sources import Disk, Source, open_source
from scanner.containers.zip_names import CP437, CodePageError, code_page
from scanner.custody.manifest import find_manifest, read_manifest, signature_path
from scanner.custody.signing import fingerprint, is_signed_by, load_public_key
from scanner.environment import check_temporary_folder, close_search_paths
from scanner.files import file_sha256
from scanner.hashes.hashing import WEAK, Hashes, hash_source
from scanner.limits import Limits
from scanner.paths import is_folder
from scanner.record import path_text
from scanner.reports import pages_folder
from scanner.reports.read import READERS, ReadError, is_readable, read_records
from scanner.roots import Roots
from scanner.sources.found import Found, Met, carved_range
from scanner.sources.walk import walk

SCHEMA = """
CREATE TABLE file (
    path TEXT, position INTEGER, sha256 TEXT, sha1 TEXT, md5 TEXT, bytes INTEGER,
    met INTEGER DEFAULT 0,
    PRIMARY KEY (path, position)
) WITHOUT ROWID
"""
MOST_NAMED = 9  # paths of a scan
RECORDED = "path, position, sha256, sha1, md5, bytes"
# Files without a hash, except those inside a file that has one.
UNCOVERED = """
SELECT count(*) FROM file WHERE sha256 IS NULL AND NOT EXISTS (
    SELECT 1 FROM file AS whole WHERE whole.sha256 IS NOT NULL AND whole.position = 0
    AND whole.path = substr(file.path, 1, instr(file.path, '!/') - 1)
)
"""


Watched = Callable[[Iterator[Found | Met]], Iterable[Found | Met]]


class Weight(IntEnum):
    """What a finding does to the outcome; the values are `imgscan verify`'s exit codes."""

    NOTE = 0
    DIFFERS = 1
    UNCHECKED = 2


@dataclass(frozen=True)
class Finding:
    """`text` is one line."""

    weight: Weight
    text: str


def verify(
    report: Path,
    key: Path | None,
    evidence: Sequence[Path],
    passwords: Sequence[str] = (),
    watched: Watched = iter,
) -> Iterator[Finding]:
    """Check the scan that wrote `report`: reports, signature and, where given, the evidence.

    key: the signer's public key. evidence: the paths that were scanned, by the same names or, in
    their present places, in the same order; none to leave the evidence unchecked. passwords: those
    of the scan. watched: passes on what is met in the evidence, and may count it.

    Raises ManifestError or SigningError where there is nothing to check by, UnsafeError where the
    evidence would be written to or could run, ProcessError where no process can be had to read it.
    """
    roots = Roots(evidence)
    close_search_paths(roots)
    check_temporary_folder(roots)
    path = find_manifest(report)
    manifest = read_manifest(path)
    yield from _check_signature(path, manifest, key)
    try:
        reports = {path.parent / item["name"]: str(item["sha256"]) for item in manifest["reports"]}
        scanned = [str(root) for root in manifest["evidence"]]
        limits = _limits(manifest["limits"])
        zip_names = code_page(manifest.get("zip_names", CP437))
    except (KeyError, TypeError, ValueError, CodePageError):
        text = f"{path}: its reports, evidence, limits or zip_names are not as a scan leaves them"
        yield Finding(Weight.DIFFERS, text)
        return
    if report != path and report.name not in {place.name for place in reports}:
        yield Finding(
            Weight.DIFFERS, f"{path}: the manifest is of other reports than {report.name}"
        )
    for place, sha256 in reports.items():
        yield from _check_report(place, sha256)
        yield from _foreign_pages(place, reports)
    if not evidence:
        yield Finding(Weight.NOTE, "the evidence was not checked; name it with --evidence")
    elif len(evidence) != len(scanned):
        names = ", ".join(scanned[:MOST_NAMED]) + (", …" if len(scanned) > MOST_NAMED else "")
        yield Finding(
            Weight.UNCHECKED,
            f"the scan was of {len(scanned):,} paths ({names}); name as many, in this order",
        )
    else:
        if sorted(map(str, evidence)) == sorted(scanned):  # a list may come in another order
            evidence = [Path(name) for name in scanned]
        total = Budget.of_scan(limits)  # all roots share one, as in the scan
        walks = (watched(walk([it], limits, passwords, total, zip_names)) for it in evidence)
        yield from _check_evidence(list(reports), evidence, scanned, walks)


def exit_code(weights: Collection[Weight]) -> int:
    """0 intact, 1 something differs, 2 something could not be checked and nothing differs."""
    if Weight.DIFFERS in weights:
        return int(Weight.DIFFERS)
    return int(max(weights, default=Weight.NOTE))


def _check_signature(path: Path, manifest: dict[str, Any], key: Path | None) -> Iterator[Finding]:
    place = signature_path(path)
    if not place.is_file():
        if key or "signed_by" in manifest:
            yield Finding(Weight.DIFFERS, f"{place}: the signature is missing")
        else:
            text = f"{path.name} is not signed: whoever changed a report could have changed it too"
            yield Finding(Weight.NOTE, text)
        return
    if key is None:
        text = f"{place}: the signature was not checked; give the signer's public key with --key"
        yield Finding(Weight.UNCHECKED, text)
        return
    public = load_public_key(key)
    if is_signed_by(public, place.read_bytes(), path.read_bytes()):
        yield Finding(Weight.NOTE, f"{path.name} is signed by {fingerprint(public)}")
    else:
        text = f"{path}: the signature is not this key's, or the manifest was changed after signing"
        yield Finding(Weight.DIFFERS, text)


def _check_report(report: Path, sha256: str) -> Iterator[Finding]:
    try:
        # A manifest may name anything, such as a device that never ends.
        found = file_sha256(report) if report.is_file() else None
    except OSError as error:
        reason = f"the report cannot be read: {error.strerror or error}"
        yield Finding(Weight.UNCHECKED, f"{report}: {reason}")
    else:
        if found is None:
            yield Finding(Weight.DIFFERS, f"{report}: the report is missing")
        elif found != sha256:
            text = f"{report}: the report was changed, sha256 {sha256} → {found}"
            yield Finding(Weight.DIFFERS, text)


def _foreign_pages(report: Path, reports: Collection[Path]) -> Iterator[Finding]:
    """What lies among the pages of a report and was not written with it."""
    folder = pages_folder(report)
    if folder is not None and folder.is_dir():
        for entry in sorted(folder.iterdir()):
            if entry not in reports:
                yield Finding(Weight.DIFFERS, f"{entry}: it is no page of the report")


def _check_evidence(
    reports: Sequence[Path],
    evidence: Sequence[Path],
    scanned: Sequence[str],
    walks: Iterable[Iterable[Found | Met]],
) -> Iterator[Finding]:
    readable = [place for place in reports if is_readable(place) and place.is_file()]
    if not readable:
        text = f"the evidence cannot be checked without a {', '.join(READERS)} report"
        yield Finding(Weight.UNCHECKED, text)
        return
    # A private file that SQLite deletes itself: a million paths need no memory.
    with closing(sqlite3.connect("")) as database:
        database.execute(SCHEMA)
        try:
            insert = f"INSERT INTO file ({RECORDED}) VALUES (?, ?, ?, ?, ?, ?)"
            database.executemany(insert, _recorded_files(readable[0]))
        except ReadError as error:
            yield Finding(Weight.UNCHECKED, f"the evidence cannot be checked: {error}")
            return
        except sqlite3.IntegrityError:
            text = f"{readable[0].name} is not in the order in which a scan writes it"
            yield Finding(Weight.UNCHECKED, f"the evidence cannot be checked: {text}")
            return
        for root, original, entries in zip(evidence, scanned, walks, strict=True):
            for entry in entries:
                name = _scanned_name(entry.path, root, original, alone=len(scanned) == 1)
                yield from _check_entry(entry, name, database)
        missing = database.execute("SELECT path FROM file WHERE NOT met ORDER BY path, position")
        for (name,) in missing:
            yield Finding(Weight.DIFFERS, f"{name}: in the report but no longer in the evidence")
        (met,) = database.execute("SELECT count(sha256) FROM file WHERE met = 1").fetchone()
        (unhashed,) = database.execute(UNCOVERED).fetchone()
        yield Finding(Weight.NOTE, f"{met:,} hashes of the report were compared with the evidence")
        if unhashed:
            text = f"{unhashed:,} files have no hash and could not be checked"
            yield Finding(Weight.UNCHECKED, text)


def _recorded_files(report: Path) -> Iterator[tuple[object, ...]]:
    """Path, position, hashes and size of each file; the pages of one follow each other."""
    rows = ((r.path, r.position, r.sha256, r.sha1, r.md5, r.bytes) for r in read_records(report))
    return (file for file, _ in groupby(rows))


def _check_entry(entry: Found | Met, name: str, database: sqlite3.Connection) -> Iterator[Finding]:
    where = (name, entry.position)
    query = "SELECT sha256, sha1, md5, bytes FROM file WHERE path = ? AND position = ?"
    row = database.execute(query, where).fetchone()
    if row is None:
        yield Finding(Weight.DIFFERS, f"{name}: in the evidence but not in the report")
        return
    database.execute("UPDATE file SET met = 1 WHERE path = ? AND position = ?", where)
    # What was found in its bytes is as they are.
    inside = "UPDATE file SET met = 2 WHERE path >= ? AND path < ? AND position = ?"
    database.execute(inside, (*carved_range(name), entry.position))
    *hashes, size = row
    recorded = Hashes(*hashes)
    if isinstance(entry, Met):
        if recorded.sha256 is not None:
            yield Finding(Weight.DIFFERS, f"{name}: it was read, but now: {path_text(entry.error)}")
        return
    try:
        if isinstance(entry.source, Disk):  # as its image is, whose hash was compared
            database.execute("UPDATE file SET met = 2 WHERE path = ? AND position = ?", where)
            return
        if recorded.sha256 is None:
            found, now = recorded, _size(entry.source)
        else:
            found, now = hash_source(entry.source, _taken(recorded))
    except OSError as error:
        reason = f"it cannot be read now: {error.strerror or error}"
        yield Finding(Weight.UNCHECKED, f"{name}: {reason}")
        return
    if found.sha256 != recorded.sha256:
        text = f"{name}: its bytes changed, sha256 {recorded.sha256} → {found.sha256}"
        yield Finding(Weight.DIFFERS, text)
    elif found != recorded:
        for weak in _taken(recorded):
            if (old := getattr(recorded, weak)) != (new := getattr(found, weak)):
                yield Finding(Weight.DIFFERS, f"{name}: {weak} {old} → {new}")
    elif size is not None and now != size:
        yield Finding(Weight.DIFFERS, f"{name}: its size changed, {size:,} → {now:,} bytes")


def _taken(recorded: Hashes) -> tuple[str, ...]:
    """Which hashes the scan took besides SHA-256."""
    return tuple(name for name in WEAK if getattr(recorded, name) is not None)


def _size(source: Source) -> int:
    with open_source(source) as stream:
        return stream.seek(0, os.SEEK_END)


def _limits(values: dict[str, Any]) -> Limits:
    """The limits of the scan, which decide how far its archives were read.

    Raises TypeError or ValueError for what is none.
    """
    return Limits(**{f.name: values[f.name] for f in fields(Limits) if f.name in values})


def _scanned_name(path: str, root: Path, original: str, alone: bool) -> str:
    """How the scan named `path`, which was met under `root`, when that was at `original`."""
    if is_folder(root):
        return path if alone else path_text(f"{original}{os.sep}") + path
    name = Path(original).name if alone else original
    return path_text(name) + path.removeprefix(path_text(root.name))
