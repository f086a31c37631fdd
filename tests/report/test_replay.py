"""The report of a replay: who has to say go or no-go finds the verdict, the reasons, and each failing case whole."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from migrate_cli.model import JsonObject, Result
from migrate_cli.replay.expectations import Expect, Method, TurnFacts, check
from migrate_cli.replay.response import Ending
from migrate_cli.report.document import Fold, FoldList, Table, build
from migrate_cli.report.interface import OutputFormat
from migrate_cli.report.render import render
from migrate_cli.report.replay_numbers import share, threshold
from migrate_cli.report.verdict_kinds import LIKENESS, MEANINGS
from rich.cells import cell_len

from .conftest import replay_case, turn  # noqa: TID252 - the folder's own values

PEOPLE = [OutputFormat.TEXT, OutputFormat.MARKDOWN, OutputFormat.JUNIT, OutputFormat.HTML]
TEXTS = ("When will my lamp arrive?", "sent on", "LS-1")


def flat(report: str) -> str:
    return " ".join(report.split())


def headline(*statuses: str, **data: object) -> str:
    cases = [replay_case(f"case-{number}", status) for number, status in enumerate(statuses)]
    return build(Result("replay", {"cases": cases, **data}, 4)).headline


def test_the_verdict_comes_first_with_a_count_for_each_outcome(replayed: Result) -> None:
    said = "4 of 7 cases passed. 1 failed, 1 was not judged and 1 was stopped."
    assert build(replayed).headline == said
    for form in (OutputFormat.TEXT, OutputFormat.MARKDOWN, OutputFormat.HTML):
        report = flat(render(replayed, form))
        assert report.index(said) < report.index("thread_lamp")


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        (["passed"], "The one case passed."),
        (["passed", "passed"], "All 2 cases passed."),
        (["passed", "failed", "failed"], "1 of 3 cases passed. 2 failed."),
        (["passed", "error", "error"], "1 of 3 cases passed. 2 were not judged."),
        (["stopped", "stopped", "skipped"], "0 of 3 cases passed. 2 were stopped and 1 was skipped."),
        ([], "There was no case to run."),
    ],
)
def test_the_headline_counts(statuses: list[str], said: str) -> None:
    assert headline(*statuses) == said


def test_a_conversation_that_changed_outweighs_what_passed() -> None:
    seen = {"changed": ["conv_1"], "checked": 3}
    assert headline("passed", conversations=seen) == "The one case passed. 1 conversation changed while it ran."


def test_the_reasons_are_counted_by_kind_with_the_cases_that_have_them() -> None:
    kinds = [{"kind": "similar_to", "cases": 7, "case_ids": ["a", "b", "c", "d", "e"]}]
    document = build(Result("replay", {"cases": [replay_case("a", "failed")], "verdict": {"kinds": kinds}}, 4))
    table = next(section for section in document.sections if section.title == "Why")
    assert isinstance(table, Table)
    assert table.rows == (("similar_to", "7", f"{MEANINGS['similar_to']} a, b, c, d, e and 2 more"),)


@pytest.mark.parametrize("form", PEOPLE)
def test_a_failing_case_shows_all_that_failed_its_tools_times_tokens_cost_and_retries(
    form: OutputFormat, replayed: Result
) -> None:
    report = flat(render(replayed, form, console_width=120)).replace("\\", "")
    for fact in (
        "likeness by letters 0.48, wanted 0.6 or more",
        "took 31.2 s, wanted at most 20 s",
        "lookup_order",
        "timeout",
        "30.00 s",
        "web_search",
        "31.2 s",
        "412 ms",
        "920",
        "0.0021",
        "22 / 22",
        "0.48",
        "unknown: 2",
    ):
        assert fact in report, fact


@pytest.mark.parametrize("form", list(OutputFormat))
def test_texts_are_shown_to_those_who_asked_and_to_nobody_else(form: OutputFormat, replayed: Result) -> None:
    plain, whole = (
        render(replayed, form, console_width=200),
        render(replayed, form, console_width=200, with_content=True),
    )
    for text in TEXTS:
        assert text not in plain
        assert text in whole


def test_the_words_that_differ_are_marked(replayed: Result) -> None:
    page = render(replayed, OutputFormat.HTML, with_content=True)
    assert "It was sent on <mark>Monday</mark>." in page
    assert "It was sent on <mark>Sunday</mark>." in page
    written = render(replayed, OutputFormat.MARKDOWN, with_content=True)
    assert "| It was sent on <b>Monday</b>. | It was sent on <b>Sunday</b>. |" in written
    shown = flat(render(replayed, OutputFormat.TEXT, with_content=True, console_width=120))
    assert "[-Monday-]" in shown
    assert "{+Sunday+}" in shown
    coloured = render(replayed, OutputFormat.TEXT, with_content=True, console_width=120, colour=True)
    assert "{+" not in coloured


def case_named(name: str, status: str, value: float | None = None, *kinds: str, **more: object) -> JsonObject:
    like = None if value is None else {"value": value, "threshold": 0.6, "method": "letters"}
    return replay_case(name, status, kinds=list(kinds), likeness=like, **more)


def test_the_worst_case_comes_first() -> None:
    cases = [
        case_named("passed", "passed", 0.9),
        case_named("nearly like enough", "failed", 0.59, "similar_to"),
        case_named("far from it", "failed", 0.1, "similar_to"),
        case_named("for two reasons", "failed", 0.5, "similar_to", "contains"),
        case_named("half the time", "failed", None, "a", "b", "c", repeats=2, passed=1, pass_rate=0.5),
        case_named("without an answer", "error", None, "stream-broken"),
        case_named("late", "stopped"),
    ]
    worst = ["without an answer", "for two reasons", "far from it", "nearly like enough", "half the time"]
    document = build(Result("replay", {"cases": cases}, 4))
    (listed,) = (one for one in document.sections[: document.lead] if isinstance(one, Table) and one.anchors)
    assert [row[0] for row in listed.rows] == worst
    (whole,) = (one for one in document.sections if isinstance(one, FoldList))
    assert [fold.title.partition(":")[0] for fold in whole.folds] == worst


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        (["failed", "skipped"], "Cases that failed, the worst first"),
        (["error", "passed"], "Cases that were not judged, the worst first"),
        (["failed", "error"], "Cases that failed or were not judged, the worst first"),
    ],
)
def test_the_list_says_which_cases_are_in_it(statuses: list[str], said: str) -> None:
    cases = [replay_case(f"case-{number}", status) for number, status in enumerate(statuses)]
    assert said in [section.title for section in build(Result("replay", {"cases": cases}, 4)).sections]


def test_tools_are_told_by_turn_where_there_are_several() -> None:
    tools = [{"tool": "look", "where": "here", "seconds": 1.0, "problem": None}]
    for turns, told in ((1, "tool time ended look 1.00 s ok"), (2, "turn tool time ended 1 look 1.00 s ok")):
        case = replay_case("a", "failed", turns=[turn(number + 1, tools=tools) for number in range(turns)])
        assert told in flat(render(Result("replay", {"cases": [case]}, 4), OutputFormat.TEXT))


def test_the_list_at_the_top_of_a_page_leads_to_each_case(replayed: Result) -> None:
    page = render(replayed, OutputFormat.HTML)
    links = re.findall(r'<a href="#([^"]+)">([^<]+)</a>', page)
    assert {name for _, name in links} == {"thread_broken", "thread_lamp"}
    for anchor, name in links:
        fold = page[: page.index(f'<div id="{anchor}">')].rpartition("<summary>")[2]
        assert fold.startswith(f"{name}: ")
    assert page.index(links[0][1]) < page.index("<svg"), "the list comes before the charts"


def test_what_passed_leads_nowhere(replayed: Result) -> None:
    (table,) = (one for one in build(replayed).sections if one.title.startswith("Least like"))
    assert isinstance(table, Table)
    assert dict(zip((row[0] for row in table.rows), table.anchors, strict=True)) == {
        "thread_lamp": "case-2", "thread_fine_0": "",
    }  # fmt: skip


@pytest.mark.parametrize("form", [OutputFormat.TEXT, OutputFormat.MARKDOWN, OutputFormat.HTML])
def test_the_head_says_which_suite_ran_with_which_model_and_how(form: OutputFormat, replayed: Result) -> None:
    replayed.data["models"] = [f"model-{number}" for number in range(7)]
    replayed.data["agents"] = ["helper"]
    report = re.sub(r"<[^>]+>|\\", " ", render(replayed, form, console_width=200))
    head = flat(report[: report.index("thread_broken")])
    for fact in (
        "last turns",
        "model-0, model-1, model-2, model-3, model-4 and 2 more",
        "helper",
        "copy (each case asks in a copy of its conversation)",
    ):
        assert fact in head, fact


def test_junit_has_suite_model_and_mode_as_properties(replayed: Result) -> None:
    root = ET.fromstring(render(replayed, OutputFormat.JUNIT))
    facts = {entry.attrib["name"]: entry.attrib["value"] for entry in root.iter("property")}
    assert (facts["suite"], facts["model"], facts["mode"]) == ("last turns", "gpt-5.4-mini", "copy")


@pytest.mark.parametrize("form", [OutputFormat.TEXT, OutputFormat.MARKDOWN, OutputFormat.HTML])
@pytest.mark.parametrize("method", list(Method))
def test_what_the_numbers_of_a_likeness_mean_is_said_where_the_first_one_is(
    form: OutputFormat, method: Method, replayed: Result
) -> None:
    for case in replayed.data["cases"]:
        if case["likeness"]:
            case["likeness"]["method"] = method.value
    report = flat(render(replayed, form, console_width=200))
    assert report.count(LIKENESS[method]) == 1
    after_list = report.index("The same cases in full")
    assert report.index("0.48") < report.index(LIKENESS[method]) < after_list


@pytest.mark.parametrize("form", [OutputFormat.TEXT, OutputFormat.MARKDOWN, OutputFormat.HTML])
def test_where_only_passed_cases_have_a_likeness_it_is_explained_all_the_same(
    form: OutputFormat, replayed: Result
) -> None:
    replayed.data["cases"] = [case for case in replayed.data["cases"] if case["status"] == "passed"]
    report = flat(render(replayed, form, console_width=200))
    if form is OutputFormat.HTML:
        assert report.index(LIKENESS["letters"]) < report.index("</figure>")
    assert report.count(LIKENESS["letters"]) == (2 if form is OutputFormat.HTML else 1)


@pytest.mark.parametrize("form", PEOPLE)
def test_an_answer_to_which_none_was_expected_stands_alone(form: OutputFormat) -> None:
    content: JsonObject = {"question": "Where is it?", "expected": None, "answer": "On its way.", "arguments": []}
    case = replay_case("a", "failed", kinds=["contains"], turns=[turn(1, content=content)])
    report = flat(render(Result("replay", {"cases": [case]}, 4), form, with_content=True, console_width=120))
    assert "On its way." in report
    assert "expected" not in report[report.index("Where is it?") :].partition("<script")[0]


def test_among_several_turns_only_those_that_expect_an_answer_show_one() -> None:
    said = {"question": "One?", "expected": "First.", "answer": "Second.", "arguments": []}
    alone: JsonObject = {"question": "Two?", "expected": None, "answer": "", "arguments": []}
    case = replay_case("a", "failed", turns=[turn(1, content=said), turn(2, content=alone)])
    written = render(Result("replay", {"cases": [case]}, 4), OutputFormat.MARKDOWN, with_content=True)
    assert "| question | expected answer | new answer |" in written
    assert "| Turn 2: Two? |   | (no answer) |" in written


def test_every_number_of_cases_means_the_same_everywhere(replayed: Result) -> None:
    page = render(replayed, OutputFormat.HTML)
    for count, said in ((4, "passed"), (1, "failed"), (1, "not judged"), (1, "stopped")):
        assert re.search(rf"<b>{count}</b><span>cases? {said}</span>", page)
        assert f'>{said}</span></td><td class="number" data-label="count">{count}</td>' in page
    assert "similarity" not in page
    assert "A case with several reasons counts under each of them." in page
    assert sum(case["retries"] for case in replayed.data["cases"]) == replayed.data["totals"]["retries"]


def test_the_old_setup_stands_below_the_new_one(replayed: Result) -> None:
    lines = render(replayed, OutputFormat.TEXT, console_width=120).splitlines()
    lines = lines[next(place for place, line in enumerate(lines) if line.startswith("thread_lamp: ")) :]
    now, old = (next(line for line in lines if line.strip().startswith(name)) for name in ("now", "old setup"))
    assert re.search(r"412 ms +31\.2 s +920 / 61", now)
    assert re.search(r"1 s +4 s +800 / 50", old)


def test_cases_that_passed_are_folded_and_those_that_did_not_are_open(replayed: Result) -> None:
    folds = [section for section in build(replayed).sections if isinstance(section, Fold)]
    assert [(fold.title, fold.is_open) for fold in folds] == [("4 cases passed", False), ("1 case not run", False)]
    text = render(replayed, OutputFormat.TEXT)
    assert "4 cases passed (-v lists them)" in text
    assert "thread_fine_1" not in text
    assert "thread_fine_1" in render(replayed, OutputFormat.TEXT, detailed=True)
    page = render(replayed, OutputFormat.HTML)
    assert page.count('<details class="fold" open>') == 2
    assert page.count('<details class="fold">') == 2
    assert "<details open><summary>thread_lamp: similar_to, max_seconds (failed)</summary>" in render(
        replayed, OutputFormat.MARKDOWN
    )


def test_what_was_odd_about_a_stream_is_seen_although_its_case_passed(replayed: Result) -> None:
    for form in PEOPLE:
        report = flat(render(replayed, form, console_width=120)).replace("\\", "")
        assert "mismatch: 1 (the text that was streamed is not the text of the last event, which counts)" in report


def test_the_next_command_runs_the_first_failing_case_again(replayed: Result) -> None:
    step = build(replayed).next_steps[0]
    assert step.endswith(
        ": migrate-cli replay --last-turn --source export --thread thread_broken --workers 1 --with-content"
    )


def test_the_least_alike_come_first_with_the_distribution_in_words(replayed: Result) -> None:
    report = flat(render(replayed, OutputFormat.TEXT, console_width=120))
    assert report.index("thread_lamp 0.48 0.60 letters") < report.index("thread_fine_0 0.90")
    assert "Likeness 0.4 to 0.5: 1; 0.9 to 1.0: 3." in report


def test_likeness_is_never_rounded_up_to_certainty() -> None:
    worst = [{"case_id": "a", "value": 0.9999, "threshold": 1.0, "method": "letters"}]
    data = {
        "cases": [replay_case("a", "failed")],
        "likeness": {"compared": 1, "median": 0.9999, "bins": [], "worst": worst},
    }
    assert "a 0.99 1.00 letters" in flat(render(Result("replay", data, 4), OutputFormat.TEXT))


def test_a_likeness_that_is_too_low_never_looks_like_the_threshold() -> None:
    assert (share(0.5999), share(0.6), share(0.29), threshold(0.6), threshold(0.605)) == (
        "0.59", "0.60", "0.29", "0.60", "0.605",
    )  # fmt: skip
    similar = Expect.model_validate({"similar_to": {"text": "abcdefghij", "threshold": 0.8}})
    facts = TurnFacts(ending=Ending.COMPLETED, text="abcdefgh")
    assert [one.detail for one in check(similar, facts) if one.name == "similar_to"] == [
        "likeness by letters 0.88, wanted 0.8 or more"
    ]


def compared(*rows: JsonObject, **more: object) -> Result:
    found = {"run_id": "run-1", "counts": {"worse": 1, "same": 8}, "cases": list(rows), **more}
    return Result("replay", {"cases": [replay_case("a", "passed")], "comparison": found}, 0)


def test_a_comparison_shows_what_changed_and_only_counts_the_rest() -> None:
    report = render(
        compared(
            {
                "case_id": "lost",
                "change": "worse",
                "status": ["passed", "failed"],
                "fails_now": ["contains"],
                "holds_now": [],
                "likeness": [0.9, 0.2],
                "total_ms": [800.0, 12_000.0],
            },
            {"case_id": "kept", "change": "same", "status": ["passed", "passed"], "fails_now": [], "holds_now": []},
            {
                "case_id": "swapped",
                "change": "same",
                "status": ["failed", "failed"],
                "fails_now": ["regex"],
                "holds_now": ["equals"],
            },
            totals={"total_ms": [800.0, 900.0], "cost": [0.1, 0.2]},
        ),
        OutputFormat.TEXT,
        console_width=120,
    )
    told = flat(report)
    assert "passed → failed" in told
    assert "0.90 → 0.20" in told
    assert "800 ms → 12.0 s" in told
    assert "fails now: contains" in told
    assert "fails now: regex; holds now: equals" in told
    assert "kept" not in told
    assert "1 worse, 8 same. Of the cases that both have: median time 800 ms → 900 ms, cost 0.1000 → 0.2000." in told


def test_a_comparison_in_which_nothing_changed_says_so() -> None:
    report = flat(render(compared({"case_id": "kept", "change": "same"}), OutputFormat.TEXT))
    assert "cases that changed 0" in report


def test_a_terminal_shows_the_first_failing_cases_whole_and_says_how_many_more_there_are() -> None:
    cases = [
        replay_case(f"case-{number:03}", "failed", kinds=["equals"], reasons=[f"wrong {number}"])
        for number in range(40)
    ]
    result = Result("replay", {"cases": cases}, 4)
    text = render(result, OutputFormat.TEXT)
    assert "wrong 9" in text
    assert "wrong 10" not in text
    assert "case-024" in text
    assert "15 cases more, not shown here: the first 25 are." in text
    assert "30 cases more, not shown here: the first 10 are." in text
    page = render(result, OutputFormat.HTML)
    assert page.count('<details class="fold"') == 40
    assert page.count('<details class="fold" open>') == 10
    assert isinstance(next(one for one in build(result).sections if isinstance(one, FoldList)), FoldList)


def test_every_turn_of_a_case_is_told_apart() -> None:
    case = replay_case(
        "talk",
        "failed",
        turns=[turn(1), turn(2, status="incomplete")],
        expectations=[
            {"name": "status", "passed": False, "detail": "the response is incomplete, wanted completed", "turn": 2}
        ],
    )
    result = Result("replay", {"cases": [case]}, 4)
    report = render(result, OutputFormat.TEXT, console_width=120)
    assert "turn 2, status: the response is incomplete, wanted completed" in report
    assert re.search(r"turn 1 +completed", report)
    assert re.search(r"turn 2 +incomplete", report)


def test_results_of_earlier_versions_still_make_a_report() -> None:
    old: JsonObject = {"case_id": "a", "status": "failed", "total_ms": 3.0, "detail": "contains: wanted “x”"}
    for form in OutputFormat:
        assert "wanted “x”" in render(Result("replay", {"cases": [old]}, 4), form).replace("\\u201c", "“").replace(
            "\\u201d", "”"
        )


def test_charts_draw_likeness_and_what_was_taken_beside_the_old_setup(replayed: Result) -> None:
    page = render(replayed, OutputFormat.HTML)
    titles = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    assert titles == [
        "Likeness to the expected answer",
        "Time until the answer began, in ms",
        "Time to the whole answer, in ms",
        "Tokens in all",
    ]
    assert "0.4 to 0.5: 1 answer" in page
    assert "median, old setup: 4,000, median, now: 1,830" in page
    assert "3 cases without a comparison are left out." in page
    assert "Drawn from 1 of 6 cases; the others lack a value." in page
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(svg)


def test_against_an_earlier_run_the_charts_draw_both_runs() -> None:
    rows: list[JsonObject] = [
        {
            "case_id": name,
            "change": "same",
            "ttft_ms": [100.0, 200.0],
            "total_ms": [800.0, 900.0],
            "input_tokens": [9, 9],
            "output_tokens": [1, 2],
        }
        for name in ("a", "b")
    ]
    page = render(compared(*rows, {"case_id": "new", "change": "new", "total_ms": [None, 3.0]}), OutputFormat.HTML)
    assert "median, run before: 100, median, this run: 200" in page
    assert "out, run before: 2 tokens, out, this run: 4 tokens" in page
    assert "Drawn from 2 of 3 cases; the others lack a value." in page


def test_without_anything_to_compare_with_the_times_of_the_run_are_drawn() -> None:
    cases = [replay_case(f"c{number}", "passed", total_ms=number * 100.0) for number in range(1, 11)]
    page = render(Result("replay", {"cases": cases}, 0), OutputFormat.HTML)
    assert "median: 550, slowest tenth: 900, slowest: 1,000" in page


def test_the_page_says_when_where_and_with_what_it_was_made(replayed: Result) -> None:
    page = render(replayed, OutputFormat.HTML)
    head = page[: page.index("<main>")]
    for fact in (
        "2026-11-30 18:20:00 to 18:20:40 UTC",
        "migrate-cli 9.8.7",
        "https://api.openai.com/v1",
        "run_3",
        "migration.db",
        "<code>migrate-cli replay --last-turn --source export</code>",
        "blake2b-128:00ff",
        "1 setting differs from the default",
        "replay.workers",
    ):
        assert fact in head, fact


def test_the_next_step_comes_before_the_tables(replayed: Result, applied: Result, verified: Result) -> None:
    for result in (replayed, applied, verified):
        page = render(result, OutputFormat.HTML)
        body = page[page.index("<main>") :]
        assert body.index("<h2>Next</h2>") < body.index("<table")


def test_junit_tells_when_where_and_with_what_it_was_made(replayed: Result) -> None:
    root = ET.fromstring(render(replayed, OutputFormat.JUNIT))
    facts = {entry.attrib["name"]: entry.attrib["value"] for entry in root.iter("property")}
    assert facts["started_at"] == "2026-11-30T18:20:00Z"
    assert facts["settings_digest"] == "blake2b-128:00ff"
    assert facts["command_line"] == "migrate-cli replay --last-turn --source export"


def test_every_expectation_of_a_suite_is_explained_to_those_who_know_none() -> None:
    assert set(Expect.model_fields) <= set(MEANINGS)


def test_markdown_tells_in_one_line_how_it_was_made(replayed: Result) -> None:
    report = render(replayed, OutputFormat.MARKDOWN).replace("\\", "")
    line = "run run_3 · 2026-11-30 18:20:00 to 18:20:40 UTC · migrate-cli 9.8.7 · target https://api.openai.com/v1"
    assert f"{line} · settings blake2b-128:00ff" in report


def test_calls_that_nobody_answered_and_what_became_of_their_conversations_are_shown() -> None:
    tools = [{"tool": "crm.lookup", "where": "nobody", "seconds": None, "problem": "unanswered"}]
    case = replay_case(
        "a", "failed", kinds=["call-unanswered"], reasons=["nothing here could answer the calls of crm.lookup"]
    )
    tidied = [
        {"conversation_id": "conv_1", "answered": ["crm.lookup"], "deleted": [], "problem": None},
        {"conversation_id": "conv_2", "answered": [], "deleted": ["shell"], "problem": "conv_2 could not be read"},
    ]
    data: JsonObject = {"cases": [{**case, "turns": [turn(1, tools=tools)]}], "tidied": tidied}
    report = flat(render(Result("replay", data, 4), OutputFormat.TEXT, console_width=120))
    assert "1 conversation cannot continue before an open call is answered." in report
    assert "nothing here could answer the calls of crm.lookup" in report
    assert "crm.lookup - unanswered" in report
    assert "conv_1: crm.lookup answered with an error" in report
    assert "conv_2: shell deleted with its response; conv_2 could not be read" in report


def test_unknown_events_are_named() -> None:
    case = replay_case("a", "passed", notes={"unknown": 3, "unknown_types": {"response.sparkle": 2, "item dream": 1}})
    report = flat(render(Result("replay", {"cases": [case]}, 0), OutputFormat.TEXT, console_width=120))
    assert "does not know: response.sparkle, item dream)" in report


def test_each_reason_is_told_once() -> None:
    detail = "the stream broke off; sent again 3 times: cut"
    case = replay_case("a", "error", code="stream-broken", reasons=["the stream broke off"], detail=detail, retries=3)
    report = render(Result("replay", {"cases": [case]}, 4), OutputFormat.TEXT)
    assert report.count("the stream broke off") == 1
    assert report.count("sent again 3 times") == 1


def test_a_few_cases_that_all_passed_are_not_folded_away() -> None:
    cases = [replay_case(f"case-{number}", "passed") for number in range(3)]
    assert "case-2" in render(Result("replay", {"cases": cases}, 0), OutputFormat.TEXT)
    assert "case-2" not in render(Result("replay", {"cases": cases * 10}, 0), OutputFormat.TEXT)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("with_content", [False, True])
def test_no_line_is_longer_than_the_terminal_is_wide(replayed: Result, width: int, with_content: bool) -> None:
    report = render(replayed, OutputFormat.TEXT, console_width=width, with_content=with_content, detailed=True)
    # A command stays whole, so that it can be copied.
    lines = [line for line in report.splitlines() if not line.strip().startswith("migrate-cli ")]
    assert max(map(cell_len, lines)) <= width


def test_what_the_old_setup_took_stands_beside_the_new_in_words_too(replayed: Result) -> None:
    text = flat(render(replayed, OutputFormat.TEXT, console_width=120))
    assert "until the answer began, median 1 s 412 ms" in text
    assert "to the whole answer, slowest tenth 4 s 1,830 ms" in text
    assert "tokens in 800 920" in text
    assert "Of the 1 case whose old run the source has" in text
    junit = render(replayed, OutputFormat.JUNIT)
    assert "old setup: answer began after 1 s, total 4 s, tokens in / out 800 / 50" in junit


def test_tokens_of_models_that_compare_are_no_part_of_the_new_turn(replayed: Result) -> None:
    replayed.data["cases"][0]["input_tokens"] = 5000
    assert "tokens in 800 920" in flat(render(replayed, OutputFormat.TEXT, console_width=120))
