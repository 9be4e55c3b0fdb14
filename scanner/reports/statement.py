"""What a record comes to, in a sentence, for formats that exchange it."""

from __future__ import annotations

from scanner.record import UNEXAMINED, Record, Status, Verdict


def statement(record: Record) -> str:
    """One sentence, without a full stop where it ends in what a decoder said."""
    if record.status in UNEXAMINED:
        return f"Not examined ({record.status}): {record.error}"
    if record.status is Status.NOT_IMAGE:
        return f"Not an image: {record.error}"
    if record.status is Status.CONTAINER:
        return f"Opened: {record.error}"
    if record.status is Status.KNOWN:
        return f"Left out: {record.error}"
    if record.verdict is Verdict.INCONCLUSIVE:
        return f"Inconclusive: {record.reason}"
    return (
        f"{record.model} finds the image {record.verdict}, with a calibrated probability of "
        f"{record.p_fake} that it is AI-generated."
    )
