"""Parses faults as users write them: lines such as `append:reset-after:0.02`, or a YAML file. Raises UsageError.

A line is `ENDPOINTS:KIND[:PROBABILITY][:NAME=VALUE…]`; endpoints are separated by commas. Behind `trickle` stands the
rate in bytes a second instead of a probability. In YAML:

    seed: 7
    rules:
      - append:reset-after:0.02
      - {endpoints: [create, append], kind: late, probability: 0.01, seconds: 3}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from migrate_cli.disk.input import text_of
from migrate_cli.errors import UsageError, closest
from migrate_cli.sandbox.api_error import FORMS
from migrate_cli.sandbox.fault_plan import (
    ENDPOINTS,
    FIRST_FIELDS,
    GROUPS,
    PARAMETERS,
    FaultKind,
    FaultPlan,
    FaultRule,
    Parameter,
)

_TEXTS = frozenset({"text", "answer", "form"})
_FIRST_FIELDS = {str(kind): name for kind, name in FIRST_FIELDS.items()}
_COMMON = ("probability", "nth", "count", "path")


def parse_rule(spec: str) -> FaultRule:
    """Return the rule that one line describes."""
    endpoints, _, rest = spec.strip().partition(":")
    kind, *fields = rest.split(":")
    values: dict[str, Any] = {"endpoints": endpoints, "kind": kind}
    for place, text in enumerate(fields):
        name, equals, value = text.partition("=")
        if not equals and place == 0:
            name, value = _FIRST_FIELDS.get(kind, "probability"), text
        elif not equals:
            raise UsageError(f"Fault '{spec}': '{text}' should be NAME=VALUE.")
        values[name] = value
    return rule_from(values, spec)


def rule_from(values: Mapping[str, Any], shown: str | None = None) -> FaultRule:
    """Return the rule that a mapping describes; `shown` is how messages name it."""
    where = f"Fault '{shown or values}'"
    kind = _one_of(str(values.get("kind", "")), tuple(FaultKind), where, "kind")
    endpoints = values.get("endpoints", values.get("endpoint", "*"))
    names = endpoints.split(",") if isinstance(endpoints, str) else list(endpoints or ())
    own = PARAMETERS.get(FaultKind(kind), {})
    parameters: dict[str, Parameter] = {}
    for name, value in values.items():
        if name in ("kind", "endpoint", "endpoints", *_COMMON):
            continue
        _one_of(name, (*_COMMON, *own), where, "parameter")
        parameters[name] = str(value) if name in _TEXTS else _number(value, where, name)
    rule = FaultRule(
        endpoints=tuple(_one_of(name, (*GROUPS, *ENDPOINTS), where, "endpoint") for name in names),
        kind=FaultKind(kind),
        probability=_number(values.get("probability", 1.0), where, "probability"),
        nth=_numbers(values.get("nth"), where),
        count=None if values.get("count") is None else int(_number(values["count"], where, "count")),
        parameters=parameters,
        path=str(values.get("path", "")),
    )
    return _sensible(rule, where)


def plan_from(value: Any) -> FaultPlan:
    """Return the plan in parsed YAML or JSON: `{seed, rules}`, each rule a line or a mapping."""
    if not isinstance(value, dict) or not isinstance(value.get("rules", []), list):
        raise UsageError("A fault plan is a mapping with 'rules' (a list) and 'seed' (a whole number).")
    for name in value:
        _one_of(name, ("rules", "seed"), "The fault plan", "key")
    seed = value.get("seed", 0)
    if not isinstance(seed, int):
        raise UsageError("The seed of a fault plan is a whole number.")
    return FaultPlan(tuple(_any_rule(rule) for rule in value.get("rules", [])), seed)


def plan_from_specs(specs: Iterable[str], seed: int = 0) -> FaultPlan:
    """Return the plan of command-line options."""
    return FaultPlan(tuple(parse_rule(spec) for spec in specs), seed)


def read_plan(path: Path) -> FaultPlan:
    """Return the plan in a YAML file."""
    try:
        value = yaml.safe_load(text_of(path))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise UsageError(f"The fault plan {path} cannot be read: {' '.join(str(error).split())}") from error
    return plan_from({} if value is None else value)


def _any_rule(rule: Any) -> FaultRule:
    if isinstance(rule, str):
        return parse_rule(rule)
    if isinstance(rule, dict):
        return rule_from(rule)
    raise UsageError(f"Fault '{rule}' should be a line such as append:reset-after:0.02, or a mapping.")


def _sensible(rule: FaultRule, where: str) -> FaultRule:
    if not 0 <= rule.probability <= 1:
        raise UsageError(f"{where}: the probability must be between 0 and 1.")
    if rule.kind is FaultKind.POISON and not rule.text("text"):
        raise UsageError(f"{where}: poison needs text=…, the mark by which a request is known.")
    if rule.kind is FaultKind.LATE and rule.text("answer") not in ("reset", "hang"):
        raise UsageError(f"{where}: answer must be reset or hang.")
    if rule.kind is FaultKind.ERRORS:
        _one_of(rule.text("form"), FORMS, where, "form")
    if any(isinstance(value, float) and value < 0 for value in rule.parameters.values()):
        raise UsageError(f"{where}: parameters cannot be negative.")
    if rule.kind is FaultKind.TRICKLE and not rule.number("rate"):
        raise UsageError(f"{where}: the rate must be more than nothing; headers-only sends no byte of the body.")
    if rule.kind is FaultKind.LIMIT and not rule.number("limit"):
        raise UsageError(f"{where}: limit must be at least 1.")
    return rule


def _one_of(value: Any, known: tuple[str, ...], where: str, what: str) -> str:
    if value in known:
        return str(value)
    close = closest(str(value), known)
    hint = f"did you mean '{close}'?" if close else f"known: {', '.join(known) or 'none'}."
    raise UsageError(f"{where}: unknown {what} '{value}'; {hint}")


def _number(value: Any, where: str, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: {name} must be a number, not '{value}'.") from error


def _numbers(value: Any, where: str) -> tuple[int, ...]:
    if value is None:
        return ()
    values = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    return tuple(int(_number(each, where, "nth")) for each in values)
