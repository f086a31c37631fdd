"""Authentication for hosts where a fixed bearer key is not enough: another header, or tokens that expire.

Every key and token is registered as a secret before it is used. Nothing here sends a request to the host itself.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.errors import AuthError, UsageError
from migrate_cli.secrets import register_secret, scrub
from migrate_cli.work.waiting import waiting

_log = logging.getLogger(__name__)

COMMAND_PATIENCE = 120.0
"""Seconds that a token command may take; `az` alone needs several."""
_LONGEST_COMPLAINT = 200


class Credentials(ABC):
    """What authenticates the requests to one host."""

    @abstractmethod
    async def headers(self) -> Mapping[str, str]:
        """Return the headers of the next request. Raises AuthError when there is no token available."""

    async def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002 - a fixed key has nothing to renew
        """Replace what was `refused` with 401; False when there is nothing new to try."""
        return False


class KeyHeader(Credentials):
    """A key in the header `api-key`, as Azure wants it."""

    def __init__(self, key: str) -> None:
        register_secret(key)
        self._headers = {"api-key": key}

    async def headers(self) -> Mapping[str, str]:
        """Return the key."""
        return self._headers


class Token(Credentials):
    """A bearer token that is fetched when it is first needed, and again when the host says that it has expired."""

    def __init__(self) -> None:
        self._token: str | None = None
        self._fetching = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """Return the token, fetching it the first time."""
        async with self._fetching:
            if self._token is None:
                self._token = await self._fetched()
        return {"Authorization": f"Bearer {self._token}"}

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """Fetch a new token, once for all requests that were refused with the old one."""
        async with self._fetching:
            if refused.get("Authorization") == f"Bearer {self._token}":
                old, self._token = self._token, await self._fetched()
                return self._token != old
        return True

    async def _fetched(self) -> str:
        token = await self.fetch()
        register_secret(token)
        return token

    @abstractmethod
    async def fetch(self) -> str:
        """Return a new token. Raises AuthError."""


class CommandToken(Token):
    """The token that a command of the user prints: plain, or in JSON as `accessToken`, `access_token` or `token`."""

    def __init__(self, command: str | Sequence[str], setting: str = "source.token_command") -> None:
        """`setting` is where the user wrote the command; messages name it. Raises UsageError."""
        super().__init__()
        self._setting = setting
        try:
            self._command = shlex.split(command) if isinstance(command, str) else list(command)
        except ValueError as error:
            raise UsageError(f"{setting} is not a valid command line: {error}", code="token-command") from error
        if not self._command:
            raise UsageError(f"{setting} is empty; name the command that prints a token", code="token-command")

    async def fetch(self) -> str:
        """Run the command, without a shell."""
        name = f"{self._setting}: {self._command[0]}"
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise _no_token(name, f"cannot be run ({error.strerror or error})") from error
        try:
            with waiting(name):
                out, _ = await asyncio.wait_for(process.communicate(), COMMAND_PATIENCE)
        except TimeoutError:
            raise _no_token(name, f"did not end within {COMMAND_PATIENCE:g} s") from None
        finally:
            if process.returncode is None:
                # Nobody waits for it any more, also when the run ends meanwhile.
                process.kill()
                await process.wait()
        if process.returncode:
            # What it said may hold a token or a password that nobody can tell from a word.
            raise _no_token(name, f"ended with {process.returncode}")
        token = token_in(out.decode("utf-8", "replace"))
        if token is None:
            raise _no_token(name, "printed no token")
        return token


class IdentityToken(Token):
    """A token of the azure-identity package (an extra), for whatever identity this machine has."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self._scope = scope
        self._credential: Any = None
        # Without a handler of its own the package writes a page of advice to stderr, beside our sentence.
        logging.getLogger("azure").addHandler(logging.NullHandler())

    async def fetch(self) -> str:
        """Ask the default credential chain, in a thread: it waits for the network and for other programs.

        The package keeps tokens until shortly before they expire, also those that the host has begun to refuse. Then
        only a new chain fetches another one.
        """
        with waiting("a token from azure-identity"):
            token = await asyncio.to_thread(self._ask)
            if token == self._token:
                self._credential = None
                token = await asyncio.to_thread(self._ask)
        return token

    def _ask(self) -> str:
        try:
            from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - an extra that most setups do not need
        except ImportError as error:
            raise UsageError(
                f"azure-identity cannot be imported ({error}): pip install azure-identity", code="no-key"
            ) from error
        try:
            self._credential = self._credential or DefaultAzureCredential()
            token: str = self._credential.get_token(self._scope).token
        except Exception as error:  # the package's own tree of errors, in many flavours
            _log.info("azure-identity: %s", scrub(str(error)))
            raise AuthError(
                f"no token: azure-identity {_failure(str(error))}; sign in (such as az login), or set a key or a token "
                "command, then start again",
                code="no-token",
            ) from error
        return token


def _failure(said: str) -> str:
    """What the chain says, in one line: who failed, or that nobody was there to ask. It lists each one it tried."""
    tried = [line.strip() for line in said.splitlines() if line.startswith("\t")]
    failed = [line for line in tried if "Authentication failed" in line]
    if tried and not failed:
        return "found no identity"
    return "failed" + _first_line((failed[-1] if failed else said).encode())


def az_command(scope: str) -> str:
    """Return the command of the Azure CLI that prints a token, as advice for people."""
    return f"az account get-access-token --scope {scope} --query accessToken --output tsv"


def token_in(printed: str) -> str | None:
    """Return the token in what a command printed: the one word of it, or a field of a JSON object."""
    text = printed.strip()
    try:
        value = loads(text)
    except ValueError:
        value = text
    if isinstance(value, dict):
        value = next((value[name] for name in ("accessToken", "access_token", "token") if name in value), None)
    return value if isinstance(value, str) and value and not any(letter.isspace() for letter in value) else None


def _no_token(name: str, why: str) -> AuthError:
    return AuthError(f"no token: {name} {why}; run it by hand and sign in, then start again", code="no-token")


def _first_line(complaint: bytes) -> str:
    lines = complaint.decode("utf-8", "replace").strip().splitlines()
    return f": {scrub(lines[0])[:_LONGEST_COMPLAINT]}" if lines else ""
