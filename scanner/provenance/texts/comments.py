"""Comments of JPEG and GIF."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.provenance.encodings import decoded
from scanner.provenance.metadata import Metadata
from scanner.provenance.texts.text import Text


def texts(metadata: Metadata) -> Iterator[Text]:
    for comment in metadata.comments:
        yield Text("file", "comment", decoded(comment).strip("\0 "))
