"""What a replay has to remember: scratch conversations until they are deleted, and where chains of responses end."""

from __future__ import annotations

from pathlib import Path

from migrate_cli.state.store import StateStore


def test_a_scratch_conversation_is_remembered_until_it_is_deleted(path: Path) -> None:
    store = StateStore.open(path)
    store.runs.start_run("replay", {})
    store.replays.scratch("conv_a", "https://x.example/v1")
    store.replays.scratch("conv_b", "https://x.example/v1")
    store.flush()
    store.close()
    again = StateStore.open(path)
    assert again.replays.scratches("https://x.example/v1") == ["conv_a", "conv_b"]
    assert again.replays.scratches("https://other.example/v1") == []
    again.replays.scratch_gone("conv_a")
    again.flush()
    assert again.replays.scratches("https://x.example/v1") == ["conv_b"]
    again.close()


def test_the_last_response_of_a_chain_replaces_the_one_before(path: Path) -> None:
    store = StateStore.open(path)
    assert store.replays.last_response("conv_a") is None
    store.replays.chain("conv_a", "resp_1")
    store.replays.chain("conv_a", "resp_2")
    store.flush()
    assert store.replays.last_response("conv_a") == "resp_2"
    store.close()


def test_only_what_concerns_the_target_is_told_of_the_setup(path: Path) -> None:
    store = StateStore.open(path)
    assert store.runs.target_setup() == {}
    store.runs.check_setup({"target.base_url": "https://x.example/v1", "source": "export"})
    store.flush()
    assert store.runs.target_setup() == {"target.base_url": "https://x.example/v1"}
    store.close()
