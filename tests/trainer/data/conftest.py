"""What the tests of training data share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pictures import write_pictures


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SPLIT/REAL|FAKE folders without a validation split."""
    root = tmp_path_factory.mktemp("named")
    write_pictures(root / "train", count=60, seed=11)
    write_pictures(root / "test", count=20, seed=12)
    return root
