"""Files that make up one, read as such."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from scanner.containers.positioned import Positioned
from scanner.files import check_read, file_facts, open_readonly

MOST_OPEN = 64  # files at once: there may be thousands, and a process may hold few


class JoinedFiles(Positioned):
    """The bytes of `paths`, one behind the other. Raises OSError.

    starts: where each begins, and where the last ends. trouble: the error that reading one of them
    last met.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.trouble: OSError | None = None
        self.starts = [0, *accumulate(file_facts(path).st_size for path in paths)]
        super().__init__(self.starts[-1])
        self._paths = paths
        self._open: dict[int, BinaryIO] = {}  # those used last, the latest at the end

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
        super().close()

    def bytes_at(self, place: int, size: int) -> bytes:
        number = bisect_right(self.starts, place) - 1
        try:
            stream = self._file(number)
            stream.seek(place - self.starts[number])
            data = stream.read(min(size, self.starts[number + 1] - place))
            check_read(stream)
        except OSError as error:
            self.trouble = error
            raise
        return data

    def _file(self, number: int) -> BinaryIO:
        stream = self._open.pop(number, None)
        if stream is None:
            if len(self._open) == MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            stream = open_readonly(self._paths[number])
        self._open[number] = stream
        return stream
