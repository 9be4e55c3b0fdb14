"""Which faults a file system may show in a scan."""

from __future__ import annotations

import errno
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.scanner.filesystem.scanning import Rule
from tests.scanner.filesystem.trees import FILES, PATHS

ROOT = "evidence"  # the name of the evidence folder
ERRORS = [
    errno.EACCES, errno.EAGAIN, errno.EBADMSG, errno.EINTR, errno.EIO, errno.EISDIR, errno.ELOOP,
    errno.EMFILE, errno.ENAMETOOLONG, errno.ENODEV, errno.ENOENT, errno.ENOMEM, errno.ENOTDIR,
    errno.ENXIO, errno.EOVERFLOW, errno.EPERM, errno.ESTALE, errno.ETIMEDOUT, errno.EUCLEAN,
]  # fmt: skip
LAST = 2**63 - 1
# The first and last second there is, 1601, before 1678, 1969, 1970, behind 2262, the year 10000.
SECONDS = [-LAST - 1, -11_644_473_600, -9_223_372_037, -1, 0, 9_223_372_037, 253_402_300_800, LAST]
SIZES = [-LAST - 1, -1, 0, 1, 600, 1 << 20, 1 << 40, LAST]
KINDS = [0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK]
BLOCK_SIZES = [0, 1, 3, 1 << 30, 1 << 31]
INODES = [0, LAST]
LISTED_KINDS = [0, 1, 4, 8, 10]  # unknown, pipe, folder, regular file, link
OFFSETS = [0, 1, 10, 600, 70_000, 1 << 20]
RESIZED = (0, 100, 200_000)  # to which a change may bring a file
COPIED = "spare"  # outside of the evidence, what may take its place

CHANGES_KIND = ("remove", "folder", "fifo", "link")
CHANGES_BYTES = ("copy", "resize")
CHANGES = (*CHANGES_KIND, *CHANGES_BYTES)

Action = Mapping[str, Any]  # the fields of a rule that say what happens


@dataclass(frozen=True)
class Plan:
    """rules: of the faults. by_name: whether all in the evidence is named, not its folder."""

    rules: tuple[Rule, ...]
    by_name: bool = False
    workers: int = 1


class Site(NamedTuple):
    """Where a plan may strike: a call that an undisturbed scan makes, at most `times` a process."""

    where: str
    call: str
    name: str
    times: int


def plans(sites: list[Site], outside: Path) -> st.SearchStrategy[Plan]:
    """Plans of one or two rules; links lead into the folder `outside`."""
    rule = st.sampled_from(sites).flatmap(lambda site: _rules(site, outside))
    rules = st.lists(rule, min_size=1, max_size=2).map(tuple)
    by_name = st.sampled_from([False, False, True])
    return st.builds(Plan, rules, by_name, st.sampled_from([1, 2])).filter(is_fair)


def _rules(site: Site, outside: Path) -> st.SearchStrategy[Rule]:
    return st.builds(
        _rule,
        st.just(site),
        st.sampled_from(actions(site.call, outside)),
        st.sampled_from([-1, *range(1, site.times + 1), *range(-site.times, -1)]),
        st.sampled_from([site.where, "any"]),
        st.sampled_from(["=", "=", "=", *PATHS]),
    )


def _rule(site: Site, action: Action, times: int, where: str, victim: str) -> Rule:
    if action["action"] not in CHANGES:
        victim = "="
    return Rule(site.call, site.name, times=times, where=where, victim=victim, **action)


def actions(call: str, outside: Path) -> list[Action]:
    """All that may happen at a call."""
    errors = [{"action": "errno", "a": number} for number in ERRORS]
    targets = [*(str(outside / name) for name in ("image", "zip", "folder", "none")), "note.txt"]
    changes: list[Action] = [
        *({"action": action} for action in ("remove", "folder", "fifo")),
        *({"action": "link", "text": target} for target in (*targets, ".", "album")),
        {"action": "copy", "text": str(outside / COPIED)},
        *_each("resize", RESIZED),
    ]
    lies = [
        *_each("mtime", SECONDS),
        *_each("size", SIZES),
        *_each("mode", [kind | 0o644 for kind in KINDS]),
        *_each("ino", INODES),
        *_each("blocks", [0]),
        *_each("blksize", BLOCK_SIZES),
    ]
    bad_sectors = [{"action": "errno", "a": errno.EIO, "b": offset} for offset in OFFSETS]
    parts = [*_each("cut", OFFSETS), *_each("short", [700, 4096])]
    names = ["ghost.png", "a.png", "x" * 255, "..", ".", "../../outside/image"]
    listed = [
        {"action": "twice"},
        *_each("type", LISTED_KINDS),
        *({"action": "name", "text": name} for name in names),
    ]
    own = {"stat": lies, "read": [*bad_sectors, *parts], "list": listed}.get(call, [])
    return [*errors, *changes, *own]


def _each(action: str, values: Any) -> list[Action]:
    return [{"action": action, "a": value} for value in values]


def is_fair(plan: Plan) -> bool:
    """Whether it is known what would be right.

    A link in the place of what a user named is followed, nobody knows what a folder holds that has
    become a file or what a file holds that is changed twice, and who is interrupted tries again for
    ever.
    """
    rewritten = [befallen(rule) for rule in plan.rules if rule.action in CHANGES_BYTES]
    if len(set(rewritten)) < len(rewritten) or not set(rewritten) <= set(FILES):
        return False
    for rule in plan.rules:
        if rule.action == "errno" and rule.a == errno.EINTR and rule.times < 0:
            return False
        victim = befallen(rule)
        is_named = "/" not in victim if plan.by_name else victim == ROOT
        if rule.action == "link" and is_named:
            return False
    return True


def befallen(rule: Rule) -> str:
    """Where in the evidence that lies which a rule is about; no two entries are of one name."""
    if rule.victim != "=":
        return rule.victim
    return next((path for path in PATHS if PurePosixPath(path).name == rule.name), ROOT)
