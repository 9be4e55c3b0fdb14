"""What passes between a worker and its parent, which needs none of a worker's libraries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from multiprocessing.connection import Connection

from scanner.containers.sources import Source
from scanner.sources.found import Found

OUT_OF_MEMORY = 77  # exit code of a worker that met its memory limit outside of a decoder


def send_files(pipe: Connection, files: Collection[Found]) -> None:
    """Send what `receive_files` takes.

    Members go unpickled: that would hold each twice, at both ends.
    """
    members = [found.source for found in files if isinstance(found.source, bytes)]
    pipe.send([replace(it, source=b"") if isinstance(it.source, bytes) else it for it in files])
    for member in members:
        pipe.send_bytes(member)


def receive_files(pipe: Connection) -> list[tuple[Source, Found]]:
    """Sources, each with the rest of what was found. Raises EOFError, OSError."""
    return [
        (pipe.recv_bytes() if isinstance(found.source, bytes) else found.source, found)
        for found in pipe.recv()
    ]
