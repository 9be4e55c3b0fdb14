"""A text that stands in a file, and where."""

from __future__ import annotations

from typing import NamedTuple

# Where programs say that they made an image, and where people and companies say that it is theirs.
PROGRAMS = frozenset(
    {"software", "software_agent", "camera_make", "camera_model", "image_editing_software"}
)
CREDITED = frozenset(
    {"credit", "source", "artist", "author", "by-line", "creator", "publisher", "instructions"}
)
OF_INGREDIENT = "ingredient_"  # before the name of what is told of a part of the image


class Text(NamedTuple):
    """source: `png`, `exif`, `xmp`, `iptc` (both of its kinds) and so on. name: what it is there,
    in lower case, such as `user_comment`, or a PNG's keyword. is_shown: whether it is told where
    nothing is recognised in it.
    """

    source: str
    name: str
    value: str
    is_shown: bool = True
