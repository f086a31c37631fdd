"""A configuration as an agent: names that the service takes, a definition without what it has no place for."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.convert.agent import DIGEST, MIGRATED_FROM, AgentDraft, agent_draft, agent_names, changed_paths
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.configuration import HostKind

ALLOWED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def draft(name: str = "support", own_id: str = "asst_1", **assistant: Any) -> AgentDraft:
    given = {"id": own_id, "name": name, "model": "gpt-4o", **assistant}
    foundry = HostKind.FOUNDRY
    return agent_draft(convert_assistant(given, source=foundry, target=foundry), own_id, name)


def codes(found: AgentDraft) -> list[str]:
    return [one.code for one in found.findings]


def test_a_name_keeps_what_an_agents_name_may_have() -> None:
    assert agent_names([("asst_1", "Lamp Shop: Größe 💡")]) == {"asst_1": "Lamp-Shop-Groe"}


def test_assistants_of_one_name_are_told_apart_whatever_their_order() -> None:
    both = [("asst_abcdefgh1", "Support"), ("asst_abcdefgh2", "support!")]
    named = agent_names(both)
    assert named == {"asst_abcdefgh1": "Support-bcdefgh1", "asst_abcdefgh2": "support-bcdefgh2"}
    assert agent_names(reversed(both)) == named


def test_an_assistant_without_a_name_that_can_be_written_goes_by_its_id() -> None:
    assert agent_names([("asst_abc", "日本語"), ("asst_def", None)]) == {
        "asst_abc": "assistant-asstabc",
        "asst_def": "assistant-asstdef",
    }


@given(st.dictionaries(st.text(min_size=1, max_size=80), st.none() | st.text(max_size=120), max_size=12))
def test_every_name_is_allowed_and_nobody_elses(assistants: dict[str, str | None]) -> None:
    named = agent_names(assistants.items())
    assert named.keys() == assistants.keys()
    assert all(ALLOWED.fullmatch(name) for name in named.values())
    assert len({name.casefold() for name in named.values()}) == len(named)


def test_the_definition_has_the_settings_and_the_metadata_say_whose_it_is() -> None:
    found = draft(
        instructions="Be brief.",
        description="Sells lamps.",
        temperature=0.5,
        metadata={"team": "blue"},
        response_format={"type": "json_object"},
    )
    assert found.body["definition"] == {
        "kind": "prompt",
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "temperature": 0.5,
        "text": {"format": {"type": "json_object"}},
    }
    assert found.body["description"] == "Sells lamps."
    assert found.body["metadata"] == {
        MIGRATED_FROM: "asst_1", DIGEST: found.digest, "source_assistant_name": "support", "team": "blue",
    }  # fmt: skip
    assert codes(found) == []


def test_what_an_agent_has_no_place_for_is_told() -> None:
    found = draft(parallel_tool_calls=False, max_output_tokens=100, text={"verbosity": "low"})
    assert set(found.body["definition"]) == {"kind", "model"}
    told = " ".join(one.detail for one in found.findings)
    assert codes(found) == ["assistant-field-lost"] * 3
    assert all(name in told for name in ("parallel_tool_calls", "max_output_tokens", "text.verbosity"))


def test_pairs_that_do_not_fit_beside_ours_are_told() -> None:
    found = draft(metadata={f"key-{number}": "x" for number in range(14)} | {MIGRATED_FROM: "mine"})
    assert len(found.body["metadata"]) == 16
    assert found.mark == "asst_1"
    assert "assistant-field-lost" in codes(found)


def test_a_name_is_told_where_more_than_its_blanks_changed() -> None:
    for own, name, told in (("Lamp Shop", "Lamp-Shop", []), ("Größe", "Groe", ["agent-name-changed"])):
        configuration = convert_assistant({"id": "asst_1", "name": own, "model": "gpt-4o"})
        assert codes(agent_draft(configuration, "asst_1", name)) == told


def test_the_digest_tells_definitions_apart() -> None:
    assert draft().digest == draft().digest
    assert draft().digest != draft(instructions="Be brief.").digest
    assert draft().digest != draft(metadata={"team": "blue"}).digest


def test_what_a_target_adds_is_no_change_and_all_else_is() -> None:
    sent = {"kind": "prompt", "tools": [{"type": "a", "x": {"y": 1}}], "text": {"format": {"type": "text"}}}
    found = {
        "kind": "prompt",
        "tools": [{"type": "a", "x": {"y": 1, "z": 2}}],
        "text": {"format": {"type": "text"}},
        "b": 1,
    }
    assert changed_paths(sent, found) == []
    assert changed_paths(sent, found | {"tools": []}) == ["tools"]
    assert changed_paths(sent, found | {"tools": [{"type": "b", "x": {}}], "text": None}) == [
        "tools[0].type", "tools[0].x.y", "text",
    ]  # fmt: skip


def test_an_id_that_is_too_long_for_metadata_is_known_by_its_hash() -> None:
    found = draft(own_id="x" * 600)
    assert len(found.mark) <= 512
    assert found.mark != draft(own_id="y" * 600).mark
