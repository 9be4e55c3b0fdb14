"""Where a scan may write: never inside or over its evidence, its inputs or its own other files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from scanner.roots import holder, identity, resolved

# Environment variables that name the folder for temporary files, and those that Python takes where
# none does; on Windows there is always one.
SQLITES = "SQLITE_TMPDIR"
TEMPORARY = (SQLITES, "TMPDIR", "TEMP", "TMP")
UNNAMED = [Path(name) for name in ("/tmp", "/var/tmp", "/usr/tmp")] if os.name == "posix" else []


class PlaceError(Exception):
    """A file that the scan writes would damage another; the sentence says which."""


def check_outputs(
    outputs: Sequence[Path], evidence: Sequence[Path], inputs: Sequence[Path]
) -> None:
    """Raise PlaceError for the first of `outputs` that must not be written where it is named.

    outputs: every file that the scan writes. inputs: files it reads besides the evidence.
    """
    roots = {identity(path): path for path in evidence}
    others = {identity(path): path for path in inputs}
    written = set()
    for output in outputs:
        if root := holder(resolved(output), roots):
            raise PlaceError(f"{output} lies inside the evidence {root}; write it elsewhere.")
        this = identity(output)
        if other := others.get(this):
            raise PlaceError(f"{output} would replace {other}, which the scan reads; rename it.")
        if this in written:
            raise PlaceError(f"the scan would write two files as {output}; rename one.")
        written.add(this)


def check_temporary_folder(evidence: Sequence[Path]) -> None:
    """Raise PlaceError if the folder for temporary files lies in the evidence; else, settle on it.

    Processes talk to each other through it, databases use it, and a scan without a report keeps its
    journal there.
    """
    named = [(name, Path(os.environ[name])) for name in TEMPORARY if os.environ.get(name)]
    # Python tries each by writing to it, until one will do, and last of all the current folder.
    for name, folder in (*named, *(("TMPDIR", folder) for folder in UNNAMED)):
        _refuse_temporary(folder, name, evidence)
        if name != SQLITES and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            break
    else:
        if UNNAMED:
            raise PlaceError("there is no folder for temporary files; set TMPDIR to one.")
    os.environ[SQLITES] = tempfile.gettempdir()  # or it would look for one by itself


def _refuse_temporary(folder: Path, name: str, evidence: Sequence[Path]) -> None:
    if root := holder(resolved(folder), {identity(path): path for path in evidence}):
        raise PlaceError(
            f"the temporary folder {folder} lies inside the evidence {root}, which must not be "
            f"written to; set {name} to a folder outside of it."
        )


def check_added_model(model: Path, evidence: Sequence[Path]) -> None:
    """Raise PlaceError if a model that is known by its name lies in the evidence.

    Whoever made the evidence may have put it there.
    """
    if root := holder(resolved(model), {identity(path): path for path in evidence}):
        raise PlaceError(
            f"the added model {model} lies inside the evidence {root}, which may have brought it; "
            "name a model outside of it, or set XDG_DATA_HOME to a folder that is."
        )


def check_written_in_place(outputs: Sequence[Path]) -> None:
    """Raise PlaceError for the first of `outputs` that is a hard link, maybe to evidence.

    outputs: those that are written where they lie. Others are written anew and then take their
    name, so that what it was a link to stays.
    """
    for output in outputs:
        with suppress(OSError):  # it does not exist yet
            if output.is_file() and output.stat().st_nlink > 1:
                raise PlaceError(
                    f"{output} is a hard link, and what the scan writes to it would change the "
                    "file of another name, too; move it away, or name another."
                )
