"""InvokeAI, of all its versions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Finding
from scanner.provenance.marks.mark import made
from scanner.provenance.texts.text import Text

KEYS = {"invokeai_metadata", "invokeai_workflow", "invokeai_graph", "sd-metadata"}
# Its first versions wrote the command line that makes the image again.
DREAM = re.compile(r'"[^"]*" (?:.{0,99} )?-[sSWHCA] ?\S')


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    if text.name in KEYS or (text.name == "dream" and DREAM.match(text.value)):
        yield made("invokeai", text.name, text.value)
