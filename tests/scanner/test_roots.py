"""Protects: where evidence lies is found out as by resolving each path, however it is named.

And that of many files in one folder, whose entries are read and not each looked up, the same.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scanner.path_list import Paths
from scanner.paths import identity, resolved
from scanner.roots import MOST_ENTRIES, WORTH_LISTING, Roots


def test_paths_are_what_pathlib_makes_of_their_text() -> None:
    texts = [
        "a", "./a", "a/b", "a//b", "a/./b", "a/b/", "a/b/.", "a/..", "..", ".", "./", "/", "//",
        "/x", "//x", "///x", "/x/y", "/x/z", "x/y", "x/z", "z", " ", "a\nb/c", "a/\udcff",
        "\udcff/a", "x/",
        "x/z", "x/q", ".a", "a/.b", "a/b.",
    ]  # fmt: skip
    expected = [Path(text) for text in texts]
    for end in ("", "\0"):
        paths = Paths("\0".join(texts) + end)
        assert list(paths) == expected
        assert [paths[number] for number in range(-len(paths), 0)] == expected
        assert list(paths.texts()) == list(map(str, expected))
        assert paths[3:5] == tuple(expected[3:5])
    with pytest.raises(IndexError):
        paths[len(texts)]
    assert list(Paths("\0\0a/b\0\0\0b\0a/b\0")) == [Path("a/b"), Path("b"), Path("a/b")]
    assert not list(Paths(""))


@pytest.mark.parametrize(
    ("text", "repeat"),
    [("a\0b", False), ("a\0b\0a", True), ("a/x\0b/x\0a/y", False), ("a/x\0b\0a/x", True)],
)
def test_that_a_path_stands_twice_is_seen(text: str, repeat: bool) -> None:
    assert Paths(text).repeat() == repeat


@pytest.mark.usefixtures("few_and_many")
@pytest.mark.skipif(os.name != "posix", reason="symbolic links for everybody")
def test_roots_lie_where_their_paths_lead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "x").touch()
    (tmp_path / "a" / "b" / "y").touch()
    (tmp_path / "link").symlink_to("a/b")
    (tmp_path / "a" / "out").symlink_to("../link/y")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "a" / "pipe")
    monkeypatch.chdir(tmp_path / "a")
    names = [
        "x", "b", "b/y", "../a/x", "../link/y", "../link/../x", "../link", "out", "../loop", "none",
        "none/x", ".", "..", "b/..", "/", str(tmp_path / "a" / "b"), str(tmp_path / "link" / "y"),
        "pipe",
    ]  # fmt: skip
    paths = [Path(name) for name in names]
    roots = Roots(paths)
    assert list(roots.places()) == [str(resolved(path)) for path in paths]
    files = {"x", "b/y", "../a/x", "../link/y", "../link/../x", str(tmp_path / "link" / "y")}
    assert {number for number, name in enumerate(names) if name not in files} == set(roots.apart)
    for number, apart in roots.apart.items():
        assert apart.identity == identity(paths[number])
        assert apart.is_folder == os.path.isdir(paths[number])  # noqa: PTH112


# "f" is a file, "d" and "a/b" are folders, "link" leads to a/b; "tmp" and "etc" also lie in "/".
NAMES = [
    "/", "//", "/tmp", "/etc", "//tmp", "tmp", "etc", "d", "./d", "d/", "./f", "f", "a/../d", "a/b",
    "link", "link/..", "link/../b", "./link/x", "d/.", "..", ".", "/.", "/..", "/tmp/", "none",
    "/none",
]  # fmt: skip


@pytest.mark.usefixtures("few_and_many")
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
        assert list(Roots(paths).places()) == [str(resolved(path)) for path in paths]


@pytest.mark.skipif(os.name != "posix", reason="one root of all")
def test_the_root_of_all_lies_in_nothing_and_all_else_in_it(tmp_path: Path) -> None:
    root = Path("/")
    folders = {identity(root): root}
    assert list(Roots([root, tmp_path, Path("/tmp")]).inside(folders)) == [
        (tmp_path, root),
        (Path("/tmp"), root),
    ]
    assert list(Roots([root, tmp_path]).inside({identity(tmp_path): tmp_path})) == []


@pytest.mark.usefixtures("few_and_many")
def test_the_holder_of_a_path_is_found_by_whatever_name(tmp_path: Path) -> None:
    evidence, listed = tmp_path / "evidence", tmp_path / "listed"
    for folder in (evidence / "inner", listed, tmp_path / "other"):
        folder.mkdir(parents=True)
    files = [listed / f"{number}.jpg" for number in range(5)]
    for path in (*files, listed / "not listed.jpg"):
        path.touch()
    roots = Roots([evidence, tmp_path / "a.jpg", *files])
    assert roots.holder(evidence / "inner" / "new") == evidence
    assert roots.holder(tmp_path / "other" / ".." / "evidence") == evidence
    assert roots.holder(tmp_path / "a.jpg") == tmp_path / "a.jpg"
    assert roots.holder(tmp_path / "other" / "new") is None
    assert roots.holder(listed / ".." / "listed" / "3.jpg") == files[3]
    assert roots.holder(files[3] / "below a file") == files[3]
    for name in ("not listed.jpg", "not there.jpg"):
        assert roots.holder(listed / name) is None
    os.link(files[4], tmp_path / "other" / "hard link")
    assert roots.holder(tmp_path / "other" / "hard link") == files[4]


@pytest.mark.usefixtures("few_and_many")
@pytest.mark.skipif(os.name != "posix", reason="symbolic links for everybody")
@pytest.mark.parametrize("place", [0, 2, -1])
def test_a_link_among_many_files_holds_what_it_leads_to(place: int, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    (tmp_path / "case").mkdir()
    paths = [tmp_path / "many" / f"{number}.jpg" for number in range(5)]
    for path in paths:
        path.touch()
    paths[place].unlink()
    paths[place].symlink_to(tmp_path / "case")
    roots = Roots(paths)
    assert roots.holder(tmp_path / "case" / "out.csv") == paths[place]
    assert roots.may_hold() == {identity(tmp_path / "case"): paths[place]}


@pytest.mark.skipif(os.name != "posix", reason="symbolic links for everybody")
def test_what_the_beginning_of_a_huge_folder_does_not_show_is_looked_up(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(WORTH_LISTING)]
    for number in range(MOST_ENTRIES * WORTH_LISTING):
        (tmp_path / f"other {number}").touch()
    for path in paths[::2]:
        path.touch()
    for path in paths[1::2]:
        path.symlink_to(tmp_path.parent)
    assert list(Roots(paths).apart) == list(range(1, WORTH_LISTING, 2))


@pytest.mark.skipif(os.geteuid() == 0 if os.name == "posix" else True, reason="root lists all")
def test_a_folder_that_cannot_be_listed_is_looked_into(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(WORTH_LISTING)]
    for path in paths[1:]:
        path.touch()
    tmp_path.chmod(0o100)
    try:
        assert list(Roots(paths).apart) == [0]
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.usefixtures("few_and_many")
@pytest.mark.skipif(os.name != "posix", reason="symbolic links for everybody")
def test_the_files_among_roots_are_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("listed", "target", "not listed", "folder/inside"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("target")
    roots = Roots([tmp_path / name for name in ("listed", "link", "folder", "gone")])
    told = {
        name: roots.is_file(str(tmp_path / name))
        for name in ("listed", "target", "gone", "link", "folder", "folder/inside", "not listed")
    }
    assert [name for name, is_file in told.items() if is_file] == ["listed", "target", "gone"]


@pytest.mark.skipif(os.name != "posix", reason="symbolic links for everybody")
def test_the_digest_is_of_places_and_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").touch()
    (tmp_path / "a" / "y").touch()
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "to x").symlink_to("a/x")
    monkeypatch.chdir(tmp_path)

    def digest(*names: str) -> str:
        return Roots([Path(name) for name in names]).digest()

    same = digest("a/x", "a/y")
    assert same == hashlib.sha256(f"{tmp_path}/a/x\0{tmp_path}/a/y\0".encode()).hexdigest()
    assert same == digest("to x", "link/y") == digest(f"{tmp_path}/a/x", "a/../a/y")
    assert len({same, digest("a/y", "a/x"), digest("a/x"), digest("a"), digest("a/x", "none")}) == 5


MOUNTED = """
import sys
from pathlib import Path
from scanner.roots import Roots
listed, place = Path(sys.argv[1]), Path(sys.argv[2])
print(Roots(sorted(listed.iterdir())).holder(place))
"""


@pytest.mark.parametrize("over", ["the output", "the evidence"])
def test_a_file_that_is_mounted_elsewhere_is_known_by_both_names(over: str, tmp_path: Path) -> None:
    """Neither lies in the other's folder, and none has two names by the count of its links."""
    evidence, output = tmp_path / "evidence", tmp_path / "out" / "a report.csv"
    evidence.mkdir()
    output.parent.mkdir()
    for number in range(WORTH_LISTING):
        (evidence / f"{number:02}.jpg").write_bytes(b"a picture")
    output.touch()
    files = [str(evidence / "03.jpg"), str(output)]
    mount = shlex.join(["mount", "--bind", *(files if over == "the output" else files[::-1])])
    ask = shlex.join([sys.executable, "-c", MOUNTED, str(evidence), str(output)])
    words = ["unshare", "--mount", "sh", "-c", f"{mount} && {ask}"]
    tried = ["unshare", "--mount", "true"]
    if not shutil.which("unshare") or subprocess.run(tried, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    asked = subprocess.run(words, capture_output=True, text=True, env=here, check=False)
    assert asked.stdout.strip() == files[0], asked.stderr


@pytest.mark.skipif(not hasattr(os, "O_NOATIME"), reason="of Linux")
def test_a_folder_of_somebody_else_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system would note that it was read: only its owner may ask for no note to be taken."""
    paths = [tmp_path / f"{number}.jpg" for number in range(WORTH_LISTING)]
    for path in paths:
        path.touch()
    link = tmp_path / "link.jpg"
    link.symlink_to(paths[0])
    opened, flagged = os.open, []

    def refusing(path: str, flags: int, **others: Any) -> int:
        flagged.append(flags)
        if flags & os.O_NOATIME:
            raise PermissionError(errno.EPERM, "not the owner", path)
        return opened(path, flags, **others)

    monkeypatch.setattr(os, "open", refusing)
    roots = Roots([*paths, link])
    assert list(roots.apart) == [len(paths)]
    assert all(flags & os.O_NOATIME for flags in flagged)
    assert flagged


@pytest.mark.skipif(not hasattr(os, "O_NOATIME"), reason="of Linux")
def test_folders_are_listed_without_a_trace(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(WORTH_LISTING)]
    for path in paths:
        path.touch()
    os.utime(tmp_path, (1, 1))
    assert not Roots(paths).apart
    assert tmp_path.stat().st_atime == 1
