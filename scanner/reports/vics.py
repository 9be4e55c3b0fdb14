"""VICS 2.0, for the tools of Project VIC: media by their hashes, with what was found as tags.

One entry for distinct bytes, with all the files that hold them. Entries are of pictures, and of
files that may hold some but were not examined. How many could have none, without a hash or left out
by --skip-known, the case says. Nothing is put into a category: that is an examiner's to say.
"""

from __future__ import annotations

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
        database.execute("CREATE TABLE row (sha256 TEXT, number INTEGER, record TEXT)")
        without = Counter[Status]()
        database.executemany("INSERT INTO row VALUES (?, ?, ?)", _rows(records, without))
        stream.write(f'{{"@odata.context": {_json(CONTEXT)},\n"value": [{{'.encode())
        for name, value in _case(scan, without).items():
            stream.write(f"{_json(name)}: {_json(value)},\n".encode())
        stream.write(b'"Media": [')
        separator = "\n"
        for media in _media(database):
            stream.write((separator + _json(media)).encode())
            separator = ",\n"
        stream.write(b"\n]}]}\n")


def _rows(records: Iterable[Record], without: Counter[Status]) -> Iterator[tuple[str, int, str]]:
    """What can have an entry. without: counts what has no hash to have one by."""
    for number, record in enumerate(records):
        if record.status in WITHOUT_MEDIA:
            continue
        if record.status is Status.KNOWN or record.sha256 is None or record.md5 is None:
            without[record.status] += 1
        else:
            yield record.sha256, number, json.dumps(vars(record))


def _case(scan: dict[str, Any], without: Counter[Status]) -> Row:
    case = str(uuid5(NAMESPACE, json.dumps(scan, sort_keys=True)))
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


def _media(database: sqlite3.Connection) -> Iterator[Row]:
    found = database.execute("SELECT sha256, record FROM row ORDER BY sha256, number")
    for number, (_, rows) in enumerate(groupby(found, lambda row: row[0]), 1):
        yield _entry(number, [record_of(json.loads(row)) for _, row in rows])


def _entry(number: int, records: list[Record]) -> Row:
    """The entry of records with the same bytes: of every page of every file."""
    first = records[0]
    md5 = _digits(first.md5)
    pages = {record.page: record for record in records}
    hashes = [("SHA256", first.sha256), *(("PDQ", page.pdq) for page in pages.values())]
    files = dict.fromkeys((record.path, record.position) for record in records)
    row = {
        "MediaID": number,
        "MD5": md5,
        "SHA1": _digits(first.sha1),
        "MediaSize": first.bytes,
        "MimeType": MIME.get(first.format or ""),
        "Tags": ",".join(_tags(records)),
        "Comments": _comments(list(pages.values())),
        "AlternativeHashes": [
            {"MD5": md5, "HashName": name, "HashValue": _digits(value)}
            for name, value in hashes
            if value is not None
        ],
        "MediaFiles": [_file(md5, path) for path, _ in files],
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


def _file(md5: str | None, path: str) -> Row:
    return {"MD5": md5, "FileName": split_path(path)[1], "FilePath": path}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
