"""Vector stores that are rebuilt at the target: each once, with all that is in it, from export, host or snapshot."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.control import CONTROL_HEADERS
from openai import OpenAI

from support.exports import thread
from support.hosts import KEY, host

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures
from .test_files import PNG, Strict, attached, export, file_map  # noqa: TID252

TEXTS = {
    "file-lamp": ("lamp.txt", b"The lamp is green."),
    "file-sofa": ("sofa.txt", b"The sofa is soft."),
    "file-desk": ("desk.md", b"# The desk is tall."),
    "file-pic": ("pic.png", PNG),
}
STATIC = {"type": "static", "static": {"max_chunk_size_tokens": 400, "chunk_overlap_tokens": 100}}


def store(name: str, total: int, **more: Any) -> dict[str, Any]:
    counts = {"in_progress": 0, "completed": total, "failed": 0, "cancelled": 0, "total": total}
    return {
        "id": f"vs_{name}",
        "object": "vector_store",
        "created_at": 1_700_000_000,
        "name": name.title(),
        "usage_bytes": 9,
        "file_counts": counts,
        "status": "completed",
        "metadata": {},
        **more,
    }


def in_store(name: str, file_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "vector_store.file",
        "vector_store_id": f"vs_{name}",
        "created_at": 1_700_000_000,
        "status": "completed",
        "usage_bytes": 3,
        "last_error": None,
        "attributes": {},
        "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}},
        **more,
    }


SHOP = [
    store("shop", 2, metadata={"team": "sales"}, expires_after={"anchor": "last_active_at", "days": 30}),
    in_store("shop", "file-lamp", attributes={"year": 2024, "shop": "north"}, chunking_strategy=STATIC),
    in_store("shop", "file-sofa"),
]
HALL = [store("hall", 2), in_store("hall", "file-lamp"), in_store("hall", "file-desk")]
ASSISTANT = {
    "id": "asst_shop",
    "object": "assistant",
    "name": "Shop",
    "model": "gpt-5.4",
    "tools": [{"type": "file_search"}],
    "tool_resources": {"file_search": {"vector_store_ids": ["vs_shop"]}},
}


@pytest.fixture(autouse=True)
def rebuilds(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "upload")
    monkeypatch.setenv("MIGRATE_CONVERT__VECTOR_STORES", "rebuild")
    monkeypatch.setattr("migrate_cli.http.retry.LONGEST_WAIT", 0.02)
    monkeypatch.setattr("migrate_cli.stores.indexing.LONGEST_PAUSE", 0.01)
    monkeypatch.setattr("migrate_cli.stores.indexing.FIRST_LOOK", 0.01)


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    with Strict(tmp_path / "strict.db") as target:
        yield target


def named_in(number: int, *stores: str) -> dict[str, Any]:
    own = thread(number, 2)
    own["thread"]["tool_resources"] = {"file_search": {"vector_store_ids": list(stores)}}
    return own


def written(
    folder: Path, *objects: dict[str, Any], threads: tuple[dict[str, Any], ...] = (), lacking: tuple[str, ...] = ()
) -> Path:
    """Write an export with these objects, the facts of all files, and the bytes of those that are not lacking."""
    path = export(
        folder,
        *(threads or (thread(1, 2),)),
        files={key: data for key, (_, data) in TEXTS.items() if key not in lacking},
    )
    facts = [
        {"id": key, "object": "file", "bytes": len(data), "filename": name, "purpose": "assistants_output"}
        for key, (name, data) in TEXTS.items()
    ]
    (path / "files.json").write_text(json.dumps({"object": "list", "data": facts}), encoding="utf-8")
    for kind in ("vector_store", "vector_store.file", "assistant"):
        some = [one for one in objects if one["object"] == kind]
        if some:
            (path / f"{kind}s.json").write_text(json.dumps({"object": "list", "data": some}), encoding="utf-8")
    return path


def run(cli: Cli, command: str, *args: object) -> dict[str, Any]:
    return cli(command, *args, "--output", "json").json


def stores(cli: Cli) -> dict[str, dict[str, Any]]:
    rows = json.loads(cli("map", "export", "--level", "stores", "--format", "json").out)
    return {row["source_store_id"]: row for row in rows}


def misbehave(strict: Strict, *rules: str) -> None:
    with httpx2.Client(base_url=strict.sandbox.control_url, headers=CONTROL_HEADERS) as control:
        control.post("/faults", json={"rules": list(rules)}).raise_for_status()


def standing(strict: Strict) -> dict[str, Any]:
    """The stores at the target, by what they were made from; one that was made twice fails."""
    found: dict[str, Any] = {}
    for one in strict.client.vector_stores.list():
        source = (one.metadata or {})["migrated_from"]
        assert source not in found, "a store was made twice"
        found[source] = one
    return found


def details(result: dict[str, Any], code: str) -> list[str]:
    return [row["detail"] for row in result["data"]["finding_list"] if row["code"] == code]


# ---- what is carried


def test_a_store_is_made_once_with_all_that_is_in_it(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", *SHOP, *HALL, threads=(attached(1, "file-lamp"),))
    result = run(cli, "apply", source)
    assert result["exit_code"] == 0, result["errors"]
    assert result["data"]["vector_stores"] == {"files_completed": 4, "made": 2, "rebuilt": 2}
    made = standing(strict)
    shop = made["vs_shop"]
    assert (shop.name, shop.metadata) == ("Shop", {"migrated_from": "vs_shop", "team": "sales"})
    assert (shop.expires_after.anchor, shop.expires_after.days) == ("last_active_at", 30)
    files = {key: row["target_file_id"] for key, row in file_map(cli).items()}
    held = {one.id: one for one in strict.client.vector_stores.files.list(shop.id)}
    assert held.keys() == {files["file-lamp"], files["file-sofa"]}
    lamp: Any = held[files["file-lamp"]]
    assert lamp.attributes == {"year": 2024, "shop": "north"}
    assert lamp.chunking_strategy.static.max_chunk_size_tokens == 400
    assert strict.requests("upload") == 3, "the lamp is attached, and in two stores"
    [hit] = strict.client.vector_stores.search(made["vs_hall"].id, query="desk").data
    assert hit.content[0].text == "# The desk is tall."

    again = run(cli, "apply", source)
    assert [again["exit_code"], again["data"]["writes"]] == [0, 0]
    assert again["data"]["vector_stores"] == {"files_completed": 4, "unchanged": 2}


def test_new_ids_reach_assistants_suites_maps_and_status(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", *SHOP, ASSISTANT)
    before = run(cli, "assistants", source)["data"]
    assert "tools" not in before["assistants"][0]["config"], "no id of the source is written before there is one"
    assert before["assistants"][0]["not_carried"][0]["data"]["vector_store_ids"] == ["vs_shop"]
    assert run(cli, "apply", source)["exit_code"] == 0
    new = stores(cli)["vs_shop"]["target_store_id"]
    [tool] = run(cli, "assistants", source)["data"]["assistants"][0]["config"]["tools"]
    assert tool == {"type": "file_search", "vector_store_ids": [new]}
    for asked in ("vs_shop", new):
        [row] = run(cli, "map", asked)["data"]["rows"]
        assert [row["found"], row["source_store_id"], row["target_store_id"]] == ["vector_store", "vs_shop", new]
    assert run(cli, "status")["data"]["vector_stores"] == {"rebuilt": 1}
    assert "Vector stores: 1 rebuilt" in cli("status").out
    suite = {
        "model": "gpt-5.4-mini",
        "tools": [{"type": "file_search", "vector_store_ids": ["vs_shop"]}],
        "cases": [{"id": "lamp", "input": "[[file_search lamp]]", "expect": {"contains": ["green"]}}],
    }
    (tmp_path / "suite.yaml").write_text(json.dumps(suite), encoding="utf-8")
    replayed = run(cli, "replay", tmp_path / "suite.yaml")
    assert replayed["data"]["totals"]["passed"] == 1, replayed


def test_planning_counts_what_would_be_rebuilt_and_sends_nothing(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(
        tmp_path / "export",
        *SHOP,
        *HALL,
        store("old", 3, status="expired"),
        threads=(named_in(1, "vs_gone"),),
        lacking=("file-sofa",),
    )
    data = run(cli, "plan", source)["data"]
    counts = data["vector_stores"]
    assert counts == {"bytes": 2 * 18 + 19, "files": 3, "files_missing": 1, "not_rebuilt": 2, "stores": 2}
    assert data["findings"]["vector-store-not-rebuilt"] == 2
    assert "2 vector stores to rebuild, with 3 files of 55 bytes" in cli("plan", source).out
    assert [strict.requests("create-store"), strict.requests("upload")] == [0, 0]


def test_where_ids_stay_files_are_named_by_them(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__FILES", "keep")
    known = strict.client.files.create(file=("lamp.txt", b"The lamp is green."), purpose="assistants").id
    source = written(tmp_path / "export", store("shop", 2), in_store("shop", known), in_store("shop", "file-sofa"))
    result = run(cli, "apply", source)
    assert result["exit_code"] == 0
    assert [one.id for one in strict.client.vector_stores.files.list(standing(strict)["vs_shop"].id)] == [known]
    assert strict.requests("upload") == 1
    [told] = details(result, "vector-store-file-missing")
    assert "file-sofa" in told and "No such File object" in told


def test_the_setting_may_change_in_the_middle_of_a_migration(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = written(tmp_path / "export", *SHOP, threads=(named_in(1, "vs_shop"),))
    for value in ("note", "keep"):
        monkeypatch.setenv("MIGRATE_CONVERT__VECTOR_STORES", value)
        result = run(cli, "apply", source)
        assert result["exit_code"] == 0
        assert result["data"]["findings"]["vector-store-not-carried"] == 1
    assert strict.requests("create-store") == 0
    monkeypatch.setenv("MIGRATE_CONVERT__VECTOR_STORES", "rebuild")
    result = run(cli, "apply", source)
    assert [result["exit_code"], result["data"]["threads"]["unchanged"]] == [0, 1]
    assert "vector-store-not-carried" not in result["data"]["findings"]
    assert standing(strict).keys() == {"vs_shop"}
    assert run(cli, "verify", source, "--strict")["exit_code"] == 0


@pytest.mark.parametrize("attachments", ["note", "drop", "auto"])
def test_uploading_files_for_stores_changes_no_thread_that_speaks_of_them(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch, attachments: str
) -> None:
    monkeypatch.setenv("MIGRATE_CONVERT__ATTACHMENTS", attachments)
    source = written(
        tmp_path / "export",
        store("all", 4),
        *(in_store("all", one) for one in (*TEXTS, "file-bare")),
        threads=(attached(1, *TEXTS, "file-bare"), attached(2, "file-bare", images=("file-pic",))),
    )
    (source / "files" / "file-bare").write_bytes(b"PK\x03\x04 an archive without a name")
    assert run(cli, "apply", source)["exit_code"] == 0
    again = run(cli, "apply", source)
    assert [again["data"]["threads"].get("unchanged"), again["data"]["writes"]] == [2, 0], again["errors"]
    assert run(cli, "verify", source, "--strict")["exit_code"] == 0


# ---- what cannot be carried


def test_a_file_without_bytes_is_named_and_put_there_once_it_is_found(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", *SHOP, lacking=("file-sofa",))
    result = run(cli, "apply", source)
    assert result["exit_code"] == 0
    [told] = details(result, "vector-store-file-missing")
    assert "file-sofa" in told and "vs_shop" in told
    (source / "files" / "file-sofa").write_bytes(TEXTS["file-sofa"][1])
    result = run(cli, "apply", source)
    assert "vector-store-file-missing" not in result["data"]["findings"]
    assert standing(strict)["vs_shop"].file_counts.completed == 2


def test_a_store_whose_files_are_gone_is_not_made(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", *SHOP, *HALL, lacking=("file-sofa", "file-lamp"))
    result = run(cli, "apply", source)
    assert result["exit_code"] == 0
    [told] = details(result, "vector-store-not-rebuilt")
    assert "vs_shop" in told and "none of its 2 files could be carried over" in told
    assert standing(strict).keys() == {"vs_hall"}
    assert run(cli, "apply", source)["data"]["writes"] == 0


def test_a_store_of_which_the_source_knows_too_little_is_named(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(
        tmp_path / "export",
        store("part", 3),
        in_store("part", "file-lamp"),
        store("bare", 4),
        store("old", 1, status="expired"),
        store("empty", 0),
        threads=(named_in(1, "vs_gone"),),
    )
    result = run(cli, "apply", source)
    assert result["exit_code"] == 0
    told = " ".join(details(result, "vector-store-not-rebuilt"))
    for words in (
        "3 files, and 1 of them are listed",
        "4 files, and 0 of them",
        "had expired",
        "does not say what is in",
    ):
        assert words in told
    assert standing(strict).keys() == {"vs_empty"}


def test_a_file_that_cannot_be_indexed_is_named_with_the_reason(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", store("mix", 2), in_store("mix", "file-pic"), in_store("mix", "file-lamp"))
    for _ in range(2):
        result = run(cli, "apply", source)
        assert result["exit_code"] == 0
        [told] = details(result, "vector-store-file-failed")
        assert "file-pic" in told and "unsupported_file" in told
    assert stores(cli)["vs_mix"] | {"target_store_id": ""} == {
        "source_store_id": "vs_mix", "target_store_id": "", "name": "Mix", "status": "rebuilt",
        "files": 2, "completed": 1, "failed": 1,
    }  # fmt: skip


def test_what_the_source_could_not_index_is_not_uploaded(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    failed = in_store("shop", "file-sofa", status="failed")
    result = run(cli, "apply", written(tmp_path / "export", store("shop", 2), in_store("shop", "file-lamp"), failed))
    [told] = details(result, "vector-store-file-missing")
    assert "could not index it either" in told
    assert strict.requests("upload") == 1


def test_a_large_file_is_told_by_its_size_and_never_read(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", store("big", 2), in_store("big", "file-big"), in_store("big", "file-lamp"))
    with (source / "files" / "file-big").open("wb") as sparse:
        sparse.truncate(600_000_000)
    planned = run(cli, "plan", source)
    assert "600,000,000 bytes" in details(planned, "vector-store-file-missing")[0]
    result = run(cli, "apply", source)
    assert result["exit_code"] == 0
    assert "it has 600,000,000 bytes, and the limit is 512,000,000" in details(result, "vector-store-file-missing")[0]
    assert strict.requests("upload") == 1


def test_metadata_that_does_not_fit_is_named(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    pairs = {f"k{number}": str(number) for number in range(16)}
    result = run(cli, "apply", written(tmp_path / "export", store("full", 0, metadata=pairs)))
    assert details(result, "vector-store-field-lost") == ["The vector store vs_full: the metadata pair k15."]
    assert len(standing(strict)["vs_full"].metadata) == 16


# ---- a target that misbehaves


def test_indexing_that_takes_its_time_is_waited_for(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    misbehave(strict, "attach:index-slow:looks=12")
    result = run(cli, "apply", written(tmp_path / "export", *SHOP))
    assert [result["exit_code"], result["data"]["vector_stores"]["rebuilt"]] == [0, 1]


def test_indexing_that_never_ends_has_a_bound_and_the_next_run_looks_again(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_LOAD__PATIENCE", "0.2")
    misbehave(strict, "attach:index-stuck:nth=2")
    source = written(tmp_path / "export", *SHOP, *HALL)
    result = run(cli, "apply", source)
    assert result["exit_code"] == 3
    [problem] = result["errors"]
    assert problem["code"] == "vector-store-unfinished"
    assert "still indexes 1 file" in problem["message"] and "run the same command again later" in problem["message"]
    assert result["data"]["vector_stores"]["rebuilt"] == 1, "the other one is ready"
    again = run(cli, "apply", source)
    assert [again["exit_code"], again["data"]["writes"]] == [3, 0]


@pytest.mark.parametrize("fault", ["reset-after", "500-after", "cut", "html-after", "reset-before", "503", "429"])
@pytest.mark.parametrize("place", ["create-store", "attach", "vector-store", "stores", "store-files"])
def test_lost_answers_make_nothing_twice(cli: Cli, tmp_path: Path, strict: Strict, place: str, fault: str) -> None:
    misbehave(strict, f"{place}:{fault}:nth=1,2")
    source = written(tmp_path / "export", *SHOP, *HALL)
    result = run(cli, "apply", source)
    assert result["exit_code"] == 0, result["errors"]
    assert {key: one.file_counts.completed for key, one in standing(strict).items()} == {"vs_shop": 2, "vs_hall": 2}
    assert run(cli, "verify", source, "--files")["exit_code"] == 0


def test_a_store_that_was_made_after_it_was_given_up_for_lost_is_deleted_again(
    cli: Cli, tmp_path: Path, strict: Strict
) -> None:
    misbehave(strict, "create-store:late:nth=1:seconds=0.15", "attach:latency:ms=300")
    source = written(tmp_path / "export", *SHOP)
    result = run(cli, "apply", source)
    assert result["exit_code"] == 0
    assert result["data"]["vector_stores"]["copies_deleted"] == 1
    assert standing(strict)["vs_shop"].file_counts.completed == 2


def test_a_target_without_vector_stores_is_told_at_once(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    misbehave(strict, "stores:413")
    result = run(cli, "apply", written(tmp_path / "export", *SHOP))
    assert result["exit_code"] == 3
    [problem] = result["errors"]
    assert problem["code"] == "vector-stores-not-taken"
    assert result["data"]["threads"]["loaded"] == 1, "the threads are there"
    assert strict.requests("create-store") == 0


def test_a_store_that_somebody_deleted_is_made_anew(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_LOAD__PATIENCE", "0.1")
    misbehave(strict, "attach:index-stuck")
    source = written(tmp_path / "export", *SHOP)
    assert run(cli, "apply", source)["exit_code"] == 3
    strict.client.vector_stores.delete(standing(strict)["vs_shop"].id)
    misbehave(strict)
    result = run(cli, "apply", source)
    assert [result["exit_code"], result["errors"][0]["code"]] == [3, "vector-store-gone"]
    assert run(cli, "apply", source)["exit_code"] == 0
    assert standing(strict)["vs_shop"].file_counts.completed == 2


TOKEN = f"{sys.executable} -c \"import uuid; print('token-' + uuid.uuid4().hex)\""


@pytest.mark.parametrize("place", ["upload", "create-store", "stores", "attach", "store-files"])
def test_a_token_that_expires_on_the_way_is_renewed_and_nothing_is_done_twice(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("MIGRATE_TARGET__TOKEN_COMMAND", TOKEN)
    misbehave(strict, f"{place}:401:count=1")
    assert run(cli, "apply", written(tmp_path / "export", *SHOP))["exit_code"] == 0
    assert standing(strict)["vs_shop"].file_counts.completed == 2
    assert len(strict.files()) == 2


def test_a_key_that_ends_on_the_way_ends_the_run_and_the_next_one_goes_on(
    cli: Cli, tmp_path: Path, strict: Strict
) -> None:
    misbehave(strict, "upload:401")
    source = written(tmp_path / "export", *SHOP)
    assert run(cli, "apply", source)["exit_code"] == 6
    misbehave(strict)
    assert run(cli, "apply", source)["exit_code"] == 0
    assert standing(strict)["vs_shop"].file_counts.completed == 2
    assert len(strict.files()) == 2


def ended_at(strict: Strict, endpoint: str, sign: signal.Signals, source: Path) -> int:
    """Run `apply` as a process of its own until the target hears such a request, and end it there."""
    command = [sys.executable, "-m", "migrate_cli", "apply", str(source)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while strict.requests(endpoint) < 1 and process.poll() is None:
        pass
    process.send_signal(sign)
    process.communicate()
    return process.returncode


@pytest.mark.parametrize("place", ["upload", "create-store", "attach", "store-files"])
@pytest.mark.parametrize("fault", ["hang", "hang-after"])
def test_a_run_that_is_killed_at_any_request_is_gone_on_with_and_makes_nothing_twice(
    cli: Cli, tmp_path: Path, strict: Strict, place: str, fault: str
) -> None:
    misbehave(strict, f"{place}:{fault}")
    source = written(tmp_path / "export", *SHOP)
    assert ended_at(strict, place, signal.SIGKILL, source) == -signal.SIGKILL
    misbehave(strict)
    assert run(cli, "apply", source)["exit_code"] == 0
    assert standing(strict)["vs_shop"].file_counts.model_dump() == {
        "cancelled": 0, "completed": 2, "failed": 0, "in_progress": 0, "total": 2,
    }  # fmt: skip
    sent = [strict.requests(endpoint) for endpoint in ("upload", "create-store", "attach")]
    assert run(cli, "apply", source)["data"]["vector_stores"] == {"files_completed": 2, "unchanged": 1}
    assert [strict.requests(endpoint) for endpoint in ("upload", "create-store", "attach")] == sent


def test_an_interrupt_while_files_are_indexed_stops_in_good_order(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    misbehave(strict, "attach:index-stuck")
    source = written(tmp_path / "export", *SHOP)
    assert ended_at(strict, "vector-store", signal.SIGINT, source) == 130
    assert stores(cli)["vs_shop"]["status"] == "filling"
    assert "Vector stores: 1 filling" in cli("status").out
    strict.client.vector_stores.delete(standing(strict)["vs_shop"].id)
    misbehave(strict)
    assert run(cli, "apply", source)["errors"][0]["code"] == "vector-store-gone"
    assert run(cli, "apply", source)["exit_code"] == 0


def test_a_lost_state_file_makes_no_store_twice(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", *SHOP, *HALL)
    run(cli, "apply", source)
    for path in tmp_path.glob("migration.db*"):
        path.unlink()
    result = run(cli, "apply", source)
    assert result["data"]["vector_stores"]["adopted"] == 2
    assert result["data"]["files"] == {"adopted": 3, "uploaded": 3}
    assert len(strict.files()) == 3
    assert {key: one.file_counts.completed for key, one in standing(strict).items()} == {"vs_shop": 2, "vs_hall": 2}


def test_of_files_that_look_alike_none_is_taken_for_another_after_the_state_was_lost(
    cli: Cli, tmp_path: Path, strict: Strict
) -> None:
    source = written(tmp_path / "export", *SHOP)
    facts = json.loads((source / "files.json").read_text("utf-8"))
    sofa = next(one for one in facts["data"] if one["id"] == "file-sofa")
    lamp = next(one for one in facts["data"] if one["id"] == "file-lamp")
    sofa |= {"filename": lamp["filename"], "bytes": lamp["bytes"]}
    (source / "files.json").write_text(json.dumps(facts), encoding="utf-8")
    for path in source.rglob("*sofa*"):
        path.write_bytes(b"x" * lamp["bytes"])
    run(cli, "apply", source)
    for path in tmp_path.glob("migration.db*"):
        path.unlink()
    result = run(cli, "apply", source)["data"]
    assert result["vector_stores"]["adopted"] == 1 and result["files"] == {"uploaded": 2}
    assert standing(strict)["vs_shop"].file_counts.completed == 4


def test_of_shards_the_first_rebuilds_them(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", *SHOP)
    for shard, standing_then in (("2/2", set()), ("1/2", {"vs_shop"})):
        result = run(cli, "apply", source, "--shard", shard, "--state", f"{shard[0]}.db")
        assert result["exit_code"] in (0, 3)
        assert standing(strict).keys() == standing_then
    assert run(cli, "merge", "1.db", "2.db")["exit_code"] == 0
    assert stores(cli)["vs_shop"]["status"] == "rebuilt"


# ---- verify and undo


def test_verifying_files_compares_the_stores(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", *SHOP, *HALL, store("third", 1), in_store("third", "file-desk"))
    run(cli, "apply", source)
    made, files = standing(strict), file_map(cli)
    assert "vector_stores" not in run(cli, "verify", source)["data"]
    verified = run(cli, "verify", source, "--files")
    assert [verified["exit_code"], verified["data"]["vector_stores"]["="]] == [0, 3]
    strict.client.vector_stores.delete(made["vs_third"].id)
    strict.client.vector_stores.files.delete(files["file-sofa"]["target_file_id"], vector_store_id=made["vs_shop"].id)
    strict.client.vector_stores.files.create(made["vs_hall"].id, file_id=files["file-sofa"]["target_file_id"])
    verified = run(cli, "verify", source, "--files")
    assert verified["exit_code"] == 4
    counts = verified["data"]["vector_stores"]
    assert [counts["-"], counts["*"], counts["+"] + counts["*"] - 1] == [1, 1, 1]
    assert {one["code"] for one in verified["errors"]} == {"missing-vector-store", "missing-store-file"}


def test_undo_takes_back_what_was_made_and_keeps_what_somebody_added_to(
    cli: Cli, tmp_path: Path, strict: Strict
) -> None:
    source = written(tmp_path / "export", *SHOP, *HALL)
    run(cli, "apply", source)
    files = strict.files()
    other = strict.client.files.create(file=("mine.txt", b"mine"), purpose="assistants").id
    strict.client.vector_stores.files.create(standing(strict)["vs_hall"].id, file_id=other)
    foreseen = run(cli, "undo", "--all", "--dry-run")["data"]
    assert foreseen["vector_stores"] == 2 and "2 vector stores" in foreseen["message"]
    assert "2 vector stores" in cli("undo", "--all", "--dry-run").out
    result = run(cli, "undo", "--all", "--yes")
    assert [result["exit_code"], result["data"]["vector_stores"]] == [3, {"deleted": 1, "kept": 1}]
    assert standing(strict).keys() == {"vs_hall"}
    assert files.keys() <= strict.files().keys(), "uploaded files stay"
    assert run(cli, "undo", "--all", "--yes", "--force")["exit_code"] == 0
    assert standing(strict) == {}
    assert run(cli, "apply", source)["data"]["vector_stores"]["made"] == 2
    assert standing(strict).keys() == {"vs_shop", "vs_hall"}


def test_undo_of_one_thread_leaves_stores_alone(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    run(cli, "apply", written(tmp_path / "export", *SHOP))
    result = run(cli, "undo", "--thread", thread(1, 2)["thread"]["id"], "--yes")
    assert [result["exit_code"], "vector_stores" in result["data"]] == [0, False]
    assert standing(strict).keys() == {"vs_shop"}


def test_undo_of_deletes_that_are_never_answered_ends(
    cli: Cli, tmp_path: Path, strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(cli, "apply", written(tmp_path / "export", *SHOP))
    monkeypatch.setenv("MIGRATE_LOAD__TIMEOUT", "0.3")
    misbehave(strict, "delete-store:post-unanswered")
    assert run(cli, "undo", "--all", "--yes")["exit_code"] == 0
    assert standing(strict) == {}


# ---- hosts and snapshots


@pytest.fixture
def from_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    monkeypatch.setenv("MIGRATE_SOURCE__PRESET", "foundry")
    monkeypatch.setenv("MIGRATE_SOURCE__DISCOVER", "true")


@pytest.mark.usefixtures("from_host")
@pytest.mark.parametrize("saved", [False, True], ids=["straight", "from a snapshot"])
def test_a_live_host_gives_them_too(cli: Cli, tmp_path: Path, strict: Strict, saved: bool) -> None:
    source = written(
        tmp_path / "export", *SHOP, *HALL, store("old", 1, status="expired"), threads=(named_in(1, "vs_gone"),)
    )
    with host(tmp_path, source, SourcePreset.FOUNDRY) as running:
        if saved:
            taken = run(cli, "snapshot", running.url)["data"]
            assert [taken["vector_stores"], taken["files"]["saved"]] == [3, 3]
            assert cli("snapshot", "--verify").code == 0
        else:
            result = run(cli, "apply", running.url)
    if saved:
        result = run(cli, "apply", "snapshot")  # the host is gone by now
    assert result["exit_code"] == 0
    assert {key: one.file_counts.completed for key, one in standing(strict).items()} == {"vs_shop": 2, "vs_hall": 2}
    assert standing(strict)["vs_shop"].metadata == {"migrated_from": "vs_shop", "team": "sales"}
    told = " ".join(details(result, "vector-store-not-rebuilt"))
    assert "vs_old" in told and "vs_gone" in told


@pytest.mark.usefixtures("from_host")
def test_a_refresh_of_a_snapshot_takes_up_new_stores_and_keeps_those_that_are_gone(
    cli: Cli, tmp_path: Path, strict: Strict
) -> None:
    source = written(tmp_path / "export", *SHOP, *HALL)
    with host(tmp_path, source, SourcePreset.FOUNDRY) as running:
        assert run(cli, "snapshot", running.url)["data"]["vector_stores"] == 2
        with OpenAI(base_url=running.sandbox.base_url, api_key=KEY) as there:
            there.vector_stores.delete("vs_hall")
            there.vector_stores.update("vs_shop", metadata={"team": "north"})
        assert run(cli, "snapshot", running.url, "--refresh")["data"]["vector_stores"] == 2
    assert cli("snapshot", "--verify").code == 0
    assert run(cli, "apply", "snapshot")["exit_code"] == 0
    assert {key: one.file_counts.completed for key, one in standing(strict).items()} == {"vs_shop": 2, "vs_hall": 2}
    assert standing(strict)["vs_shop"].metadata == {"migrated_from": "vs_shop", "team": "north"}


@pytest.mark.usefixtures("from_host")
def test_a_large_file_of_a_host_is_never_fetched(cli: Cli, tmp_path: Path, strict: Strict) -> None:
    source = written(tmp_path / "export", store("big", 1), in_store("big", "file-big"))
    facts = json.loads((source / "files.json").read_text())
    facts["data"].append(
        {"id": "file-big", "object": "file", "bytes": 600_000_000, "filename": "b.txt", "purpose": "assistants_output"}
    )
    (source / "files.json").write_text(json.dumps(facts))
    with host(tmp_path, source, SourcePreset.FOUNDRY) as running:
        result = run(cli, "apply", running.url)
        asked = httpx2.get(f"{running.sandbox.control_url}/stats").json()["requests"]
    [told] = details(result, "vector-store-file-missing")
    assert "600,000,000 bytes" in told
    assert asked["store-files"] == 1 and "content" not in asked
