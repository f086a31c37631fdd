"""Reads documents that are too large to hold, a fragment at a time, by an incremental parser (ijson).

A fragment is a small document of the same shape: the short values of the top, and a stretch of one of its arrays.
It must not know what the entries mean.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any

import ijson

from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.json_text import BadJsonError
from migrate_cli.sources.overlong import Reader, cuts, sentence
from migrate_cli.sources.shapes.base import Growth

_LOOK_AT = 20
"""Keys and entries that a sketch shows."""
_FEW = 3
_CHUNK = 1 << 20
_BUFFER = 1 << 16

# yajl, the fast parser, writes "?" for half of a surrogate pair; the slow one keeps it, so that it can be reported.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD](?:[89aAbB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|[c-fC-F][0-9a-fA-F]{2}(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u....))"
)


Refuse = Callable[[str, str, Any], None]
"""Is told of an entry that is left out: code, half a sentence, and what is left of it."""


class Streamed:
    """A huge document, opened again for every pass over it.

    What is too deep or too long in it is never parsed; the entry that holds it is left out and told. `broken` is what
    is known to be wrong with a document, which is then told instead of what the parser says.
    """

    def __init__(self, input_: Input, broken: BadJsonError | None = None) -> None:
        self._input = input_
        self._broken = broken
        self.fault: BadJsonError | None = None
        """What ended a sketch early, after its first value."""
        self.last: Any = None
        """The last entry that was read of an array."""
        self._parser = ijson.get_backend("python") if _holds_lone_surrogates(input_) else ijson
        self._cuts = cuts(input_.open)
        self._mark = f"left-out-{secrets.token_hex(8)}-"

    def sketch(self) -> Any:
        """Return a small document of the same shape: an array's first entries, or an object's first keys and values.

        An object's arrays are cut to their first entries. Raises BadJsonError.
        """
        return self._guard(self._sketch)

    def _sketch(self) -> Any:
        if self._is_array():
            return list(islice(self._items("item"), 1))
        sketch: dict[str, Any] = {}
        try:
            for key, kind in islice(self._key_kinds(), _LOOK_AT):
                sketch[key] = self._sample(key, kind)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            if not sketch:
                raise
            self.fault = _bad(error)
        return sketch

    def fragments(self, growth: Growth, batch: int, refuse: Refuse) -> Iterator[Any]:
        """Yield small documents that make up the whole, arrays in stretches of `batch` entries.

        Entries with something too deep or too long in them are told to `refuse`, and left out. Raises BadJsonError
        where the text ends too early or is not JSON, or where no entry but the whole has such a thing in it.
        """
        try:
            if self._is_array():
                yield from _batches(self._kept("item", "", refuse), batch)
            elif growth is Growth.PAIRS:
                with self._input.open() as stream:
                    pairs = self._parser.kvitems(self._reader(stream), "", use_float=True, buf_size=_BUFFER)
                    for key, value in pairs:
                        code = self._cut_in({key: value})
                        if code is None:
                            yield {key: value}
                        else:
                            refuse(code, f"The value of {key[:80]} holds {sentence(code)}", {key: value})
            else:
                yield from self._object_fragments(batch, refuse)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise self._broken or _bad(error) from None

    def _object_fragments(self, batch: int, refuse: Refuse) -> Iterator[Any]:
        kinds = self._whole_kinds()
        short = {key: next(self._items(key), None) for key, kind in kinds.items() if kind != "start_array"}
        if (code := self._cut_in({**dict.fromkeys(kinds), **short})) is not None:
            raise BadJsonError(code, f"The fields besides its arrays hold {sentence(code)}.")
        yielded = False
        for key, kind in kinds.items():
            if kind == "start_array":
                for entries in _batches(self._kept(f"{key}.item", f" of {key[:80]}", refuse), batch):
                    yielded = True
                    yield {**short, key: entries}
        if not yielded:
            yield {**short, **{key: [] for key, kind in kinds.items() if kind == "start_array"}}

    def _whole_kinds(self) -> dict[str, str]:
        """Return the keys and kinds, without a last value that is neither whole nor an array that was begun."""
        kinds: dict[str, str] = {}
        try:
            for key, kind in self._key_kinds():
                kinds[key] = kind
        except (ijson.JSONError, UnicodeDecodeError):
            if not kinds or kinds[list(kinds)[-1]] != "start_array":
                raise
        return kinds

    def _is_array(self) -> bool:
        with self._input.open() as stream:
            return stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")

    def _items(self, prefix: str) -> Iterator[Any]:
        with self._input.open() as stream:
            yield from self._parser.items(self._reader(stream), prefix, use_float=True, buf_size=_BUFFER)

    def _kept(self, prefix: str, of: str, refuse: Refuse) -> Iterator[Any]:
        """Yield the entries that can be read."""
        for number, entry in enumerate(self._items(prefix), 1):
            code = self._cut_in(entry)
            self.last = entry
            if code is None:
                yield entry
            else:
                refuse(code, f"Entry {number:,}{of} holds {sentence(code)}", entry)

    def _cut_in(self, value: Any) -> str | None:
        """Return why something was cut out of a value; None for one that is whole."""
        if not self._cuts:
            return None
        _, found, rest = json.dumps(value).partition(self._mark)
        return rest.partition('"')[0] if found else None

    def _reader(self, stream: IO[bytes]) -> Reader:
        return Reader(stream, self._cuts, self._mark)

    def _key_kinds(self) -> Iterator[tuple[str, str]]:
        """Yield the keys of the top object and the parser's name of what their values begin with."""
        depth, key = 0, ""
        with self._input.open() as stream:
            for event, value in self._parser.basic_parse(self._reader(stream), use_float=True, buf_size=_BUFFER):
                if depth == 1 and event == "map_key":
                    key = value
                elif depth == 1 and event not in {"end_map", "end_array"}:
                    yield key, event
                if event in {"start_map", "start_array"}:
                    depth += 1
                elif event in {"end_map", "end_array"}:
                    depth -= 1

    def _sample(self, key: str, kind: str) -> Any:
        if kind == "start_array":
            return list(islice(self._items(f"{key}.item"), 1))
        return next(self._items(key), None)

    def _guard(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise _bad(error) from None


class StreamedAt(Streamed):
    """A huge document whose entries lie in one list somewhere inside; what is next to the list is not read."""

    def __init__(self, input_: Input, path: tuple[str, ...]) -> None:
        super().__init__(input_)
        self._path = path

    @property
    def streamable(self) -> bool:
        """Whether the parser can be told the path: it joins names by dots, and calls the entries of lists `item`."""
        return all("." not in name and name != "item" for name in self._path)

    def _sketch(self) -> Any:
        """Return the document with the first entries of the list only; None where there is no such list."""
        entries = list(islice(self._items(self._prefix), _FEW))
        return self._around(entries) if entries else None

    def fragments(self, growth: Growth, batch: int, refuse: Refuse) -> Iterator[Any]:  # noqa: ARG002 - one list grows
        """Yield the document with a stretch of the list at a time. Raises BadJsonError."""
        try:
            for entries in _batches(self._kept(self._prefix, f" of {'.'.join(self._path)[:80]}", refuse), batch):
                yield self._around(entries)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise _bad(error) from None

    @property
    def _prefix(self) -> str:
        return ".".join((*self._path, "item"))

    def _around(self, entries: list[Any]) -> Any:
        value: Any = entries
        for name in reversed(self._path):
            value = {name: value}
        return value


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Yield the items in lists; what came before a fault is yielded before it is raised."""
    batch: list[Any] = []
    try:
        for item in items:
            batch.append(item)
            if len(batch) >= size:
                yield batch
                batch = []
    except (ijson.JSONError, UnicodeDecodeError):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _bad(error: Exception) -> BadJsonError:
    message = str(error)
    if isinstance(error, ijson.IncompleteJSONError) and ("premature EOF" in message or "Incomplete" in message):
        return BadJsonError(
            "file-cut-off", "The file ends in the middle of the JSON; it is truncated. Export it again."
        )
    return BadJsonError("not-json", f"The text is not JSON: {message.splitlines()[0].strip() if message else error!r}.")


def _holds_lone_surrogates(input_: Input) -> bool:
    tail = b""
    with input_.open() as stream:
        while chunk := stream.read(_CHUNK):
            data = tail + chunk
            # A pair may lie across the edges of the chunk; what is near an edge is seen whole in the next round.
            inner = range(6 if tail else 0, len(data) - 12)
            if b"\\u" in chunk and any(match.start() in inner for match in _LONE_SURROGATE.finditer(data)):
                return True
            tail = data[-24:]
    return _LONE_SURROGATE.search(tail, 12) is not None
