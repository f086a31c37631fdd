"""What the report of `verify` says first: never that all is well when it is not."""

from __future__ import annotations

import pytest
from migrate_cli.model import JsonObject, Problem, Result
from migrate_cli.report.document import Table, Tone, build
from migrate_cli.report.interface import OutputFormat
from migrate_cli.report.render import render


def headline(code: int, **data: object) -> str:
    base: JsonObject = {"outcomes": {"=": 9, "-": 0, "+": 0, "*": 0, "!": 0}}
    return build(Result("verify", base | data, code)).headline


def test_identical_items_are_said_to_be_so() -> None:
    assert headline(0) == "All 9 items are identical."


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"metadata": {"=": 3, "*": 1}}, "All 9 items are identical; 1 metadata pair different."),
        ({"files": {"-": 2}}, "All 9 items are identical; 2 files missing in the target."),
        ({"outcomes": {"=": 8, "-": 1}}, "8 of 9 items are identical; 1 missing in the target."),
        ({"outcomes": {}, "metadata": {"!": 1}}, "All 0 items are identical; 1 metadata pair could not be read."),
    ],
)
def test_what_is_wrong_beside_items_stands_in_the_first_sentence(data: JsonObject, said: str) -> None:
    assert headline(4, **data) == said


def test_threads_that_could_not_be_compared_are_mentioned() -> None:
    assert headline(3, threads={"not_loaded": 2}).endswith("2 threads are not loaded.")
    assert headline(3, threads={"unreadable": 1}).endswith("1 place in the source could not be read.")
    assert headline(0, outcomes={}, continued=0) == "There was nothing to compare."


def test_what_is_only_in_the_target_passes_but_is_marked() -> None:
    extra = build(Result("verify", {"outcomes": {"=": 9, "+": 1}}, 0))
    assert extra.tone is Tone.MIXED
    assert build(Result("verify", {"outcomes": {"=": 9}}, 0)).tone is Tone.GOOD


def test_a_thread_is_told_once_in_the_differences_and_not_again_as_an_error(verified: Result) -> None:
    titles = {section.title: section for section in build(verified).sections}
    errors = titles["Errors"]
    assert isinstance(errors, Table)
    assert [row[0] for row in errors.rows] == ["thread_9"]


def test_errors_of_the_run_stay_when_differences_name_no_thread() -> None:
    data: JsonObject = {"outcomes": {"*": 1}, "differences": [{"outcome": "*", "detail": "x"}]}
    document = build(Result("verify", data, 5, errors=[Problem("temporary", "the target is down")]))
    assert any(section.title == "Errors" for section in document.sections)


CHANGED: JsonObject = {
    "outcome": "*", "thread_id": "thread_1", "conversation_id": "conv_1", "position": 3, "code": "changed-text",
    "field": "content[0].text", "detail": "differs at character 15", "expected": "It was sent on Monday.",
    "got": "It was sent on Sunday.",
}  # fmt: skip
GONE: JsonObject = {
    "outcome": "-", "thread_id": "thread_2", "position": 1, "code": "missing-item", "detail": "is not there",
    "expected": "Only I know.",
}  # fmt: skip


def test_source_and_conversation_stand_side_by_side_for_those_who_asked_for_texts() -> None:
    result = Result("verify", {"outcomes": {"*": 1, "-": 1}, "differences": [CHANGED, GONE]}, 4)
    page = render(result, OutputFormat.HTML, with_content=True)
    assert "It was sent on <mark>Mo</mark>nday." in page
    assert "It was sent on <mark>Su</mark>nday." in page
    lines = render(result, OutputFormat.TEXT, with_content=True).splitlines()
    start = lines.index("Side by side")
    assert lines[start + 1] == "  thread_1, item 3, content[0].text"
    assert lines[start + 2].split() == ["source", "conversation"]
    assert lines[start + 3].index("It was sent on Sunday.") == lines[start + 2].index("conversation")
    assert lines[start + 7].split() == ["Only", "I", "know.", "-"]
    assert "| It was sent on Monday. | It was sent on Sunday. |" in render(
        result, OutputFormat.MARKDOWN, with_content=True
    )


@pytest.mark.parametrize("form", [OutputFormat.TEXT, OutputFormat.HTML, OutputFormat.MARKDOWN, OutputFormat.JUNIT])
def test_no_report_shows_those_texts_unasked(form: OutputFormat) -> None:
    result = Result("verify", {"outcomes": {"*": 1, "-": 1}, "differences": [CHANGED, GONE]}, 4)
    page = render(result, form)
    assert "Monday" not in page
    assert "Only I know" not in page
    assert "differs at character 15" in page
