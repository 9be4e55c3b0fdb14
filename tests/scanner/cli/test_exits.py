"""Protects: the exit codes that scripts rely on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scanner.scans import picture, pictures, run


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One image outside of every bundled model's domain, so inconclusive for certain."""
    folder = tmp_path_factory.mktemp("evidence")
    (folder / "large.png").write_bytes(picture(1, side=100))
    return folder


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--fail-on", "fake"], 0),
        (["--fail-on", "inconclusive"], 1),
        (["--fail-on", "fake", "--fail-on", "inconclusive"], 1),
        (["--fail-on", "real"], 2),
        (["--fail-on", "unexamined"], 2),  # they always count
    ],
)
def test_fail_on(options: list[str], code: int, evidence: Path) -> None:
    assert run(evidence, "--quiet", *options).returncode == code


def test_fail_on_fake(tmp_path: Path) -> None:
    pictures(tmp_path, 8)
    report = run(tmp_path, "--quiet", "--fail-on", "fake")
    fakes = sum(",fake," in row for row in report.stdout.splitlines())
    assert report.returncode == (1 if fakes else 0)


def test_unexamined_files_always_count(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(picture(1)[:300])
    for options in ([], ["--fail-on", "fake"]):
        assert run(tmp_path, "--quiet", *options).returncode == 1
