"""What a suite may expect of a response, and the check of each expectation. Pure.

Details name what was expected and what was counted; they must never repeat the response.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from migrate_cli.bounds import loads
from migrate_cli.convert.text import counted
from migrate_cli.model import JsonObject
from migrate_cli.replay.response import Ending
from migrate_cli.replay.schemas import valid_schema, violation

SHOWN = 80
"""Characters of an expected text that a detail shows."""
_TINY = 1e-9
"""What binary fractions lack: 0.29 times 100 is a little less than 29."""


class SuiteModel(BaseModel):
    """A part of a suite: unknown keys are refused, values do not change, errors do not repeat input."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None
    return value


def _called(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _similar(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]
Patterns = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(_listed)]
Schema = Annotated[dict[str, Any], AfterValidator(valid_schema)]


class ExpectedCall(SuiteModel):
    """A tool that must have been called, perhaps with arguments of a certain form."""

    name: Text
    arguments: Schema | None = None
    """JSON Schema; one call must satisfy it."""


class Method(StrEnum):
    """How the likeness of two texts is found."""

    LETTERS = "letters"
    """By their letters, once the words are in alphabetical order."""
    EMBEDDING = "embedding"
    """By the angle between their embeddings, which an embedding model of the target makes."""
    MODEL = "model"
    """A model of the target judges how far they say the same."""


class ExpectedSimilarity(SuiteModel):
    """A text that the answer should be like."""

    text: Text
    threshold: float = Field(0.6, ge=0, le=1)
    method: Method = Method.LETTERS


class Expect(SuiteModel):
    """All expectations of one turn; those that are not given are not checked, but an answer must be completed."""

    contains: Texts = ()
    not_contains: Texts = ()
    regex: Patterns = ()
    json_schema: Schema | None = None
    equals: str | None = None
    similar_to: Annotated[ExpectedSimilarity | None, BeforeValidator(_similar)] = None
    tool_called: Annotated[tuple[Annotated[ExpectedCall, BeforeValidator(_called)], ...], BeforeValidator(_listed)] = ()
    tool_not_called: Texts = ()
    citations_at_least: int | None = Field(None, ge=0)
    refused: bool | None = None
    max_seconds: float | None = Field(None, gt=0)
    max_ttft: float | None = Field(None, gt=0)
    max_tokens: int | None = Field(None, ge=1)
    status: Literal["completed", "incomplete", "failed"] = "completed"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that was made during a turn: what the tool may be called, and its arguments as JSON text."""

    names: tuple[str, ...]
    arguments: str
    succeeded: bool = True
    """Whether the tool ran to its end without an error."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like an answer is to the expected one, as a model of the target found it."""

    value: float | None
    """From 0 to 1; None where it could not be found."""
    reason: str = ""
    """Why it could not be found."""


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """What one turn came to, as far as expectations ask."""

    ending: Ending
    text: str = ""
    refusal: str = ""
    calls: tuple[ToolCall, ...] = ()
    citations: int = 0
    seconds: float = 0.0
    ttft: float | None = None
    """Seconds to the first token of the turn; None when there was none."""
    tokens: int = 0
    likeness: Likeness | None = None
    """What a model said, where the expectation asks one; letters are compared here."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation, checked."""

    name: str
    passed: bool
    detail: str
    """What was expected and, where it is a number, what came."""
    likeness: float | None = None
    """Where texts were compared: how like they are, from 0 to 1."""

    def as_dict(self) -> JsonObject:
        """The verdict, as reports show it."""
        like = {} if self.likeness is None else {"likeness": round(self.likeness, 4)}
        return {"name": self.name, "passed": self.passed, "detail": self.detail, **like}


def check(expect: Expect, facts: TurnFacts) -> list[Expectation]:
    """Check every expectation that is given; the status always."""
    ending = facts.ending.value
    expectations = [Expectation("status", ending == expect.status, f"the response is {ending}, wanted {expect.status}")]
    for checks in _CHECKS:
        expectations.extend(checks(expect, facts))
    return expectations


def similarity(one: str, other: str) -> float:
    """How alike two texts are, from 0 to 1: by letters, once the words are in alphabetical order, in small letters.

    rapidfuzz, because answers of many thousand characters are compared: it takes milliseconds where difflib takes
    minutes.
    """
    from rapidfuzz import fuzz, utils  # noqa: PLC0415 - most suites compare nothing by likeness

    return fuzz.token_sort_ratio(one, other, processor=utils.default_process) / 100


def _texts(expect: Expect, facts: TurnFacts) -> Iterator[Expectation]:
    said = facts.text or facts.refusal
    small = said.casefold()
    for text in expect.contains:
        yield Expectation("contains", text.casefold() in small, f"wanted {_shown(text)}")
    for text in expect.not_contains:
        yield Expectation("not_contains", text.casefold() not in small, f"unwanted {_shown(text)}")
    for pattern in expect.regex:
        yield Expectation("regex", re.search(pattern, said) is not None, f"wanted a match of {_shown(pattern)}")
    if expect.equals is not None:
        yield Expectation("equals", said.strip() == expect.equals.strip(), f"wanted exactly {_shown(expect.equals)}")
    if expect.similar_to is not None:
        yield _similar_enough(expect.similar_to, said, facts.likeness)
    if expect.refused is not None:
        what = "a refusal" if expect.refused else "no refusal"
        yield Expectation("refused", bool(facts.refusal) == expect.refused, f"wanted {what}")


def _similar_enough(wanted: ExpectedSimilarity, said: str, told: Likeness | None) -> Expectation:
    what = f"likeness by {wanted.method.value}"
    if wanted.method is Method.LETTERS:
        told = Likeness(similarity(said, wanted.text))
    if told is None or told.value is None:
        # Why not, the case says.
        return Expectation("similar_to", False, f"{what} is not known")
    # Rounded down: a likeness that is too low must not look like the threshold.
    detail = f"{what} {math.floor(told.value * 100 + _TINY) / 100:.2f}, wanted {wanted.threshold:g} or more"
    return Expectation("similar_to", told.value >= wanted.threshold, detail, told.value)


def _schema(expect: Expect, facts: TurnFacts) -> Iterator[Expectation]:
    if expect.json_schema is None:
        return
    try:
        value = loads(facts.text)
    except ValueError:
        yield Expectation("json_schema", False, "the answer is not JSON")
        return
    wrong = violation(expect.json_schema, value)
    yield Expectation("json_schema", wrong is None, wrong or "the answer fits")


def _tools(expect: Expect, facts: TurnFacts) -> Iterator[Expectation]:
    for wanted in expect.tool_called:
        tried = [call for call in facts.calls if wanted.name in call.names]
        made = [call for call in tried if call.succeeded]
        if not made or wanted.arguments is None:
            each = "" if len(tried) == 1 else " each time"
            failed = f"called {counted(len(tried), 'time')}, and failed{each}" if tried else "not called"
            times = f"called {counted(len(made), 'time')}" if made else failed
            yield Expectation("tool_called", bool(made), f"{_shown(wanted.name)} was {times}")
            continue
        wrong = [_arguments_wrong(wanted.arguments, call) for call in made]
        detail = f"{_shown(wanted.name)}: {wrong[0]}" if all(wrong) else f"{_shown(wanted.name)} was called as wanted"
        yield Expectation("tool_called", not all(wrong), detail)
    for name in expect.tool_not_called:
        made = [call for call in facts.calls if name in call.names]
        yield Expectation("tool_not_called", not made, f"{_shown(name)} was {'called' if made else 'not called'}")


def _arguments_wrong(schema: JsonObject, call: ToolCall) -> str | None:
    try:
        value = loads(call.arguments)
    except ValueError:
        return "its arguments are not JSON"
    return violation(schema, value)


def _numbers(expect: Expect, facts: TurnFacts) -> Iterator[Expectation]:
    if expect.citations_at_least is not None:
        found, least = facts.citations, expect.citations_at_least
        yield Expectation("citations_at_least", found >= least, f"{counted(found, 'citation')}, wanted {least} or more")
    if expect.max_seconds is not None:
        most = expect.max_seconds
        yield Expectation(
            "max_seconds", facts.seconds <= most, f"took {facts.seconds:.1f} s, wanted at most {most:g} s"
        )
    if expect.max_ttft is not None:
        first, most = facts.ttft, expect.max_ttft
        came = "no token came" if first is None else f"the first token took {first:.1f} s"
        yield Expectation("max_ttft", first is not None and first <= most, f"{came}, wanted at most {most:g} s")
    if expect.max_tokens is not None:
        used, limit = facts.tokens, expect.max_tokens
        yield Expectation("max_tokens", used <= limit, f"used {counted(used, 'token')}, wanted at most {limit}")


_CHECKS: tuple[Callable[[Expect, TurnFacts], Iterator[Expectation]], ...] = (_texts, _schema, _tools, _numbers)


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return f"“{flat[:SHOWN]}…”" if len(flat) > SHOWN else f"“{flat}”"
