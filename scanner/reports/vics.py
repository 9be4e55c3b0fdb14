"""VICS 2.0, for the tools of Project VIC: media by their hashes, with what was found as tags.

One entry for distinct bytes, with all the files that hold them. Entries are of pictures, and of
files that may hold some but were not examined. How many could have none, without a hash or left out
by --skip-known, the case says. Nothing is put into a category: that is an examiner's to say.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby
from typing import Any, BinaryIO
from uuid import NAMESPACE_URL, uuid5

from scanner.record import UNEXAMINED, Record, Status, split_path
from scanner.reports.read import record_of
from scanner.reports.statement import statement
from scanner.vics import CONTEXT

Row = dict[str, Any]

NAMESPACE = uuid5(NAMESPACE_URL, CONTEXT)
SCHEMA = """
CREATE TABLE page (
    sha256 TEXT, page INTEGER, status TEXT, error TEXT, record TEXT,
    PRIMARY KEY (sha256, page, status, error)
) WITHOUT ROWID;
CREATE TABLE file (
    sha256 TEXT, path TEXT, position INTEGER, PRIMARY KEY (sha256, path, position)
) WITHOUT ROWID;
"""
WITHOUT_MEDIA = {Status.NOT_IMAGE, Status.CONTAINER}
LIMITS = (
    "Tags and comments of imgscan are leads and no ground for an accusation; what is inconclusive "
    "or not examined is not clean."
)
MIME = {
    "AVIF": "image/avif", "BMP": "image/bmp", "GIF": "image/gif", "HEIF": "image/heif",
    "ICO": "image/vnd.microsoft.icon", "JPEG": "image/jpeg", "JPEG2000": "image/jp2",
    "MPO": "image/jpeg", "PNG": "image/png", "PSD": "image/vnd.adobe.photoshop",
    "TIFF": "image/tiff", "WEBP": "image/webp",
}  # fmt: skip


def write(stream: BinaryIO, records: Iterable[Record], scan: dict[str, Any]) -> None:
    # A private file that SQLite deletes itself: files of the same bytes lie far from each other.
    with closing(sqlite3.connect("")) as database:
        database.executescript(SCHEMA)
        without = Counter[Status]()
        case = _case(scan, _sort_in(database, records, without), without)
        stream.write(f'{{"@odata.context": {_json(CONTEXT)},\n"value": [{{'.encode())
        for name, value in case.items():
            stream.write(f"{_json(name)}: {_json(value)},\n".encode())
        stream.write(b'"Media": [')
        for number, (sha256, pages) in enumerate(_pages(database), 1):
            entry = _entry(number, pages)
            before = ",\n" if number > 1 else "\n"
            # The files come one by one: of the same bytes there may be a million.
            stream.write(f'{before}{_json(entry)[:-1]}, "MediaFiles": ['.encode())
            for place, file in enumerate(_files(database, sha256, entry["MD5"])):
                stream.write(((", " if place else "") + _json(file)).encode())
            stream.write(b"]}")
        stream.write(b"\n]}]}\n")


def _sort_in(
    database: sqlite3.Connection, records: Iterable[Record], without: Counter[Status]
) -> str:
    """Enter what can have an entry; returns the SHA-256 of all rows, which no other scan's have.

    without: counts what has no hash to have an entry by, or was left out.
    """
    digest = hashlib.sha256()
    for record in records:
        row = json.dumps(vars(record))
        digest.update(row.encode())
        if record.status in WITHOUT_MEDIA:
            continue
        if record.status is Status.KNOWN or record.sha256 is None or record.md5 is None:
            without[record.status] += 1
            continue
        # No NULLs, which would make rows that are alike differ.
        outcome = (record.sha256, record.page or 0, record.status, record.error or "", row)
        database.execute("INSERT OR IGNORE INTO page VALUES (?, ?, ?, ?, ?)", outcome)
        file = (record.sha256, record.path, record.position)
        database.execute("INSERT OR IGNORE INTO file VALUES (?, ?, ?)", file)
    return digest.hexdigest()


def _case(scan: dict[str, Any], rows_sha256: str, without: Counter[Status]) -> Row:
    # Tools hold two cases of one identifier for the same.
    case = str(uuid5(NAMESPACE, f"{rows_sha256} {json.dumps(scan, sort_keys=True)}"))
    told = ("models", "statuses", "verdicts", "origins")
    facts = {name: scan[name] for name in told if name in scan}
    properties = {
        "imgscan limits": LIMITS,
        **{f"imgscan {name}": _json(value) for name, value in facts.items()},
        "imgscan files that have no entry": _json(without),
    }
    return {
        "CaseID": case,
        "SourceApplicationName": "imgscan",
        "SourceApplicationVersion": scan.get("imgscan", ""),
        "CaseMetadata": [
            {"CaseID": case, "PropertyName": name, "PropertyValue": value}
            for name, value in properties.items()
        ],
    }


def _pages(database: sqlite3.Connection) -> Iterator[tuple[str, list[Record]]]:
    """For each SHA-256 what was found of these bytes, page by page."""
    found = database.execute("SELECT sha256, record FROM page ORDER BY 1, page, status, error")
    for sha256, rows in groupby(found, lambda row: row[0]):
        yield sha256, [record_of(json.loads(row)) for _, row in rows]


def _files(database: sqlite3.Connection, sha256: str, md5: str) -> Iterator[Row]:
    ask = "SELECT path FROM file WHERE sha256 = ? ORDER BY path, position"
    for (path,) in database.execute(ask, (sha256,)):
        yield {"MD5": md5, "FileName": split_path(path)[1], "FilePath": path}


def _entry(number: int, pages: list[Record]) -> Row:
    """The entry of some bytes but for the files that hold them."""
    first = pages[0]
    md5 = _digits(first.md5)
    hashes = [("SHA256", first.sha256), *(("PDQ", page.pdq) for page in pages)]
    row = {
        "MediaID": number,
        "MD5": md5,
        "SHA1": _digits(first.sha1),
        "MediaSize": first.bytes,
        "MimeType": MIME.get(first.format or ""),
        "Tags": ",".join(_tags(pages)),
        "Comments": _comments(pages),
        "AlternativeHashes": [
            {"MD5": md5, "HashName": name, "HashValue": _digits(value)}
            for name, value in hashes
            if value is not None
        ],
    }
    return {name: value for name, value in row.items() if value is not None}


def _digits(digest: str | None) -> str | None:
    """In capitals, as the lists of Project VIC have them."""
    return None if digest is None else digest.upper()


def _tags(records: Iterable[Record]) -> list[str]:
    """What was found of any page, each once."""
    words: dict[str, None] = {}
    for record in records:
        status = None if record.status is Status.SCORED else record.status
        if record.status in UNEXAMINED:
            words["not_examined"] = None
        found = (status, record.verdict, record.origin)
        words |= dict.fromkeys(str(it) for it in found if it is not None)
        if record.known is not None:
            words["known"] = None
        if record.similar is not None:
            words["similar"] = None
    return [f"imgscan:{word}" for word in words]


def _comments(pages: list[Record]) -> str:
    if len(pages) == 1:
        return statement(pages[0])
    return "\n".join(f"Page {page.page}: {statement(page)}" for page in pages)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
