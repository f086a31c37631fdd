"""`migrate-cli sandbox`: serves the embedded server until it is stopped, and says how to point a client at it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from migrate_cli.commands.option_types import SourceHost
from migrate_cli.sandbox.assistants_quirks import SourcePreset, SourceQuirks, quirks_of
from migrate_cli.sandbox.fault_plan import NO_FAULTS, FaultPlan
from migrate_cli.sandbox.fault_spec import plan_from_specs, read_plan
from migrate_cli.sandbox.options import FileIdCheck, SandboxOptions, TargetPreset
from migrate_cli.sandbox.server import run_server

_BANNER = """\
The sandbox serves the Conversations API at

  {url}

Its data is in {data}. Point the SDK at it:

  export OPENAI_BASE_URL={url}
  export OPENAI_API_KEY={key}

Ctrl-C stops it; the data stays.
"""


_SOURCE = """
It answers as a source too, as {preset} does, with {threads} threads and {messages} messages. Read from it with

  export SOURCE_BASE_URL={url}
  export MIGRATE_SOURCE__PRESET={host} {access}
  migrate-cli plan {url}{how}
"""


_ANOTHER_ONE = "import uuid; print(uuid.uuid4())"
"""A program that prints another token whenever it is asked, as the commands of real hosts do."""


_FAULTS = """
It misbehaves on purpose: {rules}
"""


def faults_of(specs: Sequence[str], file: Path | None, seed: int | None) -> FaultPlan:
    """Return what `--fault`, `--faults` and `--seed` describe: the file's rules first, then the lines.

    Raises UsageError for a rule that makes no sense.
    """
    plan = NO_FAULTS if file is None else read_plan(file)
    lines = plan_from_specs(specs)
    return FaultPlan((*plan.rules, *lines.rules), plan.seed if seed is None else seed)


def serve(
    port: int,
    data: Path,
    *,
    latency_ms: float,
    api_key: str | None,
    say: Callable[[str], None],
    quiet: bool,
    source_from: str | None = None,
    source_preset: SourceHost = SourceHost.OPENAI,
    token_requests: int | None = None,
    token_seconds: float | None = None,
    target_preset: TargetPreset = TargetPreset.OPENAI,
    known_files: FileIdCheck = FileIdCheck.ANY,
    strict_assistant: bool = False,
    faults: FaultPlan = NO_FAULTS,
) -> None:
    """Serve until SIGINT or SIGTERM; `source_from` is an export to answer with as a source.

    Raises UsageError when the port is in use or the data file or the export cannot be used.
    """
    quirks = quirks_of(SourcePreset(source_preset.value), token_requests=token_requests, token_seconds=token_seconds)
    counts = {} if source_from is None else _load(data, source_from)
    options = SandboxOptions(
        preset=target_preset,
        known_files=known_files,
        api_key=api_key,
        strict_assistant=strict_assistant,
        latency_ms=latency_ms,
        faults=faults,
        source=None if source_from is None else quirks,
    )

    def ready(url: str) -> None:
        key = "the-key-you-chose" if api_key else "any-key"
        banner = _BANNER.format(url=url, data=data, key=key)
        if source_from is not None:
            banner += _SOURCE.format(
                url=_source_url(url, quirks),
                access=_access(key, expires=token_requests is not None or token_seconds is not None),
                preset=source_preset.value,
                host="openai" if source_preset is SourceHost.GONE else source_preset.value,
                how=" --discover" if quirks.lists_threads else " --threads-from ids.txt",
                **counts,
            )
        if faults.rules:
            banner += _FAULTS.format(rules=", ".join(str(rule) for rule in faults.rules))
        say(f"{url}\n" if quiet else banner)

    run_server(port, data, options, on_ready=ready)


def _load(data: Path, export: str) -> dict[str, int]:
    from migrate_cli.sandbox.assistants_load import load_source  # noqa: PLC0415 - only where a source is asked for
    from migrate_cli.sources.export.open import open_source  # noqa: PLC0415

    loaded = load_source(data, open_source(export))
    return {"threads": loaded.threads, "messages": loaded.messages}


def _access(key: str, *, expires: bool) -> str:
    """The variable by which the source is entered; a fixed key would end a run in the middle where tokens expire."""
    if not expires:
        return f"SOURCE_API_KEY={key}"
    return f"MIGRATE_SOURCE__TOKEN_COMMAND={shlex.quote(shlex.join([sys.executable, '-c', _ANOTHER_ONE]))}"


def _source_url(url: str, quirks: SourceQuirks) -> str:
    return url.removesuffix("/v1") + quirks.base_path()
