"""The blocks of text that Samsung's programs append."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.provenance.encodings import decoded
from scanner.provenance.metadata import Metadata
from scanner.provenance.texts.text import Text


def texts(metadata: Metadata) -> Iterator[Text]:
    for name, content in metadata.samsung:
        yield Text("samsung", name.lower(), decoded(content).strip("\0 "), is_shown=False)
