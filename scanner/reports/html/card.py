"""A row of a report as its HTML shows it: a card in the gallery, and a page of its own."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from scanner.occlusion import Region
from scanner.record import (
    UNEXAMINED,
    Origin,
    Record,
    Verdict,
    columns,
    safe_text,
    split_path,
)
from scanner.reports.gallery import Picture
from scanner.reports.statement import in_words, percent, statement

UNEXAMINED_GROUP, OTHER_GROUP = "unexamined", "other"
GROUPS = {  # in the order in which they matter, with what a reader calls them
    str(Verdict.FAKE): "fake",
    str(Verdict.INCONCLUSIVE): "inconclusive",
    str(Verdict.REAL): "real",
    UNEXAMINED_GROUP: "not examined",
    OTHER_GROUP: "no pictures, opened or left out",
}
COLUMNS = tuple(column.name for column in columns())
PNG = b"\x89PNG"  # which thumbnails are of pictures too small to be scaled
ORIGINS = {
    Origin.AI_VALIDATED: "AI-generated, by a trusted signature",
    Origin.EDITED_VALIDATED: "edited with AI or composed, by a trusted signature",
    Origin.CAMERA_VALIDATED: "out of a camera, by a trusted signature",
    Origin.AI_DECLARED: "AI-generated, as the file says",
    Origin.EDITED_DECLARED: "edited with AI or composed, as the file says",
    Origin.CAMERA_DECLARED: "out of a camera, as the file says",
}
CLAIMS = {"ai": "AI-generated", "edited": "edited", "camera": "camera"}
OF_PARTS = (
    "Red parts (+) speak for a fake and blue ones (−) against it: the score fell or rose when they "
    "were covered. {where} The map shows what the score depends on, and not which parts were "
    "changed or generated: every picture has a strongest part, also a photograph in which nothing "
    "was altered. It is coarse, and most so at its edges; do not take it as evidence about any one "
    "part. What is not coloured weighs little, or lies outside of what the model sees."
)
OF_VIEWS = (
    "Each frame is one of the views that the model judged, with the score that it gives for that "
    "view alone: above 0 it speaks for a fake, below against it."
)


@dataclass(frozen=True)
class Card:
    """What a row's card shows; `details` is all that its page shows, for the script.

    group: of GROUPS, by what became of the row. picture: the thumbnail as a data URI. is_tiny:
    whether it is to be enlarged pixel by pixel. why: the reason or error.
    """

    group: str
    badge: str
    path: str
    page: str | None
    picture: str | None
    is_tiny: bool
    probability: str | None
    origin: Origin | None
    origin_in_words: str | None
    why: str | None
    details: dict[str, Any]

    @property
    def title(self) -> str:
        """What tells the row from others."""
        return f"{self.path}, {self.page}" if self.page else self.path


def card(record: Record, picture: Picture | None) -> Card:
    """The card of one row."""
    why = record.reason or record.error
    return Card(
        group=group(record),
        badge=_badge(record),
        path=safe_text(record.path),  # a line of the page is a card
        page=_page(record),
        picture=_data_uri(picture.thumbnail) if picture else None,
        is_tiny=picture is not None and picture.thumbnail.startswith(PNG),
        probability=None if record.p_fake is None else percent(record.p_fake),
        origin=record.origin,
        origin_in_words=record.origin and ORIGINS[record.origin],
        why=why and safe_text(why),
        details=_details(record, picture),
    )


def _page(record: Record) -> str | None:
    """Which page of its file a row is of, where there are several."""
    several = record.page is not None and (record.frames or 1) > 1
    return f"page {record.page} of {record.frames}" if several else None


def group(record: Record) -> str:
    """Which of GROUPS a row belongs to."""
    if record.verdict is not None:
        return record.verdict
    return UNEXAMINED_GROUP if record.status in UNEXAMINED else OTHER_GROUP


def _badge(record: Record) -> str:
    if record.verdict is not None:
        return record.verdict
    words = in_words(record.status)
    return f"not examined: {words}" if record.status in UNEXAMINED else words


def _data_uri(thumbnail: bytes) -> str:
    kind = "png" if thumbnail.startswith(PNG) else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(thumbnail).decode()}"


def _details(record: Record, picture: Picture | None) -> dict[str, Any]:
    """All that the page of a row shows, as text, but what is empty.

    Marks that could disguise it are escaped. values: of the columns, in their order.
    """
    pages = record.frames or 1
    shown = {
        "group": group(record),
        "origin": record.origin,
        "folder": split_path(record.path)[0],
        "statement": safe_text(statement(record)),
        "caption": _caption(record, picture),
        "page": _page(record),
        "values": [_value(record, name) for name in COLUMNS],
        "checks": _checks(record.checks),
        "evidence": _findings(record.evidence),
        "regions": picture.regions if picture else (),
        "of_views": True if picture and picture.of_views else None,
        "regions_in_words": _regions_in_words(picture) if picture and picture.regions else "",
        "file": str(record.position) if pages > 1 else None,
        "pages": pages,
        "name": f"page {record.page}: {_badge(record)}" if pages > 1 else None,
    }
    return {name: value for name, value in shown.items() if value or value == 0}


def _value(record: Record, column: str) -> str | None:
    """Of a column that has no table of its own."""
    value = None if column in ("checks", "evidence") else getattr(record, column)
    return None if value is None else safe_text(str(value))


def _checks(checks: str | None) -> list[tuple[str, str]]:
    """Name and figure of each."""
    try:
        return [(safe_text(name), str(value)) for name, value in json.loads(checks or "{}").items()]
    except (ValueError, AttributeError, RecursionError):  # of another program's making
        return [("all", safe_text(str(checks)))]


def _findings(evidence: str | None) -> list[list[str]]:
    """Source, tag, name, value and claim of each; what is no list of findings, as it is."""
    try:
        return [_finding(finding) for finding in json.loads(evidence or "[]")]
    except (ValueError, TypeError, KeyError, RecursionError):  # of another program's making
        return [["", "", "", safe_text(str(evidence)), ""]]


def _finding(finding: dict[str, Any]) -> list[str]:
    texts = [str(finding[name]) for name in ("source", "tag", "name", "value")]
    if "length" in finding:
        texts[-1] += f" … ({finding['length']:,} characters in all)"
    return [*map(safe_text, texts), CLAIMS.get(finding.get("claim", ""), "")]


def _caption(record: Record, picture: Picture | None) -> str:
    page = _page(record)
    size = f"{record.width} × {record.height} pixels as stored{f', {page}' if page else ''}"
    if picture is not None and picture.thumbnail.startswith(PNG):
        return f"{size}; each is shown here"
    return f"{size}; a small copy is shown here"


def _regions_in_words(picture: Picture) -> str:
    if picture.of_views:
        return OF_VIEWS
    # By ninths of the picture: the strongest part alone says little.
    parts = defaultdict(list)
    for region in picture.regions:
        parts[_ninth(region)].append(region.weight)
    ninths = {place: sum(weights) / len(weights) for place, weights in parts.items()}
    (least, against), (most, speaking) = (
        choose(ninths.items(), key=lambda it: it[1]) for choose in (min, max)
    )
    told = [f"for a fake in the {most} ({_signed(speaking)})"] if speaking > 0 else []
    told += [f"against it in the {least} ({_signed(against)})"] if against < 0 else []
    where = f"They weigh most {' and '.join(told)}, in log-odds each." if told else ""
    return OF_PARTS.format(where=where)


def _signed(weight: float) -> str:
    return f"{weight:+.2f}".replace("-", "−")


def _ninth(region: Region) -> str:
    """In which ninth of the picture its middle lies."""
    down = ("upper", "middle", "lower")[min(2, int(1.5 * (region.top + region.bottom)))]
    across = ("left", "centre", "right")[min(2, int(1.5 * (region.left + region.right)))]
    return f"{down} {across}"
