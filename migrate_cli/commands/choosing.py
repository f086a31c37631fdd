"""The selection of threads by content, as given on the command line and as shown in results.

It must not read a thread: `sources/choice.py` judges them.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import UTC, datetime

from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject
from migrate_cli.sources.choice import Choice
from migrate_cli.sources.interface import Selection, Source


class NotSelected:
    """The threads of a source that a choice leaves out: how many, and which of those that were asked for by id.

    To be made before the source is read. `among` are further ids of which must be known whether they are left out.
    """

    def __init__(self, source: Source, selection: Selection, among: Container[str] = ()) -> None:
        self.count = 0
        self.ids: set[str] = set()
        """Of those that were asked for, the ones that are left out."""
        self._asked_for, self._among = selection.thread_ids or frozenset(), among
        source.left_out = self._one

    def _one(self, thread_id: str) -> None:
        self.count += 1
        if thread_id in self._asked_for or thread_id in self._among:
            self.ids.add(thread_id)


def choice_of(
    since: str | None, until: str | None, assistants: Sequence[str] | None, metadata: Sequence[str] | None
) -> Choice:
    """Return the choice that `--since`, `--until`, `--assistant` and `--metadata` describe. Raises UsageError."""
    begin, end = _moment("--since", since), _moment("--until", until)
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--since {since} is not before --until {until}, so no thread can be between them; swap them")
    if not all(one.strip() for one in assistants or ()):
        raise UsageError("--assistant takes the id of an assistant, such as asst_abc123, but was given nothing")
    return Choice(begin, end, frozenset(one.strip() for one in assistants or ()), _pairs(metadata or ()))


def selected(choice: Choice) -> JsonObject:
    """Return the key `selection` of a result; nothing if nothing was selected."""
    if not choice:
        return {}
    moments = {"since": choice.since, "until": choice.until}
    found: JsonObject = {name: moment_told(one) for name, one in moments.items() if one is not None}
    if choice.assistants:
        found["assistants"] = sorted(choice.assistants)
    if choice.metadata:
        found["metadata"] = dict(choice.metadata)
    return {"selection": found}


def _moment(option: str, text: str | None) -> float | None:
    """Return the moment that a date means, in Unix seconds. Raises UsageError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} takes a date such as 2026-11-30 or 2026-11-30T08:00:00+02:00 (without an offset it is UTC), "
            f"not {text}"
        ) from None


def moment_told(seconds: float) -> str:
    """Return a moment as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00") + "Z"


def _pairs(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of `--metadata`, each name once. Raises UsageError."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"--metadata takes KEY=VALUE, such as customer=42, not {text}")
        if pairs.setdefault(name, value) != value:
            raise UsageError(
                f"--metadata asks for two values of {name}, but all pairs must match; run once for each, "
                "with the same state file"
            )
    return tuple(pairs.items())
