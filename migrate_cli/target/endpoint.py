"""Where and as whom to call the target that the settings describe: address, headers, query, key or token.

It asks the target nothing. Keys come from the environment, and each is registered as a secret before it is used.
"""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlsplit

from migrate_cli.errors import UsageError
from migrate_cli.http.credentials import CommandToken, Credentials, IdentityToken, KeyHeader, az_command
from migrate_cli.http.endpoint import CHECK_KEY, Endpoint
from migrate_cli.secrets import register_named, register_secret
from migrate_cli.settings.model import Settings, TargetSettings

V1 = "/openai/v1"
"""Where Azure OpenAI and Foundry answer as the service of OpenAI does."""
SCOPES = {"azure": "https://cognitiveservices.azure.com/.default", "foundry": "https://ai.azure.com/.default"}
"""What a token of Microsoft Entra is asked for, by preset."""

SLOW_LISTS = {"foundry": 30.0}
"""Seconds that lists of a preset were seen to take, and half as many more."""


def endpoint_of(settings: Settings) -> Endpoint:
    """Return the endpoint. Raises UsageError (code `no-key`) where nothing could authenticate, naming all ways."""
    target = settings.target
    base_url, key = base_url_of(target), key_of(settings)
    credentials = _credentials(target, key)
    if not key and credentials is None and target.preset != "self-hosted":
        raise UsageError(f"there is no key for {base_url}: {_ways(target)}", code="no-key")
    register_named(target.headers)
    register_named(target.query)
    return Endpoint(
        base_url,
        "" if credentials is not None else key,
        target.organization,
        target.project,
        settings.load.timeout,
        settings.load.patience,
        headers={**_headers_of_client(settings), **target.headers, **_secret_headers(settings)},
        query=target.query,
        credentials=credentials,
        when_refused=_when_refused(target, credentials),
        slow_lists=SLOW_LISTS.get(target.preset, 0.0),
    )


def key_of(settings: Settings) -> str:
    """The target's key without blanks around it; empty where there is none."""
    key = settings.target_key()
    return key.get_secret_value().strip() if key is not None else ""


def base_url_of(target: TargetSettings) -> str:
    """Return the address; at Azure a bare one is completed. Raises UsageError for one that cannot be the target's."""
    if target.preset not in SCOPES:
        return target.base_url
    parts = urlsplit(target.base_url)
    if parts.hostname == "api.openai.com":
        raise UsageError(
            f"target.preset {target.preset} needs the address of your resource in target.base_url, such as "
            "https://NAME.openai.azure.com/openai/v1",
            code="no-base-url",
        )
    path = parts.path.rstrip("/")
    if path.startswith("/openai/deployments"):
        raise UsageError(
            f"target.base_url names a deployment; conversations are at {parts.scheme}://{parts.netloc}{V1}",
            code="base-url",
        )
    bare = path in ("", "/openai") or (path.startswith("/api/projects/") and path.count("/") == 3)
    return f"{target.base_url.removesuffix('/openai')}{V1}" if bare else target.base_url


def token_way(target: TargetSettings) -> str | None:
    """What fetches tokens where there is no key: a command, or azure-identity; None where nothing does."""
    if target.token_command:
        return "target.token_command"
    return "azure-identity" if target.preset in SCOPES and _has_identity() else None


def _credentials(target: TargetSettings, key: str) -> Credentials | None:
    """What authenticates in place of the usual bearer key; a command that the user named goes before a key."""
    if target.token_command:
        return CommandToken(target.token_command, "target.token_command")
    if key:
        return KeyHeader(key) if target.preset in SCOPES else None
    return IdentityToken(SCOPES[target.preset]) if token_way(target) else None


def _when_refused(target: TargetSettings, credentials: Credentials | None) -> str:
    """What a person can do where the target refuses the key or token."""
    if isinstance(credentials, CommandToken):
        return "run target.token_command by hand, and check the role of the identity it signs in"
    if isinstance(credentials, IdentityToken):
        return "sign in again (such as: az login), and check the role at the project"
    if isinstance(credentials, KeyHeader):
        az = az_command(SCOPES[target.preset])
        way = f"an Entra token comes from target.token_command (such as: {az}), which fetches a new one when it expires"
        return f"{target.api_key_env} must hold a key of the resource; {way}"
    return CHECK_KEY


def _headers_of_client(settings: Settings) -> dict[str, str]:
    """The headers that the official client takes from OPENAI_CUSTOM_HEADERS, as gateways want them: a line each."""
    lines = settings.secret("OPENAI_CUSTOM_HEADERS")
    pairs = (line.partition(":") for line in (lines.get_secret_value() if lines is not None else "").splitlines())
    found = {name.strip(): value.strip() for name, colon, value in pairs if colon and name.strip()}
    for value in found.values():
        register_secret(value)
    return found


def _secret_headers(settings: Settings) -> dict[str, str]:
    found = {}
    for header, variable in settings.target.headers_env.items():
        value = settings.secret(variable)
        if value is None or not value.get_secret_value().strip():
            raise UsageError(f"target.headers_env takes {header} from {variable}, which is not set", code="no-header")
        found[header] = value.get_secret_value().strip()
        register_secret(found[header])
    return found


def _ways(target: TargetSettings) -> str:
    ways = f"set {target.api_key_env}, "
    if target.preset in SCOPES:
        ways += (
            f"or target.token_command (such as: {az_command(SCOPES[target.preset])}), or pip install azure-identity, "
        )
    return f"{ways}or rehearse without one: --target sandbox"


def _has_identity() -> bool:
    try:
        return find_spec("azure.identity") is not None
    except ModuleNotFoundError:
        return False
