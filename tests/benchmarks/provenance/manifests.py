"""Writes manifests of three pictures: real.png, fake.png and other.png, which is no photograph."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

COLUMNS = ("label", "source", "commit", "path", "sha256", "generator", "licence", "whole")


def list_pictures(folder: Path) -> None:
    """List the pictures of `folder`/files in manifest.csv and others.csv."""
    for manifest, names in {"manifest": ("real", "fake"), "others": ("other",)}.items():
        with (folder / f"{manifest}.csv").open("w", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(COLUMNS)
            for name in names:
                digest = hashlib.sha256((folder / f"files/{name}.png").read_bytes()).hexdigest()
                label = "fake" if name == "fake" else "real"
                rows.writerow([label, "a/b", "0" * 40, f"{name}.png", digest, "who", "MIT", ""])
