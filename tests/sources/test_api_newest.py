"""What a host says of the newest message of a thread, and when that is not believed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.model import JsonObject
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sources.api.host import Host
from migrate_cli.sources.api.newest import NewestFirst
from migrate_cli.sources.choice import Choice
from migrate_cli.sources.interface import Selection

from support.exports import thread_id, write_export
from support.hosts import RunningHost, host, read


class Lists(Host):
    """A host that has these messages by thread, oldest first, and may ignore the order or the limit asked for."""

    def __init__(self, threads: Mapping[str, list[int | None]], *, ordered: bool = True, limited: bool = True) -> None:
        self.threads, self.ordered, self.limited = threads, ordered, limited

    async def get(self, path: str, query: Mapping[str, Any] | None = None, *, attempts: int = 1) -> JsonObject:
        times = self.threads[path.split("/")[2]]
        entries = [{"id": f"msg_{number}", "created_at": time} for number, time in enumerate(times)]
        shown = entries[::-1] if self.ordered else entries
        return {"data": shown[: (query or {})["limit"]] if self.limited else shown}


def newest(lists: Lists, *names: str) -> list[str | None]:
    """The id of what is believed to be newest in each thread; empty for nothing there, None for no answer."""

    async def ask() -> list[str | None]:
        asked = NewestFirst(lists)
        told = [await asked.of(f"/threads/{name}", "messages") for name in names]
        return [None if found is None else found[0]["id"] if found else "" for found in told]

    return asyncio.run(ask())


TIMES = st.lists(st.one_of(st.none(), st.integers(1, 4)), max_size=5).map(
    lambda times: sorted(times, key=lambda time: time or 0)
)


@given(TIMES, st.booleans(), st.booleans())
def test_what_is_believed_is_the_newest(times: list[int | None], ordered: bool, limited: bool) -> None:
    (told,) = newest(Lists({"a": times}, ordered=ordered, limited=limited), "a")
    assert told in (None, f"msg_{len(times) - 1}" if times else "")


def test_a_host_that_keeps_the_order_is_believed_where_times_tell_nothing() -> None:
    threads: dict[str, list[int | None]] = {"alike": [7, 7], "clear": [7, 8], "empty": [], "single": [None]}
    assert newest(Lists(threads), "alike") == [None]
    assert newest(Lists(threads), "clear", "alike", "empty", "single") == ["msg_1", "msg_1", "", "msg_0"]


def test_a_host_that_ignores_the_order_is_never_believed() -> None:
    threads: dict[str, list[int | None]] = {"clear": [7, 8], "alike": [7, 7]}
    assert newest(Lists(threads, ordered=False), "clear", "alike", "clear") == [None, None, None]


def requests(running: RunningHost) -> int:
    counts: dict[str, int] = httpx2.get(f"{running.sandbox.control_url}/stats").json()["requests"]
    return sum(count for kind, count in counts.items() if kind in ("messages", "runs", "steps"))


def test_of_threads_that_are_not_chosen_a_host_is_asked_little(tmp_path: Path) -> None:
    export = write_export(tmp_path / "export", [350] * 10)
    with host(tmp_path, export, SourcePreset.FOUNDRY) as running:
        late = Choice(since=2_000_000_000)
        assert read(running.source(discover=True), Selection(choice=late)) == ({}, [])
        little = requests(running)
        whole, _ = read(running.source(discover=True), Selection(choice=Choice(since=1)))
        assert sorted(whole) == [thread_id(number) for number in range(1, 11)]
        assert little <= 20 < (requests(running) - little) / 2
