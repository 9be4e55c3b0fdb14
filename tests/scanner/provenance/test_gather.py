"""Evidence reaches the report from the workers, whatever the image is worth, and never the score;
hostile bytes cost at most a finding."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import PngImagePlugin

from scanner.limits import Limits
from scanner.provenance import CAVEAT
from scanner.provenance.readers import gather
from scanner.record import Status
from scanner.workers.examine import examine
from tests.conftest import EVERY_SIZE

ROOT = Path(__file__).parents[3]


def texts(**values: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for key, value in values.items():
        info.add_text(key, value)
    return info


def test_evidence_changes_neither_pixels_nor_status(encode: Any) -> None:
    plain = examine(encode("PNG"), EVERY_SIZE, Limits())
    told = examine(encode("PNG", pnginfo=texts(Software="NovelAI")), EVERY_SIZE, Limits())
    assert (plain.status, told.status) == (Status.SCORED, Status.SCORED)
    assert plain.view is not None
    assert told.view is not None
    assert np.array_equal(plain.view, told.view)
    assert plain.evidence is None
    assert json.loads(told.evidence or "")[0]["source"] == "novelai"


def test_images_that_cannot_be_decoded_have_evidence_too(encode: Any) -> None:
    data = encode("PNG", pnginfo=texts(Software="NovelAI"))
    torn = data[: data.index(b"IDAT") + 10]
    examined = examine(torn, EVERY_SIZE, Limits())
    assert examined.status is Status.UNREADABLE
    assert examined.evidence is not None
    huge = examine(data, EVERY_SIZE, replace(Limits(), pixels=10))
    assert huge.status is Status.OVER_LIMIT
    assert huge.evidence is not None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
def test_damage_never_raises(kind: str, encode: Any, signer: Any) -> None:
    whole = encode(kind)
    mime = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}.get(kind)
    if mime:
        whole = signer.sign(whole, mime)[0]
    luck = random.Random(kind)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(luck.choice((1, 4, 40))):
            damaged[luck.randrange(len(damaged))] = luck.randrange(256)
        evidence = gather(bytes(damaged[: luck.choice((len(damaged), len(damaged) // 2))])).evidence
        assert evidence is None or json.loads(evidence)


def test_the_report_holds_the_evidence_and_its_caveat(
    encode: Any, server: Any, signer: Any, tmp_path: Path
) -> None:
    """Over the whole scan, workers included; nothing asks the network."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    remote, _ = signer.sign(encode("JPEG"), remote=f"{server.url}/manifest", embed=False)
    (folder / "remote.jpg").write_bytes(remote)
    (folder / "signed.jpg").write_bytes(signer.sign(encode("JPEG"))[0])
    (folder / "plain.bmp").write_bytes(encode("BMP"))
    (folder / "twin.jpg").write_bytes((folder / "signed.jpg").read_bytes())
    arguments = [sys.executable, "-m", "scanner", str(folder), "--report", "out.json", "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(arguments, cwd=tmp_path, env=environment, check=True, timeout=240)
    report = json.loads((tmp_path / "out.json").read_text("utf-8"))
    evidence = {file["path"].split("/")[-1]: file["evidence"] for file in report["files"]}
    assert evidence["plain.bmp"] is None
    assert '"name":"remote_manifest_not_fetched"' in evidence["remote.jpg"]
    assert '"value":"intact, signer not checked"' in evidence["signed.jpg"]
    assert evidence["twin.jpg"] == evidence["signed.jpg"]
    assert report["scan"]["provenance"] == CAVEAT
    assert server.requests == []
