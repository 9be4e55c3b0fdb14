"""What a finished scan found, for the command to print and to exit by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner.record import UNEXAMINED, Origin, Status, Verdict

if TYPE_CHECKING:
    from scanner.model.file import ModelFile


@dataclass(frozen=True)
class Judged:
    """What one model gave: its verdicts, by the provider and in the precision that really ran.

    first: the file that scored before the model's own, where one did.
    """

    model: ModelFile
    first: ModelFile | None
    provider: str
    precision: str
    verdicts: Counter[Verdict]

    def in_words(self) -> str:
        """For a person."""
        counts = ", ".join(f"{self.verdicts[verdict]:,} {verdict}" for verdict in Verdict)
        return f"{self.verdicts.total():,}: {counts} ({self.provider}, {self.precision})"


@dataclass(frozen=True)
class Outcome:
    """Counts are over all runs of the scan; `seconds` and `rate` (files/s) are of the last one.

    statuses and verdicts: of the rows, of which images of several pages have several. origins: of
    the files, what they say or prove of where they come from. models: all
    that could judge; what lay in no domain of theirs is in `verdicts` alone, as inconclusive.
    """

    files: int
    statuses: Counter[Status]
    verdicts: Counter[Verdict]
    origins: Counter[Origin]
    seconds: float
    rate: float
    models: tuple[Judged, ...]
    reports: tuple[Path, ...]

    @property
    def unexamined(self) -> int:
        return sum(self.statuses[status] for status in UNEXAMINED)

    def so_found(self, words: Collection[str]) -> int:
        """How many rows have one of `words` as their verdict, and files as their origin.

        What is declared is also what is validated.
        """
        wanted = {*words, *(word.replace("_declared", "_validated") for word in words)}
        counts: tuple[Counter[Any], ...] = (self.verdicts, self.origins)
        return sum(each[word] for each in counts for word in wanted)

    def summary(self) -> str:
        """The closing lines for a person."""
        rows = self.statuses.total()
        pages = f", {rows:,} rows with all pages," if rows > self.files else ""
        lines = [*self._counts(), *(("report", str(report)) for report in self.reports)]
        width = max(len(label) for label, _ in lines)
        return "\n".join(
            [
                f"{self.files:,} files{pages} in {self.seconds:.1f} s ({self.rate:,.0f} files/s)",
                *(f"  {label:{width}}  {text}" for label, text in lines),
            ]
        )

    def _counts(self) -> Iterator[tuple[str, str]]:
        """What became of the rows, as label and text."""
        for judged in self.models:
            yield judged.model.name, judged.in_words()
        judged_rows = sum(judged.verdicts.total() for judged in self.models)
        if outside := self.verdicts.total() - judged_rows:
            yield "in no domain", f"{outside:,}: inconclusive, no model is made for their size"
        yield from self._origins()
        yield "not an image", f"{self.statuses[Status.NOT_IMAGE]:,}"
        if containers := self.statuses[Status.CONTAINER]:
            yield "containers", f"{containers:,}: what is in them has rows of its own"
        if known := self.statuses[Status.KNOWN]:
            yield "known", f"{known:,}: skipped, not examined"
        failures = [(status, self.statuses[status]) for status in Status if status in UNEXAMINED]
        detail = ", ".join(f"{count:,} {status}" for status, count in failures if count)
        yield "NOT EXAMINED", f"{self.unexamined:,}" + (f": {detail}" if detail else "")

    def _origins(self) -> Iterator[tuple[str, str]]:
        """What files say of themselves, where any does."""
        said = {
            "AI-generated": (Origin.AI_DECLARED, Origin.AI_VALIDATED),
            "edited": (Origin.EDITED_DECLARED, Origin.EDITED_VALIDATED),
            "out of a camera": (Origin.CAMERA_DECLARED, Origin.CAMERA_VALIDATED),
        }
        parts = []
        for what, (declared, validated) in said.items():
            if count := self.origins[declared] + self.origins[validated]:
                verb = "declares itself" if count == 1 else "declare themselves"
                proven = f", {self.origins[validated]:,} of them validated"
                parts.append(
                    f"{count:,} {verb} {what}" + (proven if self.origins[validated] else "")
                )
        if parts:
            yield "origin", "; ".join(parts)
