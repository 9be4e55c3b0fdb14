"""What a picture is known to be, and which sub-folder it belongs to, by the path of its row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanner.paths import is_folder
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
    picture; of several the nearest to it counts. A root's own name counts where none below does.
    The group is the first folder or archive, within the root, whose name is no label.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        single = len(roots) == 1 and is_folder(roots[0])
        self._single = path_text(roots[0].resolve().name) if single else None
        # How rows name the roots of several, the longest first, since one may begin another.
        names = [(path_text(str(root)), root) for root in roots] if len(roots) > 1 else []
        self._roots = sorted(names, key=lambda it: len(it[0]), reverse=True)

    def of(self, path: str) -> Label | None:
        """The label of the row at `path`; None where nothing tells."""
        root, inside = self._split(path)
        *above, _ = inside
        known = [place for place, name in enumerate(above) if _label(name) is not None]
        if known:
            label = _label(above.pop(known[-1]))
        else:
            label = _label(root) if root else None
            root = None if label is not None else root
        if label is None:
            return None
        if len(self._roots) > 1 and root:
            above.insert(0, root)
        # A picture in real/FAKE is no picture of a source named "real".
        above = [name for name in above if _label(name) is None]
        return Label(label, above[0].removesuffix(INSIDE) if above else NO_GROUP)

    def _split(self, path: str) -> tuple[str | None, list[str]]:
        """The name of the root, where rows lack it or have all of its path, and those below it."""
        for text, root in self._roots:
            rest = path.removeprefix(text)
            if rest == path or rest[:1] not in ("", "/", os.sep, INSIDE):
                continue
            if is_folder(root):
                return path_text(root.resolve().name), rest.lstrip("/" + os.sep).split("/")
            return None, (path_text(root.name) + rest).split("/")
        return self._single, path.split("/")


def _label(name: str) -> int | None:
    known = name.partition(".")[0] if name.endswith(INSIDE) else name
    return NAMES.get(known.removesuffix(INSIDE).casefold())
