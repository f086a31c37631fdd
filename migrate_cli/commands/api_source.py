"""Opens the `api` source that the settings describe: host, preset, authentication, ids. It must not send a request."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from migrate_cli.convert.options import Files
from migrate_cli.errors import UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.credentials import CommandToken, Credentials, IdentityToken, KeyHeader, az_command
from migrate_cli.http.endpoint import CHECK_KEY, Endpoint
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.secrets import register_named
from migrate_cli.settings.model import Settings
from migrate_cli.sources.api.presets import PRESETS, ApiPreset
from migrate_cli.sources.api.source import ApiSource
from migrate_cli.sources.api.wanted import Wanted

OPENAI = "https://api.openai.com/v1"


def open_api(settings: Settings, *, id_list: Path | None = None) -> ApiSource:
    """Return the source. Raises UsageError where the base URL or the key is missing.

    `id_list` is where a listing of the host's threads is remembered; without it, next to the state file.
    """
    source = settings.source
    preset = PRESETS[source.preset]
    rate: float | None = source.max_reads_per_minute
    if rate is not None and id_list is None and (settings.convert.files is Files.UPLOAD or settings.audio.transcribe):
        # Threads and files are read side by side, each at a pace of its own.
        rate /= 2
    base_url = _base_url(settings, preset)
    _check_credentials(settings, preset, base_url)
    register_named(source.query)

    def connect() -> ApiClient:
        endpoint = Endpoint(
            base_url,
            _plain_key(settings, preset),
            timeout=settings.load.timeout,
            patience=settings.load.patience,
            headers=preset.headers,
            query={**preset.query, **source.query},
            credentials=_credentials(settings, preset),
            when_refused=_when_refused(settings, preset),
        )
        return ApiClient(endpoint, RateLimiter(most_in_flight=source.readers, requests_per_minute=rate))

    wanted = Wanted(
        discover=source.discover,
        ids_from=source.ids_from,
        columns=source.columns,
        id_list=id_list or settings.state.with_name(settings.state.name + ".threads"),
    )
    return ApiSource(base_url, connect, preset, wanted, workers=source.readers)


def _base_url(settings: Settings, preset: ApiPreset) -> str:
    url = settings.source.base_url or (OPENAI if preset.name == "openai" else None)
    if url is None:
        raise UsageError(
            "the source has no address; set source.base_url in migration.yaml, or SOURCE_BASE_URL", code="no-base-url"
        )
    bare = urlsplit(url).path in ("", "/")
    return url.rstrip("/") + preset.base_suffix if bare else url


def _key(settings: Settings) -> str:
    key = settings.source_key()
    return key.get_secret_value().strip() if key is not None else ""


def _plain_key(settings: Settings, preset: ApiPreset) -> str:
    """The key that goes into the usual header; empty where other credentials do the work, or none is needed."""
    return "" if preset.key_header or settings.source.token_command else _key(settings)


def _credentials(settings: Settings, preset: ApiPreset) -> Credentials | None:
    """What authenticates, where the usual bearer key does not."""
    if settings.source.token_command:
        return CommandToken(settings.source.token_command)
    key = _key(settings)
    if key:
        return KeyHeader(key) if preset.key_header else None
    return IdentityToken(preset.token_scope) if preset.token_scope else None


def _when_refused(settings: Settings, preset: ApiPreset) -> str:
    """What a person can do where the host refuses the key or token."""
    source = settings.source
    if source.token_command:
        return "run source.token_command by hand, and check the role of the identity it signs in"
    if preset.token_scope is None or preset.key_header:
        return CHECK_KEY
    if not _key(settings):
        return "sign in again (such as: az login), and check the role at the project"
    az = az_command(preset.token_scope)
    return (
        f"a token lives for about an hour: put a new one into {source.api_key_env}, or let "
        f"source.token_command fetch one whenever it is needed (such as: {az}); then run the same command again"
    )


def _check_credentials(settings: Settings, preset: ApiPreset, base_url: str) -> None:
    """Raise UsageError where nothing could authenticate, naming all ways that would."""
    source = settings.source
    if source.token_command:
        CommandToken(source.token_command)
        return
    if _key(settings) or preset.name == "self-hosted" or (preset.token_scope and _has_identity()):
        return
    ways = f"set {source.api_key_env}"
    if preset.token_scope:
        ways += f", or source.token_command (such as: {az_command(preset.token_scope)}), or pip install azure-identity"
    raise UsageError(f"there is no key for the source {base_url}: {ways}", code="no-key")


def _has_identity() -> bool:
    try:
        return find_spec("azure.identity") is not None
    except ModuleNotFoundError:
        return False
