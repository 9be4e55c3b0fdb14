"""Hash lists in VICS, of which each entry counts by the strongest of its hashes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scanner.hashes.lists.hash_list import BEST_FIRST, WIDTHS, KnownError
from scanner.record import safe_text
from scanner.vics import read_media

HASHES = {name: re.compile(f"[0-9a-fA-F]{{{2 * width}}}") for name, width in WIDTHS.items()}


def digests(file: Path) -> Iterator[bytes | None]:
    """One hash in binary of each entry, None of one that has no hash.

    Raises OSError, and KnownError for what is damaged.
    """
    with file.open("rb") as stream:
        number = 0
        try:
            for number, media in enumerate(read_media(stream), 1):
                found = {name: getattr(media, name) for name in BEST_FIRST}
                for name, digits in found.items():
                    if digits is not None and not HASHES[name].fullmatch(digits):
                        text = safe_text(digits[:80])
                        raise KnownError(
                            f"entry {number:,} of {file} has a malformed {name}: {text}"
                        )
                best = next(filter(None, found.values()), None)
                yield None if best is None else bytes.fromhex(best)
        except ValueError as error:
            raise KnownError(
                f"{file} says that it is VICS, but is cut or damaged behind entry {number:,}: "
                f"{safe_text(' '.join(str(error).split()))}"
            ) from error
