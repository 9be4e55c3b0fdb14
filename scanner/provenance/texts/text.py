"""A text that stands in a file, and where."""

from __future__ import annotations

from typing import NamedTuple

# Names under which programs, people and companies say that they made an image.
MAKERS = frozenset(
    {
        "software", "software_agent", "camera_make", "camera_model", "credit", "source", "artist",
        "author", "by-line", "creator", "host_computer", "image_editing_software", "publisher",
    }
)  # fmt: skip


class Text(NamedTuple):
    """source: `png`, `exif`, `xmp`, `iptc` (both of its kinds) and so on. name: what it is there,
    in lower case, such as `user_comment`, or a PNG's keyword. is_shown: whether it is told where
    nothing is recognised in it.
    """

    source: str
    name: str
    value: str
    is_shown: bool = True
