"""Migration on demand: one conversation for each thread, whoever asks, and however many ask at once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import migrate_cli
import pytest
from migrate_cli.errors import AuthError, SetupMismatch, StateLocked, UsageError
from migrate_cli.migrator import Migrator
from migrate_cli.model import Message, Origin, Thread, Unreadable
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.secrets import forget_secrets
from migrate_cli.settings.model import load_settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.lock import StateLock
from migrate_cli.state.store import StateStore

from support.exports import texts_of, thread_id, write_export
from support.hosts import host

SIZES = [3, 25, 1, 0, 2]
EMPTY = thread_id(4)
TOKEN = [sys.executable, "-c", "print('token-0123456789')"]


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedSandbox]:
    """A sandbox as a real target, an export beside it, and nothing of the machine's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIGRATE_LOAD__SETTLE", "0.05")
    monkeypatch.setenv("MIGRATE_LOAD__LATE", "0.2")
    with EmbeddedSandbox(tmp_path / "target.db") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-0123456789")
        write_export(tmp_path / "export", SIZES)
        yield server
    forget_secrets()


Make = Callable[..., Migrator]


@pytest.fixture
def make(target: EmbeddedSandbox) -> Iterator[Make]:
    """Make migrators that are closed at the end."""
    made: list[Migrator] = []

    def migrator(**more: Any) -> Migrator:
        made.append(Migrator(**{"source": None, **more}) if "settings" in more else Migrator(**with_export(more)))
        return made[-1]

    def with_export(more: dict[str, Any]) -> dict[str, Any]:
        settings = load_settings(None, {"source.path": "export", **more.pop("flags", {})})
        return {"settings": settings, **more}

    yield migrator
    for each in made:
        each.close()


def texts(target: EmbeddedSandbox) -> dict[str, list[list[str]]]:
    """The texts of every conversation, by the thread that it says it came from."""
    found: dict[str, list[list[str]]] = {}
    for _, metadata, items in read_conversations(target.data):
        said = [part["text"] for item in items for part in item["content"]]
        found.setdefault(metadata["source_thread_id"], []).append(said)
    return found


def test_a_thread_is_migrated_when_it_is_asked_for_and_only_then(
    make: Make, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    migrator = make()
    assert migrator.lookup(thread_id(2)) is None
    conversation = migrator.ensure(thread_id(2))

    assert texts(target) == {thread_id(2): [texts_of(tmp_path / "export", thread_id(2))]}
    assert [identifier for identifier, _, _ in read_conversations(target.data)] == [conversation]
    assert migrator.lookup(thread_id(2)) == conversation


def test_asking_again_answers_from_the_state_file_alone(
    make: Make, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make().ensure(thread_id(1))
    monkeypatch.setattr(StateStore, "open", None)
    assert make().ensure(thread_id(1)) == first


def test_what_the_command_migrated_is_known_and_the_other_way_round(
    make: Make, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    def apply(*more: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "migrate_cli", "apply", "export", "-o", "json", *more]
        done = subprocess.run(command, capture_output=True, check=False)
        data: dict[str, Any] = json.loads(done.stdout)["data"]
        return data

    apply("--thread", thread_id(1))
    known = make().lookup(thread_id(1))
    assert make().ensure(thread_id(1)) == known
    make().ensure(thread_id(2))
    assert apply("--thread", thread_id(1), "--thread", thread_id(2))["writes"] == 0
    assert {name: len(found) for name, found in texts(target).items()} == {thread_id(1): 1, thread_id(2): 1}


def test_many_threads_at_once_get_one_conversation_each(make: Make, target: EmbeddedSandbox) -> None:
    migrator = make()
    wanted = [thread_id(1 + n % 3) for n in range(24)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(migrator.ensure, wanted))

    assert len(set(zip(wanted, answers, strict=True))) == 3
    assert {name: len(found) for name, found in texts(target).items()} == {thread_id(n): 1 for n in (1, 2, 3)}


def test_many_tasks_at_once_get_one_conversation_each(make: Make, target: EmbeddedSandbox) -> None:
    migrator = make()

    async def ask() -> list[str]:
        return await asyncio.gather(*(migrator.ensure_async(thread_id(1 + n % 3)) for n in range(24)))

    assert len(set(asyncio.run(ask()))) == 3
    assert {name: len(found) for name, found in texts(target).items()} == {thread_id(n): 1 for n in (1, 2, 3)}


def test_a_task_that_is_cancelled_leaves_the_others_their_answer(make: Make, target: EmbeddedSandbox) -> None:
    migrator = make()

    async def ask() -> str:
        hasty = asyncio.create_task(migrator.ensure_async(thread_id(2)))
        patient = asyncio.create_task(migrator.ensure_async(thread_id(2)))
        await asyncio.sleep(0)
        hasty.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hasty
        return await patient

    assert asyncio.run(ask()) == migrator.lookup(thread_id(2))


SCRIPT = """
import json, sys
from migrate_cli import Migrator
ids = json.loads(sys.argv[1])
with Migrator(source={"path": "export"}) as migrator:
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps({one: migrator.ensure(one) for one in ids}))
"""


def test_two_processes_at_once_make_one_conversation_each(target: EmbeddedSandbox, tmp_path: Path) -> None:
    write_export(tmp_path / "export", [2] * 12)
    ids = [thread_id(n) for n in range(1, 13)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", SCRIPT, json.dumps(order)], **pipes) for order in (ids, ids[::-1])]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [json.loads(process.communicate()[0]) for process in both]

    assert answers[0] == answers[1]
    made = [identifier for identifier, _, _ in read_conversations(target.data)]
    assert sorted(made) == sorted(answers[0].values())


def test_two_migrators_of_one_process_wait_for_each_other(make: Make, target: EmbeddedSandbox) -> None:
    migrators = [make() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(lambda each: each.ensure(thread_id(1)), migrators))

    assert len(answers) == 1
    assert len(list(read_conversations(target.data))) == 1


def test_another_process_that_keeps_the_state_file_is_named_when_patience_ends(
    make: Make, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    lock = StateLock(tmp_path / "migration.db", "migrate-cli apply")
    try:
        with pytest.raises(StateLocked, match="migrate-cli apply"):
            make(patience=0.0).ensure(thread_id(1))
    finally:
        lock.release()
    assert make().ensure(thread_id(1)).startswith("conv_")


def test_an_unknown_thread_an_empty_one_and_a_broken_one_are_told_apart(
    make: Make, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    (tmp_path / "export" / f"{thread_id(9)}.json").write_text("{broken")
    migrator = make()
    with pytest.raises(migrate_cli.ThreadNotFound) as absent:
        migrator.ensure("thread_nobody")
    with pytest.raises(migrate_cli.ThreadSkipped) as empty:
        migrator.ensure(EMPTY)
    with pytest.raises(migrate_cli.ThreadFailed) as broken:
        migrator.ensure(thread_id(9))

    assert (absent.value.thread_id, absent.value.code) == ("thread_nobody", "thread-not-found")
    assert (empty.value.thread_id, empty.value.code) == (EMPTY, "no-messages")
    assert broken.value.thread_id == thread_id(9)
    assert migrator.ensure(thread_id(1)).startswith("conv_")


def test_a_thread_in_doubt_is_left_to_a_person(make: Make, target: EmbeddedSandbox, tmp_path: Path) -> None:
    migrator = make()
    migrator.ensure(thread_id(1))
    store = StateStore.open(tmp_path / "migration.db")
    store.repairs.set_state(thread_id(1), "in_doubt", "unknown-items", "2 items that nobody here sent")
    store.repairs.set_state(thread_id(2), "failed", "invalid_item", "item 3 was refused")
    store.close()

    with pytest.raises(migrate_cli.ThreadInDoubt, match="2 items that nobody here sent"):
        migrator.ensure(thread_id(1))


class Live(Source):
    """A source of an application's own, which grows."""

    kind = "live"
    identity = "live:test"

    def __init__(self) -> None:
        self.content: dict[str, list[str]] = {}
        self.asked: list[frozenset[str] | None] = []
        self.breaks = False

    def threads(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        self.asked.append(selection.thread_ids)
        if self.breaks:
            raise ZeroDivisionError
        for name, said in self.content.items():
            if selection.wants(name):
                parts = [({"type": "text", "text": {"value": text, "annotations": []}},) for text in said]
                messages = [Message(f"{name}-{n}", "user", content) for n, content in enumerate(parts)]
                yield Thread(name, messages, Origin("live"), "live")


def test_a_source_can_be_given_and_is_asked_for_single_threads(make: Make, target: EmbeddedSandbox) -> None:
    source = Live()
    source.content = {"a": ["hello"], "b": ["other"]}
    migrator = make(source=source)
    migrator.ensure("a")

    assert source.asked == [frozenset({"a"})]
    assert texts(target) == {"a": [["hello"]]}


def test_a_thread_that_was_empty_is_looked_at_again(make: Make, target: EmbeddedSandbox) -> None:
    source = Live()
    source.content = {"a": []}
    migrator = make(source=source)
    with pytest.raises(migrate_cli.ThreadSkipped):
        migrator.ensure("a")
    source.content = {"a": ["hello"]}
    migrator.ensure("a")

    assert texts(target) == {"a": [["hello"]]}


def test_a_source_that_raises_fails_the_call_and_not_the_next(make: Make, target: EmbeddedSandbox) -> None:
    source = Live()
    source.content = {"a": ["hello"]}
    source.breaks = True
    migrator = make(source=source)
    with pytest.raises(ZeroDivisionError):
        migrator.ensure("a")
    source.breaks = False
    assert migrator.ensure("a").startswith("conv_")


def test_a_refused_key_is_an_error_of_its_own(
    make: Make, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    with pytest.raises(AuthError, match="refused the key"):
        make().ensure(thread_id(1))


def test_a_missing_key_is_told_before_anything_is_written(
    make: Make, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        make().ensure(thread_id(1))


def test_the_ids_of_another_target_are_not_given_out(make: Make, target: EmbeddedSandbox) -> None:
    make().ensure(thread_id(1))
    with pytest.raises(SetupMismatch):
        make(flags={"target.base_url": "https://other.example/v1"}).ensure(thread_id(1))


def test_settings_come_from_a_file_or_by_name(target: EmbeddedSandbox, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("source: {path: export}\nstate: a.db\n")
    with Migrator("m.yaml") as from_file, Migrator(state="b.db", source={"path": "export"}) as by_name:
        from_file.ensure(thread_id(1))
        by_name.ensure(thread_id(1))

    assert (tmp_path / "a.db").is_file()
    assert (tmp_path / "b.db").is_file()


def test_a_closed_migrator_takes_no_more(make: Make, target: EmbeddedSandbox) -> None:
    migrator = make()
    migrator.close()
    with pytest.raises(UsageError, match="closed"):
        migrator.ensure(thread_id(1))


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import migrate_cli; "
        "print(sorted(set(sys.modules) - before)); migrate_cli.Migrator; assert 'openai' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['migrate_cli', 'migrate_cli.version']", done.stderr


def test_the_package_has_nothing_else_of_that_name() -> None:
    with pytest.raises(AttributeError, match="Migrater"):
        migrate_cli.Migrater  # noqa: B018 - there is none


def test_the_id_of_a_conversation_is_returned_as_it_is(make: Make, target: EmbeddedSandbox, tmp_path: Path) -> None:
    migrator = make()
    assert migrator.ensure("conv_new") == migrator.lookup("conv_new") == "conv_new"
    assert asyncio.run(migrator.ensure_async("conv_new")) == "conv_new"
    assert not (tmp_path / "migration.db").exists(), "nothing is asked and nothing is written for it"
    moved = migrator.ensure(thread_id(1))
    assert migrator.ensure(moved) == moved


def test_a_thread_that_is_called_like_a_conversation_is_one_once_it_is_known(
    make: Make, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    migrator = make()
    migrator.ensure(thread_id(1))
    migrator.close()
    with closing(sqlite3.connect(tmp_path / "migration.db")) as state, state:
        state.execute("UPDATE thread SET id = 'conv_old' WHERE id = ?", [thread_id(1)])
    migrator = make()
    assert migrator.ensure("conv_old").startswith("conv_") and migrator.ensure("conv_old") != "conv_old"


def test_a_thread_that_a_live_host_does_not_have_is_not_found(target: EmbeddedSandbox, tmp_path: Path) -> None:
    with host(tmp_path, tmp_path / "export", SourcePreset.FOUNDRY) as running:
        values = {"kind": "api", "preset": "foundry", "base_url": running.url, "token_command": TOKEN}
        with Migrator(source=values) as migrator:
            for unknown in ("thread_nobody", "no id at all"):
                with pytest.raises(migrate_cli.ThreadNotFound) as absent:
                    migrator.ensure(unknown)
                assert absent.value.thread_id == unknown
            assert migrator.ensure(thread_id(1)).startswith("conv_")
