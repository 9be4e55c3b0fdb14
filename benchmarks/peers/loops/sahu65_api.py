"""sahu65's Python API with its own model: python sahu65_api.py FOLDER OUTPUT

It runs by the interpreter of sahu65's environment. Its command would load the model again for every
file; a loop over its API loads it once.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import sahu65


def main(folder: Path, output: Path) -> None:
    """Write the probability of AI of every file in `folder`."""
    with output.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "ai_probability", "verdict"])
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            try:
                found = sahu65.detect(path)
            except Exception:  # it takes no AVIF, and raises for it what it likes
                writer.writerow([name, "", "refused"])
                continue
            writer.writerow([name, found.ai_probability, found.verdict])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
