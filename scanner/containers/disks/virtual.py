"""The disk in an image of one that is stored in a format of its own: E01, VMDK, VHD, VDI, QCOW2.

What such a file names as lying elsewhere, as the parent of a snapshot, is never looked for: it
could be any file of this machine.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from array import array
from itertools import pairwise
from typing import Any, BinaryIO

from scanner.containers.container import MemberError
from scanner.containers.disks import ewf
from scanner.containers.disks.vmdk import DESCRIPTOR, SNAPSHOT, SPARSE, Vmdk
from scanner.containers.joined import JoinedFiles
from scanner.containers.positioned import Positioned
from scanner.processes import Alive
from scanner.record import Status

VIRTUALBOX, VIRTUALBOX_AT = b"\x7f\x10\xda\xbe", 64
VIRTUAL_PC, HYPER_V, QEMU = b"conectix", b"vhdxfile", b"QFI\xfb"
PIECE_BYTES = 1 << 20
HEAD_BYTES = 512


def is_virtual(head: bytes) -> bool:
    """Whether a file that begins with `head` holds its disk in a format of its own."""
    first = (ewf.MAGIC, VIRTUAL_PC, HYPER_V, QEMU, DESCRIPTOR, *SPARSE)
    return head.startswith(first) or head.startswith(VIRTUALBOX, VIRTUALBOX_AT)


def disk_in(stream: BinaryIO) -> BinaryIO:
    """The disk that `stream` holds, seekable; `stream` itself, where it is the disk.

    stream: a file, or files that make up one disk. Raises MemberError for what holds no whole one,
    and nearly anything for what is damaged.
    """
    head = _head(stream)
    if not is_virtual(head):
        return stream
    disk = _opened(head, _parts(stream))
    return io.BufferedReader(_Disk(disk), PIECE_BYTES)


def used_by_disk(stream: BinaryIO, alive: Alive) -> array[int]:
    """Start and stop of each stretch of an image that its disk is read from, as far as it can be.

    Reads the whole disk. What is read to open it, as a description, may hold more than that. alive:
    called while it goes on.
    """
    used = array("Q")
    with contextlib.suppress(Exception):  # of what is damaged the rest is nobody's
        parts = _parts(stream)
        disk: Any = _opened(_head(stream), parts)
        for part in parts:
            part.used = used
        with _Disk(disk) as whole:
            while whole.read(PIECE_BYTES):
                alive()
        # The libraries read the last block to its end, of which the disk may show less.
        hidden = 0 if isinstance(disk, Vmdk) else -disk.size % disk.align
        if used and hidden:
            used[-1] = max(used[-2], used[-1] - hidden)
    return used


def _head(stream: BinaryIO) -> bytes:
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    return head


def _parts(stream: BinaryIO) -> list[Any]:
    raw = getattr(stream, "raw", None)
    whole = [0, stream.seek(0, os.SEEK_END)]
    starts = raw.starts if isinstance(raw, JoinedFiles) else whole
    return [_Part(stream, start, stop) for start, stop in pairwise(starts)]


def _opened(head: bytes, parts: list[Any]) -> Any:
    """The disk as a library reads it: seek, read, `size` and `align`, both in bytes."""
    if head.startswith(ewf.MAGIC):
        from dissect.evidence.ewf import EWF

        return EWF(parts).open()
    if head.startswith((DESCRIPTOR, *SPARSE)):
        return Vmdk(parts)
    if head.startswith(VIRTUAL_PC):
        from dissect.hypervisor.disk.vhd import VHD

        return VHD(parts[0])
    if head.startswith(HYPER_V):
        from dissect.hypervisor.disk.vhdx import VHDX

        return VHDX(parts[0])
    return _qcow2(parts[0]) if head.startswith(QEMU) else _vdi(parts[0])


def _qcow2(file: Any) -> Any:
    from dissect.hypervisor.disk.qcow2 import QCow2

    image = QCow2(file, allow_no_data_file=True, allow_no_backing_file=True)
    if image.needs_backing_file or image.needs_data_file:
        raise MemberError(Status.UNSUPPORTED, SNAPSHOT)
    return image.open()


def _vdi(file: Any) -> Any:
    from dissect.hypervisor.disk.vdi import VDI

    image = VDI(file)
    if image.type.name == "DIFF":
        raise MemberError(Status.UNSUPPORTED, SNAPSHOT)
    return image.open()


class _Part(Positioned):
    """What lies in `stream` from `start` to `stop`, as a file of its own.

    It has no name, by which the libraries would look for other files beside it. used: takes start
    and stop of what is read of the whole.
    """

    def __init__(self, stream: BinaryIO, start: int, stop: int) -> None:
        super().__init__(stop - start)
        self.used: array[int] | None = None
        self._stream = stream
        self._start = start

    def bytes_at(self, place: int, size: int) -> bytes:
        start = self._start + place
        self._stream.seek(start)
        data = self._stream.read(size)
        if self.used is not None and data:
            if self.used and self.used[-1] == start:
                self.used[-1] += len(data)
            else:
                self.used.extend((start, start + len(data)))
        return data


class _Disk(Positioned):
    """A disk as a library reads it. Raises OSError for what it cannot read.

    One block at a time: not each of the libraries finds the next one by itself.
    """

    def __init__(self, disk: Any) -> None:
        super().__init__(disk.size)
        self._disk = disk

    def bytes_at(self, place: int, size: int) -> bytes:
        try:
            wanted = min(size, self._disk.align - place % self._disk.align)
            self._disk.seek(place)
            data: bytes = self._disk.read(wanted)
        except OSError:
            raise
        except Exception as error:  # the libraries raise nearly anything on broken images
            raise OSError(errno.EIO, f"the disk image is damaged: {error}") from error
        if len(data) < wanted:
            raise OSError(errno.EIO, "the disk image is damaged: it breaks off")
        return data
