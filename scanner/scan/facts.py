"""What a scan's records depend on, and what its reports and its manifest say of it.

They stand side by side so that nothing a record depends on is left out of what a resume checks.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from scanner import __version__
from scanner.containers.zip_names import code_page
from scanner.environment import programs
from scanner.files import file_sha256
from scanner.hashes.hashing import Hashing
from scanner.model.card import ModelCard
from scanner.model.file import ModelFile
from scanner.provenance import CAVEAT
from scanner.provenance.trust import Trust
from scanner.record import RECORDS_VERSION, Origin, Status, Verdict
from scanner.roots import Roots
from scanner.scan.outcome import Judged
from scanner.scan.request import Request
from scanner.scan.scorers import Scorer

# The libraries that take evidence apart, decode it, read its provenance or score it.
LIBRARIES = (
    "ahocorasick-rs", "backports.zstd", "c2pa-python", "dissect.evidence", "dissect.extfs",
    "dissect.fat", "dissect.hypervisor", "dissect.ntfs", "dissect.util", "dissect.volume", "numpy",
    "ijson", "olefile", "onnxruntime", "onnxruntime-gpu", "pdqhash", "pillow", "pillow-heif",
    "py7zr", "pylibmagic", "pypdf", "pyzipper", "rarfile", "rawpy", "simplejpeg", "tensorrt",
    "tensorrt-rtx-cu13",
)  # fmt: skip
NAMED = {name: re.compile(rf"^{name}: *(.*?) *$", re.MULTILINE) for name in ("Name", "Version")}


def identity(
    request: Request,
    evidence: Roots,
    scorers: Sequence[Scorer],
    hashing: Hashing,
    trust: Trust,
) -> dict[str, Any]:
    """What a journal's records depend on; a scan is carried on only where all of it is the same."""
    cards = [scorer.model.card for scorer in scorers]
    return {
        "version": __version__,
        "kind of record": RECORDS_VERSION,
        "evidence": evidence.digest(),
        "model": [[scorer.model.name, scorer.model.sha256] for scorer in scorers],
        "model file that scores first": [s.first and s.first.sha256 for s in scorers],
        "model card": [_card_sha256(card) for card in cards],
        "false-positive rate": [card.operating_points[0].false_positive_rate for card in cards],
        "provider": [scorer.backend.provider for scorer in scorers],
        "precision": [scorer.backend.precision for scorer in scorers],
        "limits": asdict(request.limits),
        "hash options": hashing_facts(hashing),
        "choice of carving": request.carve,
        "code page of names in zips": code_page(request.zip_names),
        "choice of C2PA trust lists": trust_facts(trust),
        "choice of an HTML report": request.pictures,
        "choice of verdicts to explain": explained(request),
        "Python": python(),
        "kind of processor": instructions(),
        "set of libraries": libraries(),
        "set of decoders": decoders(),
        "unpacking program": unpackers(),
    }


def explained(request: Request) -> list[Verdict]:
    """With which verdicts it is shown where the evidence lies, in one order and each once."""
    return [verdict for verdict in Verdict if verdict in request.explain]


def _card_sha256(card: ModelCard) -> str:
    """The same whichever operating point is chosen, which is told for itself.

    An engine's card lies in another file, which the hash of the engine does not cover.
    """
    by_rate = sorted(card.operating_points, key=lambda point: point.false_positive_rate)
    whole = repr(replace(card, operating_points=tuple(by_rate)))
    return hashlib.sha256(whole.encode()).hexdigest()


def facts(
    models: Sequence[Judged],
    statuses: Counter[Status],
    verdicts: Counter[Verdict],
    origins: Counter[Origin],
    trust: Trust,
) -> dict[str, Any]:
    """What reports say of their scan."""
    # No times and no machine names: the same evidence must give the same bytes.
    return {
        "imgscan": __version__,
        "decoder": ", ".join([*decoding(), f"Python {platform.python_version()}"]),
        "models": [_model_facts(judged) for judged in models],
        "provenance": CAVEAT,
        "c2pa_trust": trust_facts(trust),
        "statuses": {status: statuses[status] for status in Status},
        "verdicts": {verdict: verdicts[verdict] for verdict in Verdict},
        "origins": {origin: origins[origin] for origin in Origin},
    }


def _model_facts(judged: Judged) -> dict[str, Any]:
    card = judged.model.card
    point = card.operating_points[0]
    missed = point.false_negative_rate
    return {
        "name": judged.model.name,
        "sha256": judged.model.sha256,
        "domain": asdict(card.domain),
        "sees": card.preprocessing.in_words(),
        "false_positive_rate": point.false_positive_rate,
        "false_negative_rate": point.false_positive_rate if missed is None else missed,
        "ood_at_most": card.ood_at_most,
        "quality": None if card.quality is None else asdict(card.quality),
        "looks": list(card.looks),
        "provider": judged.provider,
        "precision": judged.precision,
        "first_pass": _first_pass(judged.first),
        "verdicts": {verdict: judged.verdicts[verdict] for verdict in Verdict},
    }


def _first_pass(first: ModelFile | None) -> dict[str, Any] | None:
    """The file that scored first, and what it left to the model's own, as its card has it."""
    if first is None or first.card.first_pass is None:
        return None
    return {
        "name": first.name,
        "sha256": first.sha256,
        "precision": first.card.precision,
        "margin": first.card.first_pass.margin,
        "least_colours": first.card.first_pass.least_colours,
    }


def surroundings(command: Sequence[str]) -> dict[str, Any]:
    """The software that a scan's results may depend on, and the command that started it."""
    libraries = dict(installed())
    return {
        "python": sys.version,
        # Not platform.platform(), which runs a program to learn of the processor.
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "instructions": instructions(),
        "libraries": dict(sorted(libraries.items(), key=lambda item: item[0].lower())),
        "decoders": decoders(),
        "unpackers": unpackers(),
        "command": list(command),
        "working_folder": str(Path.cwd()),
    }


def hashing_facts(hashing: Hashing) -> dict[str, Any]:
    """What the scan does about hashes, and the lists it looks them up in."""
    lists = hashing.known.lists if hashing.known else ()
    return {
        "sha1": hashing.sha1,
        "md5": hashing.md5,
        "known": [asdict(known) for known in lists],
        "skip_known": hashing.skip_known,
        "pdq": hashing.pdq,
        "similar": [asdict(found) for found in hashing.similar.lists] if hashing.similar else [],
    }


def trust_facts(trust: Trust) -> list[dict[str, Any]]:
    """The lists of those whose C2PA signatures are trusted; without any, none was looked up."""
    return [asdict(found) for found in trust.lists]


def python() -> str:
    """The interpreter and the machine it is built for."""
    version = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{version}, {platform.system()} {platform.machine()}"


def instructions() -> list[str]:
    """Of the processor, those that decide how a CPU computes a score, as NumPy detects them."""
    import numpy as np

    found: Any = np.show_config(mode="dicts")
    return list(found["SIMD Extensions"].get("found", []))


def libraries() -> dict[str, str]:
    """Name to version of those of LIBRARIES that are installed."""
    first = {_plain(name): version for name, version in reversed(installed())}
    return {name: first[_plain(name)] for name in LIBRARIES if _plain(name) in first}


def _plain(name: str) -> str:
    """A library's name, of which upper case and the kind of punctuation tell nothing."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def installed() -> tuple[tuple[str, str], ...]:
    """Name and version of each library that is installed, in the order that Python finds them in.

    Of its metadata only these two lines are looked at: most of it is long descriptions.
    """
    from importlib.metadata import distributions

    found = []
    for library in distributions():
        text = library.read_text("METADATA") or library.read_text("PKG-INFO") or ""
        header = text.partition("\n\n")[0]
        facts = {name: NAMED[name].search(header) for name in NAMED}
        if facts["Name"] and facts["Version"]:
            found.append((facts["Name"][1], facts["Version"][1]))
    return tuple(found)


def decoders() -> dict[str, str]:
    """Name to version of the codecs behind Pillow and Python."""
    from PIL import features

    versions = {name: features.version(name) for name in features.get_supported()}
    known = {name: version for name, version in sorted(versions.items()) if version}
    return known | {"Python's zlib": zlib.ZLIB_RUNTIME_VERSION}


def decoding() -> list[str]:
    """The libraries that turn a file into pixels, with their versions."""
    installed = libraries()
    return [f"Pillow {installed['pillow']}", f"simplejpeg {installed['simplejpeg']}"]


def unpackers() -> dict[str, str]:
    """Name to SHA-256 of the programs that may unpack RAR here."""
    hashes = {}
    for name, path in programs().items():
        try:
            hashes[name] = file_sha256(Path(path))
        except OSError:  # it may be run all the same
            hashes[name] = "unreadable"
    return hashes
