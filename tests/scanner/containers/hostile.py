"""A container module whose parser does what the content says."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from scanner.containers.container import Member
from scanner.limits import Limits

NOUN = "archive"


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member | None]:
    yield Member(f"{name}!/first", lambda: io.BytesIO(b"1"))
    match stream.read():
        case b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"slow":
            for _ in range(3):
                time.sleep(0.6)
                yield None
        case b"hang":
            time.sleep(10_000)
        case b"eat":
            bytearray(1 << 40)
        case b"surprise":
            raise RecursionError("deep\udc80\n")
