"""Small PNG images, derived from the prompt alone. Pure."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib

SIDE = 16
"""Pixels of each side."""


def picture(prompt: str, share: float = 1.0) -> str:
    """A picture in base64: one colour that the prompt decides, the lower part grey until the `share` 1 is reached."""
    colour = hashlib.sha256(prompt.encode("utf-8", "replace")).digest()[:3]
    done = round(SIDE * share)
    rows = b"".join(b"\0" + (colour if row < done else b"\x80\x80\x80") * SIDE for row in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return base64.b64encode(png).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
