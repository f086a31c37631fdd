"""JUnit XML that CI servers accept: the rules of the xUnit plugin's `junit-10.xsd`, written as a table."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from migrate_cli.model import JsonObject, Problem, Result
from migrate_cli.report.interface import OutputFormat
from migrate_cli.report.render import render

RESULT = {"type", "message"}
# element: (required attributes, other attributes, children)
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": ({"name"}, {"time", "classname", "group"}, {"skipped", "error", "failure", "system-out", "system-err"}),
    "failure": (set(), RESULT, set()),
    "error": (set(), RESULT, set()),
    "skipped": (set(), RESULT, set()),
    "system-out": (set(), set(), set()),
}
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def parsed(result: Result) -> ET.Element:
    root = ET.fromstring(render(result, OutputFormat.JUNIT))
    for element in root.iter():
        required, allowed, children = SCHEMA[element.tag]
        assert required <= set(element.attrib) <= required | allowed
        assert {child.tag for child in element} <= children
        if element.tag.startswith("testsuite"):
            assert TIME.fullmatch(element.attrib["time"])
    return root


def verdicts(root: ET.Element) -> dict[str, str]:
    found = {}
    for case in root.iter("testcase"):
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found[case.attrib["name"]] = kinds[0] if kinds else "passed"
    return found


def test_a_full_result_follows_the_schema_and_its_totals_add_up(applied: Result) -> None:
    root = parsed(applied)
    found = list(verdicts(root).values())
    suite = root[0]
    assert suite.attrib["tests"] == str(len(found))
    assert suite.attrib["failures"] == str(found.count("failure")) == "2"
    assert suite.attrib["errors"] == str(found.count("error")) == "1"
    assert suite.attrib["skipped"] == str(found.count("skipped")) == "1"


def test_hostile_names_follow_the_schema_too(hostile: Result) -> None:
    parsed(hostile)


def test_failures_and_skips_carry_their_reasons(applied: Result) -> None:
    root = parsed(applied)
    assert [element.attrib["message"] for element in root.iter("skipped")] == ["no-messages"]
    refused = next(root.iter("failure"))
    assert refused.attrib == {"type": "item-refused", "message": "The target refused item 3: invalid_item."}


def test_a_thread_in_doubt_is_a_failure(applied: Result) -> None:
    assert verdicts(parsed(applied))["thread_000000000000000000000022"] == "failure"


def test_a_run_with_nothing_wrong_has_only_passed_cases() -> None:
    data: JsonObject = {"threads": {"total": 1, "loaded": 1}, "thread_list": [{"thread_id": "t", "state": "loaded"}]}
    assert verdicts(parsed(Result("apply", data))) == {"apply": "passed", "t": "passed"}


def test_an_error_before_any_work_is_an_error_case() -> None:
    root = parsed(Result("plan", {}, 2, errors=[Problem("source", "No such folder: export.")]))
    assert verdicts(root) == {"plan": "error"}
    assert "No such folder: export." in (next(root.iter("error")).text or "")


@pytest.mark.parametrize(("blocking", "verdict"), [(["text-too-long"], "failure"), (["other"], "passed")])
def test_the_findings_that_fail_a_check_fail_their_threads(blocking: list[str], verdict: str) -> None:
    finding = {
        "code": "text-too-long",
        "severity": "warning",
        "thread_id": "t",
        "message_id": "m",
        "detail": "Too long.",
    }
    data: JsonObject = {
        "threads": {"total": 1},
        "thread_list": [{"thread_id": "t", "state": "ready"}],
        "finding_list": [finding],
        "blocking": blocking,
    }
    found = verdicts(parsed(Result("plan", data, 4)))
    assert found == {"plan": "failure", "t": verdict}


def test_a_difference_fails_its_thread_and_is_named() -> None:
    difference = {"thread_id": "t", "position": 3, "outcome": "*", "field": "role", "detail": "user, not assistant"}
    data: JsonObject = {"outcomes": {"*": 1}, "threads": {"differs": 1}, "differences": [difference]}
    root = parsed(Result("verify", data, 4))
    assert next(case for case in root.iter("testcase") if case.attrib["name"] == "t")[0].attrib == {
        "type": "differs",
        "message": "* item 3 role: user, not assistant",
    }


def test_each_case_of_a_replay_is_a_case() -> None:
    cases = [
        {"id": "a", "status": "passed", "total_ms": 1500},
        {"id": "b", "status": "failed", "detail": "no tool"},
        {"id": "c", "status": "error", "detail": "stream broke"},
        {"id": "d", "status": "skipped", "detail": "not asked for"},
    ]
    root = parsed(Result("replay", {"cases": cases}, 4))
    assert verdicts(root) == {"replay": "failure", "a": "passed", "b": "failure", "c": "error", "d": "skipped"}
    assert next(case for case in root.iter("testcase") if case.attrib["name"] == "a").attrib["time"] == "1.500"
