"""Galaxy AI: what Samsung's programs append to a picture in which they generated something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scanner.provenance.finding import Claim, Finding, Tag
from scanner.provenance.texts.text import Text

GENERATED = "peg_info"
# In the editor's own notes, which it also keeps of edits of other kinds.
KIND = re.compile(r'"genAIType"\s*:\s*"?(\d{1,9})\b')


def findings(text: Text, texts: Sequence[Text]) -> Iterator[Finding]:
    if text.source == "samsung":
        kind = KIND.search(text.value)
        generated = int(kind[1]) > 0 if kind else text.name == GENERATED
        if generated:
            yield Finding("samsung", Tag.DECLARED, text.name, text.value, Claim.EDITED)
