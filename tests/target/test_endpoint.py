"""Which address, key, token, headers and query a target gets, by preset; and that each kind is loaded over HTTP."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from migrate_cli.commands.apply import apply
from migrate_cli.errors import SettingsError, UsageError
from migrate_cli.http.credentials import CommandToken, IdentityToken, KeyHeader
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.model import Result
from migrate_cli.report.progress import progress_view
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.secrets import forget_secrets, scrub
from migrate_cli.settings.model import load_settings
from migrate_cli.sources.interface import Selection
from migrate_cli.target import endpoint as target_endpoint
from migrate_cli.target.endpoint import endpoint_of

from support.exports import thread_id, write_export

RESOURCE = "https://name.openai.azure.com"
PROJECT = "https://name.services.ai.azure.com/api/projects/shop"


@pytest.fixture(autouse=True)
def _nothing_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    forget_secrets()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", "the-key-0123456789")
    return "the-key-0123456789"


def endpoint(**target: Any) -> Endpoint:
    return endpoint_of(load_settings(None, {f"target.{name}": value for name, value in target.items()}))


def test_a_plain_key_is_the_clients_own(key: str) -> None:
    found = endpoint()
    assert (found.base_url, found.api_key, found.credentials) == ("https://api.openai.com/v1", key, None)


@pytest.mark.parametrize("preset", ["azure", "foundry"])
def test_at_azure_a_key_travels_in_its_own_header(preset: str, key: str) -> None:
    found = endpoint(preset=preset, base_url=RESOURCE)
    assert isinstance(found.credentials, KeyHeader)
    assert found.api_key == ""


@pytest.mark.parametrize(
    ("preset", "given", "used"),
    [
        ("azure", RESOURCE, f"{RESOURCE}/openai/v1"),
        ("azure", f"{RESOURCE}/openai/", f"{RESOURCE}/openai/v1"),
        ("azure", f"{RESOURCE}/openai/v1/", f"{RESOURCE}/openai/v1"),
        ("foundry", PROJECT, f"{PROJECT}/openai/v1"),
        ("foundry", f"{PROJECT}/openai/v1", f"{PROJECT}/openai/v1"),
        ("azure", "https://gateway.example/llm", "https://gateway.example/llm"),
        ("openai", "https://host.example", "https://host.example"),
    ],
)
def test_a_bare_address_at_azure_is_completed(preset: str, given: str, used: str, key: str) -> None:
    assert endpoint(preset=preset, base_url=given).base_url == used


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"preset": "azure"}, "needs the address of your resource"),
        ({"preset": "azure", "base_url": f"{RESOURCE}/openai/deployments/gpt"}, "conversations are at"),
        ({"headers_env": {"X-Gateway": "GATEWAY_KEY"}}, "takes X-Gateway from GATEWAY_KEY, which is not set"),
    ],
)
def test_what_cannot_work_is_told_in_one_sentence(target: Mapping[str, Any], words: str, key: str) -> None:
    with pytest.raises(UsageError, match=words):
        endpoint(**target)


def test_a_command_can_bring_the_token_for_any_preset(key: str) -> None:
    assert isinstance(endpoint(token_command="print-token").credentials, CommandToken)


def test_without_a_key_azure_identity_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_endpoint, "_has_identity", lambda: True)
    assert isinstance(endpoint(preset="foundry", base_url=PROJECT).credentials, IdentityToken)


def test_without_anything_all_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_endpoint, "_has_identity", lambda: False)
    with pytest.raises(UsageError) as missing:
        endpoint(preset="azure", base_url=RESOURCE)
    for way in ("OPENAI_API_KEY", "az account get-access-token", "pip install azure-identity", "--target sandbox"):
        assert way in str(missing.value)
    assert missing.value.code == "no-key"


def test_a_server_of_ones_own_needs_no_key() -> None:
    assert endpoint(preset="self-hosted", base_url="http://localhost:8000/v1").api_key == ""


def test_headers_and_query_are_sent_and_secret_ones_hidden(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "gateway-secret-42")
    found = endpoint(
        headers={"X-Team": "shop"},
        headers_env={"Authorization-Gateway": "GATEWAY_KEY"},
        query={"api-version": "preview"},
    )
    assert found.headers == {"X-Team": "shop", "Authorization-Gateway": "gateway-secret-42"}
    assert found.query == {"api-version": "preview"}
    assert "gateway-secret-42" not in scrub("sent gateway-secret-42")


def test_a_key_in_the_headers_of_a_settings_file_is_refused_but_its_variable_is_not(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text("target: {headers: {api-key: abc}}\n")
    with pytest.raises(SettingsError, match="keys do not belong in a settings file"):
        load_settings(file)
    file.write_text("target: {headers_env: {api-key: GATEWAY_KEY}}\n")
    assert load_settings(file).target.headers_env == {"api-key": "GATEWAY_KEY"}


# Over HTTP


def loaded(server: EmbeddedSandbox, **flags: Any) -> Result:
    write_export(Path("export"), [4])
    settings = load_settings(
        None,
        {"target.base_url": server.base_url, "source.path": "export", "load.settle": 0.05}
        | {name.replace("__", "."): value for name, value in flags.items()},
    )
    return apply(settings, Selection(), sandbox=False, view=progress_view("none", False, True))


def test_a_target_with_the_azure_header_is_loaded(tmp_path: Path, key: str) -> None:
    with EmbeddedSandbox(tmp_path / "t.db", SandboxOptions(api_key=key)) as server:
        assert loaded(server, target__preset="azure", target__query={"api-version": "preview"}).exit_code == 0


def test_a_target_with_a_token_from_a_command_is_loaded(tmp_path: Path) -> None:
    printing = [sys.executable, "-c", "print('token-0123456789')"]
    with EmbeddedSandbox(tmp_path / "t.db", SandboxOptions(api_key="token-0123456789")) as server:
        assert loaded(server, target__token_command=printing).exit_code == 0


def test_a_target_that_insists_on_ids_refuses_plain_answers_and_takes_strict_ones(tmp_path: Path, key: str) -> None:
    with EmbeddedSandbox(tmp_path / "t.db", SandboxOptions(strict_assistant=True)) as server:
        refused = loaded(server, state=str(tmp_path / "plain.db"))
        taken = loaded(server, state=str(tmp_path / "strict.db"), convert__strict_assistant=True)
        conversations = list(read_conversations(server.data))

    assert (refused.exit_code, taken.exit_code) == (3, 0)
    assert "missing id, status, content.logprobs" in json.dumps([problem.message for problem in refused.errors])
    sizes = [len(items) for _, metadata, items in conversations if metadata["source_thread_id"] == thread_id(1)]
    assert max(sizes) == 4


@pytest.mark.usefixtures("key")
def test_headers_of_a_gateway_come_as_the_official_client_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: token-0123456789\nnonsense\nX-Team: blue")
    endpoint = endpoint_of(load_settings())
    assert endpoint.headers == {"X-Gateway": "token-0123456789", "X-Team": "blue"}
    assert "token-0123456789" not in scrub("sent with token-0123456789")
