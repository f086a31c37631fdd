"""One typed settings object: flags > environment > .env > migration.yaml > defaults.

Each layer becomes a mapping here, the layers are merged, and the merged mapping is checked once; every value remembers
its layer, so that errors and `doctor` can name it. Keys are read from the variables that `api_key_env` names, never
from a settings file, and are never part of the object's text, its errors or the recorded setup. Nothing here opens a
source, a target or a state file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
)
from pydantic_core import PydanticKnownError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from migrate_cli.bounds import DEEPEST, MEGABYTE, Bounds, set_bounds
from migrate_cli.convert.limits import MESSAGE_CHARACTERS
from migrate_cli.convert.options import (
    AssistantImages,
    Attachments,
    Citations,
    ConvertOptions,
    Files,
    Incomplete,
    ProgressMessages,
    Tail,
    Timestamps,
    ToolCalls,
    UnknownFields,
    VectorStores,
)
from migrate_cli.errors import SettingsError
from migrate_cli.model import OF_NO_ITEM, YOUNGER, OnRefused
from migrate_cli.settings.layers import Layer, env_layer, file_layer, flag_layer, flat, merged, variables
from migrate_cli.settings.trust import lies_in, not_read, refuse_in_source, source_among, told_of
from migrate_cli.settings.validation_errors import settings_sentence

_OPTIONS = ConvertOptions()
DEFAULT_FILE = Path("migration.yaml")
ENV_FILE = Path(".env")

_OWN_NAMES = {
    "OPENAI_BASE_URL": "target.base_url",
    "OPENAI_ORG_ID": "target.organization",
    "OPENAI_PROJECT_ID": "target.project",
    "SOURCE_BASE_URL": "source.base_url",
}
"""Variables with names of their own; the `MIGRATE_…` form of the same setting goes first."""


def _plain_url(value: Any) -> Any:
    """Refuse what must not be recorded: a URL with a password; and what cannot be called."""
    if not isinstance(value, str):
        return value
    if not re.match(r"https?://[^/\s]", value):
        raise ValueError("a URL that starts with https:// or http://")
    if "@" in value.split("/")[2]:
        raise ValueError("a URL without user name and password; put the key into the variable that api_key_env names")
    return value.rstrip("/")


def _variable_name(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("the name of an environment variable (not the key itself)")
    return value


def _time_format(value: Any) -> Any:
    """Refuse a form that cannot be read back, or leaves the day, the month or the year open."""
    if not isinstance(value, str):
        return value
    try:
        read = datetime.strptime(_SOME_DAY.strftime(value), value)
    except ValueError:
        read = None
    if read is None or read.date() != _SOME_DAY.date():
        raise ValueError("a strptime format with day, month and year, such as '%d.%m.%Y %H:%M'")
    return value


_SOME_DAY = datetime(2024, 7, 14, 23, 33, 1, tzinfo=UTC)
"""A day whose number is no month's."""


def _user_path(value: Any) -> Any:
    return Path(value).expanduser() if isinstance(value, str) and value else value


def _kind(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        raise ValueError("export, api, sql, or the name of an installed source")
    return value


def _database_url(value: Any) -> Any:
    """Refuse a password where it would be recorded; the whole URL may be in the variable that url_env names."""
    if not isinstance(value, str):
        return value
    scheme, separator, rest = value.partition("://")
    if not separator or not scheme:
        raise ValueError("a database URL such as sqlite:///app.db or postgresql+psycopg://host/name")
    name, at, _ = rest.partition("/")[0].rpartition("@")
    if at and ":" in name:
        raise ValueError("a URL without a password; put the whole URL into the variable that source.url_env names")
    return value


def _text_keys(value: Any) -> Any:
    """YAML reads `0:` and `true:` as number and truth; as keys of a mapping they are texts here."""
    return {str(key).lower(): entry for key, entry in value.items()} if isinstance(value, Mapping) else value


def _texts_of_days(value: Any) -> Any:
    """YAML reads `api-version: 2025-05-01` as a day, and means the text."""
    if not isinstance(value, Mapping):
        return value
    return {key: entry.isoformat() if type(entry) is date else entry for key, entry in value.items()}


def _short_tail(value: Any) -> Any:
    """`tail: 50` means `tail: {messages: 50}`."""
    return {"messages": value} if isinstance(value, int | str) and not isinstance(value, bool) else value


def _path_in_json(value: Any) -> Any:
    if isinstance(value, str):
        from migrate_cli.settings.json_path import json_path  # noqa: PLC0415 - few sources have a map

        json_path(value)
    return value


Url = Annotated[str, BeforeValidator(_plain_url)]
Variable = Annotated[str, BeforeValidator(_variable_name)]
Kind = Annotated[str, BeforeValidator(_kind)]
DatabaseUrl = Annotated[str, BeforeValidator(_database_url)]
Role = Literal["user", "assistant", "system", "developer"]
PathInJson = Annotated[str, BeforeValidator(_path_in_json)]
UserPath = Annotated[Path, BeforeValidator(_user_path)]
_NUMBERS: dict[Any, Literal["int_type", "float_type"]] = {
    int: "int_type",
    int | None: "int_type",
    float: "float_type",
    float | None: "float_type",
}
"""What is wrong with a truth in the place of a number, by the kind of the field."""


class Section(BaseModel):
    """A section of the settings: unknown keys are refused, values do not change, errors do not repeat input."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `true` for a number, which the library would take for 1."""
        fault = _NUMBERS.get(cls.model_fields[info.field_name or ""].annotation)
        if isinstance(value, bool) and fault is not None:
            raise PydanticKnownError(fault)
        return value


class MapSettings(Section):
    """Where the fields of threads and messages lie, in records of a kind that no format knows; see `source.columns`."""

    threads: PathInJson | None = None
    thread_id: PathInJson | None = None
    messages: PathInJson | None = None
    message_id: PathInJson | None = None
    role: PathInJson | None = None
    text: PathInJson | None = None
    content: PathInJson | None = None
    created_at: PathInJson | None = None
    assistant_id: PathInJson | None = None
    run_id: PathInJson | None = None
    file_ids: PathInJson | None = None
    attachments: PathInJson | None = None
    metadata: PathInJson | None = None
    status: PathInJson | None = None
    order: PathInJson | None = None
    thread_created_at: PathInJson | None = None
    thread_metadata: PathInJson | None = None

    @property
    def paths(self) -> dict[str, str]:
        """The paths that are given, by field."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: path for name, path in given.items() if path is not None}

    @model_serializer
    def _as_given(self) -> dict[str, str]:
        return self.paths


class SourceSettings(Section):
    """Where the threads come from."""

    kind: Kind = "export"
    path: UserPath | None = None
    format: str = "auto"
    columns: dict[str, str] = Field(default_factory=dict)
    map: MapSettings = MapSettings()
    base_url: Url | None = None
    api_key_env: Variable = "SOURCE_API_KEY"
    token_command: str | list[str] | None = None
    preset: Literal["openai", "azure", "foundry", "self-hosted"] = "openai"
    query: Annotated[dict[str, str], BeforeValidator(_texts_of_days)] = Field(default_factory=dict)
    discover: bool = False
    url: DatabaseUrl | None = None
    url_env: Variable = "SOURCE_DATABASE_URL"
    table: str | None = Field(None, min_length=1)
    select: str | None = Field(None, min_length=1)
    roles: Annotated[dict[str, Role], BeforeValidator(_text_keys)] = Field(default_factory=dict)
    order: Literal["auto", "oldest-first", "newest-first"] = "auto"
    join: bool = False
    time_format: Annotated[str | None, BeforeValidator(_time_format)] = None
    options: dict[str, Any] = Field(default_factory=dict)
    ids_from: str | None = None
    readers: int = Field(8, ge=1, le=64)
    max_reads_per_minute: int | None = Field(None, ge=1)


class TargetSettings(Section):
    """Where the conversations go."""

    base_url: Url = "https://api.openai.com/v1"
    api_key_env: Variable = "OPENAI_API_KEY"
    organization: str | None = None
    project: str | None = None
    token_command: str | list[str] | None = Field(None, min_length=1)
    preset: Literal["openai", "azure", "foundry", "self-hosted"] = "openai"
    query: Annotated[dict[str, str], BeforeValidator(_texts_of_days)] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    headers_env: dict[str, Variable] = Field(default_factory=dict)


class TailSettings(Section):
    """Only the end of each thread."""

    messages: int | None = Field(None, ge=1)
    tokens: int | None = Field(None, ge=1)


class ConvertSettings(Section):
    """What a thread becomes; fields and defaults are those of `ConvertOptions`."""

    attachments: Attachments = _OPTIONS.attachments
    tool_calls: ToolCalls = _OPTIONS.tool_calls
    assistant_images: AssistantImages = _OPTIONS.assistant_images
    citations: Citations = _OPTIONS.citations
    timestamps: Timestamps = _OPTIONS.timestamps
    incomplete: Incomplete = _OPTIONS.incomplete
    files: Files = _OPTIONS.files
    vector_stores: VectorStores = _OPTIONS.vector_stores
    tail: Annotated[TailSettings | None, BeforeValidator(_short_tail)] = None
    strict_assistant: bool = _OPTIONS.strict_assistant
    native_builtin: bool = _OPTIONS.native_builtin
    unknown_fields: UnknownFields = _OPTIONS.unknown_fields
    progress_messages: ProgressMessages = _OPTIONS.progress_messages


class LoadSettings(Section):
    """How fast, and when to give up."""

    workers: int = Field(16, ge=1, le=256)
    max_requests_per_minute: int | None = Field(None, ge=1)
    divide_limits: bool = True
    max_errors: int | None = Field(50, ge=1)
    on_refused: OnRefused = OnRefused.FAIL
    pilot: int = Field(5, ge=0)
    timeout: float = Field(60.0, gt=0)
    settle: float = Field(5.0, ge=0)
    late: float | None = Field(None, ge=0)
    patience: float = Field(600.0, ge=0)
    connect_patience: float = Field(20.0, ge=0)
    batch_items: int = Field(20, ge=1, le=20)
    batch_bytes: int = Field(8_000_000, ge=1_000, le=50_000_000)


class AudioSettings(Section):
    """What becomes of audio files."""

    transcribe: bool = False
    model: str = Field("gpt-transcribe", min_length=1)


class PriceSettings(Section):
    """What a model costs, per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(None, ge=0)


class ReplaySettings(Section):
    """How test prompts are sent, and when to stop."""

    mode: Literal["copy", "stateless", "in-place", "chain"] = "copy"
    workers: int = Field(4, ge=1, le=256)
    idle_timeout: float = Field(120.0, gt=0)
    retries: int = Field(3, ge=0, le=20)
    max_rounds: int = Field(10, ge=1, le=100)
    tool_timeout: float = Field(30.0, gt=0)
    tool_output_bytes: int = Field(262_144, ge=256, le=10_000_000)
    similarity: float = Field(0.6, ge=0, le=1)
    similarity_method: Literal["letters", "embedding", "model"] = "letters"
    embedding_model: str = Field("text-embedding-3-small", min_length=1)
    judge_model: str | None = Field(None, min_length=1)
    max_cost: float | None = Field(None, gt=0)
    max_tokens: int | None = Field(None, ge=1)
    max_tool_calls: int | None = Field(None, ge=1)
    prices: dict[str, PriceSettings] = Field(default_factory=dict)
    call_prices: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)


class LimitSettings(Section):
    """How much is taken from outside before it is refused; the fields are those of `Bounds`."""

    json_depth: int = Field(200, ge=20, le=DEEPEST)
    string_bytes: int = Field(128 * MEGABYTE, ge=8 * MEGABYTE)
    answer_bytes: int = Field(128 * MEGABYTE, ge=MEGABYTE)
    yaml_nodes: int = Field(500_000, ge=1_000)


class ReportSettings(Section):
    """What is printed at the end."""

    output: Literal["text", "json", "markdown", "junit", "html"] = "text"
    with_content: bool = False
    redact: bool = False


class Settings(BaseSettings):
    """All settings of one command; make it with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix="MIGRATE_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        env_parse_none_str="null",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    source: SourceSettings = SourceSettings()
    target: TargetSettings = TargetSettings()
    state: UserPath = Path("migration.db")
    convert: ConvertSettings = ConvertSettings()
    load: LoadSettings = LoadSettings()
    audio: AudioSettings = AudioSettings()
    replay: ReplaySettings = ReplaySettings()
    limits: LimitSettings = LimitSettings()
    report: ReportSettings = ReportSettings()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _variables: dict[str, SecretStr] = PrivateAttr(default_factory=dict)
    _told: list[str] = PrivateAttr(default_factory=list)
    _env_file: Path = PrivateAttr(default=ENV_FILE)
    _command_line: str | None = PrivateAttr(default=None)

    @property
    def told(self) -> tuple[str, ...]:
        """What a person should know of settings files that nobody named: an address, a command, one not read."""
        return tuple(self._told)

    @property
    def env_file(self) -> Path:
        """The file whose variables stand below the environment's."""
        return self._env_file

    @property
    def command_line(self) -> str | None:
        """The command as it was given, on a command line; None in an application."""
        return self._command_line

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing else: the layers are read in `load_settings`, which remembers their places."""
        return (init_settings,)

    def where(self, field: str) -> str:
        """Which layer a value came from, by dotted name: `load.workers` → `migration.yaml:12`; else `default`."""
        parts = field.split(".")
        names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        # A mapping, such as source.columns, has a place for each of its entries.
        inner = (place for name, place in self._origins.items() if name.startswith(f"{field}."))
        return next((self._origins[name] for name in names if name in self._origins), next(inner, "default"))

    def target_key(self) -> SecretStr | None:
        """The target's key, from the variable that `target.api_key_env` names; None when it is not set."""
        return self._variables.get(self.target.api_key_env)

    def source_key(self) -> SecretStr | None:
        """The source's key, from the variable that `source.api_key_env` names; None when it is not set."""
        return self._variables.get(self.source.api_key_env)

    def secret(self, variable: str) -> SecretStr | None:
        """Any other secret, by the name of its variable in the environment or in .env."""
        return self._variables.get(variable)

    def convert_options(self) -> ConvertOptions:
        """The section `convert`, as the converter takes it."""
        values = {name: getattr(self.convert, name) for name in ConvertSettings.model_fields if name != "tail"}
        tail = self.convert.tail
        return ConvertOptions(
            **values,
            tail=None if tail is None else Tail(tail.messages, tail.tokens),
            message_characters=MESSAGE_CHARACTERS.get(self.target.preset),
        )

    def setup(self, source_identity: str) -> dict[str, str]:
        """What the state file records, and refuses to see changed: source, target and conversion; never secrets."""
        recorded = {
            "source": source_identity,
            "target.base_url": self.target.base_url,
            "target.organization": self.target.organization or "",
            "target.project": self.target.project or "",
            "audio.transcribe": _canonical(self.audio.transcribe),
        }
        for name, value in self.convert.model_dump(mode="json").items():
            recorded[f"convert.{name}"] = _canonical(value)
        for name in OF_NO_ITEM:
            recorded.pop(name, None)
        # Newer settings are recorded only if they differ from the default, so that files of earlier versions match.
        defaults = Settings()
        for name in YOUNGER:
            recorded.pop(name, None)
            value, default = self._value(name), defaults._value(name)
            if value != default:
                recorded[name] = _canonical(value.paths if isinstance(value, MapSettings) else value)
        return recorded

    def _value(self, field: str) -> Any:
        section, _, name = field.partition(".")
        return getattr(getattr(self, section), name)

    @classmethod
    def _build(cls, layers: list[Layer], known: Mapping[str, str]) -> Self:
        """Merge (weakest first), check, and remember where each value came from."""
        try:
            settings = cls(**merged(layers))
        except ValidationError as error:
            raise SettingsError(settings_sentence(error, layers, cls)) from None
        for layer in layers:
            for name in flat(layer.values):
                settings._origins[name] = layer.place(name)
        settings._variables.update({name: SecretStr(value) for name, value in known.items()})
        _refuse_own_ids(settings)
        return settings


def _refuse_own_ids(settings: Settings) -> None:
    """Refuse settings that give items ids of ours, where the target takes none. Raises SettingsError."""
    given = [name for name in ("strict_assistant", "native_builtin") if getattr(settings.convert, name)]
    if settings.target.preset != "foundry" or not given:
        return
    named = " and ".join(f"convert.{name} ({settings.where(f'convert.{name}')})" for name in given)
    raise SettingsError(
        f"{named} would send items with ids of migrate-cli's own, which a target with the preset foundry refuses as "
        "malformed; remove that setting."
    )


def load_settings(
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    env_file: Path | None = None,
    called: Callable[[str], str] = str,
    command_line: str | None = None,
) -> Settings:
    """Read all layers. `config` None means migration.yaml if it is there; `overrides` are flags by dotted name.

    `env_file` None means .env if it is there. Files that are not named are taken from the working folder, unless they
    are part of the source. `called` returns how the user calls such a flag;
    `command_line` is what was given, for reports. Flags that are None were not given. Paths
    inside a settings file are relative to its folder. Raises SettingsError, in one sentence that names key, place and
    what is allowed.
    """
    environment = env_layer("environment", dict(os.environ), Settings, _OWN_NAMES)
    given = [environment, flag_layer(overrides or {}, called)]
    if config is None:
        refuse_in_source(DEFAULT_FILE, source_among(given) if DEFAULT_FILE.is_file() else None)
    file = _file(config)
    below = [file] if file is not None else []
    dotenv, variable_layer, told = _dotenv(env_file, below, given)
    if file is not None and config is None:
        refuse_in_source(DEFAULT_FILE, source_among([file, variable_layer, *given]))
    settings = Settings._build([*below, variable_layer, *given], {**dotenv, **os.environ})
    unnamed = [*(below if config is None else ()), *([variable_layer] if env_file is None else ())]
    settings._env_file = env_file or ENV_FILE
    settings._command_line = command_line
    settings._told += [*environment.told, *variable_layer.told]
    settings._told += told + told_of(unnamed, settings._value, Settings()._value, settings.where)
    set_bounds(Bounds(**settings.limits.model_dump()))
    return settings


def _file(config: Path | None) -> Layer | None:
    """The layer of the settings file; None where none is named and none is there."""
    if config is None and not DEFAULT_FILE.is_file():
        return None
    relative = ("source.path", "source.url", "source.ids_from", "state")
    return file_layer(config or DEFAULT_FILE, Settings, relative=relative)


def _dotenv(named: Path | None, below: list[Layer], given: list[Layer]) -> tuple[dict[str, str], Layer, list[str]]:
    """The variables of .env, their layer, and what is to be told; nothing of one that is part of the source."""
    path = named or ENV_FILE
    if named is not None and not named.exists():
        raise SettingsError(f"There is no file {named}; correct --env-file.")
    source = source_among([*below, *given])
    if named is None and path.is_file() and lies_in(path, source):
        return {}, env_layer(str(path), {}, Settings, {}), [not_read(path, source)]
    found = variables(path)
    layer = env_layer(str(path), found, Settings, _OWN_NAMES)
    source = source_among([*below, layer, *given])
    if named is None and found and lies_in(path, source):
        return {}, env_layer(str(path), {}, Settings, {}), [not_read(path, source)]
    return found, layer, []


def _canonical(value: Any) -> str:
    import json  # noqa: PLC0415 - only commands that write need it

    return str(value) if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
