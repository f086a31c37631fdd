"""The bench's server: a plain asyncio protocol with prepared answers, which costs next to nothing and keeps the items.

It answers what a migration asks: threads are listed and read, conversations made, items appended (echoed with ids, as
the service does) and listed. Nothing is checked; the sandbox is for that. Run as `python -m bench.server PORT-FILE`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs

from bench import corpora

MARKED = 100
"""The moment of every so-manieth conversation is kept, to see whether a run keeps its rate."""
YARDSTICK = 20_000
"""Additions that take about a millisecond; how long they take at a mark tells how fast the machine is just then."""
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_NOTHING = b'{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}'


class World:
    """What the server holds: conversations and their items, each as the bytes of an answer."""

    def __init__(self) -> None:
        self.latency = 0.0
        self.counts: Counter[str] = Counter()
        self.made = 0
        self.marks: list[tuple[float, float]] = []
        """Moments, and the seconds of CPU that the yardstick took at each."""
        self.metadata: dict[str, bytes] = {}
        self.items: dict[str, list[bytes]] = {}
        self.thread_ids: list[str] = []

    def reset(self) -> None:
        """Forget everything but the latency."""
        self.counts.clear()
        self.marks.clear()
        self.metadata.clear()
        self.items.clear()

    def answer(self, method: str, path: str, query: str, body: bytes) -> bytes:
        """Answer one request."""
        parts = path.removeprefix("/v1").strip("/").split("/")
        self.counts["/".join([f"{method} {parts[0]}", *parts[2:3]])] += 1
        if method == "POST":
            return self._append(parts[1], items_of(body)) if parts[1:] else self._create(body)
        if parts[0] == "conversations":
            return self._list(parts[1], query) if parts[2:] else self._conversation(parts[1])
        if parts[0] == "threads":
            return self._source(parts, query)
        return _NOTHING

    def _source(self, parts: list[str], query: str) -> bytes:
        """Answer as the host that the threads come from: their list, one of them, its messages; runs there are none."""
        if not parts[1:]:
            return self._threads(query)
        if not parts[2:]:
            return _thread_object(parts[1]).encode()
        return self._messages(parts[1], query) if parts[2] == "messages" else _NOTHING

    def _threads(self, query: str) -> bytes:
        asked = parse_qs(query)
        after = asked.get("after")
        first = corpora.number_of(after[0]) + 1 if after else 0
        listed = self.thread_ids[first : first + int(asked.get("limit", ["20"])[0])]
        more = "true" if first + len(listed) < len(self.thread_ids) else "false"
        return f'{{"object":"list","data":[{",".join(map(_thread_object, listed))}],"has_more":{more}}}'.encode()

    def _create(self, body: bytes) -> bytes:
        self.made += 1
        if self.made % MARKED == 0:
            self.marks.append((time.monotonic(), yardstick()))
        name = f"conv_{self.made:032x}"
        self.items[name] = []
        start = body.find(b'"metadata":')
        # What follows the metadata, if anything, is the items that the guide's way sends along.
        metadata = json.dumps(json.loads(body).get("metadata") or {}).encode() if start >= 0 else b"{}"
        self.metadata[name] = metadata
        if b'"items":[' in body:
            self._append(name, items_of(body))
        return self._conversation(name, metadata)

    def _conversation(self, name: str, metadata: bytes | None = None) -> bytes:
        held = metadata if metadata is not None else self.metadata.get(name, b"{}")
        return b'{"id":"%s","object":"conversation","created_at":1700000000,"metadata":%s}' % (name.encode(), held)

    def _append(self, name: str, items: list[bytes]) -> bytes:
        held = self.items.setdefault(name, [])
        start = len(held)
        made = [
            b'{"id":"msg_%s%016d","status":"completed",%s' % (name[5:].encode(), start + place, item[1:])
            for place, item in enumerate(items)
        ]
        held += made
        return b'{"object":"list","data":[%s],"has_more":false}' % b",".join(made)

    def _list(self, name: str, query: str) -> bytes:
        asked = parse_qs(query)
        after = asked.get("after")
        first = int(after[0][-16:]) + 1 if after else 0
        held = self.items.get(name, [])
        some = held[first : first + int(asked.get("limit", ["20"])[0])]
        more = b"true" if first + len(some) < len(held) else b"false"
        return b'{"object":"list","data":[%s],"first_id":null,"last_id":null,"has_more":%s}' % (b",".join(some), more)

    def _messages(self, thread_id: str, query: str) -> bytes:
        asked = parse_qs(query)
        after = asked.get("after")
        size = corpora.size_of(thread_id)
        first = int(after[0][-12:]) + 1 if after else 0
        last = min(size, first + int(asked.get("limit", ["20"])[0]))
        more = "true" if last < size else "false"
        listed = corpora.page(thread_id, first, last)
        return f'{{"object":"list","data":[{listed}],"first_id":null,"last_id":null,"has_more":{more}}}'.encode()


def yardstick() -> float:
    """The seconds of CPU that a fixed piece of work takes now, however many others want the core."""
    began = time.thread_time()
    total = 0
    for number in range(YARDSTICK):
        total += number
    return time.thread_time() - began


def items_of(body: bytes) -> list[bytes]:
    """Cut a body into its items without parsing it: each is one JSON object of the list `items`."""
    start = body.find(b'"items":[')
    if start < 0:
        return []
    inner = body[start + 9 : body.rfind(b"]")]
    if inner.startswith(b'{"type":"message",'):
        first, *rest = inner.split(b',{"type":"message",')
        return [first, *(b'{"type":"message",' + one for one in rest)]
    return [json.dumps(item).encode() for item in json.loads(body)["items"]]


def _thread_object(thread_id: str) -> str:
    return f'{{"id":"{thread_id}","object":"thread","created_at":1700000000,"metadata":{{}}}}'


class Connection(asyncio.Protocol):
    """One connection: requests in, answers out, in order and after the latency."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._buffer = b""
        self._need = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._buffer = self._buffer + data if self._buffer else data
        while len(self._buffer) >= self._need and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            whole = end + 4 + _content_length(head)
            if len(self._buffer) < whole:
                self._need = whole
                return
            body, self._buffer, self._need = self._buffer[end + 4 : whole], self._buffer[whole:], 0
            self._respond(head, body)

    def _respond(self, head: bytes, body: bytes) -> None:
        method, target, _ = head[: head.index(b"\r\n")].decode().split(" ")
        path, _, query = target.partition("?")
        if path.startswith("/bench/"):
            answer, latency = self._control(path, query), 0.0
        else:
            answer, latency = self._world.answer(method, path, query, body), self._world.latency
        data = _HEAD % len(answer) + answer
        if latency:
            asyncio.get_running_loop().call_later(latency, self._send, data)
        else:
            self._send(data)

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _control(self, path: str, query: str) -> bytes:
        """`/bench/reset?latency=0.05&ids=FILE` prepares a measurement, `/bench/counts` tells what was asked.

        `/bench/marks` tells when, and `/bench/latency?seconds=0.05`
        changes the latency alone. `ids` names a file of thread ids, a line each, which the source lists.
        """
        if path == "/bench/reset":
            asked = parse_qs(query)
            self._world.reset()
            self._world.latency = float(asked.get("latency", ["0"])[0])
            if "ids" in asked:
                self._world.thread_ids = Path(asked["ids"][0]).read_text(encoding="utf-8").split()
        if path == "/bench/latency":
            self._world.latency = float(parse_qs(query)["seconds"][0])
        if path == "/bench/marks":
            return json.dumps(self._world.marks).encode()
        return json.dumps(self._world.counts).encode()


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    end = head.find(b"\r\n", at + 2)
    return int(head[at + 17 : end if end >= 0 else len(head)])


async def serve(port_file: Path) -> None:
    """Listen on a free port of loopback and write its number into the file; runs until it is ended."""
    world = World()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(world), "127.0.0.1", 0, backlog=1024)
    fresh = port_file.with_name(f"{port_file.name}.{os.getpid()}")
    fresh.write_text(str(server.sockets[0].getsockname()[1]))
    fresh.replace(port_file)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port_file", type=Path)
    asyncio.run(serve(parser.parse_args().port_file))
