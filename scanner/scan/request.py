"""What a scan is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scanner.containers.zip_names import CP437, code_page
from scanner.errors import ImgscanError
from scanner.limits import AUTO, LARGEST_BATCH, MOST_WORKERS, Limits
from scanner.path_list import Paths
from scanner.record import Verdict
from scanner.reports import has_pictures

TUPLES = {
    "paths": Path, "reports": Path, "known": Path, "similar": Path, "also_written": Path,
    "c2pa_trust": Path,
    "passwords": str, "command": str, "explain": Verdict,
}  # fmt: skip


class RequestError(ImgscanError):
    """What is asked for makes no sense; the sentence says why."""


@dataclass(frozen=True)
class Request:
    """What a user asks for. Raises RequestError and CodePageError.

    paths: folders, images and archives; what is not there has a row that says so. reports: files to
    write, in the formats of their suffixes; without any the watcher receives the records. model:
    `auto` for all bundled models, each image going to the one whose domain holds it; a bundled or
    added model's name; or a file. false_positive_rate: of an operating point that every model has;
    None for the first of each. device: one of `scanner.backends.choose.DEVICES`. batch_size and
    workers: None for the backend's own and for one a core. md5: take these hashes, too. known: hash
    lists. skip_known: leave out what is in them. passwords: tried in turn on whatever is encrypted.
    sign: a private key's file. fresh: forget an interrupted scan. carve: search for pictures in
    what nothing accounts for. also_written: what the caller writes meanwhile, such as a log, and
    what therefore must not be evidence either. command: what started the scan, for the manifest.
    zip_names: the code page of names in zips that say nothing of it, as Python calls it.
    c2pa_trust: PEM files of those whose C2PA signatures are trusted. explain: with which verdicts
    HTML reports show where in a picture the evidence lies. blur: whether they show pictures blurred
    until they are clicked. sha1, pdq: take these hashes, too. similar: lists of PDQ hashes, to find
    like pictures by. streamed: whether the watcher receives the records besides the reports.
    keep_journal: leave the journal when the scan is done, for a caller that has more to do with it:
    until `remove_journal` the same request carries on from its end. exact: whether logits are
    compared with each other, or judged by more than one operating point, so that no file scores
    before the model's own. paths may be `Paths`, which hold very many of them as text.
    """

    paths: tuple[Path, ...] | Paths
    reports: tuple[Path, ...] = ()
    model: str = AUTO
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
    carve: bool = True
    also_written: tuple[Path, ...] = ()
    command: tuple[str, ...] = ()
    zip_names: str = CP437
    c2pa_trust: tuple[Path, ...] = ()
    explain: tuple[Verdict, ...] = ()
    blur: bool = True
    sha1: bool = False
    pdq: bool = False
    similar: tuple[Path, ...] = ()
    streamed: bool = False
    keep_journal: bool = False
    exact: bool = False

    @property
    def pictures(self) -> bool:
        """Whether a report shows pictures, which the scan then keeps."""
        return any(map(has_pictures, self.reports))

    def __post_init__(self) -> None:
        for name, kind in TUPLES.items():
            values = getattr(self, name)
            if name == "paths" and isinstance(values, Paths):
                continue
            if not isinstance(values, tuple) or not all(isinstance(it, kind) for it in values):
                raise RequestError(f"{name} must be a tuple, and each of it a {kind.__name__}.")
        if not isinstance(self.model, str) or not isinstance(self.sign, Path | None):
            raise RequestError("model must be a str, and sign a Path or None.")
        code_page(self.zip_names)
        if not self.paths:
            raise RequestError("there is nothing to scan; name a folder or file.")
        if nameless := [report for report in self.reports if not report.name]:
            raise RequestError(f"{str(nameless[0])!r} is no name of a file.")
        if self.sign and not self.reports:
            raise RequestError("there is no report to sign; name one.")
        if self.skip_known and not self.known:
            raise RequestError("there is no list of known files to skip; name one.")
        if (self.explain or not self.blur) and not self.pictures:
            raise RequestError("there is no HTML report to show pictures in; name one.")
        for name, most in (("batch_size", LARGEST_BATCH), ("workers", MOST_WORKERS)):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and 1 <= value <= most):
                raise RequestError(f"{name} must be 1 to {most:,}, or None, not {value!r}.")
