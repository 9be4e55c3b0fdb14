"""A large file cut into parts that can travel, and joined again only when every byte is there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from scanner.errors import ImgscanError
from scanner.files import write_whole

MANIFEST = ".parts.json"  # ends the name of what says how the parts belong together


class PartsError(ImgscanError):
    """The parts do not make the file: one is missing or wrong."""


def cut(path: Path, name: str, folder: Path, size: int) -> list[Path]:
    """Write the file `path`, called `name`, to `folder` in parts of `size` bytes and a manifest.

    Returns all that it wrote.
    """
    content = path.read_bytes()
    written, hashes = [], {}
    for number, start in enumerate(range(0, len(content), size)):
        part = folder / f"{name}.part{number:02}"
        part.write_bytes(content[start : start + size])
        hashes[part.name] = hashlib.sha256(content[start : start + size]).hexdigest()
        written.append(part)
    manifest = folder / f"{name}{MANIFEST}"
    record = {"sha256": hashlib.sha256(content).hexdigest(), "parts": hashes}
    manifest.write_text(json.dumps(record, indent=2) + "\n")
    return [manifest, *written]


def join(manifest: Path, folders: list[Path], output: Path) -> None:
    """Write to `output` the file whose parts lie in `folders`. Raises PartsError."""
    try:
        record = json.loads(manifest.read_text())
        whole, parts = str(record["sha256"]), dict(record["parts"])
    except (ValueError, TypeError, KeyError) as error:
        raise PartsError(f"{manifest} is damaged; bring it again.") from error
    content = b""
    for name, digest in parts.items():
        if Path(name).name != name:
            raise PartsError(f"{manifest} names a part {name!r}, which is no file beside it.")
        places = [folder / name for folder in folders if (folder / name).is_file()]
        if not places:
            raise PartsError(f"{name} is missing; bring it, and name its folder, too.")
        part = places[0].read_bytes()
        if hashlib.sha256(part).hexdigest() != digest:
            raise PartsError(f"{places[0]} is damaged: its SHA-256 is not the manifest's.")
        content += part
    if hashlib.sha256(content).hexdigest() != whole:
        raise PartsError(f"the parts that {manifest} names are of another file.")
    write_whole(output, content)
