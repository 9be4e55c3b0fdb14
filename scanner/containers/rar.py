"""RAR archives: rarfile reads their lists, an installed program unpacks what is compressed."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from scanner.containers.container import (
    CHUNK_BYTES,
    Member,
    MemberError,
    OverLimit,
    encrypted,
    read_limited,
)
from scanner.environment import programs
from scanner.files import open_readonly
from scanner.limits import Limits
from scanner.record import Status, path_text

if TYPE_CHECKING:
    from rarfile import RarFile

NOUN = "archive"
MAGIC = b"Rar!\x1a\x07"
MAGIC_5 = MAGIC + b"\1\0"  # of the fifth version
TOOLS = {  # the programs as rarfile names them
    "unrar": "UNRAR_TOOL",
    "unar": "UNAR_TOOL",
    "7z": "SEVENZIP_TOOL",
    "7zz": "SEVENZIP2_TOOL",
    "bsdtar": "BSDTAR_TOOL",
}
NO_NEXT_VOLUME = "Cannot open next volume"  # as rarfile says it
LATER_VOLUME = "a later volume of a split archive; it is read when the first lies beside it"
MISSING_VOLUME = (
    "the split archive goes on in another volume, which does not lie beside it, or not as a file"
)
NO_PROGRAM = (
    "nothing here unpacks this RAR member; install unrar (or, for archives that are neither solid "
    "nor encrypted, unar, 7-Zip or bsdtar) and scan again"
)
PATTERN = re.compile(r"[*?\[\]\\]")
UNPACKING_FAILED = (
    "the member is damaged, or the program here that unpacks RAR does not know how; unrar knows all"
)
NO_FILE = "a compressed member of a RAR that is no file of its own; copy the RAR out to scan it"


def recognises(head: bytes, stream: BinaryIO) -> bool:
    return head.startswith(MAGIC)


def members(
    stream: BinaryIO, name: str, limits: Limits, passwords: Sequence[str]
) -> Iterator[Member]:
    """Members in archive order. Each compressed one is a run of the unpacking program."""
    import rarfile

    rarfile.USE_EXTRACT_HACK = 0  # which would write a file of its own
    rarfile.open = _open_volume
    for program, place_of_it in programs().items():  # by its path: nothing else may be run here
        setattr(rarfile, TOOLS[program], place_of_it)
    _mend_bsdtar()
    with _place(stream, limits.file_bytes) as place:
        archive = _open(place, passwords)
        if (path := _path(stream)) is not None and _goes_on(archive):
            with suppress(MemberError):  # its name leads to no other volume
                archive = _open(path, passwords)
                place = path
        room = limits.archive_bytes
        expanded = 0
        for info in archive.infolist():
            path = f"{name}!/{path_text(info.filename)}"
            if info.is_dir():
                continue
            if not info.is_file():
                yield Member(path, None, Status.UNSUPPORTED, "a link or device inside an archive")
                continue
            # In a solid archive the program expands all that lies before a member as well.
            expanded = expanded + info.file_size if archive.is_solid() else info.file_size
            room -= expanded
            if room < 0:
                raise OverLimit("more expanded bytes than its limits of size and ratio allow")
            stored = info.compress_type == rarfile.RAR_M0 and not info.needs_password()
            if isinstance(place, str) or stored:
                opener = _opener(archive, info, limits, passwords)
                yield Member(path, opener, stored=_stretch(archive, info))
            else:
                yield Member(path, None, Status.UNSUPPORTED, NO_FILE)
        if _goes_on(archive):
            raise MemberError(Status.UNSUPPORTED, MISSING_VOLUME)
        if trouble := archive.strerror():
            # Where the archive lies, or a copy of it, must make no difference to a report.
            raise rarfile.BadRarFile(trouble.replace(f"{Path(str(place)).parent}{os.sep}", ""))


def _stretch(archive: RarFile, info: Any) -> Sequence[tuple[int, int]]:
    """Where the member lies; of archives in several volumes it is left open."""
    import rarfile

    start, size = info.data_offset, info.compress_size
    if size is not None and info.compress_type == rarfile.RAR_M0 and not info.needs_password():
        size = min(size, info.file_size)  # what is stored behind that is not the member's
    whole = len(archive.volumelist()) == 1 and start is not None and size is not None
    return ((start, start + size),) if whole else ()


def _mend_bsdtar() -> None:
    """rarfile puts -- between bsdtar's -f and its value, and bsdtar takes names for patterns."""
    import rarfile

    class Bsdtar(rarfile.ToolSetup):
        def open_cmdline(self, pwd: Any, rarfn: str, filefn: str | None = None) -> list[str]:
            command = [*self.get_cmdline("open_cmd", pwd, nodash=True), rarfn, "--"]
            return command if filefn is None else [*command, PATTERN.sub(r"\\\g<0>", filefn)]

    with suppress(rarfile.RarCannotExec):
        if rarfile.tool_setup().setup is rarfile.BSDTAR_CONFIG:
            rarfile.CURRENT_SETUP = Bsdtar(rarfile.BSDTAR_CONFIG)


@contextmanager
def _place(stream: BinaryIO, most: int) -> Iterator[str | BinaryIO]:
    """Where programs can read `stream`, without writing it to disk; itself if there is no place.

    A file of `most` bytes at most is copied into memory: who opens its path leaves an access time.
    """
    has_memory = hasattr(os, "memfd_create")
    size, path = stream.seek(0, os.SEEK_END), _path(stream)
    stream.seek(0)
    if path is not None and (not has_memory or size > most):
        yield path
    elif has_memory and size <= most:
        with os.fdopen(os.memfd_create("rar"), "wb") as memory:
            shutil.copyfileobj(stream, memory, CHUNK_BYTES)
            memory.flush()
            yield f"{_descriptors()}{memory.fileno()}"
    else:
        yield stream


def _path(stream: BinaryIO) -> str | None:
    """Where the file lies that it reads, None for what is no single file."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else None


def _open(place: str | BinaryIO, passwords: Sequence[str]) -> RarFile:
    import rarfile

    try:
        archive = rarfile.RarFile(place)
    except rarfile.NeedFirstVolume as error:
        raise MemberError(Status.UNSUPPORTED, LATER_VOLUME) from error
    except rarfile.BadRarName as error:
        raise MemberError(Status.UNSUPPORTED, MISSING_VOLUME) from error
    if archive.infolist() or not archive.needs_password():
        return archive
    for password in passwords:
        try:
            archive.setpassword(password)
        except Exception:  # a wrong password makes any nonsense of the list
            continue
        if archive.infolist():
            return archive
    raise encrypted("archive's list of members", passwords)


def _descriptors() -> str:
    return f"/proc/{os.getpid()}/fd/"


def _open_volume(path: str, mode: str = "rb", *_: object) -> Any:
    """What rarfile takes for `open`: a volume is evidence, and so neither a link nor a pipe."""
    if path.startswith(_descriptors()):  # a copy in memory
        return Path(path).open(mode)
    return open_readonly(Path(path))


def _goes_on(archive: RarFile) -> bool:
    """Whether there are more volumes, which lie beside the first and not in memory."""
    return (archive.strerror() or "").startswith(NO_NEXT_VOLUME)


def _opener(
    archive: RarFile, info: Any, limits: Limits, passwords: Sequence[str]
) -> Callable[[], AbstractContextManager[BinaryIO]]:
    import rarfile

    @contextmanager
    def open_member() -> Iterator[BinaryIO]:
        try:
            if info.needs_password():
                yield io.BytesIO(_decrypted(archive, info, limits, passwords))
                return
            with archive.open(info) as content:
                yield content
        except rarfile.RarCannotExec as error:
            raise MemberError(Status.UNSUPPORTED, NO_PROGRAM) from error
        except FileNotFoundError as error:
            raise MemberError(Status.UNREADABLE, MISSING_VOLUME) from error
        except rarfile.Error as error:
            if info.compress_type == rarfile.RAR_M0:
                raise
            # No detail: it would be of the program's complaint, read as if it were content.
            raise MemberError(Status.UNREADABLE, UNPACKING_FAILED) from error

    return open_member


def _decrypted(archive: RarFile, info: Any, limits: Limits, passwords: Sequence[str]) -> bytes:
    import rarfile

    for password in passwords:
        try:
            with archive.open(info, pwd=password) as content:
                return read_limited(content, limits.file_bytes)
        except rarfile.RarCannotExec:
            raise
        except rarfile.Error:
            continue
    raise encrypted("member", passwords)
