"""What a picture is known to be, and which sub-folder it belongs to, by the path of its row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanner.paths import is_folder, resolved
from scanner.record import path_text

REAL, FAKE = 0, 1
CLASSES = {REAL: "photographs", FAKE: "fakes"}
NAMES = {
    "real": REAL, "0_real": REAL, "nature": REAL, "photographs": REAL,
    "fake": FAKE, "1_fake": FAKE, "ai": FAKE, "generated": FAKE,
}  # fmt: skip
INSIDE = "!"  # ends the name of an archive in a row's path
NO_GROUP = "."


@dataclass(frozen=True)
class Label:
    """label: REAL or FAKE. group: the sub-folder, NO_GROUP where there is none."""

    label: int
    group: str


class Labels:
    """Labels for the rows of a scan of `roots`.

    A label is the name, in any letters, of a folder or archive (up to its first dot) above the
    picture; of several the nearest to it counts. Where none within a root says what it is, the
    root's own name counts, of a file that of the folder it lies in. The group is the first folder
    or archive, within the root, whose name is no label.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._single = _folder_of(roots[0]) if len(roots) == 1 else None
        # How rows name the roots of several, the longest first, since one may begin another.
        names = [(path_text(str(root)), root) for root in roots] if len(roots) > 1 else []
        self._roots = sorted(names, key=lambda it: len(it[0]), reverse=True)

    def of(self, path: str) -> Label | None:
        """The label of the row at `path`; None where nothing tells."""
        named, group, (*above, _) = self._split(path)
        known = [place for place, name in enumerate(above) if _label(name) is not None]
        label = _label(above.pop(known[-1])) if known else _label(named or "")
        if label is None:
            return None
        if group:
            above.insert(0, group)
        # A picture in real/FAKE is no picture of a source named "real".
        above = [name for name in above if _label(name) is None]
        return Label(label, above[0].removesuffix(INSIDE) if above else NO_GROUP)

    def _split(self, path: str) -> tuple[str | None, str | None, list[str]]:
        """What names the root, the same where it may be a group, and the names below it."""
        for text, root in self._roots:
            rest = path.removeprefix(text)
            if rest == path or rest[:1] not in ("", "/", os.sep, INSIDE):
                continue
            folder = _folder_of(root)
            if is_folder(root):
                return folder, folder, rest.lstrip("/" + os.sep).split("/")
            return folder, None, (path_text(root.name) + rest).split("/")
        return self._single, None, path.split("/")


def _folder_of(root: Path) -> str:
    """The name of the folder that a root is, or that it lies in."""
    place = resolved(root)
    return path_text((place if is_folder(root) else place.parent).name)


def _label(name: str) -> int | None:
    known = name.partition(".")[0] if name.endswith(INSIDE) else name
    return NAMES.get(known.removesuffix(INSIDE).casefold())
