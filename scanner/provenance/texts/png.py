"""PNG text chunks, of any keyword."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.provenance.metadata import Metadata
from scanner.provenance.texts.text import Text


def texts(metadata: Metadata) -> Iterator[Text]:
    for keyword, value in metadata.texts:
        yield Text("png", keyword.lower().replace(" ", "_"), value)
