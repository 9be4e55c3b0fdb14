"""Stopping on Ctrl-C, SIGTERM or a closed terminal: soon, once, and without noise."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from scanner.environment import STOP_SIGNALS

GRACE_SECONDS = 1.5  # for putting the journal in order


def ignore_signals() -> None:
    """Ignore further stop signals; for a command whose work is done."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def stoppable(sentence: str, exit_code: int) -> Iterator[None]:
    """Inside, the first stop signal raises KeyboardInterrupt and later ones are ignored.

    When the process has not ended GRACE_SECONDS after it (its main thread may be deep inside a C
    library), it prints `sentence` and ends with `exit_code`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    # What the caller had ignored, as nohup does, stays ignored.
    former = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    listened = [number for number in STOP_SIGNALS if former[number] != signal.SIG_IGN]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # The C-level handler writes here at once, whatever the main thread is doing.
    former_wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    done = threading.Event()
    watch = (reader, done, listened, sentence, exit_code)
    threading.Thread(target=_watch, args=watch, daemon=True).start()
    interrupted = False
    try:
        for number in listened:
            signal.signal(number, _interrupt)
        yield
    except KeyboardInterrupt:
        interrupted = True  # from here to the end of the process, all stays as it is
        raise
    finally:
        if not interrupted:
            for number in listened:
                signal.signal(number, former[number])
            done.set()
            signal.set_wakeup_fd(former_wakeup)
            os.close(writer)


def _interrupt(number: int, frame: FrameType | None) -> None:
    ignore_signals()
    raise KeyboardInterrupt


def _watch(
    reader: int, done: threading.Event, listened: list[int], sentence: str, exit_code: int
) -> None:
    with open(reader, "rb", buffering=0) as wakeups:
        while received := wakeups.read(1):
            if received[0] in listened and not done.wait(GRACE_SECONDS):
                os.write(2, f"Error: {sentence}\n".encode())
                os._exit(exit_code)
