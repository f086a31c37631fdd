from __future__ import annotations

from typing import Any

import pytest
from migrate_cli.convert.citations import locate
from migrate_cli.convert.options import Citations, ConvertOptions, FileFact, FileFacts
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import Draft

from support.threads import bodies, codes, message, said, step, text, thread

MARKER = "【4:0†source】"
FACTS = {"file-a": FileFact(filename="menu.txt")}


def cited(value: str, marker: str = MARKER, file_id: str = "file-a") -> dict[str, Any]:
    start = value.index(marker)
    span = {"text": marker, "start_index": start, "end_index": start + len(marker)}
    return {"type": "file_citation", **span, "file_citation": {"file_id": file_id, "quote": "q"}}


def linked(value: str, path: str) -> dict[str, Any]:
    return {**cited(value, path), "type": "file_path", "file_path": {"file_id": "file-csv"}}


def web(value: str, url: str = "https://example.com/a", title: str | None = "A page") -> dict[str, Any]:
    return {**cited(value), "type": "url_citation", "url_citation": {"url": url, "title": title}}


def convert(
    value: str, *annotations: Any, role: str = "assistant", policy: str = "keep", facts: FileFacts = FACTS
) -> Draft:
    source = thread(message(text(value, *annotations), role=role))
    return convert_thread(source, ConvertOptions(citations=Citations(policy)), facts)


TACOS = f"He likes tacos {MARKER}. True."


def test_by_default_markers_stay_and_annotations_are_set_aside() -> None:
    draft = convert(TACOS, cited(TACOS))
    assert said(draft) == [TACOS]
    assert [(fact.name, fact.message_id, fact.value) for fact in draft.aside] == [
        ("annotations", "msg_1", [cited(TACOS)])
    ]
    assert codes(draft) == ["citation-aside"]


@pytest.mark.parametrize("policy", list(Citations))
def test_old_annotations_are_set_aside_under_every_policy(policy: Citations) -> None:
    assert convert(TACOS, cited(TACOS), policy=policy.value).aside[0].value == [cited(TACOS)]


def test_strip_takes_markers_and_the_space_before_them() -> None:
    assert said(convert(TACOS, cited(TACOS), policy="strip")) == ["He likes tacos. True."]


def test_strip_also_takes_markers_without_annotations_but_no_other_brackets() -> None:
    assert said(convert("A【1†source】 b 【注意】", policy="strip")) == ["A b 【注意】"]


def test_strip_turns_a_sandbox_link_into_its_label() -> None:
    value = "Get [the table](sandbox:/mnt/data/t.csv) now"
    draft = convert(value, linked(value, "sandbox:/mnt/data/t.csv"), policy="strip")
    assert said(draft) == ["Get the table now"]


def test_footnotes_number_each_source_once_and_name_it_below() -> None:
    value = "Tacos【4:0†source】, pizza【4:1†source】, web【5:0†source】."
    annotations = (
        cited(value),
        cited(value, "【4:1†source】"),
        {
            **web(value),
            "text": "【5:0†source】",
            "start_index": value.index("【5"),
            "end_index": value.index("【5") + 12,
        },
    )
    draft = convert(value, *annotations, policy="footnotes")
    assert said(draft) == ["Tacos[1], pizza[1], web[2].\n\n[1] menu.txt (file-a)\n[2] A page: https://example.com/a"]
    assert draft.ledger.converted == 4
    assert codes(draft) == []


def test_footnotes_leave_a_sandbox_link_and_name_its_file() -> None:
    value = "Get [it](sandbox:/mnt/data/t.csv)"
    draft = convert(value, linked(value, "sandbox:/mnt/data/t.csv"), policy="footnotes")
    assert said(draft) == [f"{value}\n\n[1] sandbox:/mnt/data/t.csv: file-csv"]


def test_native_annotations_name_file_index_and_span() -> None:
    assert bodies(convert(TACOS, cited(TACOS), policy="annotations"))[0]["content"] == [
        {
            "type": "output_text",
            "text": TACOS,
            "annotations": [{"type": "file_citation", "file_id": "file-a", "filename": "menu.txt", "index": 15}],
        }
    ]
    [annotation] = bodies(convert(TACOS, web(TACOS), policy="annotations"))[0]["content"][0]["annotations"]
    assert annotation == {
        "type": "url_citation",
        "url": "https://example.com/a",
        "title": "A page",
        "start_index": 15,
        "end_index": 27,
    }


def test_a_citation_without_a_known_file_name_stays_a_marker() -> None:
    draft = convert(TACOS, cited(TACOS), policy="annotations", facts={})
    assert bodies(draft)[0]["content"][0]["annotations"] == []
    assert codes(draft) == ["annotation-without-filename", "citation-aside"]


def test_the_name_may_come_from_the_marker_or_from_a_search_of_the_thread() -> None:
    value = "Tacos【4:0†foods.txt】"
    draft = convert(value, cited(value, "【4:0†foods.txt】"), policy="annotations", facts={})
    assert bodies(draft)[0]["content"][0]["annotations"][0]["filename"] == "foods.txt"
    search = {"type": "file_search", "file_search": {"results": [{"file_id": "file-a", "file_name": "found.txt"}]}}
    source = thread(message(text(TACOS, cited(TACOS)), role="assistant"), run_steps=(step(search),))
    draft = convert_thread(source, ConvertOptions(citations=Citations.ANNOTATIONS))
    assert bodies(draft)[0]["content"][0]["annotations"][0]["filename"] == "found.txt"


@pytest.mark.parametrize("policy", list(Citations))
def test_a_users_text_is_never_edited(policy: Citations) -> None:
    assert said(convert(TACOS, cited(TACOS), role="user", policy=policy.value)) == [TACOS]


@pytest.mark.parametrize("policy", list(Citations))
def test_an_annotation_outside_its_text_is_reported_and_changes_nothing(policy: Citations) -> None:
    outside = {**cited(TACOS), "text": "elsewhere", "start_index": 167, "end_index": 202}
    draft = convert(TACOS.replace(MARKER, ""), outside, policy=policy.value)
    assert said(draft) == [TACOS.replace(MARKER, "")]
    assert codes(draft) == ["annotation-outside-text", "citation-aside"]


@pytest.mark.parametrize(
    "annotation", [None, "text", {}, {"type": "dream"}, {"type": "file_citation", "file_citation": []}]
)
def test_an_annotation_of_no_known_form_is_reported(annotation: Any) -> None:
    assert codes(convert("hi", annotation)) == ["annotation-unknown", "citation-aside"]


def test_markers_that_nothing_explains_are_counted() -> None:
    assert codes(convert(TACOS, policy="footnotes")) == ["citation-marker-alone"]


def test_indexes_in_other_units_are_put_right_by_the_marker() -> None:
    value = f"😀😀 tacos {MARKER}"
    shifted = {**cited(value), "start_index": 11, "end_index": 23}
    assert locate(value, shifted) == (9, 21)
    assert locate(value, {"start_index": 0, "end_index": 2}) == (0, 2)
    assert locate(value, {"start_index": 0, "end_index": 2000}) is None


def test_overlapping_annotations_do_not_tear_the_text() -> None:
    value = "abc【1†x】def"
    wide = {**cited(value, "bc【1†x】"), "file_citation": {"file_id": "file-b"}}
    assert said(convert(value, cited(value, "【1†x】"), wide, policy="strip")) == ["adef"]
