"""How far a picture reaches that begins at the start of a window, told by its own structure.

Each function takes the window and gives None where no picture begins there: marks of a few bytes
occur by chance, so its headers must make sense. None of them decodes anything.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from scanner.carving.window import PIECE_BYTES, Window
from scanner.images.jpeg_markers import ALONE, DATA_END, END, FRAMES, SCAN
from scanner.images.signatures import BMP_HEADERS, IMAGE_BRANDS

LARGEST_SIDE = 65_535
MOST_STEPS = 10_000  # from one part of a picture to its next
FILL = 0xFF  # which every marker of a JPEG begins with
MOST_STRAY = 512  # bytes between two segments that belong to neither
FIRST_SEGMENTS = (b"JFIF\0", b"Exif\0\0")  # as nearly all begin, be the rest in another place
# What is reserved, or begins another picture: decoders know none of it behind the first marker.
NOWHERE = frozenset({0x00, *range(0x02, 0xC0), 0xC8, 0xD8, *range(0xF0, 0xFE)})
INDEX, INDEX_WITHIN, INDEX_PICTURES, MOST_INDEX_ENTRIES = b"MPF\0", 1 << 20, 0xB002, 256
RIFF_NAME = re.compile(rb"[ -~]{4}")
CHUNK_NAME = re.compile(rb"[A-Za-z]{4}")
PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
BOX_NAME = re.compile(rb"[ -~\xa9]{4}")
# What ISO media files that hold pictures have at the top (ISO/IEC 14496-12), and JPEG 2000 files.
BOXES = frozenset(
    (
        b"ftyp", b"meta", b"mdat", b"idat", b"free", b"skip", b"moov", b"uuid", b"styp", b"wide",
        b"jP  ", b"jp2h", b"jp2c", b"jp2i", b"xml ", b"uinf", b"rreq", b"asoc", b"jumb", b"colr",
        b"res ", b"Exif", b"JXL ", b"jxlc", b"jxlp", b"jxll", b"jxli", b"jbrd", b"brob",
    )
)  # fmt: skip
FIRST_BOXES = (b"ftyp", b"jP  ", b"JXL ")
BMP_DEPTHS = (1, 2, 4, 8, 16, 24, 32)
SMALLEST_BOX = 8
ICON_ENTRY_BYTES = 16
PSD_HEADER = struct.Struct(">4sH6xHIIHH")
PSD_RAW, PSD_RUNS = 0, 1  # how the picture is written that its layers make together


class Extent(NamedTuple):
    """size: bytes from its start. whole: whether it ends there by its own word, or breaks off.

    stated: that its headers alone say so, whatever is there: the next picture may begin in it.
    """

    size: int
    whole: bool
    stated: bool = False


def jpeg(window: Window) -> Extent | None:
    """From SOI to EOI; None without a first segment or frame header that makes sense.

    An index of further pictures (CIPA DC-007) is left alone: see `jpegs`.
    """
    place, frame = 2, window.at(6, 6).startswith(FIRST_SEGMENTS)
    for _ in range(MOST_STEPS):
        mark = window.at(place, 4)
        if mark[:1] not in (b"", b"\xff") and frame:  # decoders pass over a few
            place += max(0, window.at(place, MOST_STRAY).find(FILL))
            mark = window.at(place, 4)
        if len(mark) < 2 or mark[0] != FILL or mark[1] in NOWHERE:
            return Extent(min(place, window.size), False) if frame else None
        code = mark[1]
        if code == END:
            return Extent(place + 2, True) if frame else None
        if code == FILL or code in ALONE:
            place += 1 if code == FILL else 2
            continue
        length = int.from_bytes(mark[2:4])
        if length < 2 or (code in FRAMES and not _is_frame(window.at(place + 4, 6), length)):
            return Extent(place, False) if frame else None
        frame = frame or code in FRAMES
        place += 2 + length
        if code == SCAN:
            if not frame:
                return None
            place = _next_marker(window, place)
    return Extent(min(place, window.size), False) if frame else None


def jpegs(window: Window) -> Extent | None:
    """As `jpeg`, to the end of the last of the further pictures that its index names, if any."""
    first = jpeg(window)
    if first is None or not first.whole:
        return first
    head = window.at(0, min(first.size, INDEX_WITHIN))
    origin = head.find(INDEX) + len(INDEX)
    if origin < len(INDEX):
        return first
    order = "little" if head.startswith(b"II", origin) else "big"
    end = first.size
    directory = origin + window.number(origin + 4, 4, order)
    for entry in range(min(window.number(directory, 2, order), MOST_INDEX_ENTRIES)):
        at = directory + 2 + 12 * entry
        if window.number(at, 2, order) == INDEX_PICTURES:
            pictures = origin + window.number(at + 8, 4, order)
            for each in range(min(window.number(at + 4, 4, order) // 16, MOST_INDEX_ENTRIES)):
                # The sizes that stand beside the places are not always right.
                place = origin + window.number(pictures + 16 * each + 8, 4, order)
                further = window.behind(place)
                if each and further.at(0, 2) == b"\xff\xd8" and (extent := jpeg(further)):
                    end = max(end, place + extent.size)
                window.effort += further.effort
    return Extent(end, True)


def _is_frame(header: bytes, length: int) -> bool:
    if len(header) < 6:
        return False
    depth, _, width, components = struct.unpack(">BHHB", header)  # the height may follow later
    return depth in (8, 12, 16) and width > 0 and length == 8 + 3 * components and components < 5


def _next_marker(window: Window, place: int) -> int:
    """Where the entropy-coded data from `place` on end."""
    while piece := window.at(place, PIECE_BYTES):
        if end := DATA_END.search(piece):
            return place + end.start()
        place += max(1, len(piece) - 1)  # a marker may lie across two pieces
        if place >= window.size - 1:
            break
    return window.size


def png(window: Window) -> Extent | None:
    """From the signature through IEND; None without a sound IHDR."""
    header = window.at(8, 21)
    if len(header) < 21 or header[:8] != b"\0\0\0\x0dIHDR":
        return None
    width, height, depth, colour = struct.unpack(">IIBB", header[8:18])
    if not 0 < width < 1 << 31 or not 0 < height < 1 << 31:
        return None
    if depth not in PNG_DEPTHS.get(colour, ()):
        return None
    place = 8
    for _ in range(MOST_STEPS):
        head = window.at(place, 8)
        length = int.from_bytes(head[:4])
        if not CHUNK_NAME.fullmatch(head, 4) or length >= 1 << 31:
            break
        place += 12 + length
        if place > window.size:
            return Extent(window.size, False)
        if head[4:] == b"IEND":
            return Extent(place, True)
    return Extent(min(place, window.size), False)


def gif(window: Window) -> Extent | None:
    """From the signature to the trailer; None without a screen and a block behind its colours."""
    header = window.at(0, 13)
    if len(header) < 13:
        return None
    width, height, packed = struct.unpack("<HHB", header[6:11])
    place = 13 + _colours(packed)
    if not width or not height or not _is_gif_block(window, place):
        return None
    for _ in range(MOST_STEPS):
        block = window.at(place, 10)
        if block[:1] == b";":
            return Extent(place + 1, True)
        if block[:1] == b"!":
            place = _blocks_end(window, place + 2)
        elif block[:1] == b"," and len(block) == 10:
            place = _blocks_end(window, place + 11 + _colours(block[9]))
        else:
            break
    return Extent(min(place, window.size), False)


def _is_gif_block(window: Window, place: int) -> bool:
    """Whether an extension of a known label stands there, or a frame with sides and a code size."""
    block = window.at(place, 10)
    if block[:1] == b"!":
        return block[1:2] in (b"\x01", b"\xf9", b"\xfe", b"\xff")
    if block[:1] != b"," or len(block) < 10:
        return False
    width, height = struct.unpack("<HH", block[5:9])
    code_bits = window.number(place + 10 + _colours(block[9]), 1)
    return width > 0 and height > 0 and 1 <= code_bits <= 11


def _colours(packed: int) -> int:
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _blocks_end(window: Window, place: int) -> int:
    """Where the sub-blocks from `place` on, each behind its size, end with one of none."""
    piece, start = b"", place
    while place < window.size:
        if not start <= place < start + len(piece):
            piece, start = window.at(place, PIECE_BYTES), place
        size = piece[place - start]
        place += 1 + size
        if not size:
            break
    return place


def webp(window: Window) -> Extent | None:
    """A RIFF file, chunk by chunk to the size that it states; None unless the first one fits.

    Where one chunk is all there is, nothing but its header tells where it ends.
    """
    size = 8 + window.number(4, 4, "little")
    chunk = window.number(16, 4, "little")
    known = window.at(12, 4) in (b"VP8 ", b"VP8L", b"VP8X")
    if window.at(0, 4) != b"RIFF" or not known or not 0 < chunk <= size - 20:
        return None
    if size > window.size:
        return Extent(window.size, False)
    place = 20 + chunk + (chunk & 1)
    if place >= size:
        return Extent(size, True, stated=True)
    while place < size:
        head = window.at(place, 8)
        if not RIFF_NAME.fullmatch(head, 0, 4):
            return Extent(place, False)
        length = int.from_bytes(head[4:], "little")
        place += 8 + length + (length & 1)
    # The pad byte behind an odd size is left out by some writers.
    return Extent(min(max(place, size), window.size), place - size < 2)


def bmp(window: Window) -> Extent | None:
    """By the size that it states, or that its pixels take where that is more."""
    header = window.at(0, 54)
    if len(header) < 26 or header[6:10] != bytes(4):
        return None
    stated, _, offset, info = struct.unpack("<IIII", header[2:18])
    if info not in BMP_HEADERS or not 14 + info <= offset <= 14 + info + 1024 + 16:
        return None
    if info == 12:
        width, height, planes, depth = struct.unpack("<HHHH", header[18:26])
        compression = 0
    else:
        if len(header) < 34:
            return None
        width, height, planes, depth = struct.unpack("<iiHH", header[18:30])
        compression = int.from_bytes(header[30:34], "little")
    sides = 0 < width <= LARGEST_SIDE and 0 < abs(height) <= LARGEST_SIDE
    if not sides or planes != 1 or depth not in BMP_DEPTHS or compression > 6:
        return None
    pixels = (width * depth + 31) // 32 * 4 * abs(height) if compression in (0, 3, 6) else 0
    size = max(offset + pixels, stated if compression in (1, 2, 4, 5) else 0)
    if size > window.size:
        return Extent(window.size, False)
    return Extent(size, True, stated=True)


def boxed(window: Window) -> Extent | None:
    """A file of boxes, as HEIF, AVIF, CR3, JPEG 2000 and JPEG XL are; None for a film."""
    if window.at(4, 4) == b"ftyp" and brand(window) is None:
        return None
    place = 0
    met: list[bytes] = []
    for _ in range(MOST_STEPS):
        head = window.at(place, 16)
        size, name = int.from_bytes(head[:4]), head[4:8]
        # One of another name is taken for a box if it ends where the bytes have not yet.
        is_box = BOX_NAME.fullmatch(name) and SMALLEST_BOX <= size <= window.size - place
        if name not in BOXES and not (met and is_box):
            break
        if name in FIRST_BOXES and name in met:  # another file begins
            break
        met.append(name)
        if size == 1:
            size = int.from_bytes(head[8:16])
        if size == 0:  # to the end, wherever that was
            return Extent(window.size, True, stated=True)
        if size < SMALLEST_BOX:
            break
        place += size
        if place > window.size:
            return Extent(window.size, False)
    return Extent(place, True, stated=True) if len(met) > 1 else None


def icon(window: Window) -> Extent | None:
    """An ICO or CUR file, to the end of its last picture."""
    kind, count = window.number(2, 2, "little"), window.number(4, 2, "little")
    if window.at(0, 2) != bytes(2) or kind not in (1, 2) or not count:
        return None
    entries = window.at(6, count * ICON_ENTRY_BYTES)
    places = struct.iter_unpack("<8xII", entries[: len(entries) // 16 * 16])
    end = max((size + place for size, place in places), default=0)
    return Extent(min(end, window.size), end <= window.size)


def icns(window: Window) -> Extent | None:
    """An Apple icon by the size that it states."""
    size = window.number(4, 4)
    return Extent(min(size, window.size), size <= window.size) if size > SMALLEST_BOX else None


def psd(window: Window) -> Extent | None:
    """A Photoshop document, to the end of the picture that its layers make together."""
    header = window.at(0, PSD_HEADER.size)
    if len(header) < PSD_HEADER.size:
        return None
    _, version, channels, height, width, depth, _ = PSD_HEADER.unpack(header)
    wide = 8 if version == 2 else 4
    place = PSD_HEADER.size
    for length_bytes in (4, 4, wide):  # colours, resources, layers
        place += length_bytes + window.number(place, length_bytes)
    compression = window.number(place, 2)
    place += 2
    if compression == PSD_RAW:
        place += channels * height * ((width * depth + 7) // 8)
    elif compression == PSD_RUNS:
        counter = "I" if version == 2 else "H"
        rows = window.at(place, channels * height * struct.calcsize(counter))
        counts = struct.iter_unpack(f">{counter}", rows[: len(rows) // 4 * 4])
        place += len(rows) + sum(count for (count,) in counts)
    else:  # nothing tells where it ends
        place = window.size
    return Extent(min(place, window.size), place <= window.size)


def brand(window: Window) -> str | None:
    """The suffix of the kind of picture that an ISO media file says it is; None for others."""
    size = window.number(0, 4)
    if not 16 <= size <= 256 or size % 4:
        return None
    head = window.at(0, size)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, len(head), 4))}
    if head[8:12] == b"crx ":
        return "cr3"
    if brands.isdisjoint(IMAGE_BRANDS):
        return None
    return "avif" if brands & {b"avif", b"avis"} else "heic"


def is_film(window: Window) -> bool:
    """Whether an ISO media file begins here that is no picture."""
    size = window.number(0, 4)
    printable = BOX_NAME.fullmatch(window.at(8, 4)) is not None
    behind = window.at(size + 4, 4)
    known = behind in (b"moov", b"mdat", b"free", b"wide", b"skip", b"uuid", b"moof", b"styp")
    return 16 <= size <= 256 and size % 4 == 0 and printable and known and brand(window) is None
