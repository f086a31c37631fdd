"""One recorded request and its answer, and what their address says. Pure.

It must not decode bodies (`recorded_bodies.py`) or make anything of them (`recorded_history.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_LONGEST_PATH = 200


class ApiCall(StrEnum):
    """Which call of the API an address belongs to, as far as threads are concerned."""

    THREADS = "threads"
    THREAD = "thread"
    MESSAGES = "messages"
    MESSAGE = "message"
    RUNS = "runs"
    RUN = "run"
    STEPS = "steps"
    OUTPUTS = "outputs"
    THREAD_AND_RUN = "thread-and-run"
    ASSISTANTS = "assistants"
    ELSE = "else"


@dataclass(frozen=True, slots=True)
class RecordedBody:
    """A body as a recorder wrote it."""

    value: Any = None
    encoding: str = ""
    """What the recorder says of its text: `base64`, `hex`, `text` for what is not JSON, or nothing that matters."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    elsewhere: str = ""
    """The name of the file that holds the body instead."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    number: int
    """The place in the recording, from 1."""
    uri: str = ""
    method: str = ""
    """In capitals; empty where the recording does not tell."""
    status: int | None = None
    request: RecordedBody = field(default_factory=RecordedBody)
    answer: RecordedBody = field(default_factory=RecordedBody)

    @property
    def failed(self) -> bool:
        """Whether the host refused the request, so that neither side of it carries anything."""
        return self.status is not None and not 200 <= self.status < 300

    @property
    def writes(self) -> bool:
        """Whether the request creates or changes something; where the method is not told, one with a body does."""
        return self.method == "POST" or (not self.method and self.request.value not in (None, "", b""))

    def query(self, name: str) -> str | None:
        """Return a value of the address's query, the first of several."""
        return next(iter(parse_qs(self.uri.partition("?")[2].partition("#")[0]).get(name, [])), None)

    @property
    def label(self) -> str:
        """What to call it in a sentence: place, method and path, never the query."""
        path = _path(self.uri)[:_LONGEST_PATH]
        called = " ".join(filter(None, (self.method, path)))
        return f"entry {self.number} ({called})" if called else f"entry {self.number}"


_THREADS = re.compile(
    r"/threads(?:/(?P<thread>[^/]+)(?:/(?P<what>messages|runs)(?:/(?P<id>[^/]+)(?:/(?P<more>.*))?)?)?)?/?$"
)
_ASSISTANTS = re.compile(r"/assistants(?:/[^/]+)?/?$")


_OF_A_RUN = {"steps": ApiCall.STEPS, "submit_tool_outputs": ApiCall.OUTPUTS}


@dataclass(frozen=True, slots=True)
class Address:
    """What a path names."""

    call: ApiCall
    thread_id: str | None = None
    object_id: str | None = None


def address_of(exchange: Exchange) -> Address:
    """Return which call an exchange is, and the thread and the object that its path names."""
    path = _path(exchange.uri)
    found = _THREADS.search(path)
    if found is None:
        return Address(ApiCall.ASSISTANTS if _ASSISTANTS.search(path) else ApiCall.ELSE)
    thread, what, known, more = (None if part is None else unquote(part) for part in found.groups())
    if thread is None:
        return Address(ApiCall.THREADS)
    if what is None:
        return Address(ApiCall.THREAD_AND_RUN) if thread == "runs" else Address(ApiCall.THREAD, thread)
    if known is None:
        return Address(ApiCall.MESSAGES if what == "messages" else ApiCall.RUNS, thread)
    if what == "runs" and (inside := _OF_A_RUN.get((more or "").split("/")[0])):
        return Address(inside, thread, known)
    return Address(ApiCall.MESSAGE if what == "messages" else ApiCall.RUN, thread, known)


def _path(uri: str) -> str:
    try:
        return urlsplit(uri).path
    except ValueError:  # such as a broken IPv6 host
        return uri.partition("?")[0]
