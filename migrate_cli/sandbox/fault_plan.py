"""Faults as values: which requests they hit, how often, and what happens. Pure; `faults.py` carries them out.

The seed and the order of requests at each endpoint decide, and nothing else, so that a run can be repeated.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Parameter = float | str | None


class FaultKind(StrEnum):
    """What can go wrong. *Before* means that nothing was done, *after* that the work was done and committed."""

    LATENCY = "latency"
    """`ms` more, then as usual. Adds to whatever else strikes."""
    LOGNORMAL = "lognormal"
    """A random time more, of `median` ms and shape `sigma`, then as usual. Adds to whatever else strikes."""
    RATE_LIMITED = "429"
    """429 with `Retry-After: retry_after` (seconds)."""
    RATE_LIMITED_BARE = "429-bare"
    """429 without a word on when to come back."""
    QUOTA = "quota"
    """429 `insufficient_quota`, which waiting does not cure."""
    LIMIT = "rpm"
    """Not a fault of chance: at most `limit` requests a minute, `burst` of them at once; says so in headers."""
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    """With an HTML body, as proxies answer."""
    UNAVAILABLE = "503"
    OVERLOADED = "529"
    TIMED_OUT = "408"
    SERVER_ERROR_AFTER = "500-after"
    BAD_GATEWAY_AFTER = "502-after"
    UNAVAILABLE_AFTER = "503-after"
    OVERLOADED_AFTER = "529-after"
    TIMED_OUT_AFTER = "408-after"
    LOCKED = "locked"
    """400 `conversation_locked`."""
    TOO_LARGE = "413"
    POISON = "poison"
    """400 `invalid_item` for every request whose body holds `text`."""
    PARTIAL = "partial"
    """Only the first `items` of a batch (half, unless given) are stored; the answer is `status`, or a reset for 0."""
    RESET_BEFORE = "reset-before"
    """The connection is reset before the request is read."""
    RESET_AFTER = "reset-after"
    """The connection is reset after the commit."""
    LATE = "late"
    """The commit happens `seconds` later; at once the connection is reset (or, with `answer=hang`, nothing is said)."""
    CUT = "cut"
    """Done and answered, but the JSON ends in the middle of an answer that is whole as HTTP."""
    BREAK = "break"
    """Done, and the connection breaks in the middle of the answer."""
    HTML = "html"
    """An HTML page with status 200, as a proxy's login page; nothing was done."""
    HTML_AFTER = "html-after"
    HANG = "hang"
    """No answer until the client gives up, or for `seconds` (then as usual); nothing was done meanwhile."""
    HANG_AFTER = "hang-after"
    """Done, then no answer until the client gives up, or for `seconds`."""
    POST_UNANSWERED = "post-unanswered"
    """Writes are done and never answered, until the client gives up; reads are answered as usual."""
    HEADERS_ONLY = "headers-only"
    """Done, then the head of the answer, and nothing of its body until the client gives up."""
    TRICKLE = "trickle"
    """Done, then answered at `rate` bytes a second: `trickle:1`."""
    DOWN = "down"
    """All connections are reset and new ones refused for `seconds`."""
    SCRAMBLE = "scramble"
    """The items of a batch are stored in the opposite order."""
    IGNORE_ITEMS = "ignore-items"
    """Items in a create are dropped without a word."""
    IGNORE_AFTER = "ignore-after"
    """A list starts at its first page again, whatever `after` says."""
    ALWAYS_MORE = "always-more"
    """A list says `has_more` on its last page too."""
    NEVER_MORE = "never-more"
    """A list says that there is no more, although there is."""
    GHOSTS = "ghosts"
    """Each page of a list ends with an object that is not there any more: asked for, it is unknown."""
    SKIPS = "skips"
    """A list leaves out one object in so many (`every`), without a word."""
    MIX_SECONDS = "mix-seconds"
    """For `append,list`: later requests are listed before earlier ones of the same second, as servers do that order by
    a time in whole seconds."""
    NO_INCLUDE = "no-include"
    """400 for a request that asks for `include[]`; others as usual."""
    ERRORS = "errors"
    """Not a fault of chance: errors are told in another `form`: `detail` or `details` (FastAPI), `text`, `problem`."""
    UNAUTHORIZED = "401"
    """401, as for a token that has just expired."""
    INDEX_FAILED = "index-failed"
    """For `attach`: the file is taken into the vector store, and its indexing fails. So are those of a new store."""
    INDEX_STUCK = "index-stuck"
    """The same, and its indexing never ends."""
    INDEX_SLOW = "index-slow"
    """The same, and its indexing ends after so many `looks` at the store."""
    STREAM_CUT = "stream-cut"
    """The connection breaks after `after` events of a stream; the turn is lost. Answers without a stream are spared,
    here and in all the kinds below."""
    STREAM_CUT_AFTER = "stream-cut-after"
    """The same, but the turn is completed and kept."""
    STREAM_END = "stream-end"
    """The stream ends cleanly after `after` events, without the one that ends it; the turn is lost."""
    STREAM_STALL = "stream-stall"
    """Nothing comes after `after` events until the client gives up, or for `seconds` (then as usual)."""
    STREAM_GARBAGE = "stream-garbage"
    """The event after `after` others is broken JSON; the stream goes on."""
    STREAM_SHUFFLE = "stream-shuffle"
    """The event after `after` others comes one place too late."""
    STREAM_ERROR = "stream-error"
    """After `after` events comes a top-level `error`, and the stream ends; the turn is lost."""


PARAMETERS: Mapping[FaultKind, Mapping[str, Parameter]] = {
    FaultKind.LATENCY: {"ms": 50.0},
    FaultKind.LOGNORMAL: {"median": 50.0, "sigma": 0.5},
    FaultKind.RATE_LIMITED: {"retry_after": 1.0},
    FaultKind.LIMIT: {"limit": 60.0, "burst": None},
    FaultKind.POISON: {"text": ""},
    FaultKind.PARTIAL: {"items": None, "status": 500.0},
    FaultKind.LATE: {"seconds": 1.0, "answer": "reset"},
    FaultKind.HANG: {"seconds": None},
    FaultKind.HANG_AFTER: {"seconds": None},
    FaultKind.TRICKLE: {"rate": 1.0},
    FaultKind.DOWN: {"seconds": 1.0},
    FaultKind.ERRORS: {"form": "detail"},
    FaultKind.SKIPS: {"every": 2.0},
    FaultKind.INDEX_SLOW: {"looks": 5.0},
    FaultKind.STREAM_CUT: {"after": 5.0},
    FaultKind.STREAM_CUT_AFTER: {"after": 5.0},
    FaultKind.STREAM_END: {"after": 5.0},
    FaultKind.STREAM_STALL: {"after": 5.0, "seconds": None},
    FaultKind.STREAM_GARBAGE: {"after": 5.0},
    FaultKind.STREAM_SHUFFLE: {"after": 5.0},
    FaultKind.STREAM_ERROR: {"after": 5.0},
}
"""The parameters of each kind, with their defaults; kinds that are not named have none."""

FIRST_FIELDS: Mapping[FaultKind, str] = {FaultKind.TRICKLE: "rate"}
"""What a field without a name, behind the kind, stands for; the probability where nothing is said here."""

DELAYS = frozenset({FaultKind.LATENCY, FaultKind.LOGNORMAL})
LASTING = frozenset({FaultKind.LIMIT, FaultKind.ERRORS})
"""Kinds that are no strokes of chance: they hold for all requests of their endpoints, whatever else strikes."""

ENDPOINTS = (
    "create",
    "conversations",
    "retrieve",
    "update",
    "delete",
    "append",
    "list",
    "item",
    "delete-item",
    "upload",
    "files",
    "file",
    "content",
    "delete-file",
    "responses",
    "response",
    "input-items",
    "delete-response",
    "create-store",
    "stores",
    "vector-store",
    "update-store",
    "delete-store",
    "attach",
    "attach-batch",
    "store-files",
    "store-file",
    "detach",
    "search-store",
    "transcribe",
    "embed",
    "threads",
    "thread",
    "messages",
    "message",
    "runs",
    "run",
    "steps",
    "assistants",
    "assistant",
    "agents",
    "agent",
    "create-agent",
    "delete-agent",
    "agent-versions",
    "agent-version",
    "delete-agent-version",
    "other",
)
GROUPS = ("*", "reads", "writes")

_CONVERSATIONS = {
    ("POST", 0): "create",
    ("GET", 0): "conversations",
    ("GET", 1): "retrieve",
    ("POST", 1): "update",
    ("DELETE", 1): "delete",
    ("POST", 2): "append",
    ("GET", 2): "list",
    ("GET", 3): "item",
    ("DELETE", 3): "delete-item",
}
_FILES = {
    ("POST", 0): "upload",
    ("GET", 0): "files",
    ("GET", 1): "file",
    ("DELETE", 1): "delete-file",
    ("GET", 2): "content",
}
_AUDIO = {("POST", 1): "transcribe"}
_EMBEDDINGS = {("POST", 0): "embed"}
_RESPONSES = {
    ("POST", 0): "responses",
    ("GET", 1): "response",
    ("DELETE", 1): "delete-response",
    ("GET", 2): "input-items",
}
_STORES = {
    ("POST", 0): "create-store",
    ("GET", 0): "stores",
    ("GET", 1): "vector-store",
    ("POST", 1): "update-store",
    ("DELETE", 1): "delete-store",
    ("GET", 2): "store-files",
    ("GET", 3): "store-file",
    ("DELETE", 3): "detach",
}
_OF_STORES = {"files": "attach", "file_batches": "attach-batch", "search": "search-store"}
"""What is posted below a store, by the last word of its path."""
_AGENTS = {
    ("GET", 0): "agents",
    ("GET", 1): "agent",
    ("DELETE", 1): "delete-agent",
    ("POST", 2): "create-agent",
    ("GET", 2): "agent-versions",
    ("GET", 3): "agent-version",
    ("DELETE", 3): "delete-agent-version",
}
_TABLES = {
    "conversations": _CONVERSATIONS,
    "files": _FILES,
    "audio": _AUDIO,
    "embeddings": _EMBEDDINGS,
    "responses": _RESPONSES,
    "vector_stores": _STORES,
}


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One thing that goes wrong at some endpoints: by chance, or for the nth request, and at most `count` times."""

    endpoints: tuple[str, ...]
    """Names of `ENDPOINTS` or `GROUPS`."""
    kind: FaultKind
    probability: float = 1.0
    nth: tuple[int, ...] = ()
    """If given, only these requests (the first is 1) at the rule's endpoints are struck."""
    count: int | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """Those that differ from the kind's defaults."""
    path: str = ""
    """If given, only requests whose path holds this text are struck: those of one thread, say."""

    def matches(self, endpoint: str, method: str, path: str) -> bool:
        """Whether the rule is about this endpoint and path."""
        group = "reads" if method in ("GET", "HEAD") else "writes"
        return self.path in path and any(name in ("*", endpoint, group) for name in self.endpoints)

    def number(self, name: str) -> float | None:
        """A parameter that is a number, or None where it is not set."""
        value = self.parameters.get(name, PARAMETERS[self.kind][name])
        return value if isinstance(value, float | int) else None

    def text(self, name: str) -> str:
        """A parameter that is text."""
        return str(self.parameters.get(name, PARAMETERS[self.kind][name]))

    def __str__(self) -> str:
        fields = [",".join(self.endpoints), str(self.kind)]
        if self.probability != 1.0:
            fields.append(f"{self.probability:g}")
        if self.nth:
            fields.append("nth=" + ",".join(map(str, self.nth)))
        if self.count is not None:
            fields.append(f"count={self.count}")
        if self.path:
            fields.append(f"path={self.path}")
        fields += [
            f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in self.parameters.items()
        ]
        return ":".join(fields)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """All rules, in the order in which they are asked, and the seed of their chance."""

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0


NO_FAULTS = FaultPlan()


@dataclass(frozen=True, slots=True)
class FaultDecision:
    """What happens to one request: delays, and at most one fault besides."""

    delay: float = 0.0
    """Seconds, all delays together."""
    delays: tuple[FaultKind, ...] = ()
    """The kinds of delay that it is made of."""
    rule: FaultRule | None = None


class FaultSelector:
    """Decides, request by request. Each rule has its own chance, so that one more rule does not change the others."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._rules = [_RuleState(rule, random.Random(f"{plan.seed}/{n}/{rule}")) for n, rule in enumerate(plan.rules)]  # noqa: S311 - chance, no secret

    def needs_body(self, endpoint: str, method: str, path: str = "") -> bool:
        """Whether the decision depends on what the request says."""
        return any(
            each.rule.kind is FaultKind.POISON and each.rule.matches(endpoint, method, path) for each in self._rules
        )

    def decide(self, endpoint: str, method: str, body: bytes = b"", path: str = "") -> FaultDecision:
        """Decide about the next request; the first rule that strikes wins, delays add up."""
        delay, chosen, delays = 0.0, None, []
        for each in self._rules:
            rule = each.rule
            if rule.kind in LASTING or not rule.matches(endpoint, method, path):
                continue
            if rule.kind is FaultKind.POISON and not _holds(body, rule.text("text")):
                continue
            if rule.kind in DELAYS:
                if each.strikes():
                    delay += each.delay()
                    delays.append(rule.kind)
            elif each.strikes(wanted=chosen is None):
                chosen = rule
        return FaultDecision(delay, tuple(delays), chosen)

    def limit(self, endpoint: str, method: str, path: str = "") -> FaultRule | None:
        """The limit in requests a minute that holds for this endpoint."""
        return self._lasting(FaultKind.LIMIT, endpoint, method, path)

    def form_of_errors(self, endpoint: str, method: str, path: str = "") -> str | None:
        """The form in which errors are told at this endpoint, where it is not the real service's."""
        rule = self._lasting(FaultKind.ERRORS, endpoint, method, path)
        return None if rule is None else rule.text("form")

    def _lasting(self, kind: FaultKind, endpoint: str, method: str, path: str) -> FaultRule | None:
        rules = (each.rule for each in self._rules)
        return next((rule for rule in rules if rule.kind is kind and rule.matches(endpoint, method, path)), None)


class _RuleState:
    """A rule with its own chance and its counts of requests seen and struck."""

    def __init__(self, rule: FaultRule, chance: random.Random) -> None:
        self.rule = rule
        self._chance = chance
        self._seen = 0
        self._struck = 0

    def strikes(self, *, wanted: bool = True) -> bool:
        """Whether the next request is struck; when it is not `wanted`, the request only counts as seen."""
        self._seen += 1
        lucky = self._chance.random() >= self.rule.probability
        if not wanted or lucky or (self.rule.nth and self._seen not in self.rule.nth):
            return False
        if self.rule.count is not None and self._struck >= self.rule.count:
            return False
        self._struck += 1
        return True

    def delay(self) -> float:
        """Seconds of delay."""
        if self.rule.kind is FaultKind.LATENCY:
            return (self.rule.number("ms") or 0.0) / 1000
        median, sigma = self.rule.number("median") or 0.0, self.rule.number("sigma") or 0.0
        return median / 1000 * self._chance.lognormvariate(0.0, sigma)


def endpoint_of(method: str, path: str) -> str:
    """The name of the endpoint that a request is for, `other` where it has none."""
    version, _, rest = path.lstrip("/").partition("/")
    first, *below = rest.rstrip("/").split("/")
    if version == "v1" and first in ("threads", "assistants"):
        return _source_endpoint(method, first, below)
    if version == "project" and first == "agents":
        return _AGENTS.get((method, len(below)), "other")
    if version == "v1" and first == "vector_stores" and method == "POST" and len(below) == 2:
        return _OF_STORES.get(below[1], "other")
    table = _TABLES.get(first) if version == "v1" else None
    return "other" if table is None else table.get((method, len(below)), "other")


def _source_endpoint(method: str, first: str, below: list[str]) -> str:
    """The name of an endpoint of the source side: the last word of its path, singular where an id follows it."""
    if method != "GET":
        return "other"
    words = [first, *below]
    name = words[-1] if len(words) % 2 else words[-2].removesuffix("s")
    return name if name in ENDPOINTS else "other"


def _holds(body: bytes, text: str) -> bool:
    escaped = "".join(f"\\u{ord(char):04x}" if ord(char) > 126 else char for char in text)
    return bool(text) and (text.encode() in body or escaped.encode() in body)
