"""`verify`: an untouched migration is all `=`, and every damage to the target's data is found and named."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state.reader import StateReader

from support.exports import thread, thread_id, write_export

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures

FIXTURES = Path(__file__).parents[2] / "fixtures"
Body = dict[str, Any]


class Damage:
    """Changes what the sandbox holds, behind its back."""

    def __init__(self, data: Path) -> None:
        self._db = sqlite3.connect(data, isolation_level=None)

    def close(self) -> None:
        self._db.close()

    def conversation(self, own_id: str) -> int:
        rows = self._db.execute("SELECT number, metadata FROM conversation WHERE NOT deleted").fetchall()
        return next(int(number) for number, metadata in rows if json.loads(metadata).get("source_thread_id") == own_id)

    def bodies(self, own_id: str) -> list[tuple[int, Body]]:
        rows = self._db.execute(
            "SELECT position, body FROM item WHERE conversation = ? ORDER BY position", (self.conversation(own_id),)
        )
        return [(position, json.loads(body)) for position, body in rows]

    def change(self, own_id: str, place: int, change: Callable[[Body], Any]) -> None:
        position, body = self.bodies(own_id)[place]
        change(body)
        self.put(own_id, position, body)

    def put(self, own_id: str, position: int, body: Body) -> None:
        self._db.execute(
            "UPDATE item SET body = ? WHERE conversation = ? AND position = ?",
            (json.dumps(body).encode(), self.conversation(own_id), position),
        )

    def swap(self, own_id: str, first: int, second: int) -> None:
        bodies = self.bodies(own_id)
        self.put(own_id, bodies[first][0], bodies[second][1])
        self.put(own_id, bodies[second][0], bodies[first][1])

    def remove(self, own_id: str, place: int) -> None:
        position, _ = self.bodies(own_id)[place]
        number = self.conversation(own_id)
        self._db.execute("DELETE FROM item WHERE conversation = ? AND position = ?", (number, position))

    def insert(self, own_id: str, place: int, body: Body) -> None:
        number, position = self.conversation(own_id), self.bodies(own_id)[place][0]
        # Two steps, since the places of a conversation are unique.
        self._db.execute(
            "UPDATE item SET position = -position - 1 WHERE conversation = ? AND position >= ?", (number, position)
        )
        self._db.execute("UPDATE item SET position = -position WHERE conversation = ? AND position < 0", (number,))
        self._append(number, position, body)

    def append(self, own_id: str, *bodies: Body) -> None:
        for body in bodies:
            self._append(self.conversation(own_id), self.bodies(own_id)[-1][0] + 1, body)

    def metadata(self, own_id: str, change: Callable[[dict[str, str]], Any]) -> None:
        number = self.conversation(own_id)
        (text,) = self._db.execute("SELECT metadata FROM conversation WHERE number = ?", (number,)).fetchone()
        pairs = json.loads(text)
        change(pairs)
        self._db.execute("UPDATE conversation SET metadata = ? WHERE number = ?", (json.dumps(pairs), number))

    def delete(self, own_id: str) -> None:
        self._db.execute("UPDATE conversation SET deleted = 1 WHERE number = ?", (self.conversation(own_id),))

    def _append(self, number: int, position: int, body: Body) -> None:
        identifier = body.get("id", f"msg_{position}")
        row = (number, position, identifier, json.dumps(body).encode())
        self._db.execute("INSERT INTO item VALUES (?, ?, ?, 0, ?)", row)


@pytest.fixture
def damage(target: EmbeddedSandbox) -> Iterator[Damage]:
    with closing(Damage(target.data)) as tool:
        yield tool


def said(text: str, role: str = "user") -> Body:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"id": "msg_new", "type": "message", "role": role, "content": [{"type": kind, "text": text}]}


RICH = thread_id(1)
PLAIN = thread_id(2)


def rich_thread(image_id: str) -> Body:
    """A thread with an image, a function call and metadata of its own."""
    image = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "auto"}}
    file = {"type": "image_file", "image_file": {"file_id": image_id, "detail": "auto"}}
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "look_up", "arguments": '{"order": 1}', "output": "sent"},
    }
    whole = thread(1, 4)
    whole["thread"]["metadata"] = {"customer": "c-17"}
    whole["messages"][2]["content"] += [image, file]
    whole["messages"][3]["run_id"] = "run_1"
    whole["runs"] = [{"id": "run_1", "object": "thread.run", "status": "completed", "thread_id": RICH}]
    whole["run_steps"] = [
        {
            "id": "step_1",
            "object": "thread.run.step",
            "run_id": "run_1",
            "type": "tool_calls",
            "status": "completed",
            "created_at": 1_700_000_000,
            "step_details": {"type": "tool_calls", "tool_calls": [call]},
        }
    ]
    return whole


@pytest.fixture
def image_id(target: EmbeddedSandbox) -> str:
    """An image that the target has, under the id that the source names."""
    from openai import OpenAI

    client = OpenAI(base_url=target.base_url, api_key="sk-test-key-0123456789")
    return client.files.create(file=("cat.png", b"\x89PNG\r\n\x1a\n"), purpose="vision").id


@pytest.fixture
def export(cli: Cli, target: EmbeddedSandbox, tmp_path: Path, image_id: str) -> Path:
    """Two threads, loaded."""
    folder = write_export(tmp_path / "export", [1, 3])
    (folder / f"{RICH}.json").write_text(json.dumps(rich_thread(image_id)))
    assert cli("apply", folder).code == 0
    return folder


def verify(cli: Cli, *args: object) -> dict[str, Any]:
    return cli("verify", *args, "--output", "json").json


def states(folder: Path) -> dict[str, str]:
    with StateReader(folder / "migration.db") as reader:
        return {row["thread_id"]: row["state"] for row in reader.threads.listed()}


@pytest.mark.parametrize("hashes", [[], ["--from-state"]])
def test_an_untouched_migration_is_all_equal(cli: Cli, export: Path, tmp_path: Path, hashes: list[str]) -> None:
    result = verify(cli, *([] if hashes else [export]), *hashes, "--strict")
    assert result["exit_code"] == 0
    assert result["data"]["outcomes"] == {"=": 9, "-": 0, "+": 0, "*": 0, "!": 0}
    assert result["data"]["metadata"]["="] == 5
    assert result["data"]["differences"] == []
    assert states(tmp_path) == {RICH: "verified", PLAIN: "verified"}


def test_the_bundled_fixtures_read_back_all_equal(cli: Cli) -> None:
    assert cli("apply", FIXTURES, "--target", "sandbox").code in (0, 3)
    result = verify(cli, FIXTURES, "--target", "sandbox", "--strict")
    outcomes = result["data"]["outcomes"]
    assert outcomes["="] > 50
    assert sum(outcomes.values()) == outcomes["="]
    assert not result["data"]["threads"]["differs"]


# kind of damage, what it does, and how it must be named: outcome, code, position, field
DAMAGES: dict[str, tuple[Callable[[Damage], None], tuple[str, str, int | None, str | None]]] = {
    "one changed character": (
        lambda it: it.change(PLAIN, 1, lambda body: body["content"][0].update(text=f"{PLAIN} 7")),
        ("*", "changed-text", 1, "content[0].text"),
    ),
    "a swapped pair": (lambda it: it.swap(PLAIN, 0, 1), ("*", "swapped-items", 0, "order")),
    "a swapped pair, apart": (lambda it: it.swap(RICH, 0, 5), ("*", "swapped-items", 0, "order")),
    "a missing item": (lambda it: it.remove(PLAIN, 1), ("-", "missing-item", 1, None)),
    "a missing last item": (lambda it: it.remove(PLAIN, 2), ("-", "missing-item", 2, None)),
    "an extra item": (lambda it: it.insert(PLAIN, 1, said("Who is this?")), ("+", "extra-item", 1, None)),
    "a doubled item": (
        lambda it: it.insert(PLAIN, 1, it.bodies(PLAIN)[1][1]),
        ("+", "doubled-item", 2, None),
    ),
    "a doubled last item": (
        lambda it: it.append(PLAIN, it.bodies(PLAIN)[2][1]),
        ("+", "doubled-item", 3, None),
    ),
    "a lost image": (
        lambda it: it.change(RICH, 2, lambda body: body["content"].pop(1)),
        ("*", "lost-image", 2, "content[1]"),
    ),
    "an image without its URL": (
        lambda it: it.change(RICH, 2, lambda body: body["content"][1].update(image_url=None)),
        ("*", "lost-image", 2, "content[1]"),
    ),
    "another file behind an image": (
        lambda it: it.change(RICH, 2, lambda body: body["content"][2].update(file_id="file-other")),
        ("*", "changed-image", 2, "content[2]"),
    ),
    "parts in another order": (
        lambda it: it.change(RICH, 2, lambda body: body["content"].reverse()),
        ("*", "parts-order", 2, "content"),
    ),
    "a wrong role": (
        lambda it: it.change(PLAIN, 0, lambda body: body.update(role="developer")),
        ("*", "changed-role", 0, "role"),
    ),
    "another output of a call": (
        lambda it: it.change(RICH, 4, lambda body: body.update(output="lost")),
        ("*", "changed-output", 4, "output"),
    ),
    "a call that belongs to no output": (
        lambda it: it.change(RICH, 3, lambda body: body.update(call_id="call_2")),
        ("*", "changed-call-id", 3, "call_id"),
    ),
    "a wrong metadata pair": (
        lambda it: it.metadata(RICH, lambda pairs: pairs.update(customer="c-18")),
        ("*", "changed-metadata", None, "metadata.customer"),
    ),
    "a missing metadata pair": (
        lambda it: it.metadata(RICH, lambda pairs: pairs.pop("customer")),
        ("-", "missing-metadata", None, "metadata.customer"),
    ),
    "a whole copy of the thread": (
        lambda it: it.append(PLAIN, *(body for _, body in it.bodies(PLAIN))),
        ("+", "doubled-item", 3, None),
    ),
    "a metadata pair too much": (
        lambda it: it.metadata(RICH, lambda pairs: pairs.update(owner="x")),
        ("+", "extra-metadata", None, "metadata.owner"),
    ),
    "a deleted conversation": (lambda it: it.delete(PLAIN), ("-", "conversation-gone", None, None)),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_to_the_targets_data_is_found_and_named(
    cli: Cli, export: Path, damage: Damage, tmp_path: Path, kind: str
) -> None:
    inflict, named = DAMAGES[kind]
    inflict(damage)
    result = verify(cli, export)
    first = result["data"]["differences"][0]
    assert (first["outcome"], first["code"], first.get("position"), first.get("field")) == named
    passes = named[1] == "extra-metadata"
    assert result["exit_code"] == (0 if passes else 4)
    hurt = RICH if first["thread_id"] == RICH else PLAIN
    assert states(tmp_path)[hurt] == ("verified" if passes else "differs")
    assert len({entry["thread_id"] for entry in result["data"]["differences"]}) == 1
    strict = verify(cli, export, "--strict")
    assert strict["exit_code"] == 4
    assert states(tmp_path)[hurt] == "differs"


@pytest.mark.parametrize("kind", [kind for kind in DAMAGES if "metadata pair" not in kind])
def test_the_hashes_of_the_state_find_it_too(cli: Cli, export: Path, damage: Damage, kind: str) -> None:
    inflict, named = DAMAGES[kind]
    inflict(damage)
    shutil.rmtree(export)
    result = verify(cli, "--from-state")
    assert result["exit_code"] == 4
    first = result["data"]["differences"][0]
    assert (first["outcome"], first.get("position")) == (named[0], named[2])


@pytest.mark.parametrize("hashes", [[], ["--from-state"]])
def test_an_item_that_was_deleted_is_named_by_the_id_that_it_had(
    cli: Cli, export: Path, damage: Damage, hashes: list[str]
) -> None:
    own = damage.bodies(PLAIN)[1][1]["id"]
    damage.remove(PLAIN, 1)
    result = verify(cli, *([] if hashes else [export]), *hashes)
    assert result["data"]["differences"][0]["detail"] == f"it was there (item {own}), the target no longer has it"
    assert f"it was there (item {own})" in result["errors"][0]["message"]


def test_an_item_that_was_never_sent_is_said_never_to_have_arrived(cli: Cli, export: Path) -> None:
    grown = thread(2, 4)
    (export / f"{PLAIN}.json").write_text(json.dumps(grown))
    result = verify(cli, export)
    assert result["exit_code"] == 4
    assert [one["detail"] for one in result["data"]["differences"] if one["code"] == "missing-item"] == [
        "it never arrived"
    ]


def test_the_state_knows_that_metadata_differs_but_not_which(cli: Cli, export: Path, damage: Damage) -> None:
    damage.metadata(RICH, lambda pairs: pairs.update(customer="c-18"))
    result = verify(cli, "--from-state")
    assert result["exit_code"] == 4
    assert [one["code"] for one in result["data"]["differences"]] == ["changed-metadata"]


def test_no_format_shows_a_text_unless_asked(cli: Cli, export: Path, damage: Damage, tmp_path: Path) -> None:
    damage.change(PLAIN, 1, lambda body: body["content"][0].update(text="xyzzy instead"))
    for fmt in ("text", "json", "markdown", "junit", "html"):
        assert "xyzzy" not in cli("verify", export, "--output", fmt).out
    asked = cli("verify", export, "--with-content", "--output", "json")
    assert "xyzzy" in asked.out
    for file in tmp_path.glob("migration.db*"):
        assert b"xyzzy" not in file.read_bytes()


def test_a_conversation_that_went_on_is_no_difference(cli: Cli, export: Path, damage: Damage) -> None:
    damage.append(PLAIN, said("One more thing."), said("Yes?", "assistant"))
    result = verify(cli, export, "--strict")
    assert result["exit_code"] == 0
    assert result["data"]["continued"] == 1
    assert result["data"]["outcomes"]["+"] == 0
    assert "continued since" in " ".join(cli("verify", export).out.split())


def test_a_difference_that_was_mended_is_verified_again(cli: Cli, export: Path, damage: Damage, tmp_path: Path) -> None:
    damage.swap(PLAIN, 0, 1)
    assert cli("verify", export).code == 4
    damage.swap(PLAIN, 0, 1)
    result = verify(cli, export, "--failed")
    assert result["exit_code"] == 0
    assert [row["thread_id"] for row in result["data"]["thread_list"]] == [PLAIN]
    assert states(tmp_path) == {RICH: "verified", PLAIN: "verified"}


def test_threads_that_are_not_loaded_are_reported_as_such(cli: Cli, export: Path, image_id: str) -> None:
    write_export(export, [1, 3, 2])
    (export / f"{RICH}.json").write_text(json.dumps(rich_thread(image_id)))
    result = verify(cli, export)
    assert result["exit_code"] == 3
    assert result["data"]["not_loaded"] == [{"thread_id": thread_id(3), "state": "pending", "detail": None}]
    assert result["data"]["threads"]["verified"] == 2


def test_a_thread_that_only_the_state_knows_is_compared_by_its_hashes(cli: Cli, export: Path) -> None:
    (export / f"{RICH}.json").unlink()
    result = verify(cli, export)
    assert result["exit_code"] == 0
    assert result["data"]["threads"]["verified"] == 2
    assert result["data"]["threads"]["from_state"] == 1
    assert "1 thread did not come from the source and was compared with the state file's hashes" in " ".join(
        cli("verify", export, "--fresh").out.split()
    )


def test_a_source_that_changed_since_is_said_so(cli: Cli, export: Path, image_id: str) -> None:
    write_export(export, [1, 4])
    (export / f"{RICH}.json").write_text(json.dumps(rich_thread(image_id)))
    result = verify(cli, export)
    assert result["exit_code"] == 4
    assert "the source has changed since" in result["errors"][0]["message"]
    assert "The source of 1 thread has changed since." in " ".join(cli("verify", export).out.split())
    assert [one["code"] for one in result["data"]["differences"]] == ["missing-item"]


def test_an_id_that_nobody_knows_is_named(cli: Cli, export: Path) -> None:
    result = verify(cli, export, "--thread", "thread_nowhere", "--thread", PLAIN)
    assert result["exit_code"] == 3
    assert [(error["thread_id"], error["code"]) for error in result["errors"]] == [("thread_nowhere", "not-loaded")]
    assert result["data"]["threads"]["verified"] == 1


def test_a_sample_is_stable_and_as_large_as_asked(cli: Cli, target: EmbeddedSandbox, tmp_path: Path) -> None:
    folder = write_export(tmp_path / "export", [1] * 30)
    assert cli("apply", folder).code == 0

    def taken(*args: str) -> list[str]:
        return sorted(row["thread_id"] for row in verify(cli, folder, *args)["data"]["thread_list"])

    assert len(taken("--sample", "7")) == 7
    assert taken("--sample", "7") == taken("--sample", "7") != taken("--sample", "7", "--seed", "1")
    assert taken("--sample", "100%") == [thread_id(number) for number in range(1, 31)]
    assert 0 < len(taken("--sample", "30%")) < 30
    assert cli("verify", folder, "--sample", "some").code == 2


def test_the_deep_mode_finds_a_file_that_was_deleted_since(
    cli: Cli, target: EmbeddedSandbox, export: Path, image_id: str
) -> None:
    from openai import OpenAI

    assert verify(cli, export, "--files")["data"]["files"]["="] == 1
    OpenAI(base_url=target.base_url, api_key="sk-test-key-0123456789").files.delete(image_id)
    result = verify(cli, export, "--files", "--fresh")
    assert result["exit_code"] == 4
    assert result["data"]["files"]["-"] == 1
    assert [one["code"] for one in result["data"]["differences"]] == ["missing-file"]


def test_verifying_writes_nothing_to_the_target(cli: Cli, export: Path, target: EmbeddedSandbox) -> None:
    def held() -> list[Any]:
        with closing(sqlite3.connect(target.data)) as db:
            return list(db.execute("SELECT * FROM conversation, item"))

    before = held()
    verify(cli, export, "--files")
    assert held() == before


def test_long_threads_are_read_page_by_page(cli: Cli, target: EmbeddedSandbox, damage: Damage, tmp_path: Path) -> None:
    folder = write_export(tmp_path / "export", [250, 1000])
    assert cli("apply", folder).code == 0
    damage.remove(PLAIN, 730)
    result = verify(cli, folder)
    assert result["data"]["outcomes"] == {"=": 1249, "-": 1, "+": 0, "*": 0, "!": 0}
    assert result["data"]["differences"][0]["position"] == 730
    # A list that ends before it should is asked once more.
    assert result["data"]["requests"]["sent"] == 2 + 3 + 11


def test_an_interrupted_verification_goes_on_where_it_stopped(
    cli: Cli, target: EmbeddedSandbox, tmp_path: Path
) -> None:
    folder = write_export(tmp_path / "export", [200] * 20)
    assert cli("apply", folder).code == 0
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as control:
        # So slow that the interrupt comes long before the end, however busy the machine is.
        control.post("/faults", json={"rules": ["list:latency:ms=300"]})
        process = subprocess.Popen(
            [sys.executable, "-m", "migrate_cli", "verify", str(folder), "--output", "json", "--workers", "1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ},
        )
        while "verified" not in states(tmp_path).values() and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        control.post("/faults", json={"rules": []})
    stopped = json.loads(out)
    assert (process.returncode, stopped["exit_code"]) == (130, 130), err
    done = stopped["data"]["threads"]["verified"]
    assert 0 < done < 20
    result = verify(cli, folder)
    assert result["exit_code"] == 0
    assert result["data"]["threads"]["verified"] == 20
    assert result["data"]["threads"]["earlier"] == done
    # The conversation, two full pages, and a look behind them, since servers end lists too early.
    assert result["data"]["requests"]["sent"] == (20 - done) * 4
    assert verify(cli, folder)["data"]["requests"]["sent"] == 20 * 4
