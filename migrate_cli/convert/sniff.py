"""Detects a file's media type from its first bytes, for files whose name says nothing or is wrong. Pure: no I/O."""

from __future__ import annotations

import codecs

HEAD_BYTES = 4096
"""As many bytes of a file as `sniff` likes to see; fewer are fine."""

_MAGIC = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"{\\rtf", "application/rtf"),
)
_WEAK = frozenset({b"BM"})
"""Signatures that plain text can begin with; they count only where the rest is not text."""


def sniff(head: bytes) -> str | None:
    """Return the media type that the first bytes of a file show, or None where they show none."""
    for magic, media_type in _MAGIC:
        if head.startswith(magic) and not (magic in _WEAK and _is_text(head)):
            return media_type
    if head.startswith(b"RIFF") and len(head) >= 12:
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "audio/mp4" if head[8:11] in {b"M4A", b"M4B"} else "video/mp4"
    if head.startswith(b"PK\x03\x04"):
        return _zipped(head)
    return "text/plain" if _is_text(head) else None


def _zipped(head: bytes) -> str:
    """Office documents are archives whose first members have names of their own."""
    if b"mimetypeapplication/" in head[:120]:
        return head[head.index(b"mimetype") + 8 :].split(b"PK", 1)[0].decode("ascii", "replace")
    if b"[Content_Types].xml" in head or b"_rels/.rels" in head:
        return "application/vnd.openxmlformats-officedocument"
    return "application/zip"


def _is_text(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    if not head or b"\x00" in head:
        return False
    try:
        # The last character may be cut in the middle.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
