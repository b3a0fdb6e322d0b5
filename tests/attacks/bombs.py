"""Decompression bombs: small image files that decode to very large images."""

import struct
import zlib


def bits(*fields):
    """Packs fields (value, width) into bytes, lowest bit first."""
    number = length = 0
    for value, width in fields:
        number |= value << length
        length += width
    return number.to_bytes((length + 7) // 8, "little")


def webp(side=16383):
    """Lossless WebP in which every prefix code has a single symbol, so that the pixels take no bits at all."""
    header = [(side - 1, 14), (side - 1, 14), (0, 1), (0, 3)]
    no_transforms_no_cache_one_group = [(0, 1), (0, 1), (0, 1)]
    # Simple codes with one 8-bit symbol each: green, red, blue, alpha, distance.
    codes = [field for symbol in (99, 9, 9, 255, 0) for field in ((1, 1), (0, 1), (1, 1), (symbol, 8))]
    data = b"\x2f" + bits(*header, *no_transforms_no_cache_one_group, *codes)
    data += b"\0" * (len(data) % 2)
    chunk = b"WEBPVP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunk)) + chunk


def metadata_webp():
    """WebP of ordinary size whose metadata chunk claims a length of 4 GB."""
    extended = b"VP8X" + struct.pack("<I", 10) + bytes([8, 0, 0, 0]) + (15).to_bytes(3, "little") * 2
    content = b"WEBP" + extended + webp(16)[12:] + b"EXIF" + struct.pack("<I", 0xFFFFFFF0) + b"MM\0*"
    return b"RIFF" + struct.pack("<I", len(content)) + content


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(scan, side=16384):
    """Gray JPEG with two Huffman codes of one bit each: DC difference of 0, end of block."""
    table = bytes([0] + [1] * 64)
    one_code = bytes([1] + [0] * 15) + b"\0"
    frame = struct.pack(">BHHB", 8, side, side, 1) + bytes([1, 0x11, 0])
    parts = [segment(0xDB, table), segment(0xC0, frame), segment(0xC4, b"\0" + one_code)]
    parts += [segment(0xC4, b"\x10" + one_code), segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))]
    return b"\xff\xd8" + b"".join(parts) + scan + b"\xff\xd9"


def short_jpeg(side=16384):
    """JPEG whose header claims a large size, with almost no data."""
    return jpeg(bytes(200), side)


def whole_jpeg(side=16384):
    """JPEG as large as its header claims: two bits per 8x8 block."""
    return jpeg(bytes((side // 8) ** 2 * 2 // 8), side)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(side=9900):
    """PNG with 16-bit red, green, blue and alpha."""
    deflate = zlib.compressobj(9)
    row = bytes(1 + side * 8)
    data = b"".join(deflate.compress(row) for _ in range(side)) + deflate.flush()
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def plain_png(side, shade):
    """PNG of an ordinary gray image."""
    rows = b"".join(b"\0" + bytes((shade + x * y) % 256 for x in range(side)) for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
