"""RAR 5 archives written by hand: no free program writes them."""

from __future__ import annotations

import zlib

SIGNATURE = b"Rar!\x1a\x07\x01\x00"
MAIN, FILE, END = 1, 2, 5
STORED, FASTEST = 0, 1


def rar(members: list[tuple[str, bytes]], method: int = STORED) -> bytes:
    """An archive of named contents, stored or compressed."""
    blocks = [_block(MAIN, _number(0))]
    for name, content in members:
        data = content if method == STORED else _compressed(content)
        blocks.append(_block(FILE, _file_fields(name, content, method), data))
    return SIGNATURE + b"".join(blocks) + _block(END, _number(0))


def split_rar(name: str, parts: list[bytes]) -> list[bytes]:
    """The volumes of an archive of one stored member, with a part of it in each."""
    is_volume, has_number, from_previous, into_next = 1, 2, 8, 16
    whole, last = b"".join(parts), len(parts) - 1
    volumes = []
    for number, part in enumerate(parts):
        flags = is_volume | (has_number if number else 0)
        main = _number(flags) + (_number(number) if number else b"")
        fields = _file_fields(name, whole, STORED)
        continued = (from_previous if number else 0) | (into_next if number < last else 0)
        blocks = [_block(MAIN, main), _block(FILE, fields, part, continued)]
        volumes.append(SIGNATURE + b"".join(blocks) + _block(END, _number(int(number < last))))
    return volumes


def _file_fields(name: str, content: bytes, method: int) -> bytes:
    has_checksum, unix = 4, 1
    fields = [has_checksum, len(content), 0o644]
    head = b"".join(map(_number, fields)) + zlib.crc32(content).to_bytes(4, "little")
    return head + _number(method << 7) + _number(unix) + _number(len(name.encode())) + name.encode()


def _number(value: int) -> bytes:
    """RAR's variable-length integer, seven bits a byte."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _number(rest) if rest else bytes([low])


def _block(kind: int, fields: bytes, data: bytes | None = None, flags: int = 0) -> bytes:
    has_data = 2
    head = _number(kind) + _number(flags | (0 if data is None else has_data))
    head += (b"" if data is None else _number(len(data))) + fields
    sized = _number(len(head)) + head
    return zlib.crc32(sized).to_bytes(4, "little") + sized + (data or b"")


def _compressed(content: bytes) -> bytes:
    """One block of literals only, in a Huffman code that gives each byte its own eight bits.

    The table of 306 + 64 + 16 + 44 code lengths is 256 eights and zeros; it is written in a code
    of one bit for each of the two, whose own twenty lengths come first, four bits each.
    """
    lengths = [1 if symbol in (0, 8) else 0 for symbol in range(20)]
    bits = "".join(f"{length:04b}" for length in lengths)
    bits += "1" * 256 + "0" * (306 + 64 + 16 + 44 - 256)
    bits += "".join(f"{byte:08b}" for byte in content)
    used = len(bits) % 8 or 8
    size = -(-len(bits) // 8)
    packed = int(bits.ljust(size * 8, "0"), 2).to_bytes(size, "big")
    has_table, is_last, size_bytes = 0x80, 0x40, 3
    flags = has_table | is_last | (size_bytes - 1) << 3 | (used - 1)
    encoded_size = size.to_bytes(size_bytes, "little")
    checksum = 0x5A ^ flags ^ encoded_size[0] ^ encoded_size[1] ^ encoded_size[2]
    return bytes([flags, checksum]) + encoded_size + packed
