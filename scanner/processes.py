"""Child processes that meet hostile bytes: how they start, what they find, and what they may do.

Every one is started by `start`. No module, program or library is ever taken from the evidence or
from the folder that the scan was started in; and no child starts a program (but to unpack RAR),
opens a connection or writes a file, whatever a library in it would like to do.
"""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from scanner.environment import (
    HOME,
    STOP_SIGNALS,
    programs,
)
from scanner.errors import ImgscanError

START_SECONDS = 60.0  # a new process may take this long to import its libraries
LONGEST_LAP = 1.0  # seconds between two looks at a child that count
# Audit events (PEP 578) of what a child never does: run something, reach out, change a file.
FORBIDDEN = (
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
    "os.chflags", "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.removexattr",
    "os.rename", "os.rmdir", "os.setxattr", "os.symlink", "os.truncate", "os.utime", "pty.spawn",
    "socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyaddr",
    "socket.gethostbyname", "socket.sendmsg", "socket.sendto",
)  # fmt: skip
MAIN_LOCK = Lock()  # held while a process starts: threads may scan side by side
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Alive(Protocol):
    """Called as work goes on that may take long; with `place`, how many bytes are done."""

    def __call__(self, place: int = 0) -> None: ...


def unheard(place: int = 0) -> None:
    """An `Alive` that tells nobody."""


class ProcessError(ImgscanError):
    """Child processes cannot run as they must; the sentence says why and what to do."""


@dataclass(eq=False)
class Child:
    """A process of ours. started: whether it has said that it is ready."""

    process: BaseProcess
    pipe: Connection
    started: bool = False

    def receive(self) -> Any:
        """The next message. Raises ProcessError if the child refused, EOFError or OSError if dead.

        The first is None, when it is ready.
        """
        message = self.pipe.recv()
        if isinstance(message, Refusal):
            raise ProcessError(message.sentence)
        self.started = True
        return message


@dataclass(frozen=True)
class Refusal:
    """What a child sends when it cannot do its work, whatever file it is given."""

    sentence: str


class Watch:
    """Seconds for which this process watched its children, in laps.

    Of a longer lap only LONGEST_LAP counts: the whole job was stopped meanwhile, or this process
    was busy with something else, and no child is to blame for that.
    """

    def __init__(self) -> None:
        self._looked = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last look that count."""
        now = time.monotonic()
        lap, self._looked = now - self._looked, now
        return min(lap, LONGEST_LAP)


def prepare(module: str) -> None:
    """Let the children to come import `module` already.

    Where they are copies of one process, that one starts, and imports while this one goes on. Its
    import path and its temporary files are theirs, so `close_search_paths` and
    `check_temporary_folder` come first. Raises ProcessError.
    """
    context = _context(module)
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        with _trouble_explained(), _no_main_module(), _deaf_children():
            forkserver.ensure_running()
        _end_server_at_exit()


@cache
def _end_server_at_exit() -> None:
    """Or it would import to the end, and whoever reads the pipe that it inherited would wait."""
    from multiprocessing import forkserver, util

    def end() -> None:
        server: Any = vars(forkserver)["_forkserver"]
        if server._forkserver_pid is not None:  # nobody else has waited for it: it is no other's
            os.kill(server._forkserver_pid, signal.SIGKILL)

    util.Finalize(None, end, exitpriority=-1)  # after the children, and in this process alone


def start(
    target: Callable[..., None], memory_bytes: int, *arguments: Any, imported: str | None = None
) -> Child:
    """Start `target(pipe, *arguments)` in a child that is confined, see `_confine`.

    target: a function of a module other than the main one, which the child imports. imported: the
    module that is imported once for all children that are copies of one process, where that is not
    the target's own. Raises ProcessError.
    """
    module = imported or target.__module__
    context = _context(module)
    ours, theirs = context.Pipe()
    life = (theirs, memory_bytes, module, target, arguments)
    process = context.Process(target=_live, args=life, daemon=True)
    with _trouble_explained(), _no_main_module(), _deaf_children():
        process.start()
    theirs.close()
    return Child(process, ours)


def _context(module: str) -> Any:
    """How children start. module: what they import, where they are copies only once for all."""
    # Not fork: a copy of a process that runs inference threads may deadlock.
    methods = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload([module])
    return context


@contextmanager
def _trouble_explained() -> Iterator[None]:
    """Turn the OSError of a process that does not start into a ProcessError."""
    try:
        yield
    except OSError as error:  # processes meet at a socket in the folder for temporary files
        where = "set TMPDIR to a folder of a shorter name" if "too long" in str(error) else ""
        what = where or "look for what the system lacks"
        raise ProcessError(f"no process can be started: {error}; {what}.") from error


def exit_reason(exitcode: int | None) -> str:
    """Why a process ended: a signal's name, or its exit code."""
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"


def limit_work(seconds: float) -> None:
    """Let the system end this process once it has computed for `seconds`; 0 for no end.

    Where the process waits instead of computing, its parent's Watch ends it. So neither counts the
    time for which the whole job is stopped.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def worked_too_long(exitcode: int | None) -> bool:
    """Whether a process ended by what `limit_work` had set."""
    return hasattr(signal, "SIGPROF") and exitcode == -signal.SIGPROF


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started inside never receive stop signals: ending them is their parent's task."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        with _untracked():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@contextmanager
def _untracked() -> Iterator[None]:
    """Processes started inside share nothing that somebody would have to clear away after them.

    So none is started for that, which takes as long as any other, and unblocks signals again. Under
    MAIN_LOCK: the tracker is the whole program's.
    """
    from multiprocessing import resource_tracker

    tracker: Any = vars(resource_tracker)["_resource_tracker"]
    if tracker._fd is not None:  # the program that scans has one for itself
        yield
        return
    with Path(os.devnull).open("wb") as nowhere:
        tracker._fd = nowhere.fileno()
        try:
            yield
        finally:
            tracker._fd = None


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Processes started inside do not begin with the main module of this one, as others do.

    They need nothing of it, and it may be a script that would scan again, or that imports from a
    folder where they look for no modules. It only hides where it came from, and stays in place for
    the other threads of a program that scans.
    """
    with MAIN_LOCK:
        names = vars(sys.modules["__main__"])
        origin: dict[str, Any] = {
            name: names[name] for name in ("__spec__", "__file__") if name in names
        }
        try:
            names["__spec__"] = None
            names.pop("__file__", None)
            yield
        finally:
            names.update(origin)


def _live(
    pipe: Connection,
    memory_bytes: int,
    module: str,
    target: Callable[..., None],
    arguments: Sequence[Any],
) -> None:
    """A child's life: it imports `module`, unless it is a copy that has it, and is confined."""
    try:
        import_module(module)
    except Exception as error:  # whatever is wrong with a library
        reason = str(error) or type(error).__name__
        pipe.send(Refusal(f"a child process cannot import {module}: {reason}."))
        return
    try:
        _confine(memory_bytes)
    except (OSError, ValueError, OverflowError) as error:
        limit = f"the limit of {memory_bytes:,} bytes of memory (--worker-memory)"
        pipe.send(Refusal(f"the system refuses {limit}: {error}; name another."))
        return
    target(pipe, *arguments)


def _confine(memory_bytes: int) -> None:
    """Make this process deaf to Ctrl-C, silent, harmless, and limited in memory where possible."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
    with Path(os.devnull).open("w") as nowhere:  # libraries complain of broken files on stderr
        os.dup2(nowhere.fileno(), 2)
    os.chdir(HOME)  # some libraries look into the current folder for parts of theirs
    with contextlib.suppress(ImportError):  # Windows has no resource module
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        if hard == resource.RLIM_INFINITY or memory_bytes < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, hard))
    sys.addaudithook(partial(_refuse, frozenset(programs().values())))


def _refuse(allowed: frozenset[str], event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook that raises PermissionError for what a child never does."""
    if event == "open":
        path, _, flags = arguments
        if flags & WRITING and not isinstance(path, int) and path != os.devnull:
            raise PermissionError(errno.EPERM, "this process writes no files")
    elif event == "subprocess.Popen":
        if arguments[0] not in allowed:
            raise PermissionError(errno.EPERM, "this process starts no programs")
    elif event in FORBIDDEN:
        raise PermissionError(errno.EPERM, f"this process never does {event}")
