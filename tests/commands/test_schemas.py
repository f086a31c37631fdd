"""The JSON Schema files in docs/reference/schemas hold for what every command prints, and describe every key of it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from jsonschema import Draft202012Validator
from migrate_cli.cli.app import app
from migrate_cli.cli.mapping import with_short_form
from migrate_cli.sandbox.assistants_load import load_source
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.options import SandboxOptions, TargetPreset
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.secrets import forget_secrets
from migrate_cli.sources.export.open import open_source
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from typer.main import get_command
from typer.testing import CliRunner

from support.exports import thread_id, write_export
from support.hosts import KEY, host

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "reference" / "schemas"
FIXTURES = ROOT / "fixtures"
Object = dict[str, Any]


class Scene:
    """Runs commands in one folder, and keeps what each printed."""

    def __init__(self) -> None:
        self.results: dict[str, list[Object]] = defaultdict(list)
        self.lines: list[Object] = []

    def __call__(self, *args: object) -> Object:
        words = with_short_form([*map(str, args), "--output", "json", "--progress", "json"])
        ended = CliRunner().invoke(app, words)
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        envelope: Object = json.loads(ended.stdout)
        self.results[" ".join(words[: 2 if words[0] == "map" and words[1] == "export" else 1])].append(envelope)
        self.lines += [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
        return envelope


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One migration from start to end, with some of everything that may go wrong."""
    folder, run = tmp_path_factory.mktemp("scene"), Scene()
    with pytest.MonkeyPatch.context() as patch, EmbeddedSandbox(folder / "target.db") as server:
        patch.chdir(folder)
        for name, value in {
            "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-test-key-0123456789", "SOURCE_API_KEY": KEY,
            "MIGRATE_LOAD__SETTLE": "0.05", "MIGRATE_LOAD__LATE": "0.2",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        patch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        _before(run, folder)
        _migrate(run, server)
        _after(run, folder, server)
        _hosts(run, folder, patch)
        yield run
    forget_secrets()


def _before(run: Scene, folder: Path) -> None:
    shutil.copytree(FIXTURES, folder / "export")
    (folder / "export" / "broken.json").write_text('{"messages": [', encoding="utf-8")
    (folder / "odd.json").write_text('{"things": [{"a": 1}]}', encoding="utf-8")
    run("plan", "odd.json")
    run("plan", "export", "--model", "gpt-5.4-mini", "--rate", 60, "--save", "plan.json", "--with-content")
    run("plan", "export", "--check", "--fail-on", "warning", "--against", "plan.json", "--since", "2024-01-01")
    run("plan", "export", "--explain", "thread-files/thread_2Kc3e3Io6BFToz1Lijmf7rVW.json")
    run("doctor", "export")
    run("assistants", "export", "--out", "setup")
    run("demo")
    write_export(folder / "small", [3, 3, 3])


def _migrate(run: Scene, server: EmbeddedSandbox) -> None:
    with httpx2.Client(base_url=server.control_url, headers=CONTROL_HEADERS) as control:
        control.post("/faults", json={"rules": ["append:poison:text=refund", "append:reset-after:count=1"]})
        run("apply", "export", "--with-content", "--metadata", "nobody=1")
        run("apply", "export", "--with-content")
        control.post("/faults", json={"rules": []})
    run("apply", "export", "--shard", "1/2", "--state", "one.db")
    run("apply", "export", "--shard", "2/2", "--state", "two.db")
    run("apply", "export", "--limit", 1, "--max-duration", "1h")
    run("apply", "small", "--processes", 2, "--state", "divided.db")
    run("merge", "one.db", "two.db", "--state", "whole.db")
    run("status")
    run("apply", "small", "--target", "sandbox")
    run("status", "--rehearsal")


def _after(run: Scene, folder: Path, server: EmbeddedSandbox) -> None:
    run("verify", "export", "--files", "--since", "2024-01-01")
    run("verify", "export", "--shard", "1/2", "--state", "one.db")
    with httpx2.Client(base_url=server.base_url, headers={"Authorization": "Bearer sk-test-key-0123456789"}) as user:
        first = run("map", thread_id(1), "--state", "divided.db")["data"]["rows"][0]["conversation_id"]
        entry = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "More."}]}
        user.post(f"/conversations/{first}/items", json={"items": [entry]})
        second = run("map", thread_id(2), "--state", "divided.db")["data"]["rows"][0]["conversation_id"]
        items = user.get(f"/conversations/{second}/items").json()["data"]
        user.delete(f"/conversations/{second}/items/{items[0]['id']}")
    run("verify", "small", "--state", "divided.db", "--with-content")
    run("resolve", thread_id(2), "small", "--state", "divided.db", "--with-content")
    run("resolve", thread_id(2), "small", "--state", "divided.db", "--adopt")
    run("map", "thread_nowhere")
    run("report")
    run("report", "--list")
    suite = {
        "model": "gpt-5.4-mini",
        "cases": [
            {
                "id": "one",
                "conversation": thread_id(1),
                "input": "Hello?",
                "expect": {"contains": ["nothing of that kind"]},
            },
            {"id": "two", "input": "Hello again?"},
        ],
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    run("replay", "suite.yaml", "--state", "divided.db", "--with-content")
    run("replay", "suite.yaml", "--state", "divided.db", "--repeat", 2)
    run("replay", "suite.yaml", "--state", "divided.db", "--against", "last")
    run("transcribe", next((FIXTURES / "files").glob("*.wav")), FIXTURES / "README.md")
    run("undo", "--all", "--dry-run", "--state", "divided.db")
    run("undo", "--all", "--yes", "--state", "divided.db")
    run("doctor", "export", "--live")


def _hosts(run: Scene, folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MIGRATE_SOURCE__PRESET", "foundry")
    with host(folder, folder / "small", SourcePreset.FOUNDRY) as running:
        run("snapshot", running.url, "--discover")
        write_export(folder / "small", [4])
        load_source(folder / "foundry.db", open_source(str(folder / "small")))
        run("snapshot", running.url, "--discover", "--refresh")
        run("snapshot", running.url, "--thread", "thread_nowhere", "--since", "2020-01-01", "--out", "other")
        run("snapshot", "--verify")
        run("plan", running.url, "--discover")
    patch.delenv("MIGRATE_SOURCE__PRESET")
    with EmbeddedSandbox(folder / "project.db", SandboxOptions(preset=TargetPreset.FOUNDRY)) as project:
        patch.setenv("OPENAI_BASE_URL", project.base_url)
        run("apply", "small", "--state", "lost.db")
        run("status", "--orphans", "--state", "lost.db")
        run("undo", "--orphans", "--dry-run", "--state", "lost.db")
        run("recover", "small", "--state", "found.db")


def commands() -> list[str]:
    """The names of all commands, as a user writes them."""
    root: Any = get_command(app)
    found = []
    for name, command in root.commands.items():
        below = getattr(command, "commands", None)
        found += [name] if below is None else [name, *(f"{name} {each}" for each in below if each != "ids")]
    return found


def schema(name: str) -> Object:
    found: Object = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    return found


REGISTRY: Registry[Any] = Registry().with_resources(
    (path.name, DRAFT202012.create_resource(json.loads(path.read_text("utf-8")))) for path in SCHEMAS.glob("*.json")
)


def faults(value: Any, name: str) -> list[str]:
    """What the schema of this name says against a value, with the place of each fault."""
    validator = Draft202012Validator(schema(name), registry=REGISTRY)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def undescribed(value: Any, described: Any, at: str = "$") -> Iterator[str]:
    """The keys in a value that a schema has no word for, by their places."""
    described = _resolved(described)
    kinds = [_resolved(one) for one in described.get("anyOf", described.get("oneOf", ()))]
    if kinds:
        fitting = [one for one in kinds if Draft202012Validator(one, registry=REGISTRY).is_valid(value)]
        yield from min(([*undescribed(value, one, at)] for one in fitting), key=len, default=[f"{at}: no form of it"])
    elif isinstance(value, dict) and "properties" in described:
        for key, child in value.items():
            inner = described["properties"].get(key, described.get("additionalProperties"))
            yield from [f"{at}.{key}"] if inner is None else undescribed(child, inner, f"{at}.{key}")
    elif isinstance(value, dict) and isinstance(described.get("additionalProperties"), dict):
        for key, child in value.items():
            yield from undescribed(child, described["additionalProperties"], f"{at}.{key}")
    elif isinstance(value, list) and "items" in described:
        for child in value:
            yield from undescribed(child, described["items"], f"{at}[]")


def _resolved(described: Any) -> Any:
    """The schema that a reference leads to, as one that stands alone."""
    if "$ref" not in described:
        return described
    file, _, place = described["$ref"].partition("#")
    found: Any = schema(file.removesuffix(".schema.json"))
    for step in place.split("/")[1:]:
        found = found[step]
    return {**found, "$id": file}


def test_every_command_has_a_schema_and_every_schema_a_command() -> None:
    named = {command.split()[0] for command in commands()} | {"common", "envelope", "progress"}
    assert {path.name.removesuffix(".schema.json") for path in SCHEMAS.iterdir()} == named


@pytest.mark.parametrize("path", sorted(SCHEMAS.iterdir()), ids=lambda path: path.name)
def test_a_schema_is_one(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text("utf-8")))


def test_every_command_was_run(scene: Scene) -> None:
    assert {command.split()[0] for command in commands()} - {"init", "sandbox"} <= scene.results.keys()


def test_every_envelope_is_as_its_schema_says(scene: Scene) -> None:
    for envelopes in scene.results.values():
        for envelope in envelopes:
            assert faults(envelope, "envelope") == []
            assert list(undescribed(envelope, schema("envelope"))) == []
            assert {"version", "started_at", "ended_at", "headline"} <= envelope.keys()


def test_the_data_of_every_command_is_as_its_schema_says_and_every_key_is_described(scene: Scene) -> None:
    every = [one for envelopes in scene.results.values() for one in envelopes]
    every += [step for one in scene.results["demo"] for step in one["data"]["steps"]]
    wrong = {
        f"{one['command']}.schema.json: {fault}"
        for one in every
        for fault in (*faults(one["data"], one["command"]), *undescribed(one["data"], schema(one["command"])))
    }
    assert not wrong, "describe it in docs/reference/schemas:\n" + "\n".join(sorted(wrong))


def test_every_line_of_progress_is_as_its_schema_says(scene: Scene) -> None:
    assert {line["type"] for line in scene.lines} == {"progress", "note"}
    for line in scene.lines:
        assert faults(line, "progress") == [] and list(undescribed(line, schema("progress"))) == []
    assert any(line.get("done") for line in scene.lines)


def test_a_check_of_keys_can_fail() -> None:
    described = {"type": "object", "properties": {"a": {"type": "array", "items": {"properties": {"b": {}}}}}}
    assert list(undescribed({"a": [{"b": 1, "c": 2}], "d": 3}, described)) == ["$.a[].c", "$.d"]


# ---- with jq

PAGE = ROOT / "docs" / "reference" / "interfaces.md"
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("jq ")
]


def parsed(line: str) -> tuple[list[str], str]:
    """The words of jq's part of a line, and the command whose output it reads."""
    words = shlex.split(line)
    words = words[: words.index("|") if "|" in words else None]
    return words, words[-1].partition(".")[0]


@pytest.mark.parametrize("line", LINES)
def test_a_line_for_jq_asks_for_keys_that_are_described(line: str) -> None:
    words, command = parsed(line)
    known = schema(command)
    described = known.get("properties") or known["oneOf"][0]["properties"]
    assert set(re.findall(r"\.data\.(\w+)", words[-2])) <= described.keys()


@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq")
@pytest.mark.parametrize("line", LINES)
def test_a_line_for_jq_runs(scene: Scene, tmp_path: Path, line: str) -> None:
    words, command = parsed(line)
    if command == "progress":
        texts = ["\n".join(map(json.dumps, scene.lines))]
    else:
        texts = [json.dumps(one) for one in scene.results[command] if one["exit_code"] in (0, 3, 4)]
    said = ""
    for text in texts:
        (tmp_path / words[-1]).write_text(text, encoding="utf-8")
        ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        # With -e, 1 says that the answer is no; a program or data that does not fit is told with higher codes.
        assert ended.returncode in ((0, 1) if "-e" in words else (0,)), ended.stderr
        said += ended.stdout
    assert said.strip(), "nothing of what was run has any of it"
