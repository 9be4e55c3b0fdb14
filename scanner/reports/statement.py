"""What a record comes to, in the words of every report that has sentences."""

from __future__ import annotations

from scanner.record import UNEXAMINED, Record, Status, Verdict

BADGES = {
    Status.NOT_IMAGE: "not an image",
    Status.CONTAINER: "opened",
    Status.KNOWN: "known, left out",
}


def statement(record: Record) -> str:
    """What is found of a row, as a sentence. It may quote the file, whose marks are not escaped."""
    if record.status in UNEXAMINED:
        return f"Not examined ({in_words(record.status)}): {record.error}. It may hold a picture."
    if record.status is not Status.SCORED:
        return f"{in_words(record.status).capitalize()}: {record.error}."
    if record.p_fake is None:
        return f"No verdict: {record.reason}."
    how = (
        f"calibrated probability that it is AI-generated: {percent(record.p_fake)}, if fakes and "
        "photographs were equally frequent"
    )
    if record.verdict is Verdict.INCONCLUSIVE:
        return f"No verdict: {record.reason}; {how}."
    kind = "an AI-generated picture" if record.verdict is Verdict.FAKE else "a photograph"
    return f"{record.model} takes it for {kind}; {how}."


def percent(share: float) -> str:
    """A share of 0 to 1 for a person, never rounded up to certainty."""
    if share >= 0.9995:
        return "over 99.9%"
    if share < 0.0005:
        return "under 0.1%"
    return f"{share:.1%}"


def in_words(status: Status) -> str:
    """A status as a person would say it."""
    return BADGES.get(status, status.replace("_", " "))
