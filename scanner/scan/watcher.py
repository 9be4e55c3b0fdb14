"""What a scan tells while it runs, to whoever watches it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scanner.record import Record


@dataclass
class Progress:
    """Running totals of this run of the command; the files of an earlier run are not in them.

    reading: a file that takes long because it is large, by its path, and the share of it that was
    read, 0 to 1.
    """

    files: int = 0
    fakes: int = 0
    unexamined: int = 0
    reading: tuple[str, float] | None = None


class Watcher:
    """Hears what a scan tells; this one heeds nothing of it. Override what is of interest."""

    def checked(self) -> None:
        """Called once it is known that the scan writes to no place it must not."""

    def say(self, sentence: str) -> None:
        """Called with what a person who waits should know."""

    def show(self, progress: Progress) -> None:
        """Called at the start of the examination, at least twice a second, and at its end."""

    def examined(self) -> None:
        """Called when all is examined, before reports are written."""

    def receive(self, records: Iterator[Record], scan: dict[str, Any]) -> None:
        """Called with all records, in path order, and what reports say of the whole scan.

        After the reports, and only of a scan that writes none or is asked for it. The records are
        read from the journal as they are taken; none can be read once this returns.
        """
