"""What a scan is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scanner.limits import Limits
from scanner.model.file import DEFAULT_MODEL


@dataclass(frozen=True)
class Request:
    """What a user asks for.

    paths: folders, images and archives. reports: files to write, in the formats of their suffixes;
    without any, the watcher receives the records. model: a bundled or added model's name or a file.
    false_positive_rate: of one of its operating points; None for its first. device: one of
    `scanner.backends.choose.DEVICES`. batch_size and workers: None for the backend's own and for
    one a core. md5: take these hashes, too. known: hash lists. skip_known: leave out what is in
    them. passwords: tried in turn on whatever is encrypted. sign: a private key's file. fresh:
    forget an interrupted scan. also_written: what the caller writes meanwhile, such as a log, and
    what therefore must not be evidence either. Raises ValueError for a key or a wish to skip
    without what it would be of.
    """

    paths: tuple[Path, ...]
    reports: tuple[Path, ...] = ()
    model: str = DEFAULT_MODEL
    false_positive_rate: float | None = None
    device: str = "auto"
    batch_size: int | None = None
    workers: int | None = None
    limits: Limits = Limits()  # noqa: RUF009  immutable
    md5: bool = False
    known: tuple[Path, ...] = ()
    skip_known: bool = False
    passwords: tuple[str, ...] = ()
    sign: Path | None = None
    fresh: bool = False
    also_written: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.sign and not self.reports:
            raise ValueError("there is no report to sign")
        if self.skip_known and not self.known:
            raise ValueError("there is no list of known files to skip")
