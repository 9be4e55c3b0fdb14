"""Photoshop's image resources, which is where JPEG keeps IPTC's older metadata (IIM)."""

from __future__ import annotations

RESOURCE, IPTC, HEADER_BYTES = b"8BIM", 0x0404, 6
MAX_RESOURCES = 10_000


def iptc_of(resources: bytes) -> bytes:
    """The IIM records among image resources; empty where there are none, or damage comes first."""
    at, found = 0, b""
    for _ in range(MAX_RESOURCES):
        if resources[at : at + 4] != RESOURCE:
            break
        number = int.from_bytes(resources[at + 4 : at + HEADER_BYTES])
        name_bytes = 1 + (resources[at + HEADER_BYTES] if at + HEADER_BYTES < len(resources) else 0)
        at += HEADER_BYTES + name_bytes + name_bytes % 2
        size = int.from_bytes(resources[at : at + 4])
        if number == IPTC:
            found += resources[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return found
