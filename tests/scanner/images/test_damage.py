"""Protects: a JPEG whose compressed data are damaged, and that decodes all the same, is told."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from PIL import Image

from scanner.images.jpeg import jpeg_damage
from scanner.limits import Limits
from scanner.record import Status
from scanner.workers.examine import examine
from tests.conftest import EVERY_SIZE
from tests.scanner.carving.pictures import picture

CLUSTER = b"what lay in the cluster of another file, "
SIDES = (32, 64, 300)


def jpeg(side: int, **options: object) -> bytes:
    stream = io.BytesIO()
    picture(1, side).save(stream, "JPEG", **options)
    return stream.getvalue()


def overwritten(data: bytes, place: int, size: int) -> bytes:
    return data[:place] + (CLUSTER * size)[:size] + data[place + size :]


def decodes(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data)).load()
    except Exception:
        return False
    return True


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"quality": 95, "subsampling": 0}, {"optimize": True}]
)
def test_a_sound_picture_is_sound(side: int, options: dict[str, object]) -> None:
    assert jpeg_damage(jpeg(side, **options)) is None
    assert jpeg_damage(jpeg(side, **options) + b"\0" * 99) is None, "what follows is another matter"


def test_most_of_what_was_overwritten_is_noticed() -> None:
    """Not all: by chance a decoder may end at the right place."""
    chance = random.Random(0)
    data = jpeg(300)
    start = data.index(b"\xff\xda") + 14
    places = [chance.randrange(start, len(data) - 2_500) for _ in range(60)]
    broken = [whole for at in places if decodes(whole := overwritten(data, at, 2_048))]
    assert len(broken) > 30
    assert sum(jpeg_damage(whole) is not None for whole in broken) > 0.7 * len(broken)


def test_it_gets_no_verdict() -> None:
    data = jpeg(64)
    start = data.index(b"\xff\xda") + 14
    broken = [overwritten(data, at, 200) for at in range(start, len(data) - 300, 7)]
    noticed = next(whole for whole in broken if decodes(whole) and jpeg_damage(whole))
    examined = examine(noticed, EVERY_SIZE, Limits())
    assert examined.status is Status.SCORED
    assert (
        examined.doubt == "the compressed data of the image are damaged, though it can be decoded"
    )
    assert examine(data, EVERY_SIZE, Limits()).doubt is None


def test_kinds_that_are_not_known_are_not_called_damaged(tmp_path: Path) -> None:
    for data in (b"", b"\xff\xd8\xff", b"no JPEG at all"):
        assert jpeg_damage(data) is None
    stream = io.BytesIO()
    picture(1).convert("CMYK").save(stream, "JPEG")
    assert jpeg_damage(stream.getvalue()) is None
