"""A suite: the setup to try, and its cases. Read from YAML into frozen values; errors name the line.

It must not run a case, import a handler, or read an attached file or a variable.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject
from migrate_cli.replay.expectations import Expect, SuiteModel, Texts
from migrate_cli.replay.toolspec import Tool
from migrate_cli.settings.validation_errors import document_sentence
from migrate_cli.settings.yaml_document import BadYamlError, Document, RepeatedKeyError, read_document

PART_KEYS = ("text", "file", "image", "audio")


_AGENT = {"agent", "agent_reference"}


class InputPart(SuiteModel):
    """One part of an input: exactly one of the four."""

    text: str | None = Field(None, min_length=1)
    file: str | None = Field(None, min_length=1)
    """A path, relative to the suite; or the id of a file, old or new; or a URL."""
    image: str | None = Field(None, min_length=1)
    """A path, an id, or a URL."""
    audio: str | None = Field(None, min_length=1)
    """A path; the words are sent in its place."""
    detail: Literal["auto", "low", "high", "original"] | None = None
    """How closely to look at an image."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, key) is not None for key in PART_KEYS) != 1:
            raise ValueError("one of text, file, image and audio")
        if self.detail is not None and self.image is None:
            raise ValueError("a part without detail: only images have one")
        return self

    @property
    def words(self) -> str:
        """What it says; a file is named."""
        return self.text or f"[{self.file or self.image or self.audio}]"


def _parts(value: Any) -> Any:
    entries = value if isinstance(value, list | tuple) else [value]
    return [{"text": entry} if isinstance(entry, str) else entry for entry in entries]


Input = Annotated[tuple[InputPart, ...], BeforeValidator(_parts), Field(min_length=1)]


class SuiteTurn(SuiteModel):
    """One question, and what is expected of the answer to it."""

    input: Input
    expect: Expect = Expect()


class AgentName(SuiteModel):
    """An agent of a Foundry project."""

    name: str = Field(min_length=1)
    version: Annotated[str | None, BeforeValidator(lambda value: str(value) if type(value) is int else value)] = None
    """Such as "1"; the latest where none is named."""

    def reference(self) -> JsonObject:
        """The agent as a request names it: `agent` itself is refused there."""
        return {"type": "agent_reference", **self.model_dump(exclude_none=True)}


OF_AGENT = ("model", "instructions", "tool_choice", "reasoning", "text", "temperature", "top_p")
"""What an agent has itself, so that a request that names one may not say it too."""


class RequestSetup(SuiteModel):
    """What a request says beside its input; the fields are those of the Responses API."""

    agent: AgentName | None = None
    """In place of `OF_AGENT`; its functions stand among the tools for their handlers, and are not sent."""
    model: str | None = Field(None, min_length=1)
    instructions: str | None = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = Field(None, ge=16)
    metadata: dict[str, str] | None = None
    context_management: list[dict[str, Any]] | None = None
    prompt_cache_options: dict[str, Any] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    moderation: dict[str, Any] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further fields of the request, sent as they are."""

    @field_validator("extra")
    @classmethod
    def _not_ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        taken = {"input", "stream", "store", "conversation", "previous_response_id", "background"} | _AGENT
        taken &= set(value)
        if taken:
            raise ValueError(f"fields that a suite may set, which {', '.join(sorted(taken))} is not")
        return value

    @model_validator(mode="after")
    def _of_agent_alone(self) -> Self:
        both = [name for name in OF_AGENT if getattr(self, name) is not None]
        if self.agent is not None and both:
            raise ValueError(f"an agent without {', '.join(both)}: the agent has that itself")
        return self

    @model_validator(mode="after")
    def _once(self) -> Self:
        for name in sorted(self.extra):
            if name in RequestSetup.model_fields and getattr(self, name) is not None:
                raise ValueError(f"a setup in which {name} is not both a key and under extra")
        return self

    def fields(self) -> JsonObject:
        """The fields that are given, tools aside."""
        given = self.model_dump(
            exclude={"tools", "extra", "agent"}, exclude_none=True, include=set(RequestSetup.model_fields)
        )
        named = {} if self.agent is None else {"agent_reference": self.agent.reference()}
        return named | given | self.extra


class SuiteCase(RequestSetup):
    """One case: what it asks, on which conversation, and what it wants; its setup outweighs the suite's."""

    id: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")
    conversation: str | None = Field(None, min_length=1)
    """An old thread id, a new conversation id, or none."""
    input: Input | None = None
    expect: Expect | None = None
    turns: tuple[SuiteTurn, ...] = ()
    approve: Texts = ()
    """MCP tools that may run: `tool`, `server.tool`, or `*`."""
    deny: Texts = ()
    pass_rate: float = Field(1.0, gt=0, le=1)
    """The share of repetitions that must pass."""
    skip: str | None = Field(None, min_length=1)
    """Why the case is not run."""

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if (self.input is None) == (not self.turns):
            raise ValueError("a case with either an input or turns")
        if self.turns and self.expect is not None:
            raise ValueError("a case whose expectations are in its turns")
        return self

    def all_turns(self) -> tuple[SuiteTurn, ...]:
        """The turns, in order; the short form is one."""
        return self.turns or (SuiteTurn(input=self.input or (), expect=self.expect or Expect()),)


class Suite(RequestSetup):
    """A whole suite."""

    approve: Texts = ()
    deny: Texts = ()
    cases: tuple[SuiteCase, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _tools_once(self) -> Self:
        for case in self.cases:
            if "tools" in {**self.extra, **case.extra} and (self.tools is not None or case.tools is not None):
                raise ValueError(
                    f"a suite in which tools are not both a key and under extra, as they are for {case.id}"
                )
        return self

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [case.id for case in self.cases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"a suite in which no two cases share an id; {', '.join(twice[:3])} is there twice")
        for case in self.cases:
            own = [name for name in OF_AGENT if getattr(case, name) is not None]
            if self.agent is not None and case.agent is None and own:
                raise ValueError(f"a case {case.id} without {', '.join(own)}: the suite's agent has that itself")
        return self

    def setup_of(self, case: SuiteCase) -> tuple[JsonObject, tuple[Tool, ...]]:
        """The fields of each request of a case, and its tools."""
        tools = case.tools if case.tools is not None else self.tools
        fields = self.fields()
        if case.agent is not None:
            fields = {name: value for name, value in fields.items() if name not in OF_AGENT}
        return fields | case.fields(), tools or ()

    def agents(self) -> bool:
        """Whether any case is answered by an agent."""
        return self.agent is not None or any(case.agent is not None for case in self.cases)

    def with_setup(self, **fields: Any) -> Suite:
        """The suite with some fields of its setup replaced, in its cases too; None changes nothing."""
        given = {name: value for name, value in fields.items() if value is not None}
        cases = tuple(case.model_copy(update=given) for case in self.cases)
        return self.model_copy(update={**given, "cases": cases}) if given else self


def load_suite(path: Path) -> Suite:
    """Read and check a suite. Raises UsageError in one sentence with file, line and what is allowed there."""
    document = _read(path)
    if not isinstance(document.value, dict):
        raise UsageError(
            f"{path} must hold `model`, `tools` and `cases`; write an example with `migrate-cli replay --init`"
        )
    return _checked(document)


def _read(path: Path) -> Document:
    try:
        return read_document(path)
    except OSError as error:
        raise UsageError(
            f"the suite {path} cannot be read ({error.strerror or error}); check the path, or write one with --init"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"the suite {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except BadYamlError as error:
        raise UsageError(str(error)) from None
    except RepeatedKeyError as error:
        raise UsageError(f"{error}: {error.place[-1]} is already in line {error.earlier}; keep one of them") from None


def _checked(document: Document) -> Suite:
    try:
        return Suite.model_validate(document.value)
    except ValidationError as error:
        raise UsageError(document_sentence(error, document.value, document.where, Suite, "the suite")) from None
