"""Protects: everything under the evidence is met exactly once, and no limit bites in silence."""

from __future__ import annotations

import os
import shutil
import socket
import tracemalloc
from pathlib import Path

import pytest

from scanner.limits import Limits
from scanner.record import Status, path_from_text
from scanner.roots import Roots
from scanner.sources.found import Found, Met
from scanner.sources.walk import walk
from tests.scanner.walking import (
    COMPRESSIONS,
    content,
    contents,
    rows,
    tarred,
    walked,
    zipped,
)

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX file names and special files")


def test_a_folder_is_walked_to_its_leaves(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "top.jpg").write_bytes(b"1")
    (tmp_path / "a" / ".hidden").write_bytes(b"2")
    (tmp_path / "a" / "b" / "leaf").write_bytes(b"")
    found = contents(walked(tmp_path))
    assert found == {"top.jpg": b"1", "a/.hidden": b"2", "a/b/leaf": b""}


def test_several_roots_keep_the_names_they_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "two"):
        Path(folder).mkdir()
        Path(folder, "x").write_bytes(folder.encode())
    Path("x").write_bytes(b"file")
    found = contents(walked(Path("one"), Path("two"), Path("x")))
    assert found == {"one/x": b"one", "two/x": b"two", "x": b"file"}


def test_a_single_file_goes_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(b"1")
    assert contents(walked(path)) == {"x.jpg": b"1"}


@posix
def test_links_are_reported_and_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "to_file").symlink_to(outside / "secret")
    (evidence / "to_folder").symlink_to(outside)
    (evidence / "dangling").symlink_to("nowhere")
    (evidence / "loop").symlink_to(evidence)
    entries = walked(evidence)
    assert contents(entries) == {}
    assert rows(entries).keys() == {"to_file", "to_folder", "dangling", "loop"}
    for status, error in rows(entries).values():
        assert status is Status.UNSUPPORTED
        assert "symbolic link" in error


@posix
def test_a_link_named_by_the_user_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_bytes(b"1")
    (tmp_path / "link").symlink_to("folder")
    assert contents(walked(tmp_path / "link")) == {"x": b"1"}


@posix
def test_pipes_and_sockets_are_reported_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        entries = walked(tmp_path)
    assert rows(entries).keys() == {"pipe", "socket"}
    assert {status for status, _ in rows(entries).values()} == {Status.UNSUPPORTED}


@posix
def test_any_file_name_is_met(tmp_path: Path) -> None:
    names = [b"\xff\xfe.jpg", b"line\nbreak", b"back\\slash", "ü".encode(), b"\\xff\\xfe.jpg"]
    try:
        for name in names:
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    found = contents(walked(tmp_path))
    assert {os.fsencode(path_from_text(path)): data for path, data in found.items()} == {
        name: name for name in names
    }


@posix
def test_a_folder_named_like_an_archives_inside_hides_nothing(tmp_path: Path) -> None:
    inner = zipped([("x", b"1")])
    (tmp_path / "a.zip").write_bytes(zipped([("b.zip", inner)]))
    (tmp_path / "a.zip!").mkdir()
    (tmp_path / "a.zip!" / "b.zip").write_bytes(inner)
    assert [entry.path for entry in walked(tmp_path)] == [
        "a.zip", "a.zip!/b.zip", "a.zip!/b.zip!/x", r"a.zip\x21/b.zip", r"a.zip\x21/b.zip!/x",
    ]  # fmt: skip


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="the superuser may read anything"
)
def test_what_may_not_be_read_has_a_row(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "file").chmod(0)
    (tmp_path / "folder").mkdir(0)
    met = rows(walked(tmp_path))
    assert {status for status, _ in met.values()} == {Status.UNREADABLE}
    assert len(met) == 2


def test_containers_are_told_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(zipped([("x", b"zip")]))
    (tmp_path / "notes.txt").write_bytes(tarred([("x", b"tar")]))
    (tmp_path / "fake.zip").write_bytes(b"no archive")
    (tmp_path / "no suffix").write_bytes(COMPRESSIONS["gz"](b"gzip"))
    assert contents(walked(tmp_path)) == {
        "holiday.jpg!/x": b"zip",
        "notes.txt!/x": b"tar",
        "fake.zip": b"no archive",
        "no suffix!/no suffix": b"gzip",
    }


def test_nested_containers_show_their_way_down(tmp_path: Path) -> None:
    tar = tarred([("deep/x", b"1"), ("y", b"2")])
    (tmp_path / "a.zip").write_bytes(zipped([("in/b.tgz", COMPRESSIONS["gz"](tar)), ("z", b"3")]))
    assert contents(walked(tmp_path)) == {
        "a.zip!/in/b.tgz!/deep/x": b"1",
        "a.zip!/in/b.tgz!/y": b"2",
        "a.zip!/z": b"3",
    }


def test_nested_containers_of_one_name_lose_nothing(tmp_path: Path) -> None:
    """Two members may share a name; what is in the one must not replace what is in the other."""
    inner = [("b.zip", zipped([("x", content)])) for content in (b"1", b"2")]
    with pytest.warns(UserWarning, match="Duplicate name"):
        (tmp_path / "a.zip").write_bytes(zipped(inner))
    entries = walked(tmp_path)
    assert [(entry.path, entry.position) for entry in entries] == [
        ("a.zip", 0), ("a.zip!/b.zip", 2), ("a.zip!/b.zip", 4),
        ("a.zip!/b.zip!/x", 1), ("a.zip!/b.zip!/x", 3),
    ]  # fmt: skip
    hashed = [content(entry) for entry in entries if isinstance(entry, Found) and entry.fate]
    assert hashed[1:] == [content for _, content in inner], "each container keeps its own bytes"


def test_an_archive_without_files_has_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped([]))
    (tmp_path / "b.zip").write_bytes(zipped([("folder/", b"")]))
    (tmp_path / "c.zip").write_bytes(zipped([("inner.zip", zipped([]))]))
    row = (Status.NOT_IMAGE, "an archive without files")
    empty = ("a.zip", "b.zip", "c.zip!/inner.zip")
    assert rows(walked(tmp_path)) == dict.fromkeys(empty, row)


def matryoshka(levels: int) -> bytes:
    data = b"core"
    for _ in range(levels):
        data = zipped([("x", data)])
    return data


def test_depth_limit(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(matryoshka(3))
    assert contents(walked(tmp_path, limits=Limits(depth=3))) == {"x!/x!/x!/x": b"core"}
    met = rows(walked(tmp_path, limits=Limits(depth=2)))
    assert met == {"x!/x!/x": (Status.OVER_LIMIT, "archives nested deeper than the limit of 2")}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_member_limit(pack: object, tmp_path: Path) -> None:
    assert callable(pack)
    (tmp_path / "a").write_bytes(pack([(f"{n}", b"%d" % n) for n in range(5)]))
    assert len(contents(walked(tmp_path, limits=Limits(members=5)))) == 5
    entries = walked(tmp_path, limits=Limits(members=4))
    assert contents(entries).keys() == {f"a!/{n}" for n in range(4)}
    sentence = "the archive holds more than 4 members; the rest was not read"
    assert rows(entries) == {"a": (Status.OVER_LIMIT, sentence)}


def test_file_limit_costs_the_one_member(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(zipped([("big", bytes(101)), ("fits", bytes(100))]))
    entries = walked(tmp_path, limits=Limits(file_bytes=100))
    assert contents(entries) == {"a!/fits": bytes(100)}
    assert rows(entries) == {"a!/big": (Status.OVER_LIMIT, "larger than the limit of 100 bytes")}


def test_expanded_bytes_limit_ends_the_archive(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(zipped([(f"{n}", bytes(100)) for n in range(5)]))
    assert len(contents(walked(tmp_path, limits=Limits(archive_bytes=500)))) == 5
    entries = walked(tmp_path, limits=Limits(archive_bytes=499))
    assert len(contents(entries)) == 4
    status, error = rows(entries)["a"]
    assert status is Status.OVER_LIMIT
    assert "more expanded bytes than the limit of 499" in error


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_ratio_limit_ends_a_bomb(compression: str, tmp_path: Path) -> None:
    data = COMPRESSIONS[compression](bytes(4_000_000))
    (tmp_path / "bomb").write_bytes(data)
    entries = walked(tmp_path, limits=Limits(ratio=4_000_000 // len(data) - 1))
    assert contents(entries) == {}
    assert rows(entries)["bomb"][0] is Status.OVER_LIMIT
    assert len(contents(walked(tmp_path, limits=Limits(ratio=4_000_000 // len(data) + 1)))) == 1


def test_ratio_limit_of_an_inner_archive_spares_the_outer(tmp_path: Path) -> None:
    bomb = zipped([("zeros", bytes(4_000_000))])
    photograph = os.urandom(100_000)  # does not shrink: the outer archive may expand a lot
    (tmp_path / "a").write_bytes(zipped([("bomb", bomb), ("x", photograph)]))
    entries = walked(tmp_path, limits=Limits(ratio=100))
    assert rows(entries).keys() == {"a!/bomb"}
    assert contents(entries) == {"a!/x": photograph}


def test_an_inner_bomb_spends_the_outer_archives_ratio_too(tmp_path: Path) -> None:
    """Or nesting would multiply the ratio by itself at every level."""
    bomb = zipped([("zeros", bytes(4_000_000))])
    (tmp_path / "a").write_bytes(zipped([("bomb", bomb), ("x", b"1")]))
    entries = walked(tmp_path, limits=Limits(ratio=100))
    assert rows(entries).keys() == {"a", "a!/bomb"}
    assert contents(entries) == {}


def test_walking_writes_nothing(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "a.zip").write_bytes(zipped([("../escape", b"1"), ("/etc/absolute", b"2")]))
    (evidence / "b.tar").write_bytes(tarred([("../escape", b"3"), ("/etc/absolute", b"4")]))
    before = sorted(tmp_path.rglob("*"))
    assert contents(walked(evidence)) == {
        "a.zip!/../escape": b"1",
        "a.zip!//etc/absolute": b"2",
        "b.tar!/../escape": b"3",
        "b.tar!//etc/absolute": b"4",
    }
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not hasattr(os, "SEEK_DATA"), reason="this system does not tell of holes")
def test_a_sparse_file_is_no_longer_than_what_it_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read one of a thousand terabytes takes weeks, for the price of a name."""
    for name, start in (("hole", b""), ("gz", COMPRESSIONS["gz"](b"x")), ("tar", bytes(9))):
        with (tmp_path / name).open("wb") as stream:
            stream.write(start)
            stream.truncate(1 << 43)
    met = rows(walked(tmp_path))
    assert {status for status, _ in met.values()} == {Status.OVER_LIMIT}
    assert met.keys() == {"hole", "gz", "tar"}
    assert met["hole"][1] == (
        "a file of 8,796,093,022,208 bytes, more than 2,000 times the 0 that are stored; it was "
        "not read"
    )
    # Small ones may be stored in the directory, and large ones where the driver does not count.
    monkeypatch.setattr("scanner.sources.holes.BLOCK_BYTES", 0)
    large = tmp_path / "gz"
    large.write_bytes(bytes(1000) + b"x")
    assert contents(walked(large, limits=Limits(file_bytes=10)))["gz"] == bytes(1000) + b"x"


def test_a_deep_tree_with_many_branches_takes_little_memory_and_time(tmp_path: Path) -> None:
    """A path for each folder still to be met would take gigabytes, and a way from the top hours."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(800):
        for n in range(9):
            os.mkdir(f"b{n}", dir_fd=here)
        below = os.open("b0", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("x", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    tracemalloc.start()
    entries = list(walk([tmp_path], Limits()))
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [entry.path for entry in entries] == ["b0/" * 800 + "x"]
    assert held < 4_000_000
    shutil.rmtree(tmp_path / "b0")


def test_a_folder_moved_while_it_is_walked_leads_nowhere_else(tmp_path: Path) -> None:
    """The way back leads up, and up is elsewhere once a folder was moved."""
    for name in ("evidence/a/b", "evidence/a/c", "outside/c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x").write_bytes(name.encode())
    entries = walk([tmp_path / "evidence"], Limits())
    met = [next(entries)]  # in a/b or a/c, whichever was listed last
    first = met[0].path.split("/")[1]
    (tmp_path / "evidence" / "a" / first).rename(tmp_path / "outside" / f"{first}{first}")
    met += list(entries)
    found = {content(entry) for entry in met[1:] if isinstance(entry, Found)}
    assert found <= {b"evidence/a/b", b"evidence/a/c"}
    assert len(met) == 2


@pytest.mark.usefixtures("few_and_many")
def test_a_root_that_becomes_a_link_after_the_look_is_not_followed(tmp_path: Path) -> None:
    """It may lead to what the scan has begun to write."""
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "journal").write_bytes(b"journal")
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    roots = Roots([tmp_path / "a", tmp_path / "b"])
    (tmp_path / "b").unlink()
    (tmp_path / "b").symlink_to("case")
    first, second = walk(roots, Limits())
    assert isinstance(first, Found)
    assert content(first) == b"a"
    assert isinstance(second, Met)
    assert (second.path, second.status) == (str(tmp_path / "b"), Status.UNREADABLE)
