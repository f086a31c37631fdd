"""Keys and tokens: where they come from, when they are renewed, and that nothing ever shows them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.errors import AuthError, UsageError
from migrate_cli.http.credentials import CommandToken, IdentityToken, KeyHeader, Token, token_in
from migrate_cli.secrets import forget_secrets, scrub

from support.identity import CHAIN, SCOPE, identity_package


class Numbered(Token):
    """A new token at each fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched = 0

    async def fetch(self) -> str:
        self.fetched += 1
        return f"numbered-token-{self.fetched}"


@pytest.mark.parametrize(
    "printed",
    ["the-token\n", '"the-token"', '{"accessToken": "the-token", "expiresOn": "x"}', '{"access_token":"the-token"}'],
)
def test_a_token_is_found_in_what_commands_print(printed: str) -> None:
    assert token_in(printed) == "the-token"


@pytest.mark.parametrize("printed", ["", "\n", "two words", "{}", "[1]", '{"accessToken": null}'])
def test_what_is_no_token_is_none(printed: str) -> None:
    assert token_in(printed) is None


@given(st.text(max_size=50))
def test_any_output_is_a_token_or_none(printed: str) -> None:
    token = token_in(printed)
    assert token is None or (token and not any(letter.isspace() for letter in token))


def test_a_refused_token_is_replaced_once_for_all_that_were_refused_with_it() -> None:
    async def ask() -> tuple[list[bool], int]:
        token = Numbered()
        old = await token.headers()
        renewed = await asyncio.gather(*(token.renew(old) for _ in range(4)))
        return renewed, token.fetched

    assert asyncio.run(ask()) == ([True] * 4, 2)


def test_a_command_that_prints_the_same_token_again_is_not_asked_for_ever() -> None:
    async def ask() -> bool:
        token = CommandToken([sys.executable, "-c", "print('always-the-same')"])
        return await token.renew(await token.headers())

    assert asyncio.run(ask()) is False


def test_tokens_and_keys_are_masked_wherever_they_turn_up() -> None:
    async def ask() -> None:
        await Numbered().headers()

    asyncio.run(ask())
    KeyHeader("plain-looking-key")
    assert "numbered-token-1" not in scrub("refused numbered-token-1")
    assert "plain-looking-key" not in scrub("refused plain-looking-key")
    forget_secrets()


def test_a_fixed_key_has_nothing_to_renew() -> None:
    async def ask() -> bool:
        key = KeyHeader("plain-looking-key")
        return await key.renew(await key.headers())

    assert asyncio.run(ask()) is False
    forget_secrets()


def test_a_command_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate_cli.http.credentials.COMMAND_PATIENCE", 0.05)
    with pytest.raises(AuthError, match="did not end within"):
        asyncio.run(CommandToken([sys.executable, "-c", "import time; time.sleep(60)"]).fetch())


@pytest.mark.parametrize("command", ["", "   ", 'az "unclosed'])
def test_a_command_line_that_is_none_is_an_error_of_usage(command: str) -> None:
    with pytest.raises(UsageError, match="token_command"):
        CommandToken(command)


# azure-identity


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a stand-in for the package, which gives tokens, or fails with the words that it is given."""
    with ExitStack() as stack:
        yield lambda failure="": stack.enter_context(identity_package(tmp_path, monkeypatch, failure))
    forget_secrets()


def identity() -> IdentityToken:
    return IdentityToken(SCOPE)


def test_an_identitys_token_goes_out_as_a_bearer_token(azure: Callable[..., None]) -> None:
    azure()
    assert asyncio.run(identity().headers()) == {"Authorization": "Bearer identity-token-1"}


def test_a_refused_token_that_the_package_still_believes_in_is_replaced(azure: Callable[..., None]) -> None:
    async def ask() -> tuple[bool, Mapping[str, str]]:
        token = identity()
        return await token.renew(await token.headers()), await token.headers()

    azure()
    assert asyncio.run(ask()) == (True, {"Authorization": "Bearer identity-token-2"})


def test_a_machine_without_an_identity_is_told_in_one_line(azure: Callable[..., None]) -> None:
    azure(CHAIN + "\tEnvironmentCredential: unavailable.\nVisit x\n\tAzureCliCredential: Azure CLI not found on path")
    with pytest.raises(AuthError, match=r"azure-identity found no identity;.* az login") as caught:
        asyncio.run(identity().headers())
    assert "\n" not in str(caught.value) and "EnvironmentCredential" not in str(caught.value)


def test_the_identity_that_failed_is_named_with_its_reason(azure: Callable[..., None]) -> None:
    azure(CHAIN + "\tEnvironmentCredential: Authentication failed: AADSTS7000215: Invalid client secret.\nSee x")
    with pytest.raises(AuthError, match=r"EnvironmentCredential: Authentication failed: AADSTS7000215") as caught:
        asyncio.run(identity().headers())
    assert "\n" not in str(caught.value)


def test_without_the_package_the_extra_is_named(azure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(UsageError, match="pip install azure-identity"):
        asyncio.run(identity().headers())


def test_a_token_command_of_the_target_is_called_the_targets() -> None:
    with pytest.raises(UsageError, match=r"^target\.token_command is empty"):
        CommandToken(" ", "target.token_command")
    with pytest.raises(AuthError, match=r"target\.token_command: no-such-program cannot be run"):
        asyncio.run(CommandToken("no-such-program", "target.token_command").headers())


def test_a_token_command_does_not_outlive_who_waits_for_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(60)"

    async def give_up() -> None:
        waiting = asyncio.create_task(CommandToken([sys.executable, "-c", code]).fetch())
        while not (told.exists() and told.read_text()):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(give_up())
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)
