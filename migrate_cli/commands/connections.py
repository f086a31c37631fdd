"""The map of connections: which connection of the target's project takes the place of which one of the source's.

A YAML mapping of ids, or of the names that they end in. Connections of the same project stay as they are. It must not
ask a host whether they exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from migrate_cli.convert.agent_tools import Connections
from migrate_cli.errors import UsageError
from migrate_cli.settings.model import Settings
from migrate_cli.settings.yaml_document import BadYamlError, RepeatedKeyError, read_document
from migrate_cli.target.endpoint import V1, base_url_of

_FORM = "write one line for each: OLD_CONNECTION_ID: NEW_CONNECTION_ID"


def connections_of(settings: Settings, path: Path | None) -> Connections:
    """Return what finds a connection's id at the target. Raises UsageError for a file that cannot be taken."""
    given = {} if path is None else read_connections(path)
    same = _same_project(settings)

    def found(old: str) -> str | None:
        name = old.rstrip("/").rpartition("/")[2]
        return given.get(old) or given.get(name) or (old if same else None)

    return found


def read_connections(path: Path) -> Mapping[str, str]:
    """Read the file. Raises UsageError with its place and what belongs there."""
    try:
        document = read_document(path)
    except OSError as error:
        raise UsageError(f"the map of connections {path} cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"the map of connections {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except BadYamlError as error:
        raise UsageError(str(error)) from None
    except RepeatedKeyError as error:
        raise UsageError(f"{error}: {error.place[-1]} is already in line {error.earlier}; keep one of them") from None
    value = document.value
    if not isinstance(value, dict) or not value:
        raise UsageError(f"{path} holds no map of connections; {_FORM}")
    for key, new in value.items():
        if not isinstance(key, str) or not isinstance(new, str) or not new.strip():
            raise UsageError(f"{document.where((str(key),))}: {key} has no connection id; {_FORM}")
    return {key: new.strip() for key, new in value.items()}


def _same_project(settings: Settings) -> bool:
    """Whether the source is the classic side of the very project that is the target, or a snapshot of it."""
    address = settings.source.base_url
    return address is not None and _project(address) == _project(base_url_of(settings.target))


def _project(url: str) -> str:
    return url.rstrip("/").removesuffix(V1).casefold()
