"""Protects: where evidence lies is found out as by resolving each path, however it is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scanner.paths import Roots, identity, resolved


@pytest.mark.skipif(os.name != "posix", reason="symbolic links for everybody")
def test_roots_lie_where_their_paths_lead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x").touch()
    (tmp_path / "a" / "b" / "y").touch()
    (tmp_path / "link").symlink_to("a/b")
    (tmp_path / "a" / "out").symlink_to("../link/y")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path / "a")
    names = [
        "x", "b", "b/y", "../a/x", "../link/y", "../link/../x", "../link", "out", "../loop", "none",
        "none/x", ".", "..", "b/..", "/", str(tmp_path / "a" / "b"), str(tmp_path / "link" / "y"),
    ]  # fmt: skip
    paths = [Path(name) for name in names]
    roots = Roots(paths)
    assert roots.places == [str(resolved(path)) for path in paths]
    assert roots.folders == {
        number: identity(path)
        for number, path in enumerate(paths)
        if os.path.isdir(path)  # noqa: PTH112
    }
    assert roots.identities == {identity(path): path for path in paths}


# "f" is a file, "d" and "a/b" are folders, "link" leads to a/b; "tmp" and "etc" also lie in "/".
NAMES = [
    "/", "//", "/tmp", "/etc", "//tmp", "tmp", "etc", "d", "./d", "d/", "./f", "f", "a/../d", "a/b",
    "link", "link/..", "link/../b", "./link/x", "d/.", "..", ".", "/.", "/..", "/tmp/", "none",
    "/none",
]  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="POSIX paths and links")
@pytest.mark.parametrize("first", NAMES)
def test_what_was_met_before_changes_no_place(
    first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tmp", "etc", "d", "a/b"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("f", "a/b/x"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("a/b")
    monkeypatch.chdir(tmp_path)
    for second in NAMES:
        paths = [Path(first), Path(second)]
        assert Roots(paths).places == [str(resolved(path)) for path in paths]


@pytest.mark.skipif(os.name != "posix", reason="one root of all")
def test_the_root_of_all_lies_in_nothing_and_all_else_in_it(tmp_path: Path) -> None:
    root = Path("/")
    folders = {identity(root): root}
    assert list(Roots([root, tmp_path, Path("/tmp")]).inside(folders)) == [
        (tmp_path, root),
        (Path("/tmp"), root),
    ]
    assert list(Roots([root, tmp_path]).inside({identity(tmp_path): tmp_path})) == []


def test_the_holder_of_a_path_is_found_by_whatever_name(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    (evidence / "inner").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    roots = Roots([evidence, tmp_path / "a.jpg"])
    assert roots.holder(evidence / "inner" / "new") == evidence
    assert roots.holder(tmp_path / "other" / ".." / "evidence") == evidence
    assert roots.holder(tmp_path / "a.jpg") == tmp_path / "a.jpg"
    assert roots.holder(tmp_path / "other" / "new") is None
