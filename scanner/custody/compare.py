"""What differs between two scans, file by file, and why.

Both reports are ordered by path, so they are read side by side and memory stays flat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from scanner.custody.manifest import ManifestError, find_manifest, read_manifest
from scanner.record import Record, path_text
from scanner.reports.read import ReadError, columns_of, read_records

ASKED_FOR = frozenset({"sha1", "md5", "pdq"})  # columns that are empty unless they are asked for
NOT_COMPARED = frozenset({"path", "position", "page", "model"})  # as values: they tell which row
LONGEST_SHOWN = 200  # characters of a value; evidence may hold a whole workflow
# Facts of a manifest that say what may move a score or a name. Times, places and results are none.
CAUSES = (
    "imgscan", "python", "platform", "instructions", "libraries", "decoders", "unpackers", "models",
    "kind_of_record", "limits", "hashing", "zip_names", "c2pa_trust",
)  # fmt: skip
# Of a model; in the manifests of scans by one model alone they stood by themselves.
MODEL_CAUSES = (
    "domain", "false_positive_rate", "false_negative_rate", "ood_at_most", "quality", "looks",
    "provider", "precision", "first_pass",
)  # fmt: skip


@dataclass
class Comparison:
    """Totals of a comparison; complete once `differences` is exhausted.

    models: (model of A, model of B), where they differ, to the number of files. one_sided: columns
    that one report alone has, which are not compared, to that report.
    unexplained: changed rows of files that, as far as was read, are the same, by the same model.
    """

    a: Path
    b: Path
    both: int = 0
    removed: int = 0
    added: int = 0
    changed: int = 0
    unexplained: int = 0
    models: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    one_sided: dict[str, Path] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        return not (self.removed or self.added or self.changed or self.models)

    def differences(self) -> Iterator[str]:
        """One line for every file that differs, ordered by path. Raises ReadError."""
        of_a, of_b = columns_of(self.a), columns_of(self.b)
        columns = of_a & of_b
        if columns:
            self.one_sided = dict.fromkeys(sorted(of_a - of_b), self.a)
            self.one_sided |= dict.fromkeys(sorted(of_b - of_a), self.b)
        for before, after in _pairs(self.a, self.b):
            if after is None:
                assert before is not None
                self.removed += 1
                yield f"{_name(before)}: only in {self.a}"
            elif before is None:
                self.added += 1
                yield f"{_name(after)}: only in {self.b}"
            elif line := self._compared(before, after, columns):
                yield line

    def summary(self) -> Iterator[str]:
        """The totals, and what the manifests say of their causes."""
        for (before, after), count in sorted(self.models.items(), key=str):
            names = f"from {_shown(before)} to {_shown(after)}"
            yield f"the model changed {names} for {count:,} rows"
        for column, report in self.one_sided.items():
            yield f"only {report} has the column {column}, which was not compared"
        yield (
            f"{self.both:,} rows in both, {self.changed:,} of them changed; "
            f"{self.removed:,} only in {self.a}, {self.added:,} only in {self.b}"
        )
        if self.unexplained:
            yield f"{self.unexplained:,} of them though neither file nor model changed"
        if not self.same:
            yield from _causes(self.a, self.b)

    def _compared(self, before: Record, after: Record, columns: Set[str]) -> str | None:
        self.both += 1
        if _model_changed(before, after):
            self.models[before.model, after.model] += 1
        line = _difference(before, after, columns - NOT_COMPARED)
        if line:
            self.changed += 1
            explained = _model_changed(before, after) or _file_changed(before, after)
            self.unexplained += not explained
        return line


def _pairs(a: Path, b: Path) -> Iterator[tuple[Record | None, Record | None]]:
    """Records of one file in both reports; None where a report lacks it."""
    left, right = _ordered(a), _ordered(b)
    before, after = next(left, None), next(right, None)
    while before is not None or after is not None:
        if after is None or (before is not None and _key(before) < _key(after)):
            yield before, None
            before = next(left, None)
        elif before is None or _key(after) < _key(before):
            yield None, after
            after = next(right, None)
        else:
            yield before, after
            before, after = next(left, None), next(right, None)


def _ordered(report: Path) -> Iterator[Record]:
    last: tuple[str, int, int] | None = None
    for record in read_records(report):
        if last is not None and _key(record) <= last:
            raise ReadError(
                f"{report} is not ordered by path, as imgscan writes it, at {_name(record)}; "
                "compare the report as it was written."
            )
        last = _key(record)
        yield record


def _key(record: Record) -> tuple[str, int, int]:
    # Of an image that could not be opened, the one row is held against that of its first page.
    return record.path, record.position, record.page or 1


def _name(record: Record) -> str:
    member = f" (member {record.position})" if record.position else ""
    page = f" (page {record.page})" if (record.page or 1) > 1 else ""
    return f"{record.path}{member}{page}"


def _difference(before: Record, after: Record, columns: Set[str]) -> str | None:
    """What became, in `columns` that both reports have, of a file that both have."""
    changes = [
        _change(column.name, getattr(before, column.name), getattr(after, column.name))
        for column in fields(Record)
        if column.name in columns
    ]
    told = "; ".join(filter(None, changes))
    if not told:
        return None
    file, model = _file_changed(before, after), _model_changed(before, after)
    causes = [name for name, changed in (("file", file), ("model", model)) if changed]
    why = f"{' and '.join(causes)} changed: " if causes else ""
    return f"{_name(after)}: {why}{told}"


def _file_changed(before: Record, after: Record) -> bool:
    """A scan that could not read a file knows no hash of it, which is no change of the file."""
    pairs = ((before.sha256, after.sha256), (before.bytes, after.bytes))
    return any(old != new for old, new in pairs if None not in (old, new))


def _model_changed(before: Record, after: Record) -> bool:
    """A row without a verdict names no model, or in older reports that of the scan."""
    if before.model is None and after.model is None:
        return before.reason != after.reason  # which names the domains of all the scan's models
    unjudged = any(row.model is None and row.verdict is None for row in (before, after))
    return before.model != after.model and not unjudged


def _change(name: str, old: Any, new: Any) -> str | None:
    # A hash that one scan did not take says nothing about the file.
    if old == new or (name in ASKED_FOR and None in (old, new)):
        return None
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    moved = f" ({new - old:+.6g})" if numbers else ""
    return f"{name} {_shown(old)} → {_shown(new)}{moved}"


def _shown(value: Any) -> str:
    """On one line, and safe on a terminal: decoders' messages may quote a hostile file."""
    text = "none" if value is None else path_text(str(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _causes(a: Path, b: Path) -> Iterator[str]:
    try:
        before, after = (_with_models(read_manifest(find_manifest(report))) for report in (a, b))
        changes = [
            line
            for name in CAUSES
            for line in _fact_changes(name, before.get(name), after.get(name))
        ]
    except (ManifestError, RecursionError):
        yield (
            "the scans' surroundings cannot be compared: both manifests are needed, which lie "
            "beside the first report of each scan"
        )
        return
    yield from changes


def _with_models(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with what may move a score of each of its models, by the model's name."""
    match manifest:
        case {"models": list(models)}:
            pass
        case {"model": {"name": _, "sha256": _} as model}:  # an older scan's, by one model
            models = [model | {name: manifest[name] for name in MODEL_CAUSES if name in manifest}]
        case _:
            return manifest
    causes = {}
    for model in models:
        if isinstance(model, dict):
            # Manifests without a rate for fakes called real are of scans that had one for both,
            # those without looks of scans that took none.
            rate = model.get("false_positive_rate")
            before: dict[str, Any] = {"false_negative_rate": rate, "looks": []}
            whole = before | model
            named = ("sha256", *MODEL_CAUSES)
            causes[str(model.get("name"))] = {name: whole.get(name) for name in named}
    return manifest | {"models": causes}


def _fact_changes(name: str, before: Any, after: Any) -> Iterator[str]:
    before, after = _by_name(before), _by_name(after)
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            inner = f"{name} {_shown(key)}"
            yield from _fact_changes(inner, before.get(key), after.get(key))
    elif before != after:
        yield f"the manifests differ: {name} {_shown(before)} → {_shown(after)}"


def _by_name(fact: Any) -> Any:
    """A list of things that have names, as trust lists do, by these; anything else as it is."""
    match fact:
        case [{"name": _}, *_] if all(isinstance(it, dict) and "name" in it for it in fact):
            return {str(it["name"]): {key: it[key] for key in it if key != "name"} for it in fact}
        case []:
            return {}
    return fact
