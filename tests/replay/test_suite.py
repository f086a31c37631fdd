"""Suites: what may stand in them, and how a mistake is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from migrate_cli.errors import UsageError
from migrate_cli.replay.deprecations import warnings
from migrate_cli.replay.requests import fields_of
from migrate_cli.replay.suite import Suite, load_suite

HEAD = "model: m-1\n"
CASE = "cases: [{id: a, input: Hi}]\n"
ASKED = HEAD + "cases:\n  - id: a\n    input: Hi\n"


def load(folder: Path, text: str) -> Suite:
    path = folder / "suite.yaml"
    path.write_text(text, "utf-8")
    return load_suite(path)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(folder, text)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence.replace(f"{folder}/", "")


def test_the_short_form_of_a_case_is_one_turn(tmp_path: Path) -> None:
    suite = load(tmp_path, HEAD + "cases: [{id: a, input: Hi, expect: {contains: x, tool_called: look}}]")
    (turn,) = suite.cases[0].all_turns()
    assert turn.input[0].text == "Hi"
    assert turn.expect.contains == ("x",)
    assert turn.expect.tool_called[0].name == "look"


def test_the_setup_of_a_case_outweighs_that_of_the_suite(tmp_path: Path) -> None:
    suite = load(tmp_path, "model: m-1\ninstructions: Be brief.\ncases: [{id: a, input: Hi, model: m-2, tools: []}]")
    assert suite.setup_of(suite.cases[0]) == ({"model": "m-2", "instructions": "Be brief."}, ())
    other = suite.with_setup(model="m-3")
    assert other.setup_of(other.cases[0])[0]["model"] == "m-3"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("modle: m\n" + CASE, "suite.yaml:1: there is no key modle; did you mean model?"),
        (
            ASKED + "    expect:\n      contain: x\n",
            "suite.yaml:6: there is no key cases[1].expect.contain; did you mean contains?",
        ),
        (HEAD + "cases: []\n", "suite.yaml:2: cases must be a list that is not empty"),
        (HEAD, "suite.yaml:1: cases must be there"),
        (
            HEAD + "cases:\n  - {id: a, input: Hi}\n  - {id: a, input: Hi}\n",
            "no two cases share an id; a is there twice",
        ),
        (HEAD + "cases:\n  - id: a\n", "suite.yaml:3: cases[1] must be a case with either an input or turns"),
        (
            HEAD + "cases:\n  - id: a\n    input: [{file: a, text: b}]\n",
            "suite.yaml:4: cases[1].input[1] must be one of text, file, image and audio",
        ),
        (ASKED + "    expect: {regex: '('}\n", "suite.yaml:5: cases[1].expect.regex[1] must be a regular expression"),
        (
            ASKED + "    expect: {json_schema: {type: thing}}\n",
            "suite.yaml:5: cases[1].expect.json_schema must be a JSON Schema",
        ),
        (
            ASKED + "    expect: {similar_to: {text: a, threshold: 2}}\n",
            "cases[1].expect.similar_to.threshold must be at most 1",
        ),
        (ASKED + "    expect: {status: done}\n", "must be one of completed, incomplete, failed"),
        (
            HEAD + "extra: {stream: false}\n" + CASE,
            "suite.yaml:2: extra must be fields that a suite may set, which stream is not",
        ),
        (
            HEAD + "tools:\n  - {type: function, name: f, handlr: a.b:c}\n" + CASE,
            "suite.yaml:3: tools[1] must be a tool without the key handlr; did you mean handler?",
        ),
        (HEAD + "tools:\n  - {type: function, name: f, handler: a.b}\n" + CASE, "written package.module:function"),
        (
            HEAD + "tools:\n  - {type: function, name: f, command: ls -l}\n" + CASE,
            "suite.yaml:3: tools[1].command must be a list of words",
        ),
        (HEAD + "tools:\n  - {type: web_search, handler: 'a:b'}\n" + CASE, "only functions and custom tools run here"),
        (
            HEAD + "tools:\n  - {type: mcp, server_label: s, server_url: u, require_approval: maybe}\n" + CASE,
            "require_approval is always, never",
        ),
        (HEAD + "tools:\n  - {type: mcp, server_label: s}\n" + CASE, "either a server_url or a connector_id"),
        (
            HEAD + "tools:\n  - {type: mcp, server_label: s, server_url: u, tunnel_id: t}\n" + CASE,
            "either a server_url or a connector_id or a tunnel_id",
        ),
        (
            HEAD + "tools:\n  - {type: function, name: f, allowed_callers: [anybody]}\n" + CASE,
            "allowed_callers are a list of direct, programmatic, or both",
        ),
        (
            HEAD + "tools:\n  - {type: function, name: f, output_schema: {type: thing}}\n" + CASE,
            "suite.yaml:3: tools[1] must be a JSON Schema",
        ),
        (HEAD + "tools:\n  - {type: custom, name: f, parameters: {}}\n" + CASE, "without the key parameters"),
        (HEAD + "tools:\n  - {type: namespace, name: n, tools: []}\n" + CASE, "a namespace with tools"),
        (HEAD + "tools:\n  - {type: function, name: f, tools: []}\n" + CASE, "a tool without the key tools"),
        (
            HEAD + "tools:\n  - {type: namespace, name: n, tools: [{type: web_search}]}\n" + CASE,
            "a namespace that holds functions and custom tools, nothing else",
        ),
        (
            HEAD
            + "tools:\n  - type: namespace\n    name: n\n    tools:\n      - {type: function, name: f, handlr: a:b}\n"
            + CASE,
            "suite.yaml:6: tools[1].tools[1] must be a tool without the key handlr; did you mean handler?",
        ),
        (HEAD + "truncation: sometimes\n" + CASE, "suite.yaml:2: truncation must be one of auto, disabled"),
        (HEAD + "extra: {model: m-2}\n" + CASE, "model is not both a key and under extra"),
        (
            ASKED + "    temperature: 1\n    extra: {temperature: 0}\n",
            "suite.yaml:3: cases[1] must be a setup in which temperature is not both a key and under extra",
        ),
        (
            HEAD + "tools: [{type: web_search}]\ncases:\n  - {id: a, input: Hi, extra: {tools: []}}\n",
            "tools are not both a key and under extra, as they are for a",
        ),
        ("a: 1\na: 2\n", "suite.yaml:2: a is already in line 1; keep one of them"),
        ("a: [\n", "suite.yaml:2:1: this is not YAML: it ends where a value is missing"),
        ("- a\n", "suite.yaml must hold `model`, `tools` and `cases`"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_right(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refused(tmp_path, text)


@pytest.mark.parametrize("line", ["authorization: sk-canary-123456", "headers: {X-Api-Key: sk-canary-123456}"])
def test_a_token_in_a_suite_is_refused_without_repeating_it(tmp_path: Path, line: str) -> None:
    text = HEAD + f"tools:\n  - type: mcp\n    server_label: s\n    server_url: u\n    {line}\n" + CASE
    sentence = refused(tmp_path, text)
    assert "authorization_env" in sentence
    assert "canary" not in sentence


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_suite(tmp_path / "none.yaml")


def test_requests_hold_tokens_and_new_ids_and_nothing_of_ours(tmp_path: Path) -> None:
    text = HEAD + CASE + (
        "tools:\n"
        "  - {type: mcp, server_label: s, server_url: u, authorization_env: TOKEN, headers_env: {X-Key: KEY},\n"
        "     require_approval: {buy: always, look: never, find: never}}\n"
        "  - {type: function, name: f, handler: 'a:b', timeout: 3}\n"
        "  - {type: file_search, vector_store_ids: [vs_old]}\n"
        "  - {type: code_interpreter, container: {type: auto, file_ids: [file-old, file-kept]}}\n"
    )  # fmt: skip
    suite = load(tmp_path, text)
    new = {"vs_old": "vs_new", "file-old": "file-new"}
    secrets = {"TOKEN": "token-123456", "KEY": "key-123456"}
    fields, tools = suite.setup_of(suite.cases[0])
    mcp, function, search, code = fields_of(fields, tools, secrets.get, lambda id_: new.get(id_, id_))["tools"]
    assert (mcp["authorization"], mcp["headers"]) == ("token-123456", {"X-Key": "key-123456"})
    assert mcp["require_approval"] == {"always": {"tool_names": ["buy"]}, "never": {"tool_names": ["look", "find"]}}
    assert not {"authorization_env", "headers_env", "handler", "timeout"} & {*mcp, *function}
    assert function["strict"] is False
    assert search["vector_store_ids"] == ["vs_new"]
    assert code["container"]["file_ids"] == ["file-new", "file-kept"]
    with pytest.raises(UsageError, match="set the environment variable TOKEN"):
        fields_of(fields, tools, lambda _name: None, str)


def test_the_newer_fields_and_keys_are_sent_as_they_are(tmp_path: Path) -> None:
    text = HEAD + (
        "context_management: [{type: compaction, compact_threshold: 9000}]\n"
        "prompt_cache_options: {ttl: 12h}\n"
        "truncation: auto\n"
        "moderation: {model: omni-moderation-latest}\n"
        "extra: {service_tier: flex}\n"
        "tools:\n"
        "  - {type: mcp, server_label: s, tunnel_id: t, allowed_callers: [direct], defer_loading: true}\n"
        "  - type: namespace\n"
        "    name: crm\n"
        "    description: Customers\n"
        "    tools:\n"
        "      - {type: function, name: f, handler: 'a:b', output_schema: {type: object},\n"
        "         allowed_callers: [programmatic]}\n"
        "      - {type: custom, name: g, format: {type: text}, command: [./g]}\n"
    ) + CASE  # fmt: skip
    suite = load(tmp_path, text)
    fields, tools = suite.setup_of(suite.cases[0])
    sent = fields_of(fields, tools, lambda _name: None, lambda id_: id_)
    assert sent["context_management"] == [{"type": "compaction", "compact_threshold": 9000}]
    assert (sent["truncation"], sent["prompt_cache_options"]["ttl"], sent["service_tier"]) == ("auto", "12h", "flex")
    assert sent["moderation"] == {"model": "omni-moderation-latest"}
    mcp, crm = sent["tools"]
    assert (mcp["tunnel_id"], mcp["allowed_callers"], mcp["defer_loading"]) == ("t", ["direct"], True)
    function, custom = crm["tools"]
    assert (function["output_schema"], function["allowed_callers"]) == ({"type": "object"}, ["programmatic"])
    assert custom["format"] == {"type": "text"}
    assert not {"handler", "command"} & {*function, *custom, *crm}
    assert [name for tool in tools for name, _ in tool.run_here()] == ["crm.f", "crm.g"]


def test_a_case_may_outweigh_the_suite_under_extra(tmp_path: Path) -> None:
    suite = load(tmp_path, HEAD + "temperature: 1\ncases: [{id: a, input: Hi, extra: {temperature: 0}}]\n")
    assert suite.setup_of(suite.cases[0])[0]["temperature"] == 0


def test_settings_that_are_going_are_named_with_date_and_successor(tmp_path: Path) -> None:
    text = "model: gpt-4o\n" + CASE + (
        "tools:\n"
        "  - {type: mcp, server_label: s, connector_id: connector_gmail, authorization_env: TOKEN}\n"
        "  - {type: image_generation, model: gpt-image-1}\n"
    )  # fmt: skip
    told = warnings(load(tmp_path, text), "whisper-1")
    for words in (
        ("gpt-4o", "2027-01-14"), ("connector_gmail", "2026-09-01", "server_url"),
        ("gpt-image-1", "2026-10-23"), ("whisper-1", "2027-02-26", "gpt-transcribe"),
    ):  # fmt: skip
        assert any(all(word in line for word in words) for line in told), words
    assert warnings(load(tmp_path, HEAD + CASE), "gpt-transcribe") == []


def test_what_is_gone_is_told_in_the_past(tmp_path: Path) -> None:
    suite = load(tmp_path, "model: gpt-4o\n" + CASE)
    assert warnings(suite, None, date(2027, 1, 13)) == [
        "the model gpt-4o is shut down on 2027-01-14 (as of 2026-11-30); use gpt-6-luna"
    ]
    assert warnings(suite, None, date(2027, 1, 14)) == [
        "the model gpt-4o was shut down on 2027-01-14 (as of 2026-11-30); use gpt-6-luna"
    ]


REFERENCE = {"type": "agent_reference", "name": "travel", "version": "1"}


@pytest.mark.parametrize("version", ["1", "'1'"])
def test_an_agent_is_named_as_the_target_wants_it_and_never_otherwise(tmp_path: Path, version: str) -> None:
    tools = "tools: [{type: function, name: look, handler: 'shop:look'}]\n"
    suite = load(tmp_path, f"agent: {{name: travel, version: {version}}}\nmax_output_tokens: 100\n{tools}{CASE}")
    fields, own = suite.setup_of(suite.cases[0])
    assert fields == {"agent_reference": REFERENCE, "max_output_tokens": 100}
    assert fields_of(fields, own, lambda _: None, str) == fields, "the agent has its functions itself"
    assert [tool.handler for tool in own] == ["shop:look"]


def test_the_latest_version_is_asked_where_none_is_named(tmp_path: Path) -> None:
    suite = load(tmp_path, f"agent: {{name: travel}}\n{CASE}")
    assert suite.setup_of(suite.cases[0])[0] == {"agent_reference": {"type": "agent_reference", "name": "travel"}}


def test_the_agent_of_a_case_goes_before_the_setup_of_the_suite(tmp_path: Path) -> None:
    text = (
        HEAD
        + "instructions: Be brief.\ncases: [{id: a, input: Hi, agent: {name: travel, version: 1}}, {id: b, input: Hi}]"
    )
    suite = load(tmp_path, text)
    assert [suite.setup_of(case)[0] for case in suite.cases] == [
        {"agent_reference": REFERENCE},
        {"model": "m-1", "instructions": "Be brief."},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agent: {name: travel}\n" + HEAD + CASE, "an agent without model"),
        ("agent: {name: travel}\ncases: [{id: a, input: Hi, text: {}}]", "a case a without text"),
        ("agent: {}\n" + CASE, "name"),
        ("agent: travel\n" + CASE, "agent"),
        (HEAD + "extra: {agent: {name: travel}}\n" + CASE, "which agent is not"),
        (HEAD + "extra: {agent_reference: {name: travel}}\n" + CASE, "which agent_reference is not"),
    ],
)
def test_an_agent_has_its_setup_itself(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_the_bundled_suite_is_right() -> None:
    suite = load_suite(Path(__file__).parents[2] / "fixtures" / "replay.yaml")
    assert len(suite.cases) >= 6
