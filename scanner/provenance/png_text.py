"""PNG text chunks: prompts and settings of generators, and what other programs declare."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.provenance import generators
from scanner.provenance.finding import Finding, Tag
from scanner.provenance.metadata import Metadata

NOVELAI_KEYS = {"Title", "Description", "Software", "Source", "Comment"}
# Keywords of the PNG standard that tell of an image's making.
PLAIN_KEYS = {"Software", "Author", "Description", "Comment", "Source", "Title", "parameters"}


def findings(data: bytes, metadata: Metadata) -> Iterator[Finding]:
    novelai = generators.is_novelai(dict(metadata.texts))
    for key, text in metadata.texts:
        if novelai and key in NOVELAI_KEYS:
            yield Finding("novelai", Tag.DECLARED, key.lower(), text)
            continue
        recognised = list(generators.findings(key, text))
        yield from recognised
        if not recognised and key in PLAIN_KEYS:
            yield Finding("png", Tag.DECLARED, key.lower(), text)
