"""Limits the size of responses to the official client, which would read and decompress them whole, however large.

Used as a hook of its transport: the body is decompressed here in pieces, and cut off once it is larger than allowed.
It must not know what an answer means.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from migrate_cli.bounds import bounds
from migrate_cli.http.transport import TooLargeError

if TYPE_CHECKING:
    import httpx2

ASKED = {"Accept-Encoding": "identity"}
"""Nothing that this client is used for gains from being packed; some servers pack it anyway."""
_PIECE = 1 << 20
_LARGEST_FILE = 512 << 20
"""What the API takes as a file; a download goes to disk, so this does not burden the memory."""
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})


async def bound(response: httpx2.Response) -> None:
    """Let the body of a response end with TooLargeError where it is larger than `limits.answer_bytes`.

    A file that is downloaded may be as large as the API takes one.
    """
    most = bounds().answer_bytes
    if response.request.method == "GET" and response.is_success:
        most = max(most, _LARGEST_FILE)
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    body: AsyncIterator[bytes] = aiter(response.stream)  # type: ignore[arg-type]  # the stream of an async client
    if coding in _PACKED:
        del response.headers["content-encoding"]
        response.headers.pop("content-length", None)
        body = _unpacked(body)
    elif coding not in ("", "identity"):
        raise ConnectionError(f"compressed as {coding[:20]}, which was not requested")
    response.stream = _stream(_counted(body, most), response.stream)


async def _counted(body: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    async for piece in body:
        most -= len(piece)
        if most < 0:
            raise TooLargeError
        yield piece


async def _unpacked(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Unpack gzip and zlib, at most a piece at a time. Raises ConnectionError where the data is broken or cut off."""
    unpacking = zlib.decompressobj(47)
    begun = False
    async for packed in body:
        rest = packed
        while rest:
            begun = True
            try:
                piece = unpacking.decompress(rest, _PIECE)
            except zlib.error as error:
                raise ConnectionError(f"broken compression ({error})") from None
            if piece:
                yield piece
            rest = unpacking.unconsumed_tail
            if unpacking.eof:
                rest, unpacking, begun = unpacking.unused_data, zlib.decompressobj(47), False
    if begun:
        raise ConnectionError("truncated compressed data")


def _stream(body: AsyncIterator[bytes], below: object) -> httpx2.AsyncByteStream:
    import httpx2  # noqa: PLC0415 - comes with openai and is as slow to import

    class Bounded(httpx2.AsyncByteStream):
        """The bounded body, which closes the stream below it."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in body:
                yield piece

        async def aclose(self) -> None:
            await body.aclose()  # type: ignore[attr-defined]  # it is a generator
            await below.aclose()  # type: ignore[attr-defined]

    return Bounded()
