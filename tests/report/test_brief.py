"""What a terminal shows unless details are asked for: headline, a few numbers, the worst problems, the next step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.model import JsonObject, Problem, Result
from migrate_cli.report.brief import NAMED, PROBLEMS
from migrate_cli.report.interface import OutputFormat
from migrate_cli.report.render import render


def shown(result: Result, *, detailed: bool = False) -> list[str]:
    return render(result, OutputFormat.TEXT, detailed=detailed).splitlines()


def run(command: str = "apply", **data: object) -> Result:
    facts: JsonObject = {"threads": {"total": 9, "loaded": 9}, "messages": {"read": 20, "items": 20}, **data}
    return Result(command, facts, run_id="run_1")


def test_a_run_with_every_kind_of_trouble_fits_on_a_screen(applied: Result) -> None:
    lines = shown(applied)
    assert len(lines) <= 22
    assert lines[0].startswith("! 1,199 of 1,204 threads are loaded")
    assert any(line.startswith("Next:") for line in lines)


def test_errors_stand_before_warnings_and_name_their_threads(applied: Result) -> None:
    lines = shown(applied)
    refused = next(index for index, line in enumerate(lines) if "item-refused" in line)
    warned = next(index for index, line in enumerate(lines) if "attachment-file-missing" in line)
    assert refused < warned
    assert "thread_000000000000000000000021" in lines[refused + 1]


def test_what_is_not_shown_is_counted_with_the_way_to_see_it(applied: Result) -> None:
    findings = {f"code-{number}": number + 1 for number in range(9)}
    text = "\n".join(shown(replace(applied, data={**applied.data, "findings": findings, "finding_list": []})))
    assert "more kinds of problem" in text
    assert "-v" in text


def test_details_show_every_section(applied: Result) -> None:
    text = "\n".join(shown(applied, detailed=True))
    assert "Totals" in text
    assert "Could not be read" in text


def test_all_threads_of_a_finding_are_listed_by_a_command_that_names_it() -> None:
    named = {"attachment-file-missing": [f"thread_{number}" for number in range(NAMED)]}
    text = "\n".join(
        shown(run(findings={"attachment-file-missing": 12}, finding_threads=named, state="my files.db", writes=3))
    )
    assert "migrate-cli report --state 'my files.db' --finding attachment-file-missing" in " ".join(text.split())
    assert "thread_0, thread_1, thread_2, thread_3, thread_4 and others" in text


def test_a_second_run_that_sends_nothing_takes_five_lines() -> None:
    again = run(writes=0, findings={"attachment-file-missing": 12}, target={"base_url": "http://127.0.0.1:1/v1"})
    assert len(shown(again)) <= 5


@pytest.mark.parametrize("command", ["plan", "apply", "verify", "status"])
@given(
    codes=st.dictionaries(st.sampled_from(["item-refused", "rate", "gone", "odd", "x" * 60]), st.integers(1, 10**6)),
    ids=st.lists(st.text("abc_0", min_size=1, max_size=90), max_size=8),
    problems=st.lists(st.sampled_from(["item-refused", "not-loaded", "other"]), max_size=30),
)
def test_no_report_is_longer_than_a_screen(
    command: str, codes: dict[str, int], ids: list[str], problems: list[str]
) -> None:
    result = run(
        command,
        findings=codes,
        finding_threads=dict.fromkeys(codes, ids),
        outcomes={"=": 20},
        parts={"read": 3, "kept": 3},
        seconds=2.0,
        writes=2,
    )
    result.errors.extend(Problem(code, "a sentence " * 9, name) for code in problems for name in ids[:1])
    shown_lines = shown(result)
    assert len(shown_lines) <= 24
    assert sum(line.startswith(("  ✗ ", "  ! ")) for line in shown_lines) <= PROBLEMS


@pytest.mark.parametrize("colour", [False, True])
def test_where_all_problems_do_not_fit_the_worst_stay_and_the_others_are_counted(colour: bool) -> None:
    findings = {"item-refused": 1, "attachment-file-missing": 2, "order-unknown": 3, "message-incomplete": 4}
    unread = [{"origin": "export/a.csv:1", "code": "csv-header", "detail": "export/a.csv: " + "a long sentence " * 50}]
    result = run("plan", findings=findings, unreadable=unread, source_argument="export", parts={"read": 3, "kept": 3})
    lines = render(result, OutputFormat.TEXT, colour=colour).splitlines()
    text = "\n".join(lines)
    assert len(lines) <= 23
    assert "csv-header" in text and "order-unknown" not in text
    assert "more kinds of problem" in text
    assert "rehearse it" in text
    assert "order-unknown" in "\n".join(shown(result, detailed=True))
