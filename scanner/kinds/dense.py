"""Files whose bytes look compressed and that hold no pictures in them: sounds and fonts.

Told by more than their first bytes, since those of encrypted files are anything: frames that follow
each other, or a header that states the size of the file.
"""

from __future__ import annotations

import re

ENOUGH = 4  # frames or pages that follow each other
MPEG_RATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s, layer III
MPEG_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
MPEG_HERTZ = (44_100, 48_000, 32_000)
OGG_HEADER_BYTES = 27
FLAC_FRAME = re.compile(rb"\xff[\xf8\xf9][^\x00-\x0f]", re.DOTALL)
FLAC_FACTS_BYTES = b"\0\0\x22"
# Of ISO media, which else hold films or pictures.
SOUND_BRANDS = frozenset((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ", b"aax "))
BOX_NAME = re.compile(rb"[a-z]{4}")
WOFF_SIGNATURES = (b"wOFF", b"wOF2")


def name(head: bytes, size: int) -> str | None:
    """What of these a file of `size` bytes is, by its first 128 KiB; None for any other."""
    if head.startswith(WOFF_SIGNATURES) and int.from_bytes(head[8:12]) == size:
        return "a font (WOFF)"
    if head.startswith(b"OggS") and _ogg_pages(head) >= ENOUGH and b"theora" not in head:
        return "a sound (Ogg)"
    if head.startswith(b"fLaC") and _is_flac(head):
        return "a sound (FLAC)"
    if head[4:8] == b"ftyp" and head[8:12] in SOUND_BRANDS and _is_boxes(head, size):
        return "a sound (MPEG-4)"
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE" and _states(head, size):
        return "a sound (WAVE)"
    return "a sound (MPEG)" if _mpeg_frames(head) >= ENOUGH else None


def _states(head: bytes, size: int) -> bool:
    return 0 <= size - 8 - int.from_bytes(head[4:8], "little") <= 1


def _is_boxes(head: bytes, size: int) -> bool:
    """Whether boxes follow each other to the end of the head or, exactly, of the file."""
    place = 0
    while place < min(size, len(head) - 16):
        length = int.from_bytes(head[place : place + 4])
        if length == 1:
            length = int.from_bytes(head[place + 8 : place + 16])
        if length < 8 or not BOX_NAME.fullmatch(head, place + 4, place + 8):
            return False
        place += length
    return place <= size


def _ogg_pages(head: bytes) -> int:
    """How many pages follow each other (RFC 3533, 6)."""
    place = pages = 0
    while head.startswith(b"OggS\0", place) and place + OGG_HEADER_BYTES < len(head):
        segments = head[place + 26]
        lengths = head[place + OGG_HEADER_BYTES : place + OGG_HEADER_BYTES + segments]
        place += OGG_HEADER_BYTES + segments + sum(lengths)
        pages += 1
    return pages


def _is_flac(head: bytes) -> bool:
    """Whether a frame follows the metadata blocks, or these reach beyond the head."""
    if head[4] & 0x7F or head[5:8] != FLAC_FACTS_BYTES:  # what comes first
        return False
    place, is_last = 4, False
    while not is_last and place + 4 <= len(head):
        is_last = head[place] & 0x80 > 0
        place += 4 + int.from_bytes(head[place + 1 : place + 4])
    return place >= len(head) or FLAC_FRAME.match(head, place) is not None


def _mpeg_frames(head: bytes) -> int:
    """How many frames of MPEG layer III follow each other, behind an ID3 tag if there is one."""
    place = frames = 0
    if head.startswith(b"ID3"):
        size = 0
        for seven_bits in head[6:10]:
            size = size << 7 | seven_bits & 0x7F
        place = 10 + size
        if place >= len(head):  # the pictures in it fill the head: nothing else tells
            return 0
    while place + 4 <= len(head) and (length := _mpeg_frame_bytes(head[place : place + 4])):
        place += length
        frames += 1
    return frames


def _mpeg_frame_bytes(header: bytes) -> int:
    """The length of the frame that `header` begins; 0 where it begins none."""
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate, hertz = header[2] >> 4, header[2] >> 2 & 3
    if header[0] != 0xFF or header[1] < 0xE0 or version == 1 or layer != 1:
        return 0
    if not 0 < rate < len(MPEG_RATES) or hertz == len(MPEG_HERTZ):
        return 0
    is_first = version == 3
    kilobits = MPEG_RATES[rate] if is_first else MPEG_RATES_2[rate]
    frequency = MPEG_HERTZ[hertz] >> (0 if is_first else 1 if version == 2 else 2)
    return (144 if is_first else 72) * kilobits * 1000 // frequency + (header[2] >> 1 & 1)
