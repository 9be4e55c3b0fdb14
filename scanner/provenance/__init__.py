"""Provenance: what a file itself tells of its origin, kept apart from the model's score.

What is read of a file's bytes has one small module a source, each with `findings(data, metadata)`
and an entry in SOURCES. What stands in texts is gathered by `texts` and understood by `marks`.
Nothing here ever touches the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from scanner.provenance import c2pa, inside, jpeg, marks
from scanner.provenance.finding import Finding, Tag, to_json
from scanner.provenance.metadata import read
from scanner.provenance.origin import contradictions, origin
from scanner.provenance.texts import PLACES
from scanner.provenance.texts.text import Text
from scanner.record import Origin

SOURCES = {"c2pa": c2pa, "jpeg": jpeg, "file": inside}
MOST_TEXTS, LONGEST_TEXT = 2_000, 2**22  # of one kind in a file, and characters of one
CAVEAT = (
    "That nothing is found proves nothing: metadata is easily lost or removed, and what is merely "
    "declared is easily forged."
)


class Provenance(NamedTuple):
    """What a file tells of its origin. evidence: the findings as compact JSON, see `to_json`."""

    origin: Origin | None = None
    evidence: str | None = None


def gather(data: bytes, others: Iterable[Finding] = ()) -> Provenance:
    """All findings of an image file. Never raises.

    data: the whole file. others: what else was found. A source that cannot be read becomes a
    finding that says so.
    """
    found = list(others)
    texts: list[Text] = []
    try:
        metadata = read(data)
        for name, source in SOURCES.items():
            with _told(name, found):
                found.extend(source.findings(data, metadata))
        for name, place in PLACES.items():
            with _told(name, found):
                for text in islice(place.texts(metadata), MOST_TEXTS):  # those before damage count
                    texts.append(text._replace(value=text.value[:LONGEST_TEXT]))
        for text in texts:
            with _told(text.source, found):
                found.extend(marks.findings(text, texts))
        return Provenance(origin(found), to_json([*contradictions(found), *found]))
    except Exception:  # out of memory, say: the score stands all the same
        return Provenance()


@contextmanager
def _told(name: str, found: list[Finding]) -> Iterator[None]:
    """Keeps what goes wrong in a source as a finding: hostile metadata raises nearly anything."""
    try:
        yield
    except Exception as error:
        found.append(Finding(name, Tag.INFERRED, "unread", str(error) or type(error).__name__))
