"""What a scan tells, on the terminal: a progress bar, sentences, the log, rows without a report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner.cli.logs import set_up_logging
from scanner.cli.streams import say, standard_output
from scanner.record import Record
from scanner.reports import write_stream
from scanner.scan import Progress, Watcher

if TYPE_CHECKING:
    from tqdm import tqdm

LONGEST_SHOWN = 30  # characters of a path in the bar


class Terminal(Watcher):
    """quiet: no bar and no sentences. verbose and log_file: where the log goes.

    rows: the format of what goes to standard output, as `write_stream` names it.
    """

    def __init__(
        self, quiet: bool, verbose: bool, log_file: Path | None, rows: str = "csv"
    ) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._log_file = log_file
        self._rows = rows
        self._bar: tqdm[Any] | None = None

    def checked(self) -> None:
        """Set the log up. Raises LogError."""
        set_up_logging(self._verbose, self._log_file)

    def say(self, sentence: str) -> None:
        if not self._quiet:
            from tqdm import tqdm

            with tqdm.external_write_mode(sys.stderr):  # between redraws of the bar
                say(sentence)

    def show(self, progress: Progress) -> None:
        if self._quiet:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(unit="file", disable=None)
        told: dict[str, object] = {"fakes": progress.fakes, "errors": progress.unexamined}
        if progress.reading is not None:
            path, share = progress.reading
            told["reading"] = f"{path[-LONGEST_SHOWN:]} {share:.0%}"
        self._bar.set_postfix(told, refresh=False)
        self._bar.update(progress.files - self._bar.n)

    def examined(self) -> None:
        self.close()

    def receive(self, records: Iterator[Record], scan: dict[str, Any]) -> None:
        """Write them to standard output. Raises OutputError."""
        with standard_output() as stream:
            write_stream(stream.buffer, self._rows, records, scan)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
