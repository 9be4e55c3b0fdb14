"""Provenance: what a file itself tells of its origin, kept apart from the model's score.

What is read of a file's bytes has one small module a source, each with `findings(data, metadata)`
and an entry in SOURCES; what hides in pixels, one with `findings(rgb, alpha)` and an entry in
PIXELS. What stands in texts is gathered by `texts` and understood by `marks`.
Nothing here ever touches the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from scanner.provenance import c2pa, inside, jpeg, marks, stealth, watermark
from scanner.provenance.finding import Finding, Tag, to_json
from scanner.provenance.metadata import read
from scanner.provenance.origin import contradictions, origin
from scanner.provenance.texts import PLACES
from scanner.provenance.texts.text import Text
from scanner.record import Origin

if TYPE_CHECKING:
    from PIL import Image

PIXELS = {"watermark": watermark, "pixels": stealth}
SOURCES = {"jpeg": jpeg, "file": inside}
T = TypeVar("T")
MOST_TEXTS, MOST_CHARACTERS = 2_000, 2**23  # of one kind in a file, and of all its texts
CAVEAT = (
    "That nothing is found proves nothing: metadata is easily lost or removed, and what is merely "
    "declared is easily forged. SynthID and other watermarks that only their makers can read were "
    "not checked."
)


class Provenance(NamedTuple):
    """What a file tells of its origin. evidence: the findings as compact JSON, see `to_json`."""

    origin: Origin | None = None
    evidence: str | None = None


def gather(data: bytes, others: Iterable[Finding] = (), trust_anchors: str = "") -> Provenance:
    """All findings of an image file. Never raises.

    data: the whole file. others: what else was found. trust_anchors: certificates, as PEM, of those
    whose C2PA signatures are trusted. A source that cannot be read becomes a finding that says so.
    """
    found = list(others)
    texts: list[Text] = []
    try:
        metadata = read(data)
        _keep("c2pa", c2pa.findings(data, metadata, trust_anchors), found, found)
        for name, source in SOURCES.items():
            _keep(name, source.findings(data, metadata), found, found)
        for name, place in PLACES.items():
            _keep(name, islice(place.texts(metadata), MOST_TEXTS), texts, found)
        room = MOST_CHARACTERS
        for text in texts:
            cut = text._replace(value=text.value[:room])
            room -= len(cut.value)
            _keep(text.source, marks.findings(cut, texts), found, found)
        return Provenance(origin(found), to_json([*contradictions(found), *found]))
    except Exception:  # out of memory, say: the score stands all the same
        return Provenance()


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
