"""The report as JUnit XML, for the test view of a CI server.

Elements and attributes are those of the schema that Jenkins' xUnit plugin checks against (`junit-10.xsd`); GitLab and
GitHub's test reporters read the same format. Characters that XML cannot hold are shown as escapes.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from migrate_cli.model import Result
from migrate_cli.report.cases import JUnitCase, JUnitOutcome, cases_of
from migrate_cli.report.document import build
from migrate_cli.report.escape import visible, visible_block
from migrate_cli.report.interface import View


def render(result: Result, view: View) -> str:
    """Return the document: one suite, a case for the run and for each thread."""
    cases = cases_of(result, with_content=view.with_content)
    seconds = f"{cases[0].seconds:.3f}"
    totals = {
        "name": f"migrate-cli {result.command}",
        "tests": str(len(cases)),
        "failures": _count(cases, JUnitOutcome.FAILED),
        "errors": _count(cases, JUnitOutcome.ERROR),
        "time": seconds,
    }
    root = ET.Element("testsuites", totals)
    suite = ET.SubElement(root, "testsuite", {**totals, "skipped": _count(cases, JUnitOutcome.SKIPPED)})
    made = result.provenance
    about = {fact.name: fact.value for fact in build(result).about}
    facts = {**about, "run_id": result.run_id, "rehearsal": "true" if result.data.get("rehearsal") else None}
    if made is not None:
        known = {name: value for name, value in made.as_dict().items() if isinstance(value, str)}
        facts |= {"version": made.version, "started_at": made.started_at, "ended_at": made.ended_at, **known}
    if any(facts.values()):
        properties = ET.SubElement(suite, "properties")
        for name, value in facts.items():
            if value:
                ET.SubElement(properties, "property", {"name": name, "value": visible(value)})
    for case in cases:
        _add(suite, case, f"migrate-cli.{result.command}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _count(cases: list[JUnitCase], verdict: JUnitOutcome) -> str:
    return str(sum(case.verdict is verdict for case in cases))


def _add(suite: ET.Element, case: JUnitCase, prefix: str) -> None:
    attributes = {"name": visible(case.name), "time": f"{case.seconds:.3f}", "classname": f"{prefix}.{case.group}"}
    element = ET.SubElement(suite, "testcase", attributes)
    if case.verdict is not JUnitOutcome.PASSED:
        said = ET.SubElement(
            element, case.verdict.value, {"type": visible(case.kind), "message": visible(case.message)}
        )
        said.text = visible_block(case.output or case.message)
    elif case.output:
        ET.SubElement(element, "system-out").text = visible_block(case.output)
