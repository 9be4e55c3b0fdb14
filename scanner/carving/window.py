"""A stretch of a stream, any place of which can be read."""

from __future__ import annotations

from typing import BinaryIO

PIECE_BYTES = 1 << 16
EACH_LOOK = 64


class Window:
    """The bytes of `stream` from `start` to `stop`, whose places count from 0.

    stream: seekable; its position is left anywhere. size: how many bytes there are. effort: what
    was read so far, in bytes, of which every look counts for EACH_LOOK more.
    """

    def __init__(self, stream: BinaryIO, start: int, stop: int) -> None:
        self._stream = stream
        self._start = start
        self.size = max(0, stop - start)
        self.effort = 0

    def at(self, place: int, size: int) -> bytes:
        """`size` bytes from `place` on, fewer where the stretch ends. Raises OSError."""
        size = min(size, self.size - place)
        if place < 0 or size <= 0:
            return b""
        self.effort += size + EACH_LOOK
        self._stream.seek(self._start + place)
        return self._stream.read(size)

    def behind(self, place: int) -> Window:
        """What lies from `place` on, as a window of its own."""
        return Window(self._stream, self._start + place, self._start + self.size)

    def number(self, place: int, size: int, order: str = "big") -> int:
        """The unsigned number at `place`; what lies behind the end counts as zeros."""
        found = self.at(place, size).ljust(size, b"\0")
        return int.from_bytes(found, "little" if order == "little" else "big")
