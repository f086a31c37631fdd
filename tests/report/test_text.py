"""The report at a terminal."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrate_cli.model import JsonObject, Problem, Result
from migrate_cli.report.interface import OutputFormat
from migrate_cli.report.render import render
from migrate_cli.report.text import shares

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def text(command: str, data: JsonObject, exit_code: int = 0, width: int = 80) -> str:
    return render(Result(command, data, exit_code), OutputFormat.TEXT, console_width=width, detailed=True)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_no_line_is_longer_than_the_terminal_is_wide(applied: Result, width: int) -> None:
    lines = render(applied, OutputFormat.TEXT, console_width=width).splitlines()
    # A command on a line of its own may be longer: one that is broken in two cannot be pasted.
    assert max(len(line) for line in lines if not line.lstrip().startswith("migrate-cli ")) <= width


@pytest.mark.parametrize("width", [40, 80])
def test_a_command_is_never_broken_in_two(applied: Result, width: int) -> None:
    lines = render(applied, OutputFormat.TEXT, console_width=width).splitlines()
    assert any("migrate-cli resolve thread_000000000000000000000022" in line for line in lines)


@pytest.mark.parametrize("width", [72, 80, 120])
def test_ids_are_never_cut_nor_broken_where_they_fit(width: int) -> None:
    ids = {"thread_id": "thread_" + "a" * 24, "conversation_id": "conv_" + "b" * 48, "position": 3}
    difference: JsonObject = {**ids, "outcome": "*", "field": "content[0].text", "detail": "8 of 240 characters differ"}
    report = text("verify", {"outcomes": {"=": 1, "*": 1}, "threads": {}, "differences": [difference]}, 4, width)
    assert "thread_" + "a" * 24 in report
    assert "conv_" + "b" * 48 in report
    assert "…" not in report


def test_a_table_that_is_too_wide_keeps_its_rows_and_moves_its_widest_cells_below_them() -> None:
    ids = ["conv_" + "a" * 45, "conv_" + "b" * 45]
    rows = [{"thread": f"thread_{n}", "conversation": one, "items": n} for n, one in zip((1, 22), ids, strict=True)]
    assert text("other", {"rows": rows}, width=70).splitlines()[-5:] == [
        "  thread     items",
        "  thread_1       1",
        f"    conversation {ids[0]}",
        "  thread_22     22",
        f"    conversation {ids[1]}",
    ]


def test_columns_share_the_width_without_breaking_an_id(applied: Result) -> None:
    report = render(applied, OutputFormat.TEXT, console_width=66, detailed=True)
    line = next(line for line in report.splitlines() if "item-refused" in line)
    assert line.split()[0] == "thread_000000000000000000000021"


WORDS = st.text("abcdefgh", min_size=1, max_size=30)
CELLS = st.lists(WORDS, max_size=5).map(" ".join)


@given(
    st.lists(WORDS, min_size=1, max_size=8, unique=True).flatmap(
        lambda names: st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELLS)), min_size=1, max_size=3)
    ),
    st.integers(40, 160),
)
def test_no_word_of_a_table_is_torn_however_wide_it_is(rows: list[JsonObject], width: int) -> None:
    lines = text("other", {"rows": rows}, width=width).splitlines()
    assert all(len(line) <= width for line in lines)
    shown = Counter(word for line in lines for word in line.split())
    assert Counter(word for row in rows for cell in row.values() for word in cell.split()) <= shown


def test_without_colour_there_is_no_escape_sequence(applied: Result) -> None:
    assert "\x1b" not in render(applied, OutputFormat.TEXT, colour=False)


def test_colour_changes_nothing_but_colour(applied: Result) -> None:
    plain = render(applied, OutputFormat.TEXT, colour=False)
    coloured = render(applied, OutputFormat.TEXT, colour=True)
    assert "\x1b[" in coloured
    assert [line.rstrip() for line in ANSI.sub("", coloured).splitlines()] == plain.splitlines()


def test_a_second_run_says_that_nothing_was_sent() -> None:
    data = {"threads": {"total": 2, "loaded": 2, "failed": 0}, "messages": {"read": 5, "items": 6}, "writes": 0}
    report = text("apply", data, width=120)
    assert "Nothing was sent: everything is already there. All 2 threads are loaded, with 6 items." in report
    assert "migrate-cli verify" in report


def test_a_run_that_only_had_to_look_does_not_say_that_nothing_was_sent() -> None:
    data = {"threads": {"total": 2, "loaded": 2}, "messages": {"items": 6}, "writes": 0, "requests": {"sent": 30}}
    assert "Nothing was written: everything is already there." in text("apply", data, width=120)


def test_what_could_not_be_read_is_no_thread_that_failed() -> None:
    threads = {"total": 4, "loaded": 2, "failed": 2, "unreadable": 1, "in_doubt": 0}
    report = text("apply", {"threads": threads, "writes": 3}, 3, width=200)
    assert "1 thread failed and 1 entry of the source could not be read." in report
    report = text("apply", {"threads": threads | {"failed": 1, "in_doubt": 1}, "writes": 3}, 3, width=200)
    assert "1 entry of the source could not be read and 1 thread is in doubt." in report


def test_each_finding_comes_with_its_meaning_and_what_to_do(applied: Result) -> None:
    report = render(applied, OutputFormat.TEXT, detailed=True, console_width=200)
    lines = report.splitlines()
    at = next(index for index, line in enumerate(lines) if "attachment-file-missing" in line)
    assert lines[at].split() == ["attachment-file-missing", "warning", "12"]
    assert "The target does not have the file" in lines[at + 1]
    assert "convert.files: upload" in lines[at + 1]


def test_errors_come_before_warnings_whatever_their_count(applied: Result) -> None:
    report = render(applied, OutputFormat.TEXT)
    assert report.index("unsupported-part") < report.index("attachment-file-missing")


def test_a_plan_says_what_would_be_dropped_and_what_to_do_next() -> None:
    data: JsonObject = {
        "threads": {"total": 3, "skipped": 1},
        "messages": {"read": 10, "items": 10},
        "parts": {"read": 10, "kept": 9, "converted": 0, "noted": 0, "dropped": 1},
        "estimate": {"requests": 5, "batches": 3},
    }
    report = text("plan", data)
    assert "2 threads with 10 messages can be migrated" in report
    assert "1 (10.0 %) would be dropped" in report
    assert "Nothing was sent." in report
    assert "apply --target sandbox" in report


def test_an_empty_source_is_said_in_one_sentence() -> None:
    assert "! The source is empty: it holds no threads." in text("plan", {"threads": {"total": 0}})
    asked = text("plan", {"threads": {"total": 0, "unknown": 1}})
    assert "None of the requested threads is in the source." in asked


def test_an_interrupted_run_says_how_to_go_on() -> None:
    data = {"threads": {"total": 9, "loaded": 4}, "messages": {"read": 5, "items": 6}}
    assert "Resume where this run stopped" in text("apply", data, 130)


def test_a_long_list_says_how_much_it_leaves_out() -> None:
    data: JsonObject = {"threads": {"total": 30}, "skipped": [{"thread_id": f"t{n}", "reason": "x"} for n in range(30)]}
    assert "10 threads more, not shown here: the first 20 are." in text("apply", data)


def test_a_verification_without_differences_is_all_identical() -> None:
    report = text("verify", {"outcomes": {"=": 12, "*": 0}, "threads": {"verified": 2}, "continued": 1})
    assert "All 12 items are identical. 1 conversation was continued since." in report


def test_a_replay_counts_its_cases() -> None:
    cases = [{"id": "a", "status": "passed", "total_ms": 812.4}, {"id": "b", "status": "failed", "detail": "no tool"}]
    report = text("replay", {"cases": cases}, 4)
    assert "1 of 2 cases passed." in report
    assert "no tool" in report


def test_status_says_how_far_it_is_and_whether_a_run_is_at_work() -> None:
    report = text("status", {"threads": {"pending": 1, "loaded": 3}, "items": 9, "running": {"pid": 7}})
    sentence = (
        "3 of 4 threads reached so far are done. A run is active; threads that it has not reached are not counted."
    )
    assert sentence in " ".join(report.split())
    assert "pid 7" in report


def test_status_gives_no_share_of_what_nobody_has_counted() -> None:
    assert "3 of 4 threads are done (75.0 %)." in text("status", {"threads": {"pending": 1, "loaded": 3}})
    report = text("status", {"threads": {"loaded": 3}, "reached": {"threads": 3, "of": None}})
    assert report.startswith("! 3 of 3 threads reached so far are done.")
    assert "%)" not in report.splitlines()[0]
    known = {"threads": {"loaded": 3}, "reached": {"threads": 3, "of": 12}}
    assert "3 of 12 threads are done (25.0 %). 3 of 12 were reached." in " ".join(text("status", known).split())


def test_status_says_what_a_possible_orphan_means() -> None:
    assert "harmless conversation" in " ".join(text("status", {"threads": {"loaded": 3}, "orphans": 2}).split())
    assert "harmless conversation" not in text("status", {"threads": {"loaded": 3}, "orphans": 0})


def test_a_command_without_a_layout_of_its_own_is_laid_out_by_form() -> None:
    checks = [{"name": "key", "status": "failure", "advice": "Set OPENAI_API_KEY."}]
    data: JsonObject = {
        "message": "1 check failed.",
        "checks": checks,
        "versions": {"python": "3.11"},
        "notes": ["one"],
    }
    report = text("other", data, 2)
    for expected in ("1 check failed.", "Set OPENAI_API_KEY.", "python  3.11", "- one"):
        assert expected in report


def test_text_that_is_made_to_be_piped_is_printed_alone() -> None:
    assert text("init", {"message": "x", "verbatim": "a: 1\nb: 2\n"}) == "a: 1\nb: 2\n"


def test_an_error_before_any_work_still_gives_a_report() -> None:
    result = Result("apply", {}, 2, errors=[Problem("settings", "Unknown key wrkers; did you mean workers?")])
    report = render(result, OutputFormat.TEXT)
    assert "settings: Unknown key wrkers; did you mean workers?" in report


def test_json_needs_neither_rich_nor_the_chart_library() -> None:
    code = (
        "import sys; from migrate_cli.model import Result; from migrate_cli.report.render import render;"
        "from migrate_cli.report.interface import OutputFormat; render(Result('plan', {}), OutputFormat.JSON);"
        "sys.exit(bool({'rich', 'pygal', 'openai'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=6), st.integers(6, 100))
def test_shares_fill_the_bar_and_show_whatever_is_there(amounts: list[int], width: int) -> None:
    cells = shares(amounts, width)
    assert sum(cells) == (width if any(amounts) else 0)
    assert all((amount > 0) == (cell > 0) for amount, cell in zip(amounts, cells, strict=True))


def test_ids_that_were_looked_up_stand_in_a_table_and_unknown_ones_are_said() -> None:
    known = {"id": "t1", "found": "thread", "thread_id": "t1", "conversation_id": "conv_1", "state": "loaded"}
    report = text("map", {"rows": [known, {"id": "nope", "found": None}]}, 4)
    assert "1 of 2 ids is known." in report
    assert "conv_1" in report
    assert "nope" in report


def test_a_place_that_could_not_be_read_is_told_once() -> None:
    place = {"origin": "export/a.json:3", "code": "bad-json", "detail": "Line 3 is not JSON."}
    problem = Problem("bad-json", "export/a.json:3: Line 3 is not JSON.")
    result = Result("plan", {"threads": {"total": 1, "failed": 1}, "unreadable": [place]}, 3, errors=[problem])
    assert render(result, OutputFormat.TEXT, console_width=120).count("Line 3 is not JSON.") == 1


def test_status_of_a_real_state_file_names_threads_and_reasons() -> None:
    data: JsonObject = {
        "threads": {"loaded": 1, "skipped": 2, "differs": 1},
        "skipped": {"no-messages": 2},
        "differs": [{"thread_id": "thread_7", "conversation_id": "conv_7", "state": "differs", "detail": "item 3"}],
    }
    report = text("status", data)
    for expected in ("skipped, no-messages", "thread_7", "Different from the source"):
        assert expected in report


def test_status_names_source_target_and_state_file_in_the_command_that_comes_next() -> None:
    setup = {"source": "/exports/old ones", "target.base_url": "sandbox"}
    report = text("status", {"threads": {"loaded": 1}, "setup": setup, "state": "rehearsal.db"}, width=200)
    assert "migrate-cli verify '/exports/old ones' --target sandbox --state rehearsal.db" in report


@pytest.mark.parametrize(
    ("data", "sign"),
    [
        ({"threads": {"loaded": 2, "skipped": 1}}, "✓"),
        ({"threads": {"loaded": 2, "loading": 1}}, "!"),
        ({"threads": {"loaded": 2, "failed": 1}}, "!"),
        ({"threads": {"loaded": 2}, "reached": {"threads": 2, "of": 9}}, "!"),
    ],
)
def test_status_says_that_all_is_well_only_when_nothing_waits(data: JsonObject, sign: str) -> None:
    assert text("status", data).startswith(sign)


def test_several_next_steps_are_told_apart_where_lines_are_broken() -> None:
    report = text("init", {"message": "Done.", "next": ["one " * 20 + "end", "two"]}, width=60).splitlines()
    at = next(index for index, line in enumerate(report) if line.startswith("Next: "))
    assert [line[6:8] for line in report[at:]] == ["- ", "  ", "- "]


def test_the_setup_is_shown_to_those_who_ask_for_details_and_on_pages() -> None:
    data: JsonObject = {"threads": {"loaded": 1}, "setup": {"convert.citations": "keep"}}
    result = Result("status", data)
    assert "convert.citations" not in render(result, OutputFormat.TEXT)
    assert "convert.citations  keep" in render(result, OutputFormat.TEXT, detailed=True)
    assert "convert.citations" in render(result, OutputFormat.HTML)


def test_the_address_of_a_sandbox_that_is_gone_is_not_shown() -> None:
    target = {"base_url": "http://127.0.0.1:8123/v1", "sandbox": True, "data": "m.db.sandbox"}
    report = text("apply", {"threads": {"total": 1, "loaded": 1}, "target": target}, width=120)
    assert "8123" not in report
    assert "the embedded sandbox, which ended with the run; its data is in m.db.sandbox" in report


@pytest.mark.parametrize("width", range(60, 90, 3))
def test_a_command_in_a_sentence_is_not_broken(width: int) -> None:
    told = "The thread is not whole, and the state file knows why: run `migrate-cli status --orphans` and look at it."
    result = Result("verify", {"outcomes": {"=": 1}}, 3, errors=[Problem("not-loaded", told, "thread_1")])
    for detailed in (False, True):
        assert "`migrate-cli status --orphans`" in render(
            result, OutputFormat.TEXT, console_width=width, detailed=detailed
        )
