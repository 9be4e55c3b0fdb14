"""ICC profiles (ICC.1:2001-04), small ones, of grey, RGB and inks."""

from __future__ import annotations

import itertools
import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
DESCRIPTION = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"a\0" + bytes(78)
COPYRIGHT = b"text\0\0\0\0a\0"


def grey(gamma: float) -> bytes:
    return _profile(b"GRAY", b"mntr", b"XYZ ", {b"kTRC": _curve(gamma)})


def adobe_rgb() -> bytes:
    """Primaries and gamma of Adobe RGB (1998), which is wider than sRGB."""
    primaries = {
        b"rXYZ": _xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": _xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": _xyz(0.14919, 0.06322, 0.74457),
    }
    curves = {name: _curve(2.2) for name in (b"rTRC", b"gTRC", b"bTRC")}
    return _profile(b"RGB ", b"mntr", b"XYZ ", primaries | curves)


def inks() -> bytes:
    """Cyan, magenta, yellow and black by a table of all or nothing of each."""
    on = np.array(list(itertools.product((0, 1), repeat=4)), float)
    cyan, magenta, yellow, black = on.T
    light = 100 * (1 - 0.4 * cyan) * (1 - 0.5 * magenta) * (1 - 0.1 * yellow)
    red = (75 * magenta - 35 * cyan - 5 * yellow) * (1 - 0.9 * black)
    gold = (90 * yellow - 50 * cyan - 5 * magenta) * (1 - 0.9 * black)
    lab = np.stack([2.55 * light * (1 - 0.9 * black), red + 128, gold + 128], axis=1)
    table = np.clip(np.rint(lab), 0, 255).astype(np.uint8).tobytes()
    identity = struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    line = bytes(range(256))
    lut = b"mft1\0\0\0\0\4\3\2\0" + identity + line * 4 + table + line * 3
    return _profile(b"CMYK", b"prtr", b"Lab ", {b"A2B0": lut})


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _profile(space: bytes, kind: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": DESCRIPTION, b"cprt": COPYRIGHT, b"wtpt": _xyz(*D50)} | tags
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"none", 0x2400000, kind, space, connection
    )
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(68, b"\0") + _xyz(*D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
