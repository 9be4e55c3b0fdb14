"""What a finished scan found, for the command to print and to exit by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from scanner.model.file import ModelFile
from scanner.record import UNEXAMINED, Status, Verdict


@dataclass(frozen=True)
class Outcome:
    """Counts are over all runs of the scan; `seconds` and `rate` (files/s) are of the last one.

    statuses and verdicts: of the rows, of which images of several pages have several.
    """

    files: int
    statuses: Counter[Status]
    verdicts: Counter[Verdict]
    seconds: float
    rate: float
    model: ModelFile
    provider: str
    precision: str
    reports: tuple[Path, ...]

    @property
    def unexamined(self) -> int:
        return sum(self.statuses[status] for status in UNEXAMINED)

    def summary(self) -> str:
        """The closing lines for a person."""
        verdicts = ", ".join(f"{self.verdicts[verdict]:,} {verdict}" for verdict in Verdict)
        rows = self.statuses.total()
        pages = f", {rows:,} rows with all pages," if rows > self.files else ""
        lines = [
            f"{self.files:,} files{pages} in {self.seconds:.1f} s ({self.rate:,.0f} files/s), "
            f"{self.model.name} on {self.provider}, {self.precision}",
            f"  scored        {self.statuses[Status.SCORED]:,}: {verdicts}",
            f"  not an image  {self.statuses[Status.NOT_IMAGE]:,}",
        ]
        if containers := self.statuses[Status.CONTAINER]:
            lines.append(f"  containers    {containers:,}: what is in them has rows of its own")
        if known := self.statuses[Status.KNOWN]:
            lines.append(f"  known         {known:,}: skipped, not examined")
        failures = [(status, self.statuses[status]) for status in Status if status in UNEXAMINED]
        detail = ", ".join(f"{count:,} {status}" for status, count in failures if count)
        lines.append(f"  NOT EXAMINED  {self.unexamined:,}" + (f": {detail}" if detail else ""))
        lines.extend(f"  report        {report}" for report in self.reports)
        return "\n".join(lines)
