"""Files that make up one, read as such."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from scanner.files import check_read, file_facts, open_readonly

MOST_OPEN = 64  # files at once: there may be thousands, and a process may hold few


class JoinedFiles(io.RawIOBase):
    """The bytes of `paths`, one behind the other. Raises OSError.

    starts: where each begins, and where the last ends. trouble: the error that reading one of them
    last met.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.trouble: OSError | None = None
        self.starts = [0, *accumulate(file_facts(path).st_size for path in paths)]
        self._paths = paths
        self._open: dict[int, BinaryIO] = {}  # those used last, the latest at the end
        self._place = 0

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = os.SEEK_SET, /) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.starts[-1]}[whence]
        self._place = max(0, origin + place)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        number = bisect_right(self.starts, self._place) - 1
        if number == len(self._paths):
            return 0
        stream = self._file(number)
        try:
            stream.seek(self._place - self.starts[number])
            data = stream.read(min(len(buffer), self.starts[number + 1] - self._place))
            check_read(stream)
        except OSError as error:
            self.trouble = error
            raise
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def _file(self, number: int) -> BinaryIO:
        stream = self._open.pop(number, None)
        if stream is None:
            if len(self._open) == MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            stream = open_readonly(self._paths[number])
        self._open[number] = stream
        return stream
