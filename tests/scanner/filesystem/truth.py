"""What the rows of a scan under a plan must say, and what they must not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from scanner.record import Record, Status, path_from_text
from tests.scanner.filesystem.plans import CHANGES_BYTES, CHANGES_KIND, ROOT, Plan, befallen
from tests.scanner.filesystem.scanning import Rule
from tests.scanner.filesystem.trees import OUTSIDE, PATHS

SUCCESS = (Status.SCORED, Status.NOT_IMAGE, Status.CONTAINER)
VOLUMES = {"vol.part1.rar", "vol.part2.rar"}  # what befalls the one shows in the other
# Names may come twice while a folder changes, a read may give less than was asked for, and many
# file systems do not say how much they store.
HARMLESS = ("twice", "short", "blocks")

Truth = Mapping[str, Sequence[Record]]  # the rows of each entry of the evidence, by its path


def by_entry(records: Iterable[Record], root: Path) -> dict[str, list[Record]]:
    """The rows of each file of the evidence and of its members, by the file's path."""
    rows: dict[str, list[Record]] = {}
    for record in records:
        path = path_from_text(record.path.split("!/")[0])
        rows.setdefault(path.removeprefix(f"{root}/").rstrip("/"), []).append(record)
    return rows


def objections(
    plan: Plan, records: Sequence[Record], root: Path, truths: Sequence[Truth], secrets: set[str]
) -> list[str]:
    """What is wrong with the rows of a scan under `plan`.

    truths: what undisturbed scans say of the evidence, and of every state to which a plan may
    change its files; the first is of the evidence as it is. secrets: hashes of what lies outside.
    """
    rows = by_entry(records, root)
    concerned = _concerned(plan.rules)
    wrong = []
    keys = [(record.path, record.position, record.page) for record in records]
    if len(set(keys)) < len(keys):
        wrong.append("a file has two rows")
    for record in records:
        if OUTSIDE in record.path or record.sha256 in secrets:
            wrong.append(f"outside of the evidence: {record.path}")
    for path, true in truths[0].items():
        if path not in concerned and rows.get(path) != true:
            wrong.append(f"not concerned: {_told(rows.get(path))} != {_told(true)}")
        places = (path, *map(str, PurePosixPath(path).parents), str(root), ROOT)
        if not any(place in rows for place in places) and not _may_be_missing(path, plan.rules):
            wrong.append(f"no row: {path}")
    is_changed = any(rule.action in CHANGES_BYTES for rule in plan.rules)
    for path in rows.keys() & concerned:
        states = [truth[path] for truth in (truths if is_changed else truths[:1]) if path in truth]
        wrong += _untrue(rows[path], states)
    return wrong


def _untrue(rows: Sequence[Record], states: Sequence[Sequence[Record]]) -> list[str]:
    """What the rows of one file say, or leave out, that is true in none of its states."""
    true = {row for state in states for row in state}
    hashes = {(row.path, row.sha256) for row in true}
    failed = tuple(f"{row.path}!/" for row in rows if row.status not in SUCCESS)
    places = {row.path.rstrip("/") for row in rows}  # one that is said to be a folder has a slash
    told = [_told(state) for state in states]
    wrong = []
    for row in rows:
        if row.path.startswith(failed):
            continue  # of a container that says itself that it was not read as it is
        if row.status in SUCCESS and row not in true:
            wrong.append(f"not true: {_told([row])}; true: {told}")
        elif row.sha256 is not None and (row.path, row.sha256) not in hashes:
            wrong.append(f"no hash of its: {_told([row])}; true: {told}")
    if states and not any(
        all(row.path in places or row.path.startswith(failed) for row in state) for state in states
    ):
        wrong.append(f"without rows: {_told(rows)}; true: {told}")
    return wrong


def _told(rows: Sequence[Record] | None) -> list[tuple[object, ...]]:
    """What tells rows apart."""
    return [
        (row.path, row.position, str(row.status), row.error, (row.sha256 or "")[:8])
        for row in rows or ()
    ]


def _concerned(rules: Iterable[Rule]) -> set[str]:
    """Paths whose rows may differ from those of an undisturbed scan."""
    places = [befallen(rule) for rule in rules if rule.action not in HARMLESS]
    met = {path for path in PATHS for place in places if _lies_in(path, place)}
    return met | VOLUMES if met & VOLUMES else met


def _lies_in(path: str, place: str) -> bool:
    return place == ROOT or PurePosixPath(path).is_relative_to(place)


def _may_be_missing(path: str, rules: Iterable[Rule]) -> bool:
    """Whether the entry may be gone, or have lost its name, before anybody has seen it."""
    for rule in rules:
        place = befallen(rule)
        if rule.action in (*CHANGES_KIND, "name") and _lies_in(path, place):
            # Whoever meets the entry itself has seen its name; but an empty folder has no row.
            return place != path or rule.victim != "=" or rule.action == "folder"
    return False
