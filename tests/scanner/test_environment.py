"""Protects: no module and no program is ever taken from where evidence may lie."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scanner.environment import HOME, close_search_paths, programs
from scanner.roots import Roots

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX processes and signals")

pytestmark = pytest.mark.usefixtures("search_paths")


@posix
def test_programs_of_the_evidence_are_never_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence, here, trusted, linked = (tmp_path / name for name in ("e", "here", "ok", "linked"))
    for folder in (evidence, here, trusted, linked):
        folder.mkdir()
    for folder in (evidence, here):
        (folder / "unrar").write_text("#!/bin/sh\n")
        (folder / "unrar").chmod(0o755)
    (linked / "7z").symlink_to(evidence / "unrar")
    (tmp_path / "alias").symlink_to(evidence)
    monkeypatch.chdir(here)
    folders = [".", "", str(here), str(evidence), f"{tmp_path}/alias", "../e", str(linked)]
    monkeypatch.setenv("PATH", os.pathsep.join([*folders, str(trusted)]))
    close_search_paths(Roots([evidence]))
    assert os.environ["PATH"] == str(trusted)
    assert programs() == {}
    (trusted / "unrar").write_text("#!/bin/sh\n")
    (trusted / "unrar").chmod(0o755)
    assert programs() == {"unrar": str(trusted / "unrar")}
    monkeypatch.setenv("PATH", ".")
    close_search_paths(Roots([evidence]))
    assert os.get_exec_path() == [str(HOME)], "none at all would mean the current one"


@posix
@pytest.mark.parametrize("order", [1, -1])
def test_programs_of_evidence_named_from_here_are_not_found_beside_others(
    order: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos" / "bin").mkdir(parents=True)
    (tmp_path / "ok").mkdir()
    monkeypatch.chdir(tmp_path)
    folders = [str(tmp_path / "photos" / "bin"), str(tmp_path / "photos"), str(tmp_path / "ok")]
    monkeypatch.setenv("PATH", os.pathsep.join(folders))
    close_search_paths(Roots([Path("/etc"), Path("photos")][::order]))
    assert os.environ["PATH"] == str(tmp_path / "ok")


def test_programs_of_the_evidence_are_not_found_in_other_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system takes both for one, as Windows does."""
    (tmp_path / "photos" / "bin").mkdir(parents=True)
    (tmp_path / "ok").mkdir()
    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, partial(_of_any_letters, getattr(os, name), str(tmp_path)))
    inside, outside = tmp_path / "PHOTOS" / "Bin", tmp_path / "ok"
    monkeypatch.setenv("PATH", f"{inside}{os.pathsep}{outside}")
    close_search_paths(Roots([tmp_path / "Photos"]))
    assert os.environ["PATH"] == str(outside)


def _of_any_letters(look: Callable[..., Any], top: str, path: Any, **options: Any) -> Any:
    """What `look` says of a path, of which below `top` all letters are small."""
    text = os.fspath(path)
    is_below = isinstance(text, str) and text.startswith(top)
    return look(top + text.removeprefix(top).lower() if is_below else path, **options)


def test_modules_come_from_where_python_is_installed_or_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    standard_library = str(Path(os.__file__).parent)
    monkeypatch.setattr(sys, "path", ["", ".", str(tmp_path), "/elsewhere", standard_library])
    close_search_paths(Roots([tmp_path]))
    assert sys.path == ["/elsewhere", standard_library]
    monkeypatch.chdir(standard_library)
    close_search_paths(Roots([]))
    assert sys.path == ["/elsewhere", standard_library], "Python needs its own"
    code = str(HOME.parent)
    monkeypatch.chdir(code)
    monkeypatch.setattr(sys, "path", [code, "/elsewhere"])
    close_search_paths(Roots([]))
    assert sys.path == ["/elsewhere", code], "the scanner may lie there, but nothing before it"
