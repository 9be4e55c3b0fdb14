"""What is read as a seekable stream, though it lies in several places or is made on the way."""

from __future__ import annotations

import errno
import io
import os
from typing import Any


class Positioned(io.RawIOBase):
    """A seekable stream of `size` bytes, for which a subclass says what lies where."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._place = 0

    def bytes_at(self, place: int, size: int) -> bytes:
        """From 1 to `size` bytes that lie at `place`, before the end. Raises OSError."""
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = os.SEEK_SET, /) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        if origin + place < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._place = origin + place
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        wanted = min(len(buffer), self.size - self._place)
        data = self.bytes_at(self._place, wanted) if wanted > 0 else b""
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)
