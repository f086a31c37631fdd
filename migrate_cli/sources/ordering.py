"""Tells the order of what was listed: which way round, which page first, which message twice. Pure.

`created_at` has a resolution of one second, and most neighbours share one, so sorting messages would shuffle them.
What can be told from it is only which way round a list stands, and how the pages of one list follow each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from migrate_cli.sources.normalise import Notes, clean_id
from migrate_cli.sources.times import unix_seconds


@dataclass(frozen=True, slots=True)
class Stretch:
    """What must be known of entries that were listed in one go to order them, without holding them."""

    count: int
    first: float | None
    """The first time in it, unix seconds."""
    last: float | None
    opens: bool
    """Whether its first entry begins an exchange (see `begins_exchange`)."""
    closes: bool
    """Whether its last entry does."""
    api_page: bool = False
    """True for a verbatim answer of the list call, whose default order is newest first."""
    mixed: bool = False
    """Whether it ends earlier than it begins and does not fall on the whole: then it is not a list that was turned."""

    @property
    def falls(self) -> bool:
        """Whether it ends earlier than it begins; whether all of it falls, its entries have to tell."""
        return not self.api_page and _compare(self.first, self.last) < 0


def stretch_of(raws: Sequence[Any], *, api_page: bool = False) -> Stretch:
    """Return the summary of entries that are at hand."""
    if not raws:
        return Stretch(0, None, None, False, False, api_page)
    return looked_through(
        Stretch(
            len(raws), _time(raws), _time(raws[::-1]), begins_exchange(raws[0]), begins_exchange(raws[-1]), api_page
        ),
        raws,
    )


def looked_through(stretch: Stretch, raws: Iterable[Any]) -> Stretch:
    """Return the summary of a stretch with what its entries tell where it ends earlier than it begins.

    One late entry with an old time, such as a system message that was written last, does not make a list newest first.
    """
    if not stretch.falls:
        return stretch
    votes, before = 0, None
    for raw in raws:
        seconds = time_of(raw)
        if seconds is not None:
            votes += 0 if before is None else _compare(before, seconds)
            before = seconds
    return replace(stretch, mixed=votes >= 0)


def _time(raws: Iterable[Any]) -> float | None:
    for raw in raws:
        seconds = time_of(raw)
        if seconds is not None:
            return seconds
    return None


def time_of(raw: Any) -> float | None:
    """Return the time of a wire object, unix seconds."""
    return unix_seconds(raw.get("created_at")) if isinstance(raw, dict) else None


def begins_exchange(raw: Any) -> bool:
    """Whether an entry comes first by its nature: a user's message, or tool calls before the message they led to."""
    return isinstance(raw, dict) and (raw.get("role") == "user" or raw.get("type") == "tool_calls")


WAYS = {"auto": 0, "oldest-first": 1, "newest-first": -1}
"""What `source.order` says: how the entries of every list stand, whatever their times are."""


def arrange(stretches: Sequence[Stretch], notes: Notes, what: str = "messages", way: int = 0) -> list[tuple[int, bool]]:
    """Return the indexes of the stretches, oldest first, and whether each must be turned round.

    They come in the order of their files' names, which decides between pages that begin in the same second. `way` is
    what `WAYS` says, or what else is known of the direction; 0 where that is nothing.
    """
    overall = way or _direction_between(stretches)
    ways = [way or _way(stretch, overall, notes, what) for stretch in stretches]
    places = list(range(len(stretches)))
    if overall < 0:
        places.reverse()
    if len(places) > 1:
        places = _in_time(places, [_begins(stretches[place], ways[place]) for place in places], notes, what)
    return [(place, ways[place] < 0) for place in places]


def _begins(stretch: Stretch, way: int) -> float | None:
    return stretch.first if way >= 0 else stretch.last


def _in_time(places: list[int], begins: list[float | None], notes: Notes, what: str) -> list[int]:
    """Return the places by when each begins. Where times do not tell, the order of the files stays."""
    known = [time for time in begins if time is not None]
    rising = all(before <= after for before, after in pairwise(known))
    falling = not rising and all(before >= after for before, after in pairwise(known))
    if falling:
        places, begins = places[::-1], begins[::-1]
    elif not rising and what == "messages" and (len(known) < len(begins) or len(set(known)) < len(known)):
        detail = (
            "Files are ordered by their times, which differs from the order of their names; where times are "
            "missing or the same, the names decided, which may be arbitrary."
        )
        notes.add("order-unknown", detail)
    # One without a time stays behind the one before it.
    times: list[float] = []
    for time in begins:
        times.append(time if time is not None else times[-1] if times else float("-inf"))
    return [places[at] for at in sorted(range(len(places)), key=times.__getitem__)]


def _way(stretch: Stretch, overall: int, notes: Notes, what: str) -> int:
    if stretch.count < 2:
        return 1
    way = _told_by_ends(stretch) or overall
    if way == 0 and stretch.api_page and what != "runs":
        return _guess(stretch, notes, what)
    return way or 1


def untold(stretches: Sequence[Stretch]) -> bool:
    """Whether no time tells which way round the stretches stand, and how they follow each other."""
    times = {time for stretch in stretches for time in (stretch.first, stretch.last)}
    return len(times - {None}) < 2


def _compare(first: float | None, last: float | None) -> int:
    """Return 1 for ascending, -1 for descending, 0 where the times do not tell."""
    if first is None or last is None or first == last:
        return 0
    return 1 if first < last else -1


def _told_by_ends(stretch: Stretch) -> int:
    return 1 if stretch.mixed else _compare(stretch.first, stretch.last)


def _direction_between(stretches: Sequence[Stretch]) -> int:
    if len(stretches) < 2:
        return 0
    votes = sum(map(_told_by_ends, stretches))
    if votes:
        return 1 if votes > 0 else -1
    ends = ((stretch.first, stretch.last) for stretch in stretches)
    known = [last if first is None else first for first, last in ends if (first, last) != (None, None)]
    return _compare(known[0], known[-1]) if known else 0


def _guess(stretch: Stretch, notes: Notes, what: str) -> int:
    """Tell the direction of an API page whose times are all one: by what it begins with, else by the API's default."""
    if stretch.opens != stretch.closes:
        way, why = (1, "it begins with what comes first") if stretch.opens else (-1, "it ends with what comes first")
    else:
        way, why = -1, "list calls return this order by default"
    order = "oldest first" if way > 0 else "newest first"
    notes.add("order-unknown", f"All {stretch.count} {what} of a page share one second; read as {order}, since {why}.")
    return way


def woven(lists: Sequence[list[Any]]) -> list[Any]:
    """Return the entries of lists that follow each other, oldest first.

    Where lists overlap in time, their entries are put between each other by it; within a list its order stays.
    """
    entries = [entry for one in lists for entry in one]
    if len(lists) < 2:
        return entries
    keys: list[float] = []
    for one in lists:
        latest = _time(one)
        if latest is None:
            return entries
        for entry in one:
            seconds = time_of(entry)
            latest = latest if seconds is None or seconds < latest else seconds
            keys.append(latest)
    if all(before <= after for before, after in pairwise(keys)):
        return entries
    return [entries[place] for place in sorted(range(len(entries)), key=keys.__getitem__)]


def each_once(raws: Iterable[Any], notes: Notes) -> Iterator[Any]:
    """Yield the messages without repeated ids; the first stays, and one that differs from it is a warning."""
    seen: dict[str, Any] = {}
    for raw in raws:
        message_id = clean_id(raw.get("id")) if isinstance(raw, dict) else None
        if message_id is None:
            yield raw
        elif message_id not in seen:
            seen[message_id] = raw
            yield raw
        else:
            note_duplicate(notes, message_id, same=seen[message_id] == raw)


def note_duplicate(notes: Notes, message_id: str, *, same: bool) -> None:
    """Note a message that the source holds twice."""
    if same:
        notes.add("duplicate-message", "The source holds the message more than once; it is read once.", message_id)
    else:
        detail = "The source holds the message more than once, with differences; the first is read."
        notes.add("duplicate-message-differs", detail, message_id)
