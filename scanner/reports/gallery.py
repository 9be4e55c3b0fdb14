"""What a report with pictures shows of a scan besides its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanner.record import Record

if TYPE_CHECKING:
    from scanner.occlusion import Region


@dataclass(frozen=True)
class Picture:
    """What can be shown of one page of an image.

    thumbnail: a small WebP or PNG, upright. regions: where the evidence lies; empty where nobody
    asked, and of what no model judged. of_views: whether the regions are the model's views, each
    with what the model says of it alone, and not parts that were covered in turn.
    """

    thumbnail: bytes
    regions: tuple[Region, ...] = ()
    of_views: bool = False


def no_picture(record: Record) -> Picture | None:
    """Of a scan that kept none."""
    return None


@dataclass(frozen=True)
class Gallery:
    """`picture` gives what there is to see of a row; `blurred`: until it is clicked."""

    picture: Callable[[Record], Picture | None] = no_picture
    blurred: bool = True
