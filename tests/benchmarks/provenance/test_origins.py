"""Protects: origins are counted by what pictures are, and those that surprise are named."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from benchmarks.provenance import origins
from tests.benchmarks.provenance.manifests import list_pictures
from tests.scanner.provenance import writing as write


def test_what_pictures_say_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for place in (tmp_path / "files", folder / "real", folder / "fake"):
        place.mkdir(parents=True)
    silent, made = write.saved("PNG"), write.png(parameters="a\nSteps: 2, Seed: 1")
    for name, data in {"real": silent, "fake": made, "other": write.png(Title="x")}.items():
        (tmp_path / f"files/{name}.png").write_bytes(data)
    (folder / "real/mislabelled.png").write_bytes(made)
    list_pictures(tmp_path)
    places = ["--data", tmp_path, "--files", tmp_path / "files", "--output", tmp_path / "out"]
    done = CliRunner().invoke(origins.main, [str(it) for it in (folder, *places)])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out/origins.json").read_text())
    counts = {row["kind"]: (row["pictures"], row["ai_declared"]) for row in found["rows"]}
    assert counts == {"photographs": (2, 1), "no photographs": (1, 0), "fakes": (1, 1)}
    assert [it["file"] for it in found["surprises"]] == ["mislabelled.png"]
