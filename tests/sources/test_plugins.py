"""Sources that other packages bring: found by name, held to the interface, and as the documentation shows them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from migrate_cli.commands.context import open_configured
from migrate_cli.errors import SourceError, TemporaryError, UsageError
from migrate_cli.model import Message, Origin, Thread, Unreadable
from migrate_cli.settings.model import load_settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.plugins import open_plugin

PAGE = Path(__file__).parents[2] / "docs" / "own-source.md"


def block(language: str) -> str:
    """The first block of a language in the documentation."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found.group(1)


Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package of one module, as pip leaves it behind."""
    site = tmp_path / "site"

    def package(module: str, points: str) -> None:
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[migrate_cli.sources]\n{points}\n")
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()

    return package


class Odd(Source):
    """A source that can be made to misbehave."""

    kind = "odd"
    gives: tuple[Any, ...] = ()
    name = "x"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    @property
    def identity(self) -> str:
        return self.name

    def threads(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        for entry in self.gives:
            if isinstance(entry, Exception):
                raise entry
            yield entry


def a_thread(name: str) -> Thread:
    return Thread(name, (), Origin("here"), "odd")


@pytest.fixture
def odd(install: Install, monkeypatch: pytest.MonkeyPatch) -> type[Odd]:
    """The class above, installed as the source `odd`."""
    import sys
    import types

    module = types.ModuleType("odd_package")
    own = type("Own", (Odd,), {})
    module.factory = own  # type: ignore[attr-defined]  # a module made here
    monkeypatch.setitem(sys.modules, "odd_package", module)
    install("odd_package", "odd = odd_package:factory")
    return own


def given(selection: Selection = Selection()) -> list[Thread | Unreadable]:  # noqa: B008 - a frozen value
    return list(open_plugin("odd", {}).threads(selection))


def test_the_documented_example_works_as_a_package(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "letter_threads.py").write_text(block("python"))
    install("letter_threads", re.findall(r'^letters = .*"$', block("toml"), re.MULTILINE)[0].replace('"', ""))
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("Q: Hello?\nA: Hello.\n")
    (tmp_path / "letters" / "two.txt").write_text("nothing of the kind\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migration.yaml").write_text(block("yaml"))
    source = open_configured(load_settings())
    thread, problem = source.threads(Selection())

    assert source.identity == f"letters:{tmp_path / 'letters'}"
    assert isinstance(thread, Thread)
    assert [(message.role, message.content[0]["text"]["value"]) for message in thread.messages] == [
        ("user", "Hello?"),
        ("assistant", "Hello."),
    ]
    assert isinstance(problem, Unreadable)
    assert problem.code == "not-a-letter"


def test_the_example_is_about_thirty_lines() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 32
    assert yaml.safe_load(block("yaml"))["source"]["kind"] == "letters"


def test_options_reach_the_factory(odd: type[Odd]) -> None:
    guarded = open_plugin("odd", {"folder": "a", "deep": {"b": 1}})
    assert guarded._source.options == {"folder": "a", "deep": {"b": 1}}  # type: ignore[attr-defined]  # looked into


def test_the_selection_is_obeyed_for_a_source_that_does_not(odd: type[Odd]) -> None:
    odd.gives = tuple(a_thread(name) for name in "abcd")

    assert [t.id for t in given(Selection(frozenset("bd"))) if isinstance(t, Thread)] == ["b", "d"]
    assert [t.id for t in given(Selection(limit=2)) if isinstance(t, Thread)] == ["a", "b"]


def test_a_thread_that_comes_twice_is_told_and_read_once(odd: type[Odd]) -> None:
    odd.gives = (a_thread("a"), a_thread("a"), a_thread("b"))

    assert [getattr(entry, "code", "thread") for entry in given()] == ["thread", "duplicate-thread-id", "thread"]


def test_what_a_package_raises_is_one_sentence_that_names_it(odd: type[Odd]) -> None:
    odd.gives = (a_thread("a"), RuntimeError("no line 7\nTraceback, many lines"))
    with pytest.raises(SourceError, match=r"odd \(odd_package:factory\) failed: RuntimeError: no line 7\. It"):
        given()


def test_our_own_errors_pass_as_they_are(odd: type[Odd]) -> None:
    odd.gives = (TemporaryError("the queue is away"),)
    with pytest.raises(TemporaryError, match="the queue is away"):
        given()


def test_what_is_no_thread_is_told(odd: type[Odd]) -> None:
    odd.gives = ({"id": "a"},)
    with pytest.raises(SourceError, match="yielded dict instead of a Thread"):
        given()


def test_a_factory_that_gives_something_else_is_told(install: Install) -> None:
    install("dictionary", "dictionary = builtins:dict")
    with pytest.raises(SourceError, match="returned dict instead of a Source"):
        open_plugin("dictionary", {})


def test_a_package_that_cannot_be_imported_is_told(install: Install) -> None:
    install("gone", "gone = gone_package:Source")
    with pytest.raises(SourceError, match="ModuleNotFoundError"):
        open_plugin("gone", {})


def test_an_unknown_kind_is_told_with_the_closest_one(odd: type[Odd]) -> None:
    with pytest.raises(UsageError, match=r"no source sqll; did you mean sql\?"):
        open_plugin("sqll", {})
    with pytest.raises(UsageError, match="export, api, sql, snapshot, odd"):
        open_plugin("zzz", {})


def test_a_thread_that_is_nested_too_deeply_is_told_and_the_others_go_on(odd: type[Odd]) -> None:
    def nested(depth: int) -> Thread:
        value: Any = []
        for _ in range(depth):
            value = [value]
        part = {"type": "odd", "odd": value}
        message = Message(id="msg_1", role="user", content=(part,))
        return Thread(id=f"thread_{depth}", messages=(message,), origin=Origin("odd"), shape="odd")

    odd.gives = (nested(5_000), nested(5))
    found = list(open_plugin("odd", {}).threads(Selection()))
    assert [(one.code, one.thread_id) for one in found if isinstance(one, Unreadable)] == [
        ("json-too-deep", "thread_5000")
    ]
    assert [one.id for one in found if isinstance(one, Thread)] == ["thread_5"]
