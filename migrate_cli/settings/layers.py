"""The layers that settings come from: each a nested mapping that can say where a value is.

Here files, variables and flags are read and shaped; whether a value is right, `model.py` decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel
from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings import SettingsError as LibraryError
from pydantic_settings.sources.utils import parse_env_vars

from migrate_cli.errors import SettingsError, closest

_PREFIX = "MIGRATE_"
_KEY_NAMES = frozenset({"api_key", "apikey", "key", "token", "secret", "password", "bearer", "authorization"})


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer; `place` turns a dotted key into `migration.yaml:12`, `environment MIGRATE_STATE` and so on."""

    values: dict[str, Any]
    place: Callable[[str], str]
    called: Callable[[str], str] | None = None
    """Where the place of a value is its name: how whoever gave it calls it."""
    told: tuple[str, ...] = ()
    """What is to be said of it to whoever runs the program."""


def file_layer(path: Path, settings: type[BaseSettings], *, relative: Sequence[str]) -> Layer:
    """Read a settings file; the paths named in `relative` are taken from its folder. Raises SettingsError."""
    said, places = _read_file(path)
    values = {name: value for name, value in said.items() if value is not None or name not in settings.model_fields}
    for name in flat(values):
        section, _, last = name.rpartition(".")
        if last.lower().replace("-", "_") in _KEY_NAMES and not section.endswith("_env"):
            raise SettingsError(
                f"{places(name)}: keys do not belong in a settings file; put it into an environment variable "
                "and name that variable with api_key_env."
            )
    for name in relative:
        _rebase(values, name, path.parent)
    return Layer(values, places)


def _read_file(path: Path) -> tuple[dict[str, Any], Callable[[str], str]]:
    """Return what a settings file says, and what tells the line of a dotted key. Raises SettingsError."""
    # YAML is slow to import, and often there is no file.
    from migrate_cli.settings.yaml_document import BadYamlError, RepeatedKeyError, read_document  # noqa: PLC0415

    try:
        document = read_document(path)
    except FileNotFoundError:
        raise SettingsError(f"There is no settings file {path}; create one with `migrate-cli init`.") from None
    except IsADirectoryError:
        raise SettingsError(f"{path} is a folder; name the settings file in it.") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read ({error.strerror}); check its permissions."
        ) from None
    except BadYamlError as error:
        raise SettingsError(f"{error}.") from None
    except RepeatedKeyError as error:
        name = ".".join(map(str, error.place))
        raise SettingsError(f"{error}: {name} was already set in line {error.earlier}; keep one of them.") from None
    if document.value is not None and not isinstance(document.value, dict):
        raise SettingsError(f"{path} must hold settings as `key: value` lines; see migration.yaml.example.")
    lines = {".".join(map(str, place)): line for place, line in document.lines.items()}
    return document.value or {}, lambda name: f"{path}:{lines[name]}" if name in lines else str(path)


def env_layer(name: str, values: Mapping[str, str], settings: type[BaseSettings], own: Mapping[str, str]) -> Layer:
    """Take the `MIGRATE_…` variables, and those with names of their own. Raises SettingsError."""
    told = tuple(_unknown(name, values, settings))
    nested: dict[str, Any] = {}
    places: dict[str, str] = {}
    for variable, dotted in own.items():
        if values.get(variable):
            _put(nested, dotted, values[variable])
            places[dotted] = variable
    try:
        prefixed = _Variables(settings, values)()
    except LibraryError as error:
        raise SettingsError(
            f"{name}: {_section_of(error)} is not JSON; use one variable per setting, such as {_PREFIX}LOAD__WORKERS."
        ) from None
    for dotted in flat(prefixed):
        places[dotted] = variable_of(dotted)
    return Layer(_merge(nested, prefixed), lambda dotted: f"{name} {places.get(dotted, dotted)}", told=told)


def flag_layer(overrides: Mapping[str, Any], called: Callable[[str], str]) -> Layer:
    """Take flags by dotted name (or nested), `called` otherwise by the user; None means that one was not given."""
    nested: dict[str, Any] = {}
    for name, value in overrides.items():
        if value is not None:
            _put(nested, name, value)
    return Layer(nested, lambda dotted: f"option {dotted}", called)


def variables(path: Path) -> dict[str, str]:
    """The variables of a .env file; none when there is no such file."""
    if not path.is_file():
        return {}
    try:
        return {name: value for name, value in dotenv_values(path, encoding="utf-8-sig").items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read ({error.__class__.__name__}); check its permissions, and that it is UTF-8 text."
        ) from None


def merged(layers: Sequence[Layer]) -> dict[str, Any]:
    """One mapping out of all layers, weakest first."""
    whole: dict[str, Any] = {}
    for layer in layers:
        whole = _merge(whole, layer.values)
    return whole


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of all leaves."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


class _Variables(EnvSettingsSource):
    """The library's reading of nested variables, from a mapping of our choice."""

    def __init__(self, settings: type[BaseSettings], values: Mapping[str, str]) -> None:
        self._values = values
        super().__init__(settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return parse_env_vars(self._values, False, self.env_ignore_empty, self.env_parse_none_str)


def _section_of(error: LibraryError) -> str:
    """The variable that the library could not parse; its message names the field in quotes."""
    quoted = str(error).split('"')
    return _PREFIX + quoted[1].upper() if len(quoted) > 2 else "a variable"


def _unknown(layer: str, values: Mapping[str, str], settings: type[BaseSettings]) -> Iterator[str]:
    """Refuse variables with our prefix that are typing mistakes; yield what to say of those that may be others'."""
    known: dict[str, str] = {}
    for variable in values:
        if not variable.upper().startswith(_PREFIX):
            continue
        section, separator, _ = variable[len(_PREFIX) :].lower().partition("__")
        if section in settings.model_fields:
            continue
        known = known or {_one_line(name): name for name in map(variable_of, setting_names(settings))}
        meant, close = known.get(_one_line(variable.upper())), closest(section, settings.model_fields)
        if meant is not None:
            raise SettingsError(f"{layer}: {variable} names no setting; did you mean {meant}?")
        if separator or close:
            hint = f"did you mean {_PREFIX}{close.upper()}{separator}…?" if close else "remove it."
            raise SettingsError(f"{layer}: {variable} names no setting; {hint}")
        nearest = closest(variable.upper(), known.values(), cutoff=0)
        yield f"{layer}: {variable} names no setting and is ignored; the nearest is {nearest}"


def setting_names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of all settings and sections."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from setting_names(kind, f"{prefix}{name}.")


def variable_of(dotted: str) -> str:
    """Return the variable of a setting."""
    return _PREFIX + dotted.upper().replace(".", "__")


def _one_line(variable: str) -> str:
    """A variable as people who forget that sections end in two lines write it."""
    return re.sub("_+", "_", variable)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    whole = dict(below)
    for name, value in above.items():
        old = whole.get(name)
        whole[name] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return whole


def _put(nested: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, last = dotted.split(".")
    for section in sections:
        nested = nested.setdefault(section, {})
    nested[last] = value


def _rebase(values: dict[str, Any], dotted: str, folder: Path) -> None:
    *sections, last = dotted.split(".")
    holder: Any = values
    for section in sections:
        holder = holder.get(section) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and isinstance(holder.get(last), str) and holder[last] not in ("", "-"):
        holder[last] = _from(folder, holder[last])


def _from(folder: Path, place: str) -> str:
    """A path, or the path in the URL of an SQLite file, taken from a folder; other URLs name no file."""
    if "://" not in place:
        return str(folder / Path(place).expanduser())
    scheme, separator, path = place.partition(":///")
    if scheme.startswith("sqlite") and separator and path and not path.startswith(":"):
        return f"{scheme}:///{folder / Path(path).expanduser()}"
    return place
