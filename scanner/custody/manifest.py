"""The manifest of a scan: what ran, on what, when, and the hash of every report it wrote.

It lies beside the first report as REPORT.manifest.json, with its signature, where there is one, in
REPORT.manifest.json.sig. Unlike the reports it holds times, so it differs from run to run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanner.custody.signing import fingerprint
from scanner.errors import ImgscanError
from scanner.files import file_sha256, write_whole

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT = 1
SUFFIX = ".manifest.json"
START = b'{\n "manifest": '  # of every manifest
SIGNATURE_SUFFIX = ".sig"
SIGNATURE_BYTES = 64


class ManifestError(ImgscanError):
    """A manifest cannot be written or read; the sentence says why."""


def manifest_path(report: Path) -> Path:
    return report.with_name(report.name + SUFFIX)


def signature_path(manifest: Path) -> Path:
    return manifest.with_name(manifest.name + SIGNATURE_SUFFIX)


def utc_now() -> str:
    """ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def check_manifest(report: Path) -> None:
    """Raise ManifestError for a file that no scan left where this one's manifest would lie.

    A signature has no mark of its own but its size.
    """
    manifest = manifest_path(report)
    signature = signature_path(manifest)
    try:
        is_ours = manifest.is_file() and _start(manifest) == START
        is_signature = signature.is_file() and signature.stat().st_size == SIGNATURE_BYTES
    except OSError as error:
        reason = error.strerror or error
        raise ManifestError(f"{error.filename} cannot be read: {reason}.") from error
    for path, left_by_scan in ((manifest, is_ours), (signature, is_signature)):
        if os.path.lexists(path) and not left_by_scan:
            raise ManifestError(
                f"{path} was left by no scan, whose manifest or its signature would lie there. It "
                "was left as it is: move it away, or name another report."
            )


def _start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(len(START))


def write_manifest(
    facts: dict[str, Any], files: Sequence[Path], key: Ed25519PrivateKey | None
) -> None:
    """Write the manifest of the `files` of reports, with their hashes and `facts`; sign it.

    It lies beside the first of them, and is signed with `key`, if any. Raises ManifestError.
    """
    path = manifest_path(files[0])
    signature = signature_path(path)
    signer = {"signed_by": fingerprint(key.public_key())} if key else {}
    try:
        written = [_describe(file, path.parent) for file in files]
        manifest = {"manifest": FORMAT, **facts, **signer, "reports": written}
        # ASCII escapes carry even file names that are no Unicode.
        content = json.dumps(manifest, indent=1).encode() + b"\n"
        signature.unlink(missing_ok=True)  # an older scan's
        write_whole(path, content)
        if key:
            write_whole(signature, key.sign(content))
    except OSError as error:
        reason = error.strerror or error
        raise ManifestError(f"the manifest {path} cannot be written: {reason}.") from error


def find_manifest(report: Path) -> Path:
    """The manifest of `report`, which may be the manifest itself. Raises ManifestError."""
    path = report if report.name.endswith(SUFFIX) else manifest_path(report)
    if not path.is_file():
        raise ManifestError(
            f"there is no {path}; a scan writes its manifest beside the first of its reports, "
            "name that one."
        )
    return path


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest in `path`. Raises ManifestError."""
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path} is damaged: it is no JSON that a scan writes.") from error
    if not isinstance(manifest, dict) or manifest.get("manifest") != FORMAT:
        raise ManifestError(f"{path} is no manifest that this version reads.")
    return manifest


def _describe(file: Path, folder: Path) -> dict[str, Any]:
    try:
        name = Path(os.path.relpath(file, folder)).as_posix()  # for any system
    except ValueError:  # on another drive of a Windows machine
        name = str(file.resolve())
    return {"name": name, "bytes": file.stat().st_size, "sha256": file_sha256(file)}
