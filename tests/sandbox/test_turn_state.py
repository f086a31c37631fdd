"""How far a turn has come: what the client has answered, and which cues are due."""

from __future__ import annotations

from typing import Any

from migrate_cli.sandbox.responses.turn_state import cues_of_round, runs_of_answers, since_last_user

USER: dict[str, Any] = {"type": "message", "role": "user"}
ASSISTANT: dict[str, Any] = {"type": "message", "role": "assistant"}
CALL: dict[str, Any] = {"type": "function_call"}
OUTPUT: dict[str, Any] = {"type": "function_call_output"}


def due(text: str, number: int, *, parallel: bool = True) -> list[str]:
    return [cue.text for cue in cues_of_round(text, number, parallel=parallel)]


def test_a_turn_begins_after_the_last_user_message() -> None:
    assert since_last_user([USER, CALL, OUTPUT, USER, ASSISTANT]) == [ASSISTANT]
    assert since_last_user([USER]) == []


def test_without_a_user_message_everything_belongs_to_the_turn() -> None:
    assert since_last_user([ASSISTANT, OUTPUT]) == [ASSISTANT, OUTPUT]


def test_answers_side_by_side_are_one_round() -> None:
    assert [len(run) for run in runs_of_answers([CALL, CALL, OUTPUT, OUTPUT, CALL, OUTPUT])] == [2, 1]
    assert runs_of_answers([CALL, ASSISTANT]) == []


def test_each_round_has_the_cues_of_its_stage_and_none_are_left_in_the_end() -> None:
    text = "[[call one {}]][[call two {}]] [[then]] [[say done]]"
    assert [due(text, number) for number in range(3)] == [["one", "two"], ["done"], []]


def test_without_parallel_calls_each_call_has_a_round_of_its_own() -> None:
    text = "[[reason Hm]][[call one {}]][[call two {}]] [[then]] [[say done]]"
    assert [due(text, number, parallel=False) for number in range(3)] == [["Hm", "one"], ["two"], ["done"]]
