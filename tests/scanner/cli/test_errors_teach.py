"""Protects: whatever goes wrong, a command says it in one sentence, and never shows its insides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanner.record import safe_text
from tests.conftest import HANG_GUARD, command, environment, image_bytes, imgscan, run_words

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX shells and names")


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The sentence that a command ended with."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    *usage, sentence = done.stderr.splitlines()
    assert all(line.startswith(("Usage: ", "Try ")) or not line for line in usage), done.stderr
    assert sentence.startswith("Error: ")
    for inside in ("Traceback", "fault of its own", "Errno"):
        assert inside not in done.stderr
    return sentence


def in_shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", script],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_GUARD,
        check=False,
    )


ONE_AFTER_THE_OTHER = """
import json, sys
from scanner.cli.main import main
for words in json.loads(sys.argv[1]):
    try:
        main(words, prog_name="imgscan")
    except SystemExit as end:
        for stream in (sys.stdout, sys.stderr):
            print(end.code, end="\\0", file=stream, flush=True)
"""


def one_after_the_other(
    commands: list[list[str]], folder: Path
) -> list[subprocess.CompletedProcess[str]]:
    """What each of the commands came to, in one process: starting one takes most of the time."""
    words = [sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(commands)]
    done = run_words(words, folder)
    assert done.returncode == 0, done.stderr
    found = []
    streams = (done.stdout.split("\0")[:-1], done.stderr.split("\0")[:-1])
    for words, out, err in zip(commands, *streams, strict=True):
        code = int(out[-1])
        assert err.endswith(str(code))
        found.append(subprocess.CompletedProcess(words, code, out[:-1], err[: -len(str(code))]))
    return found


@pytest.mark.parametrize(
    "words",
    [
        ["x.jpg", "--report", "{}"],
        ["x.jpg", "--report", "out.csv", "--log", "{}"],
        ["x.jpg", "--report", "out.csv", "--sign", "{}"],
        ["x.jpg", "--known", "{}"],
        ["x.jpg", "--model", "{}"],
        ["models", "{}"],
        ["keygen", "{}"],
        ["verify", "{}"],
        ["verify", "out.csv", "--key", "{}"],
        ["compare", "{}", "x.jpg"],
        ["compare", "x.jpg", "{}"],
    ],
    ids=" ".join,
)
def test_what_is_no_name_of_a_file(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "x.jpg").write_bytes(image_bytes())
    before = sorted(tmp_path.parent.rglob("*"))
    names = ["", ".", "..", "/", "sub"]
    commands = [[word.format(name) for word in words] for name in names]
    for name, done in zip(names, one_after_the_other(commands, tmp_path), strict=True):
        assert name in told(done)
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_name_that_no_system_takes(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(image_bytes())
    for option in ("--report", "--model", "--log"):
        name = f"{'long' * 99}.csv"
        assert name in told(imgscan("x.jpg", option, name, "--device", "cpu", cwd=tmp_path))


@posix
@pytest.mark.parametrize("words", ["x.jpg", "models", "verify x.csv", "compare a.csv b.csv"])
def test_a_current_folder_that_is_gone(words: str, tmp_path: Path) -> None:
    scan = " ".join(command(*words.split()))
    gone = f'"{tmp_path}/gone"'
    done = in_shell(f"mkdir {gone} && cd {gone} && rmdir {gone} && {scan}")
    assert "the current folder does not exist any more" in told(done)


def scan_with(streams: str, folder: Path, report: Path) -> bytes:
    """The report of a scan of three images, whose streams the shell has redirected so."""
    scan = [folder / f"{n}.jpg" for n in range(3)]
    words = command(*scan, "--report", report, "--device", "cpu", "--verbose")
    done = in_shell(f"{' '.join(words)} {streams}")
    assert done.returncode == 0, done.stderr
    return report.read_bytes()


@pytest.fixture(scope="module")
def three_images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Their folder, and the report of a scan of them."""
    folder = tmp_path_factory.mktemp("three")
    for n in range(3):
        (folder / f"{n}.jpg").write_bytes(image_bytes(seed=n))
    return folder, scan_with("", folder, folder / "expected.csv")


@posix
@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&-", "2>&-"])
def test_closed_streams(closed: str, three_images: tuple[Path, bytes], tmp_path: Path) -> None:
    """A file that took the number of a closed stream would get what is printed there."""
    folder, expected = three_images
    assert scan_with(closed, folder, tmp_path / "0.csv") == expected


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["--help", "--version", "models", "columns", "engines"])
def test_an_output_on_a_full_disk(words: str) -> None:
    done = in_shell(f"{' '.join(command(words))} > /dev/full")
    assert "No space left on device" in told(done)


@posix
def test_no_report_and_no_standard_output(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(image_bytes())
    done = in_shell(f"{' '.join(command(tmp_path / 'x.jpg', '--device', 'cpu'))} >&-")
    assert "standard output is closed; name a file for the report" in told(done)


@posix
def test_a_hash_list_whose_name_is_no_unicode(tmp_path: Path) -> None:
    name = os.fsdecode(b"known-\xff.txt")
    (tmp_path / "x.jpg").write_bytes(image_bytes())
    digest = "0" * 64
    try:
        (tmp_path / name).write_text(f"{digest}\n")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    done = imgscan("x.jpg", "--known", name, "--report", "out.csv", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_refused_hash_list_does_not_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(image_bytes())
    (tmp_path / "list").write_bytes(b"\x1b[2J\x1b]0;owned\x07\xe2\x80\xae no hash\n")
    sentence = told(imgscan("x.jpg", "--known", "list", cwd=tmp_path))
    assert sentence == safe_text(sentence)
    assert r"\x1b[2J\x1b]0;owned\x07\u202e no hash" in sentence


@posix
@pytest.mark.parametrize("words", [["{}"], ["verify", "{}"], ["x.jpg", "--known", "{}"]], ids=str)
def test_a_name_does_not_steer_the_terminal(words: list[str], tmp_path: Path) -> None:
    """A shell puts names out of the evidence on the command line, where someone wrote *."""
    (tmp_path / "x.jpg").write_bytes(image_bytes())
    sentence = told(imgscan(*(word.format("\x1b[2J\n\x9b1m") for word in words), cwd=tmp_path))
    assert sentence == safe_text(sentence)


def test_differences_are_printed_whatever_the_encoding(scanned: Path) -> None:
    text = (scanned / "out.jsonl").read_text("utf-8")
    (scanned / "b.jsonl").write_text(text.replace('"JPEG"', '"PNG"'), "utf-8")
    (scanned / "evidence" / "a.jpg").write_bytes(b"another")
    for words in (
        ["compare", "out.jsonl", "b.jsonl"],
        ["verify", "out.csv", "--evidence", "evidence"],
    ):
        done = subprocess.run(
            command(*words),
            cwd=scanned,
            env=environment(PYTHONUTF8="0", PYTHONIOENCODING="iso8859-1"),
            capture_output=True,
            timeout=HANG_GUARD,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert rb" \u2192 " in done.stdout
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["verify", "compare", "keygen", "models", "scan"])
def test_a_fault_of_the_command_itself_is_a_sentence(name: str, tmp_path: Path) -> None:
    """The last line of defence: whatever nobody thought of."""
    modules = {
        "verify": "custody.verify",
        "compare": "custody.compare",
        "keygen": "custody.signing",
        "models": "model.file",
        "scan": "scan",
    }
    function = {"verify": "verify", "compare": "Comparison", "keygen": "generate_key"}
    place = f"scanner.{modules[name]}"
    what = function.get(name, "open_model" if name == "models" else "run_scan")
    (tmp_path / "a.csv").touch()
    words = {"compare": ["a.csv", "a.csv"], "models": ["x"]}.get(name, ["a.csv"])
    program = (
        f"import sys, {place}\n"
        "def fail(*_): raise LookupError('of nobody\\n\\x1b[2J')\n"
        f"{place}.{what} = fail\n"
        "from scanner.cli.main import main\n"
        f"main({[name, *words]!r})\n"
    )
    done = run_words([sys.executable, "-c", program], tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(
        r"met a fault of its own (LookupError: of nobody\x0a\x1b[2J)."
    )
    assert "Traceback" not in done.stderr


def test_what_is_named_like_a_command_can_be_scanned(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.png").write_bytes(image_bytes())
    words = [["models"], ["./models", "--quiet"]]
    taken, scanned = one_after_the_other(words, tmp_path)
    hint = "models is taken for the command; to scan what has that name here, write ./models"
    assert hint in taken.stderr
    assert "taken for the command" not in scanned.stderr
    assert "a.png" in scanned.stdout
