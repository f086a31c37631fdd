"""One conversation saved in every dialect, spelling and container is read right; what is spoilt is right, or told."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from migrate_cli.convert.thread import convert_thread
from migrate_cli.errors import MigrateError
from migrate_cli.model import Severity, Thread
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.sql.source import RowQuery, SqlSource

from support.saved import (
    CONTAINERS,
    DIALECTS,
    SPELLINGS,
    WITH_CALLS,
    Call,
    Conversation,
    Records,
    Said,
    Saved,
    as_text,
    canonical,
    fits,
    write_saved,
)

Facts = dict[str, list[tuple[str, ...]]]
NO_OUTPUT = ("output", "(empty output)")
"""What stands where an output was set aside."""
SAID = frozenset({"message-empty"})
"""Of what is only info, what tells of a message that is not carried."""


@dataclass
class Reading:
    """What came of reading: the items of each thread, and what was told."""

    facts: Facts = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    aside: str = ""


@contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="saved-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def opened(saved: Saved) -> Source:
    return SqlSource(f"sqlite:///{saved.path}", RowQuery()) if saved.sql else open_source(str(saved.path))


def read(saved: Saved) -> Reading:
    found = Reading()
    try:
        for entry in opened(saved).threads(Selection()):
            if isinstance(entry, Thread):
                draft = convert_thread(entry)
                assert draft.ledger.balanced
                found.facts[entry.id] = [fact for item in draft.items for fact in facts_of(json.loads(item.body))]
                said = [one for one in draft.findings if one.severity is not Severity.INFO or one.code in SAID]
                found.told += [one.code for one in said]
                found.aside += json.dumps([aside.value for aside in draft.aside])
            else:
                found.told.append(entry.code)
    except MigrateError as error:
        found.told.append(f"{type(error).__name__}: {error}")
    return found


def facts_of(body: dict[str, Any]) -> list[tuple[str, ...]]:
    match body["type"]:
        case "message":
            content = body["content"]
            text = content if isinstance(content, str) else "".join(part.get("text", part["type"]) for part in content)
            return [(body["role"], text)]
        case "function_call":
            return [("call", body["name"], canonical(json.loads(body["arguments"])))]
        case "function_call_output":
            return [("output", body["output"])]
    return [(body["type"], canonical(body))]


# A fixed conversation through everything

TALK = (
    Said("user", "Wo ist mein Paket? „äöü“ 🏮\nZweite Zeile, ein Komma"),
    Said("assistant", "I look."),
    Said("user", '[1] and {"a": 1}'),
    Said("assistant", "It is there."),
)
CALL = Call("call_1", "find_parcel", {"id": "A 1", "deep": {"list": [1, None]}}, '{"found": true}')


def conversations(dialect: str) -> list[Conversation]:
    talk = TALK
    if dialect in WITH_CALLS:
        talk = (*TALK[:1], Said("assistant", "I look.", (CALL,)), *TALK[2:])
    return [
        Conversation("thread_Aaaaaaaaaaaaaaaaaaaaaa01", talk),
        Conversation("thread_Aaaaaaaaaaaaaaaaaaaaaa02", TALK[:2]),
    ]


EVERY_WAY = [
    (dialect, spelling, container)
    for dialect in DIALECTS
    for spelling in SPELLINGS
    for container in CONTAINERS
    if fits(dialect, spelling, container)
]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_threads_in_every_spelling_give_the_same_conversations(dialect: str, container: str) -> None:
    wanted = conversations(dialect)
    right = {one.id: one.facts() for one in wanted}
    wrong = {}
    for spelling in (way[1] for way in EVERY_WAY if way[::2] == (dialect, container)):
        with folder() as here:
            records = {one.id: DIALECTS[dialect](one) for one in wanted}
            found = read(write_saved(here, records, spelling, container))
        if found.facts != right:
            wrong[spelling] = (found.facts, found.told)
    assert wrong == {}


# Random conversations, spoilt at random

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)


@st.composite
def talks(draw: st.DrawFn, *, calls: bool) -> tuple[Said, ...]:
    said: list[Said] = []
    for number in range(draw(st.integers(1, 4))):
        said.append(Said("user", draw(WORDS)))
        called: tuple[Call, ...] = ()
        if calls and draw(st.booleans()):
            many = draw(st.integers(1, 2))
            called = tuple(
                Call(f"call_{number}_{one}", "look_up", {"q": draw(WORDS)}, draw(WORDS)) for one in range(many)
            )
        said.append(Said("assistant", draw(WORDS), called))
    return tuple(said)


def without_one(conversation: Conversation, random: Random) -> Conversation:
    """Leave out what somebody said: what is left stands there, and nobody can know of the rest."""
    place = random.randrange(len(conversation.said))
    return replace(conversation, said=conversation.said[:place] + conversation.said[place + 1 :])


def drop_output(records: Records, random: Random) -> None:
    for own in records.values():
        outputs = [record for record in own if "output" in record or "tool" in (record.get("role"), record.get("type"))]
        if outputs:
            own.remove(random.choice(outputs))


def shuffle(records: Records, random: Random) -> None:
    random.shuffle(random.choice(list(records.values())))


def turn(records: Records, random: Random) -> None:
    for own in records.values():
        own.reverse()


def untime(records: Records, random: Random) -> None:
    for own in records.values():
        for record in own:
            record.pop("created_at", None)


def untime_one(records: Records, random: Random) -> None:
    random.choice(random.choice(list(records.values()))).pop("created_at", None)


def unname(records: Records, random: Random) -> None:
    for own in records.values():
        for record in own:
            record.pop("thread_id", None)


def tie(records: Records, random: Random) -> None:
    for own in records.values():
        for record in own:
            record["created_at"] = 1_720_000_000


def local_times(records: Records, random: Random) -> None:
    for own in records.values():
        for place, record in enumerate(own):
            record["created_at"] = f"14.07.2024 23:{59 - place % 60:02}"


def rename(records: Records, random: Random) -> None:
    record = random.choice(random.choice(list(records.values())))
    key = random.choice([key for key in record if key != "thread_id"])
    record[f"x_{key}"] = record.pop(key)


def extra(records: Records, random: Random) -> None:
    record = random.choice(random.choice(list(records.values())))
    record["feedback"] = random.choice([MARK, {"note": MARK}, [MARK]])


def twice(records: Records, random: Random) -> None:
    own = random.choice(list(records.values()))
    own.append(dict(random.choice(own)))


def unroled(records: Records, random: Random) -> None:
    record = random.choice(random.choice(list(records.values())))
    for key in ("role", "type"):
        if key in record:
            record[key] = "narrator"


def emptied(records: Records, random: Random) -> None:
    record = random.choice(random.choice(list(records.values())))
    for key in ("content", "text", "parts", "data", "prompt"):
        if key in record and "tool_calls" not in record and "tool_call_id" not in record:  # there it may well be null
            record[key] = None


def mixed(records: Records, random: Random) -> None:
    """Put another dialect's records behind those of the first thread."""
    thread, own = next(iter(records.items()))
    dialect = random.choice([name for name in DIALECTS if name not in ("wire", "wire-in-lists")])
    for record in DIALECTS[dialect](Conversation(thread, OTHERS)):
        later = {**record, "created_at": record["created_at"] + 100_000}
        own.append({**later, "id": f"{record['id']}-more"} if "id" in record else later)


OTHERS = (Said("user", "Ein anderer Dialekt"), Said("assistant", "So?"))


def nothing(records: Records, random: Random) -> None:
    """What is done, is done before the records are written, or after."""


MARK = "kept-or-counted"
SPOILING = {
    "nothing": nothing, "drop": nothing, "drop-output": drop_output, "shuffle": shuffle, "turn": turn, "untime": untime,
    "untime-one": untime_one, "unname": unname, "tie": tie, "local-times": local_times, "rename": rename,
    "extra": extra, "twice": twice, "unroled": unroled, "emptied": emptied, "mixed": mixed,
    "cut": nothing,
}  # fmt: skip


def cut(saved: Saved, random: Random) -> None:
    """Cut a file anywhere but at its very end."""
    if saved.files:
        file = random.choice(saved.files)
        data = file.read_bytes()
        end = random.randrange(1, len(data) - 1)
        while file.suffix in (".jsonl", ".csv") and b"\n" in data[end - 1 : end + 1] and end > 1:
            end -= 1  # a file that ends with a whole line may be whole
        file.write_bytes(data[:end])


def silent(found: Reading, right: Facts, spoilt: str) -> bool:
    """Whether something is wrong and nobody was told: not carried, and not among what was set aside and counted."""
    if found.told:
        return False
    if spoilt == "extra" and MARK not in found.aside:
        return True
    lost = [fact for thread, facts in right.items() for fact in facts if fact not in found.facts.get(thread, ())]
    if not all(json.dumps(fact[-1])[1:-1] in found.aside for fact in lost):
        return True
    left = {thread: [fact for fact in facts if fact not in lost] for thread, facts in right.items()}
    return left != {thread: [fact for fact in facts if fact != NO_OUTPUT] for thread, facts in found.facts.items()}


EXAMPLES = 3000


@settings(max_examples=EXAMPLES, derandomize=True)
@given(
    way=st.sampled_from(EVERY_WAY), spoilt=st.sampled_from(list(SPOILING)), seed=st.integers(0, 1 << 30), data=st.data()
)
def test_whatever_is_done_to_saved_threads_the_result_is_right_or_told(
    way: tuple[str, str, str], spoilt: str, seed: int, data: st.DataObject
) -> None:
    dialect, spelling, container = way
    random = Random(seed)
    names = [f"thread_{letter * 20}{seed % 10_000:04}" for letter in "AB"[: data.draw(st.integers(1, 2))]]
    wanted = [Conversation(name, data.draw(talks(calls=dialect in WITH_CALLS))) for name in names]
    if spoilt == "drop" and dialect != "exchange":
        wanted[0] = without_one(wanted[0], random)
    records = {one.id: DIALECTS[dialect](one) for one in wanted}
    SPOILING[spoilt](records, random)
    with folder() as here:
        saved = write_saved(here, records, spelling, container)
        if spoilt == "cut":
            cut(saved, random)
        found = read(saved)
    right = {one.id: one.facts() for one in wanted if one.said}
    if spoilt == "mixed":
        right[wanted[0].id] += Conversation("", OTHERS).facts()
    if spoilt == "nothing":
        assert found.facts == right, (found.told, as_text(records))
    assert not silent(found, right, spoilt), (found, as_text(records))
