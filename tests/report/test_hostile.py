"""What comes from outside is shown as text in every format: it steers no terminal, page, parser or reader."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.model import Problem, Result
from migrate_cli.report.document import build
from migrate_cli.report.escape import duration, percent, visible, visible_block
from migrate_cli.report.interface import OutputFormat
from migrate_cli.report.render import render
from migrate_cli.secrets import register_secret

CANARY = "c4nary-9f8e7d6c5b4a"
PEOPLE = [OutputFormat.TEXT, OutputFormat.MARKDOWN, OutputFormat.JUNIT, OutputFormat.HTML]


class Tags(HTMLParser):
    """Collects the elements and attributes that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("name", ["hostile", "hostile_replay"])
@pytest.mark.parametrize("fmt", PEOPLE)
def test_no_control_character_or_lone_surrogate_gets_out(
    name: str, fmt: OutputFormat, request: pytest.FixtureRequest
) -> None:
    report = render(request.getfixturevalue(name), fmt, with_content=True, detailed=True)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ufffe\ud800-\udfff]", report)
    assert "\\x1b[31m" in report.replace("\\\\", "\\").replace("\\[", "[")
    report.encode("utf-8")


def test_json_keeps_the_value_exactly(hostile: Result) -> None:
    envelope = json.loads(render(hostile, OutputFormat.JSON, with_content=True))
    headline = envelope.pop("headline")
    assert envelope == hostile.envelope()
    assert headline == build(hostile).headline


@pytest.mark.parametrize("name", ["hostile", "hostile_replay"])
def test_the_page_has_no_element_but_its_own(name: str, request: pytest.FixtureRequest) -> None:
    page = Tags()
    page.feed(render(request.getfixturevalue(name), OutputFormat.HTML, with_content=True))
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert not [name for name in page.attributes if name.startswith("on") or name in ("src", "style")]
    assert any("<script>alert(1)</script>]]>" in text for text in page.text)


@pytest.mark.parametrize("name", ["hostile", "hostile_replay"])
def test_markdown_shows_markup_as_text(name: str, request: pytest.FixtureRequest) -> None:
    report = render(request.getfixturevalue(name), OutputFormat.MARKDOWN, with_content=True)
    assert "<script" not in report
    assert "<img" not in report
    assert "| &lt;script&gt;" in report
    for block in report.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1


def test_markdown_mentions_nobody() -> None:
    result = Result("apply", {}, 2, errors=[Problem("x", "ask @someone in #12")])
    report = render(result, OutputFormat.MARKDOWN)
    assert "@someone" not in report
    assert "\\#12" in report


def test_junit_parses_and_holds_the_text(hostile: Result) -> None:
    root = ET.fromstring(render(hostile, OutputFormat.JUNIT))
    assert any("<script>alert(1)</script>]]>" in (element.text or "") for element in root.iter("failure"))


@pytest.mark.parametrize("fmt", list(OutputFormat))
def test_no_report_holds_a_key(fmt: OutputFormat) -> None:
    register_secret(CANARY)
    data = {"threads": {"total": 1}, "target": {"base_url": f"https://u:{CANARY}@host/v1"}, "state": CANARY}
    problem = Problem("refused", f"Incorrect API key provided: {CANARY}, sk-abcdefgh12345", "thread_1")
    report = render(Result("apply", data, 3, CANARY, [problem]), fmt)
    assert CANARY not in report
    assert "abcdefgh12345" not in report


@pytest.mark.parametrize("fmt", list(OutputFormat))
def test_message_texts_appear_only_when_asked_for(fmt: OutputFormat, applied: Result) -> None:
    assert "Where is my order?" not in render(applied, fmt)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    line = visible(text)
    assert "\n" not in line
    line.encode("utf-8")
    ET.fromstring(f"<a>{line.replace('&', '&amp;').replace('<', '&lt;')}</a>")
    visible_block(text).encode("utf-8")


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_share_never_rounds_something_to_nothing_or_to_all(part: int, whole: int) -> None:
    text = percent(part, whole)
    assert (text == "0 %") == (part == 0)
    assert (text == "100 %") == (part >= whole)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (42, "42 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
        (59.7, "1 min 0 s"),
    ],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text
