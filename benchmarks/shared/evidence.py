"""CIFAKE's test split laid out as an examiner would meet it: a folder and a zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

from trainer.data import Example, read_examples, split_examples


def lay_out(data: Path, place: Path) -> tuple[Path, Path, dict[str, Example]]:
    """Write the test split of `data` to `place` as a folder and as a zip of the same paths.

    Returns both, and the examples by their path within either. Raises trainer.data.DataError.
    """
    test = split_examples(read_examples(data)).test
    folder, archive = place / "test", place / "test.zip"
    with zipfile.ZipFile(archive, "w") as members:
        for example in test:
            path = folder / example.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(example.read())
            members.writestr(example.name, example.read())
    return folder, archive, {example.name: example for example in test}
