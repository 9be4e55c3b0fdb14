"""What this process and its children find around them, none of which may be the evidence's.

That is where modules, programs and temporary files are looked for, and which signals ask to stop.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from scanner.errors import ImgscanError
from scanner.roots import Roots

HOME = Path(__file__).parent  # the scanner's own folder, in which no evidence lies
# The programs that may be run, all to unpack RAR; the first that works is taken.
PROGRAMS = ("unrar", "unar", "7z", "7zz", "bsdtar")
# Environment variables that name the folder for temporary files, and those that Python takes where
# none does; on Windows there is always one.
SQLITES = "SQLITE_TMPDIR"
TEMPORARY = (SQLITES, "TMPDIR", "TEMP", "TMP")
UNNAMED = [Path(name) for name in ("/tmp", "/var/tmp", "/usr/tmp")] if os.name == "posix" else []
# What asks this process to stop; its children never hear it.
STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class UnsafeError(ImgscanError):
    """Code could come from the evidence, or the evidence would be written to; says how."""


def close_search_paths(evidence: Roots) -> None:
    """Let this process and its children find no module and no program where evidence may lie.

    Modules come from no relative and not from the current folder, though Python may look there
    first; programs from no folder of the evidence either. Raises UnsafeError where the children
    could not be kept from the current folder.
    """
    if sys.flags.ignore_environment and not sys.flags.safe_path:
        raise UnsafeError("python -E looks for modules in the current folder; use python -I.")
    os.environ["PYTHONSAFEPATH"] = "1"  # children start as `python -c`, and would look there first
    # Windows would look there for programs.
    os.environ["NoDefaultCurrentDirectoryInExePath"] = "1"  # noqa: SIM112 its own spelling
    sys.path[:] = _module_folders(sys.path)
    if given := os.environ.get("PYTHONPATH"):
        os.environ["PYTHONPATH"] = os.pathsep.join(_module_folders(given.split(os.pathsep)))
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    kept = [
        folder
        for folder in folders
        if not _is_here(folder) and not any(map(evidence.holder, _programs_in(folder)))
    ]
    # No folder at all would mean the current one. In this one there are no programs.
    os.environ["PATH"] = os.pathsep.join(kept or [str(HOME)])


def _module_folders(folders: Sequence[str]) -> list[str]:
    """Those of `folders` that code may come from; the scanner's own last, if it is the current."""
    code = str(HOME.parent)
    kept = [folder for folder in folders if _is_installed(folder) or not _is_here(folder)]
    return [*kept, code] if code in folders and code not in kept else kept


def _is_installed(folder: str) -> bool:
    prefixes = (sys.prefix, sys.base_prefix)
    installation = {os.path.normcase(Path(prefix).resolve()) for prefix in prefixes}
    return Path(folder).is_absolute() and _lies_in(installation, folder)


def _is_here(folder: str) -> bool:
    """Whether it is the current folder, or named from there."""
    return not Path(folder).is_absolute() or Path(folder).resolve() == Path.cwd().resolve()


def _lies_in(roots: Set[str], path: str) -> bool:
    """Whether a path, links followed, is one of `roots` or below one, of the case of `normcase`."""
    place = Path(path).resolve()
    return not roots.isdisjoint(map(os.path.normcase, (place, *place.parents)))


def _programs_in(folder: str) -> Iterator[Path]:
    """The folder itself, and those of PROGRAMS in it, which may be links to elsewhere."""
    yield Path(folder)
    yield from map(Path, filter(None, (shutil.which(name, path=folder) for name in PROGRAMS)))


def programs() -> dict[str, str]:
    """Name to path of those of PROGRAMS that are installed; after `close_search_paths`."""
    found = {name: shutil.which(name) for name in PROGRAMS}
    return {name: path for name, path in found.items() if path}


def check_temporary_folder(evidence: Roots) -> None:
    """Raise UnsafeError if the folder for temporary files lies in the evidence; else, settle on it.

    Processes talk to each other through it, databases use it, and a scan without a report keeps its
    journal there.
    """
    import tempfile

    named = [(name, Path(os.environ[name])) for name in TEMPORARY if os.environ.get(name)]
    # Python tries each by writing to it, until one will do, and last of all the current folder.
    for name, folder in (*named, *(("TMPDIR", folder) for folder in UNNAMED)):
        _refuse_temporary(folder, name, evidence)
        if name != SQLITES and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            break
    else:
        if UNNAMED:
            raise UnsafeError("there is no folder for temporary files; set TMPDIR to one.")
    os.environ[SQLITES] = tempfile.gettempdir()  # or it would look for one by itself


def _refuse_temporary(folder: Path, name: str, evidence: Roots) -> None:
    if root := evidence.holder(folder):
        raise UnsafeError(
            f"the temporary folder {folder} lies inside the evidence {root}, which must not be "
            f"written to; set {name} to a folder outside of it."
        )
