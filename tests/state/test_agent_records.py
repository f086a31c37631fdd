"""Agents in the state file: what was made, what takes its place, and what outlives the file."""

from __future__ import annotations

from pathlib import Path

from migrate_cli.model import AgentStatus, JsonObject, RecordedAgent
from migrate_cli.state import migrations
from migrate_cli.state.reader import StateReader
from migrate_cli.state.store import StateStore
from sqlite_utils import Database


def made(digest: str, version: str | None, status: AgentStatus = AgentStatus.MADE) -> RecordedAgent:
    return RecordedAgent("asst_1", "Help", digest, version, status)


def shown(path: Path) -> list[JsonObject]:
    with StateReader(path) as reader:
        return list(reader.maps.export("agents"))


def test_a_later_version_takes_the_place_of_an_earlier_one(path: Path) -> None:
    store = StateStore.open(path)
    store.agents.note(made("d1", "9"))
    store.agents.note(made("d2", "10"))
    store.close()
    assert {row["agent"]: row["status"] for row in shown(path)} == {"Help:9": "replaced", "Help:10": "made"}


def test_what_is_being_made_is_known_without_a_version(path: Path) -> None:
    store = StateStore.open(path)
    store.agents.note(made("d1", None, AgentStatus.MAKING))
    store.flush()
    assert store.agents.names() == {"asst_1": "Help"}
    assert [(row["agent"], row["status"]) for row in shown(path)] == [(None, "making")]
    store.agents.note(made("d1", "1"))
    store.close()
    assert [(row["agent"], row["status"]) for row in shown(path)] == [("Help:1", "made")]


def test_undone_agents_stand_no_more(path: Path) -> None:
    store = StateStore.open(path)
    run = store.runs.start_run("assistants", {})
    store.agents.note(made("d1", "1"))
    store.flush()
    with StateReader(path) as reader:
        assert reader.agents.standing(run) == reader.agents.standing() == [made("d1", "1")]
        assert reader.agents.standing("another") == []
    store.agents.note(made("d1", "1", AgentStatus.UNDONE))
    store.close()
    with StateReader(path) as reader:
        assert reader.agents.standing() == []


def test_agents_outlive_the_state_file(path: Path) -> None:
    store = StateStore.open(path)
    store.agents.note(made("d1", "1"))
    store.close()
    path.unlink()
    path.with_name(f"{path.name}.bak").unlink()
    StateStore.open(path).close()
    assert [(row["assistant_id"], row["agent"], row["status"]) for row in shown(path)] == [("asst_1", "Help:1", "made")]


def test_an_older_file_gets_room_for_agents(path: Path) -> None:
    older = Database(path)
    migrations.registry().apply(older, stop_before="m010_agents")
    older.close()
    store = StateStore.open(path)
    store.agents.note(made("d1", "1"))
    store.close()
    assert [row["agent"] for row in shown(path)] == ["Help:1"]


def test_agents_that_were_made_first_leave_a_file_to_be_recovered(path: Path) -> None:
    store = StateStore.open(path)
    for command in ("assistants", "recover"):
        store.runs.start_run(command, {})
    store.repairs.set_state("thread_1", "loaded")
    store.flush()
    assert store.runs.recovering()
    store.close()


def test_a_file_that_knows_its_target_alone_takes_any_other_setting(path: Path) -> None:
    store = StateStore.open(path)
    store.runs.check_target({"target.base_url": "https://a"})
    store.flush()
    whole = {"source": "export", "target.base_url": "https://a", "convert.citations": "keep", "source.order": "newest"}
    store.runs.check_setup(whole | {"shard": "1/4"})
    store.close()
    with StateReader(path) as reader:
        assert reader.setup() == whole | {"shard": "1/4"}
