"""An archive that hides behind a picture is told of, since only zips are opened there."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
@pytest.mark.parametrize(
    ("magic", "name"),
    [(b"Rar!\x1a\x07\x01\x00", "a RAR archive"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive")],
)
def test_an_archive_behind_a_picture(
    kind: str, magic: bytes, name: str, encode: Any, gathered: Any
) -> None:
    picture = encode(kind)
    assert gathered(picture) == []
    assert gathered(picture + magic + bytes(90)) == [
        {
            "source": "file",
            "tag": "inferred",
            "name": "archive_inside",
            "value": f"{name} at byte {len(picture):,}; it was not opened",
        }
    ]
