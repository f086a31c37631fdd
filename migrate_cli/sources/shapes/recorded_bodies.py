"""Decodes a recorded body: base64, hex, compression, chunks, lines; what comes out is JSON or the text of a stream.

Recorders write bodies in many ways, and few say which: each way that makes JSON or an event stream of a body is right.
Pure except for the bounds. It must not look at what the JSON means.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from migrate_cli.bounds import bounds, too_deep
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.json_text import BadJsonError
from migrate_cli.sources.shapes.event_streams import is_event, is_event_stream
from migrate_cli.sources.shapes.recorded_exchange import RecordedBody

NO_BODY = object()
"""What a body is decoded to that was not recorded, or is empty."""
_MOST_LAYERS = 4
"""How many encodings may lie over one another; recorders make two of them."""
_RECORDINGS_WORTH = 4
"""How many of the largest answers a recording may hold in all, once decoded."""
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){4,}\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}\Z")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_DATA_URL = re.compile(r"data:[^,\s]{0,100};base64,")
_BLANKS = re.compile(r"\s+")
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZLIB = frozenset({b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"})
_INSTALL = "to read it: pip install brotli backports.zstd"


class BodyError(ValueError):
    """A body cannot be decoded; its text is the half sentence that says why."""

    def __init__(self, why: str, code: str = "answer-not-decoded") -> None:
        super().__init__(why)
        self.code = code
        """What to call it where nothing else names its thread."""


class _Unfit(Exception):
    """A way to decode does not fit these bytes."""


class BodyDecoder:
    """Decodes the bodies of one recording, which together may not grow beyond all measure."""

    def __init__(self) -> None:
        self._left = _RECORDINGS_WORTH * bounds().answer_bytes

    def decoded(self, body: RecordedBody) -> Any:
        """Return the JSON value of a body, the text of an event stream, or NO_BODY. Raises BodyError."""
        if body.elsewhere:
            raise BodyError(f"is in the file {body.elsewhere[:100]}, which is not read; put it into the recording")
        value = body.value
        if isinstance(value, dict) and value.get("type") == "Buffer" and isinstance(value.get("data"), list):
            value = _octets(value["data"])
        if value is None or value in (b"", []) or (isinstance(value, str) and not value.strip()):
            return NO_BODY
        if isinstance(value, bytes):
            return self._of_bytes(value, body.headers)
        if isinstance(value, str):
            return value if body.encoding == "text" else self._of_text(value, body)
        if isinstance(value, list):
            return self._of_list(value, body)
        return value

    def _of_list(self, value: list[Any], body: RecordedBody) -> Any:
        """Return what a list of lines or of packed chunks holds; another list is the JSON itself."""
        if not all(isinstance(entry, str) for entry in value):
            return value
        if body.headers.get("content-encoding") and (packed := _chunks(value)) is not None:
            return self._of_bytes(packed, body.headers)
        last: BodyError | None = None
        for glue in ("", "\n"):
            try:
                return self._of_text(glue.join(value), body)
            except BodyError as error:
                last = last or error
        raise last or BodyError("is empty")

    def _of_text(self, text: str, body: RecordedBody, layers: int = _MOST_LAYERS) -> Any:
        if body.encoding == "base64":
            return self._of_bytes(_unbase64(text), body.headers, layers)
        if body.encoding == "hex":
            return self._of_bytes(_unhex(text), body.headers, layers)
        found = self._plain(text, body, layers)
        if found is not None:
            return found
        # Nothing tells of an encoding, so that each is tried.
        for way in (_latin, _with_chunks, _unhex_any, _unbase64_any):
            packed = way(text)
            if packed is not None:
                try:
                    return self._of_bytes(packed, body.headers, layers)
                except BodyError:
                    if way is _latin:
                        raise
        if "\ufffd" in text[:20]:
            raise BodyError("was recorded as text although it was compressed, which damaged it")
        raise BodyError(_no_json(text))

    def _plain(self, text: str, body: RecordedBody, layers: int) -> Any:
        """Return what a text holds without an encoding; None where it is neither JSON nor a stream."""
        try:
            value = json_text.parse(text)
        except BadJsonError as bad:
            if bad.code == json_text.TOO_DEEP:
                raise BodyError(f"is {too_deep()}", bad.code) from None
            return text if is_event_stream(text) and not _DATA_URL.match(text) else None
        if isinstance(value, str) and layers:
            return self._of_text(value, RecordedBody(value, headers=body.headers), layers - 1)
        if isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
            return self._of_list(value, RecordedBody(value, headers=body.headers))
        if isinstance(value, (dict, list)) or value is None:
            return NO_BODY if value is None else value
        return None

    def _of_bytes(self, data: bytes, headers: Mapping[str, str], layers: int = _MOST_LAYERS) -> Any:
        if not data.strip():
            return NO_BODY
        self._spend(len(data))
        plain = _text_of(data)
        if plain is not None:
            found = self._plain(plain, RecordedBody(headers=headers), layers)
            if found is not None:
                return found
        if not layers:
            raise BodyError("is compressed too many times")
        fault: BodyError | None = None
        for unpack in _ways(data, headers):
            try:
                return self._of_bytes(unpack(data, self._most()), headers, layers - 1)
            except _Unfit:
                continue
            except BodyError as error:
                fault = fault or error
        if fault is not None:
            raise fault
        if plain is None:
            raise BodyError(_unreadable(headers))
        raise BodyError(_no_json(plain))

    def _most(self) -> int:
        return max(0, min(self._left, bounds().answer_bytes))

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise BodyError(
                "would make the recording too large once it is decompressed; raise limits.answer_bytes to allow it"
            )


def looks_like_events(value: Any) -> bool:
    """Whether a decoded body is an event stream that was recorded as a list of events."""
    return isinstance(value, list) and bool(value) and is_event(value[0])


# From text to bytes


def _unbase64(text: str) -> bytes:
    packed = _BLANKS.sub("", text)
    packed = packed.partition(";base64,")[2] or packed
    try:
        return base64.b64decode(packed.translate(_URL_SAFE) + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BodyError("is marked as base64 but is not") from None


_URL_SAFE = str.maketrans("-_", "+/")


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BodyError("is marked as hex but is not") from None


def _unhex_any(text: str) -> bytes | None:
    return bytes.fromhex(text) if _HEX.match(text) else None


def _unbase64_any(text: str) -> bytes | None:
    packed = _BLANKS.sub("", text)
    packed = packed.partition(";base64,")[2] or packed
    if not _BASE64.match(packed):
        return None
    try:
        return _unbase64(packed)
    except BodyError:
        return None


def _latin(text: str) -> bytes | None:
    """Return the bytes of a packed body that was written a character for each byte."""
    if not text.startswith(("\x1f\x8b", "(\xb5/\xfd", "x\x9c", "x\xda", "x\x01", "x^")):
        return None
    try:
        packed = text.encode("latin-1")
    except UnicodeEncodeError:
        return None
    return packed if _magic(packed) else None


def _with_chunks(text: str) -> bytes | None:
    """Return the bytes of a text that begins with the length of a chunk."""
    return text.encode("utf-8", "surrogatepass") if _CHUNK.match(text[:20].encode("utf-8", "replace")) else None


def _chunks(parts: list[str]) -> bytes | None:
    """Return the bytes of chunks that were written as hex or base64 one by one, or None."""
    for way in (_unhex_any, _unbase64_any, _any_hex):
        decoded = [way(part) for part in parts if part]
        if decoded and None not in decoded:
            return b"".join(part for part in decoded if part is not None)
    return None


def _any_hex(text: str) -> bytes | None:
    """Take a chunk too short to be sure of by itself."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _octets(numbers: list[Any]) -> bytes:
    try:
        return bytes(numbers)
    except (TypeError, ValueError):
        raise BodyError("is a list of numbers that are not bytes") from None


def _text_of(data: bytes) -> str | None:
    try:
        return json_text.decode(data)
    except BadJsonError:
        return None


# From packed bytes to bytes

Unpack = Callable[[bytes, int], bytes]


def _ways(data: bytes, headers: Mapping[str, str]) -> Iterator[Unpack]:
    """Yield the ways to unpack bytes: what they begin with is surer than the header, and a guess is the last."""
    by_magic = _magic(data)
    if by_magic is not None:
        yield by_magic
    named = [word.strip().lower() for word in headers.get("content-encoding", "").split(",")]
    for word in reversed(named):
        way = _BY_NAME.get(word)
        if way is not None and way is not by_magic:
            yield way
    if _CHUNK.match(data):
        yield _unchunked
    if by_magic is None and not any(word in _BY_NAME for word in named):
        yield _guessed_brotli
        yield _raw_deflate


def _magic(data: bytes) -> Unpack | None:
    if data.startswith(_GZIP):
        return _gunzip
    if data.startswith(_ZSTD):
        return _unzstd
    return _inflate if data[:2] in _ZLIB else None


def _gunzip(data: bytes, most: int) -> bytes:
    if not data.startswith(_GZIP):
        raise BodyError("is marked as gzip but is not")
    return _zlib(data, most, 31, "gzip")


def _inflate(data: bytes, most: int) -> bytes:
    try:
        return _zlib(data, most, 15, "deflate")
    except BodyError:
        return _raw_deflate(data, most)


def _raw_deflate(data: bytes, most: int) -> bytes:
    try:
        return _zlib(data, most, -15, "deflate")
    except BodyError as error:
        if "larger" in str(error):
            raise
        raise _Unfit from None


def _named_deflate(data: bytes, most: int) -> bytes:
    try:
        return _inflate(data, most)
    except _Unfit:
        raise BodyError("is marked as deflate but is damaged or truncated") from None


def _zlib(data: bytes, most: int, window: int, name: str) -> bytes:
    """Unpack all members of a stream. Raises BodyError for one that is damaged, cut off or a bomb."""
    found: list[bytes] = []
    while data:
        stream = zlib.decompressobj(window)
        try:
            part = stream.decompress(data, most + 1)
            if len(part) <= most and not stream.eof:
                part += stream.flush()
        except zlib.error:
            raise BodyError(f"is {name} but is damaged") from None
        most -= len(part)
        if most < 0:
            raise BodyError(_too_large())
        if not stream.eof:
            raise BodyError(f"is {name} but is truncated")
        found.append(part)
        data = stream.unused_data.lstrip(b"\0")
        if data and not data.startswith(_GZIP):
            raise BodyError(f"is {name} followed by something else")
    return b"".join(found)


def _unchunked(data: bytes, _most: int) -> bytes:
    """Take the lengths of a chunked transfer out, which some recorders leave in."""
    found: list[bytes] = []
    while True:
        size = _CHUNK.match(data)
        if size is None:
            raise BodyError("was transferred in chunks and is truncated")
        count = int(size[1], 16)
        if count == 0:
            return b"".join(found)
        part, data = data[size.end() : size.end() + count], data[size.end() + count :]
        if len(part) < count:
            raise BodyError("was transferred in chunks and is truncated")
        found.append(part)
        data = data.removeprefix(b"\r").removeprefix(b"\n")


class _Brotli(Protocol):
    def process(self, string: bytes, output_buffer_limit: int = 0) -> bytes:
        """Take more packed bytes, and give at most so many unpacked ones."""

    def is_finished(self) -> bool:
        """Whether the stream has ended."""

    def can_accept_more_data(self) -> bool:
        """Whether nothing is left to give."""


def _brotli_stream() -> _Brotli | None:
    try:
        import brotli  # noqa: PLC0415 - an optional package
    except ImportError:
        return None
    stream: _Brotli = brotli.Decompressor()
    return stream


def _unbrotli(data: bytes, most: int) -> bytes:
    stream = _brotli_stream()
    if stream is None:
        raise BodyError(f"is compressed as br; {_INSTALL}")
    try:
        plain = _drained(stream, data, most)
    except _Unfit:
        raise BodyError("is marked as br but is damaged") from None
    if not stream.is_finished():
        raise BodyError("is br but is truncated")
    return plain


def _guessed_brotli(data: bytes, most: int) -> bytes:
    """Brotli has no mark at its beginning; what can be unpacked as such still has to be JSON."""
    stream = _brotli_stream()
    if stream is None:
        raise _Unfit
    plain = _drained(stream, data, most)
    if not stream.is_finished():
        raise _Unfit
    return plain


def _drained(stream: _Brotli, data: bytes, most: int) -> bytes:
    found: list[bytes] = []
    size = 0
    try:
        found.append(stream.process(data, output_buffer_limit=most + 1))
        size = len(found[0])
        while size <= most and not stream.is_finished() and not stream.can_accept_more_data():
            part = stream.process(b"", output_buffer_limit=most + 1 - size)
            if not part:
                break
            found.append(part)
            size += len(part)
    except Exception as error:  # the package's own class, which differs between its makers
        raise _Unfit from error
    if size > most:
        raise BodyError(_too_large())
    return b"".join(found)


def _unzstd(data: bytes, most: int) -> bytes:
    try:
        from compression import zstd  # noqa: PLC0415 - Python 3.14 and newer
    except ImportError:
        try:
            from backports import zstd  # noqa: PLC0415 - an optional package
        except ImportError:
            raise BodyError(f"is compressed as zstd; {_INSTALL}") from None
    stream = zstd.ZstdDecompressor()
    try:
        plain: bytes = stream.decompress(data, most + 1)
    except zstd.ZstdError:
        raise BodyError("is zstd but is damaged") from None
    if len(plain) > most:
        raise BodyError(_too_large())
    if not stream.eof:
        raise BodyError("is zstd but is truncated")
    return plain


_BY_NAME: dict[str, Unpack] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _named_deflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
"""What the header `content-encoding` names."""


# Sentences


def _too_large() -> str:
    return (
        f"is larger than {bounds().answer_bytes:,} bytes once it is decompressed; raise limits.answer_bytes to allow it"
    )


def _unreadable(headers: Mapping[str, str]) -> str:
    named = headers.get("content-encoding", "").strip().lower()
    if named in ("", "identity", *_BY_NAME):
        return "is neither text nor compressed in a known way"
    return f"is compressed as {named[:20]}, which is not known"


def _no_json(text: str) -> str:
    try:
        json_text.parse(text)
    except BadJsonError as bad:
        if bad.code == "file-cut-off":
            return "ends in the middle of its JSON"
    return "is neither JSON nor an event stream"
