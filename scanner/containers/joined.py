"""Files that make up one, read as such."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from scanner.files import check_read, open_readonly


class JoinedFiles(io.RawIOBase):
    """The bytes of `paths`, one behind the other. Raises OSError.

    streams: the files by themselves. starts: where each begins, and where the last ends. trouble:
    the error that reading one of them last met.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.trouble: OSError | None = None
        self.streams: list[BinaryIO] = []
        self._place = 0
        with ExitStack() as stack:
            for path in paths:
                self.streams.append(stack.enter_context(open_readonly(path)))
            self._opened = stack.pop_all()
        sizes = [stream.seek(0, os.SEEK_END) for stream in self.streams]
        for stream in self.streams:
            stream.seek(0)
        self.starts = [0, *accumulate(sizes)]

    def close(self) -> None:
        self._opened.close()
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
        if number == len(self.streams):
            return 0
        stream = self.streams[number]
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
