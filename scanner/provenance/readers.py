"""What all readers of provenance find in one file.

What is read of a file's bytes has one small module a source, each with `findings(data, metadata)`
and an entry in SOURCES; what hides in pixels, one with `findings(rgb, alpha)` and an entry in
PIXELS. What stands in texts is gathered by `texts` and understood by `marks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from scanner.provenance import c2pa, inside, jpeg, marks, stealth, watermark
from scanner.provenance.finding import Finding, Tag, to_json
from scanner.provenance.metadata import Metadata, read
from scanner.provenance.origin import contradictions, origin
from scanner.provenance.texts import PLACES
from scanner.provenance.texts.text import Text
from scanner.record import Origin

if TYPE_CHECKING:
    from PIL import Image

PIXELS = {"watermark": watermark, "pixels": stealth}
SOURCES = {"jpeg": jpeg, "file": inside}
T = TypeVar("T")
TOO_MUCH = "there are more or longer texts than are read, which may say more"
MOST_TEXTS, MOST_CHARACTERS = 2_000, 2**23  # of one kind in a file, and of all its texts


class Provenance(NamedTuple):
    """What a file tells of its origin. evidence: the findings as compact JSON, see `to_json`."""

    origin: Origin | None = None
    evidence: str | None = None


def gather(data: bytes, others: Iterable[Finding] = (), trust_anchors: str = "") -> Provenance:
    """All findings of an image file. Never raises.

    data: the whole file. others: what else was found. trust_anchors: certificates, as PEM, of those
    whose C2PA signatures are trusted. A source that cannot be read becomes a finding that says so.
    """
    found, evidence = list(others), None
    try:
        metadata = read(data)
        _keep("c2pa", c2pa.findings(data, metadata, trust_anchors), found, found)
        for name, source in SOURCES.items():
            _keep(name, source.findings(data, metadata), found, found)
        found += _marks(metadata)
        evidence = to_json([*contradictions(found), *found])
    except Exception as error:  # out of memory, say: the score stands all the same
        evidence = to_json([Finding("imgscan", Tag.INFERRED, "unread", type(error).__name__)])
    return Provenance(origin(found), evidence)


def _marks(metadata: Metadata) -> list[Finding]:
    """What the texts of a file say. Where they are too long, the longest are left out."""
    found: list[Finding] = []
    texts: list[Text] = []
    left_out = metadata.left_out
    for name, place in PLACES.items():
        here: list[Text] = []
        _keep(name, islice(place.texts(metadata), MOST_TEXTS + 1), here, found)
        left_out = left_out or len(here) > MOST_TEXTS
        texts += here[:MOST_TEXTS]
    room = MOST_CHARACTERS
    for number in sorted(range(len(texts)), key=lambda number: len(texts[number].value)):
        whole = texts[number].value
        texts[number] = texts[number]._replace(value=whole[:room])
        left_out = left_out or len(whole) > room
        room = max(0, room - len(whole))
    for text in texts:
        _keep(text.source, marks.findings(text, texts), found, found)
    if left_out:
        found.append(Finding("imgscan", Tag.INFERRED, "unread", TOO_MUCH))
    return found


def of_pixels(rgb: Image.Image, alpha: Image.Image | None) -> list[Finding]:
    """What hides in the pixels of an image, for `gather`'s `others`. Never raises.

    rgb: of mode RGB, on white where there is an alpha, which is of mode L and the same size.
    """
    found: list[Finding] = []
    for name, reader in PIXELS.items():
        _keep(name, reader.findings(rgb, alpha), found, found)
    return found


def _keep(name: str, read: Iterator[T], kept: list[T], found: list[Finding]) -> None:
    """What is read before damage, which becomes a finding: metadata may raise nearly anything."""
    try:
        kept.extend(read)
    except Exception as error:
        found.append(Finding(name, Tag.INFERRED, "unread", str(error) or type(error).__name__))
