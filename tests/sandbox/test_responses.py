"""`/responses` over HTTP with the official client: what the model sees, what is kept, and what a conversation gets."""

from __future__ import annotations

import json
import threading
from typing import Any

import openai as sdk
import pytest
from migrate_cli.sandbox.options import SandboxOptions
from openai import OpenAI

MODEL = "gpt-5.4-mini"
LOOKUP: Any = {"type": "function", "name": "lookup", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture
def moved(openai: OpenAI) -> str:
    """A conversation with one turn in it, and a file."""
    items: Any = [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "I want a refund for order 17."},
                {"type": "input_file", "file_id": "file-invoice"},
                {"type": "input_image", "image_url": "https://example.com/cat.png"},
            ],
        },
        {"role": "assistant", "content": "It is on its way."},
    ]
    return openai.conversations.create(items=items).id


def ask(openai: OpenAI, text: Any, **more: Any) -> Any:
    return openai.responses.create(**{"model": MODEL, "input": text, **more})


def texts(openai: OpenAI, conversation: str) -> list[str]:
    found = []
    for item in openai.conversations.items.list(conversation, order="asc"):
        parts = getattr(item, "content", None)
        found.append(parts[0].text if parts else item.type)
    return found


@pytest.mark.parametrize(
    ("question", "part_of_answer"),
    [
        ("What did I ask for last time?", 'Last time you asked: "I want a refund for order 17.'),
        ("What was my first message?", "I want a refund for order 17."),
        ("What was your last answer?", 'My last answer was: "It is on its way."'),
        ("How many messages do you see?", "I see 3 messages: 2 from you, this one included, and 1 from me."),
        ("How many items?", "I see 3 items"),
        ("Which files do you see?", "file-invoice"),
        ("Which images do you see?", "https://example.com/cat.png"),
        ("What are your instructions?", 'My instructions are: "Be brief."'),
        ("Which tools do you have?", "lookup"),
        ("Hello there", 'You said: "Hello there". I see 3 messages in this conversation.'),
    ],
)
def test_the_answer_proves_what_the_model_saw(openai: OpenAI, moved: str, question: str, part_of_answer: str) -> None:
    answer = ask(openai, question, conversation=moved, instructions="Be brief.", tools=[LOOKUP])
    assert part_of_answer in answer.output_text


def test_the_same_question_gets_the_same_answer(openai: OpenAI) -> None:
    first, second = ask(openai, "Hello"), ask(openai, "Hello")
    assert first.output_text == second.output_text
    assert first.usage == second.usage
    assert first.usage.total_tokens == first.usage.input_tokens + first.usage.output_tokens > 0


def test_a_completed_turn_is_added_to_the_conversation_with_the_ids_of_the_response(openai: OpenAI, moved: str) -> None:
    answer = ask(openai, "Hello", conversation={"id": moved})
    items = openai.conversations.items.list(moved, order="asc").data
    assert [getattr(item, "role", None) for item in items] == ["user", "assistant", "user", "assistant"]
    assert items[-1].id == answer.output[0].id
    assert answer.conversation.id == moved


@pytest.mark.parametrize("cue", ["[[fail]]", "[[incomplete]]"])
def test_a_turn_that_is_not_completed_leaves_the_conversation_alone(openai: OpenAI, moved: str, cue: str) -> None:
    before = texts(openai, moved)
    answer = ask(openai, cue, conversation=moved)
    assert answer.status in ("failed", "incomplete")
    assert texts(openai, moved) == before


def test_the_stored_response_can_be_read_listed_and_deleted(openai: OpenAI) -> None:
    answer = ask(openai, [{"role": "user", "content": "One"}, {"role": "user", "content": "Two"}])
    assert openai.responses.retrieve(answer.id).output_text == answer.output_text
    listed: Any = openai.responses.input_items.list(answer.id)
    assert [item.content[0].text for item in listed] == ["Two", "One"]
    page = openai.responses.input_items.list(answer.id, limit=1, order="asc")
    assert page.has_more
    rest = openai.responses.input_items.list(answer.id, order="asc", after=page.data[0].id)
    assert [item.id for item in rest] == [listed.data[0].id]
    openai.responses.delete(answer.id)
    with pytest.raises(sdk.NotFoundError, match="Response with id"):
        openai.responses.retrieve(answer.id)


def test_a_response_that_is_not_stored_cannot_be_read_or_followed(openai: OpenAI) -> None:
    answer = ask(openai, "Hello", store=False)
    with pytest.raises(sdk.NotFoundError):
        openai.responses.retrieve(answer.id)
    with pytest.raises(sdk.BadRequestError) as refused:
        ask(openai, "And now?", previous_response_id=answer.id)
    assert refused.value.code == "previous_response_not_found"


def test_previous_responses_chain_without_their_instructions(openai: OpenAI) -> None:
    first = ask(openai, "I like tea.", instructions="Be brief.")
    second = ask(openai, "I like cake.", previous_response_id=first.id)
    third = ask(openai, "What did I ask for last time? How many messages?", previous_response_id=second.id)
    assert '"I like cake."' in third.output_text
    assert "I see 5 messages" in third.output_text
    assert "no instructions" in ask(openai, "Your instructions?", previous_response_id=first.id).output_text


def test_a_response_in_a_conversation_can_be_followed_as_it_was_then(openai: OpenAI, moved: str) -> None:
    answer = ask(openai, "One", conversation=moved)
    ask(openai, "Two", conversation=moved)
    assert "I see 5 messages" in ask(openai, "How many messages?", previous_response_id=answer.id).output_text


def test_calls_come_in_parallel_and_their_outputs_reach_the_answer(openai: OpenAI, moved: str) -> None:
    cues = '[[call lookup {"order": 1}]] [[call lookup {"order": 2}]]'
    asked = ask(openai, cues, conversation=moved, tools=[LOOKUP])
    assert [json.loads(call.arguments) for call in asked.output] == [{"order": 1}, {"order": 2}]
    outputs = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"state {place}"}
        for place, call in enumerate(asked.output)
    ]
    answer = ask(openai, outputs, conversation=moved, tools=[LOOKUP])
    assert answer.output_text == "lookup returned: state 0 lookup returned: state 1"


def test_a_call_without_output_blocks_the_conversation(openai: OpenAI, moved: str) -> None:
    call = ask(openai, "[[call lookup {}]]", conversation=moved, tools=[LOOKUP]).output[0]
    with pytest.raises(sdk.BadRequestError) as refused:
        ask(openai, "Hello?", conversation=moved)
    assert f"No tool output found for function call {call.call_id}." in refused.value.message
    assert refused.value.param == "input"


def test_an_output_without_call_is_refused(openai: OpenAI) -> None:
    with pytest.raises(sdk.BadRequestError, match="No tool call found for function call output with call_id call_x"):
        ask(openai, [{"type": "function_call_output", "call_id": "call_x", "output": "lost"}])


def test_history_can_be_sent_back_as_input_without_storing_anything(openai: OpenAI) -> None:
    first = ask(openai, "[[call lookup {}]]", tools=[LOOKUP], store=False)
    call = first.output[0]
    history: list[Any] = [
        {"role": "user", "content": "[[call lookup {}]]"},
        call.to_dict(),
        {"type": "function_call_output", "call_id": call.call_id, "output": "found"},
    ]
    assert ask(openai, history, tools=[LOOKUP], store=False).output_text == "lookup returned: found"


def test_a_stored_item_can_be_referred_to(openai: OpenAI) -> None:
    first = ask(openai, "[[say Remember me.]]")
    again = ask(
        openai, [{"type": "item_reference", "id": first.output[0].id}, {"role": "user", "content": "What did you say?"}]
    )
    assert '"Remember me."' in again.output_text


def test_a_reasoning_item_that_was_not_stored_is_not_found(openai: OpenAI) -> None:
    thought: Any = [item.to_dict() for item in ask(openai, "[[reason Hm]] Hello", store=False).output]
    with pytest.raises(sdk.NotFoundError, match="not persisted when `store` is set to false"):
        ask(openai, [*thought, {"role": "user", "content": "Go on"}])


def test_a_second_writer_finds_the_conversation_locked(start: Any) -> None:
    _, http = start(SandboxOptions(event_ms=200))
    conversation = http.post("/conversations", json={}).json()["id"]
    body = {"model": MODEL, "input": "Hello", "conversation": {"id": conversation}}
    with http.stream("POST", "/responses", json={**body, "stream": True}) as first:
        lines = first.iter_lines()
        next(lines)
        second = http.post("/responses", json={**body, "conversation": conversation})
        appended = http.post(f"/conversations/{conversation}/items", json={"items": [{"role": "user", "content": "x"}]})
        assert [answer.json()["error"]["code"] for answer in (second, appended)] == ["conversation_locked"] * 2
        assert any("response.completed" in line for line in list(lines))
    # The lock is let go just after the last event is out, so the next writer may have to ask again.
    assert any(http.post("/responses", json=body).status_code == 200 for _ in range(100))


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(start: Any) -> None:
    _, http = start(SandboxOptions(event_ms=50))
    conversation = http.post("/conversations", json={}).json()["id"]
    with http.stream(
        "POST", "/responses", json={"model": MODEL, "input": "Hi", "conversation": conversation, "stream": True}
    ) as answer:
        next(answer.iter_lines())
    assert http.get(f"/conversations/{conversation}/items").json()["data"] == []


def test_responses_survive_a_restart(tmp_path: Any, start: Any) -> None:
    data = tmp_path / "kept.db"
    sandbox, http = start(data=data)
    first = http.post("/responses", json={"model": MODEL, "input": "I like tea."}).json()["id"]
    sandbox.stop()
    _, http = start(data=data)
    body = {"model": MODEL, "input": "What did I ask for last time?", "previous_response_id": first}
    assert "I like tea." in http.post("/responses", json=body).json()["output"][0]["content"][0]["text"]


def test_an_uploaded_file_can_be_read_by_the_model(openai: OpenAI) -> None:
    file = openai.files.create(file=("terms.txt", b"Refunds take ten days."), purpose="user_data")
    content: Any = [
        {"type": "input_text", "text": "What does the file say?"},
        {"type": "input_file", "file_id": file.id},
    ]
    assert "Refunds take ten days." in ask(openai, [{"role": "user", "content": content}]).output_text


def test_too_much_input_is_refused_or_cut_where_that_is_allowed(openai: OpenAI) -> None:
    history = [{"role": "user", "content": "x" * 1_000_000}, {"role": "user", "content": "y" * 1_000_000}]
    with pytest.raises(sdk.BadRequestError) as refused:
        ask(openai, [*history, {"role": "user", "content": "How many messages?"}])
    assert refused.value.code == "context_length_exceeded"
    cut = ask(openai, [*history, {"role": "user", "content": "How many messages?"}], truncation="auto")
    assert "I see 2 messages" in cut.output_text


def test_threads_of_clients_do_not_disturb_each_other(openai: OpenAI) -> None:
    answers: dict[int, str] = {}

    def one(number: int) -> None:
        answers[number] = ask(openai, f"[[say {number}]]").output_text

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: str(number) for number in range(8)}
