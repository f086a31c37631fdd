"""What the program tells people to type can be typed: it has no placeholder, and it does its work."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox
from typer.exceptions import TyperException

import docs
from commands.conftest import Cli, Outcome, cli, target  # noqa: F401 - fixtures
from support.exports import thread_id, write_export
from support.hosts import host
from support.printed import HOLE, PACKAGE, Sentence, arguments, commands_in, filled, lines_of, parse, sentences

SENTENCES = list(sentences())
NAME = re.compile(r"migrate-cli [a-z]+(?: --explain)?")
"""The name of a command, as the title of a report or the holder of a lock."""
PLACEHOLDER = re.compile(r"(?<![\w./-])(?:[A-Z]{2,}\b|<[a-z-]+>)|…")
DONE = (0, 3, 4)
"""Exit codes of commands that could do what they are for, whatever they found."""


# ---- what stands in the source


def is_whole(sentence: Sentence) -> bool:
    """Whether a text is a command, or the name of one, and nothing else."""
    return sentence.text.startswith("migrate-cli ") and "\n" not in sentence.text


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: sentence.place)
def test_a_command_in_a_sentence_is_set_apart_and_can_be_typed(sentence: Sentence) -> None:
    if is_whole(sentence):
        found = [sentence.text]
    elif "\n" in sentence.text:  # a text of several lines has each command on a line of its own
        found = [line.strip(" #") for line in sentence.text.splitlines() if line.strip(" #").startswith("migrate-cli ")]
        found = [re.split(r"\s{2,}", line)[0] for line in found]
    else:
        found = commands_in(sentence.text)
        rest = sentence.text
        for line in found:
            rest = rest.replace(line, "")
        assert not re.search(r"migrate-cli [a-z]", rest), "set it in backticks, or at the end after a colon"
    for line in found:
        assert not PLACEHOLDER.search(line), f"nobody can type {line}"
        if not NAME.fullmatch(line):
            parse_filled(line)


def parse_filled(line: str) -> None:
    """Parse a command whose holes are values; the last may be options instead, or a value may still be to come."""
    for way in (line, line.removesuffix(f" {HOLE}"), f"{line} {HOLE}"):
        try:
            parse(filled(way))
        except TyperException as error:
            wrong = error
        else:
            return
    raise wrong


def test_the_sentences_of_the_program_are_found() -> None:
    assert len(SENTENCES) > 60
    assert len({sentence.place.split(":")[0] for sentence in SENTENCES}) > 25


# ---- what reports propose


def followed(cli: Cli, outcome: Outcome, *, least: int = 1) -> list[str]:  # noqa: F811
    """Type every command that a report in Markdown proposes; return them."""
    lines = lines_of(outcome.out)
    assert len(lines) >= least, outcome.out
    for line in lines:
        assert not PLACEHOLDER.search(line), line
        typed = cli(*arguments(line))
        if "nobody can be asked here" in typed.err:
            typed = cli(*arguments(line), "--yes")
        assert typed.code in DONE, f"{line}: {typed.err}"
    return lines


def report(cli: Cli, *words: object) -> Outcome:  # noqa: F811
    return cli(*words, "--output", "markdown")


@pytest.fixture
def control(target: EmbeddedSandbox) -> Iterator[httpx2.Client]:  # noqa: F811
    """What makes the target misbehave."""
    with httpx2.Client(base_url=target.control_url, headers=CONTROL_HEADERS) as client:
        yield client


def misbehave(control: httpx2.Client, *rules: str) -> None:
    assert control.post("/faults", json={"rules": list(rules)}).status_code < 300


@pytest.mark.parametrize("held", [(), ("--state", "my state.db")], ids=["the usual state file", "one that is named"])
def test_from_plan_to_replay_each_report_leads_to_the_next(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
    held: tuple[str, ...],
) -> None:
    export = write_export(tmp_path / "my export", [2, 3])
    assert len(followed(cli, report(cli, "plan", export, "--save", "my plan.json", *held), least=2)) == 2
    applied = report(cli, "apply", export, *held)
    followed(cli, report(cli, "status", *held))
    followed(cli, applied)
    assert "--init" in followed(cli, report(cli, "verify", export, *held))[0]
    followed(cli, report(cli, "report", "--list", *held))
    followed(cli, report(cli, "init"))
    followed(cli, report(cli, "doctor", export), least=0)


def test_a_thread_in_doubt_can_be_settled_by_what_is_printed(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
    control: httpx2.Client,
) -> None:
    export = write_export(tmp_path / "export", [30])
    misbehave(control, "append:scramble:nth=2")
    applied = report(cli, "apply", export)
    misbehave(control)
    assert applied.code == 3
    assert "resolve" in followed(cli, applied)[0]
    followed(cli, report(cli, "status"))
    followed(cli, report(cli, "doctor"))
    lines = followed(cli, report(cli, "resolve", thread_id(1)), least=4)
    assert [word for line in lines for word in ("--adopt", "--restart", "--skip") if word in line]


def test_what_failed_can_be_tried_again_by_what_is_printed(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
    control: httpx2.Client,
) -> None:
    export = write_export(tmp_path / "export", [2, 2, 2])
    (export / "broken.json").write_text("{")
    misbehave(control, "append:poison:text=thread_0")
    applied = report(cli, "apply", export, "--max-errors", "50")
    misbehave(control)
    assert applied.code == 3
    assert any("--retry-failed" in line for line in followed(cli, applied))
    assert json.loads(cli("status", "--output", "json").out)["data"]["threads"] == {"loaded": 3}


def test_conversations_that_are_gone_or_different_can_be_settled_by_what_is_printed(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
) -> None:
    export = write_export(tmp_path / "export", [2, 4, 4])
    assert cli("apply", export).code == 0
    stored = {metadata["source_thread_id"]: (one, items) for one, metadata, items in read_conversations(target.data)}
    with httpx2.Client(base_url=target.base_url, headers={"Authorization": "Bearer any"}) as client:
        client.delete(f"/conversations/{stored[thread_id(1)][0]}")
        conversation, items = stored[thread_id(2)]
        client.delete(f"/conversations/{conversation}/items/{items[1]['id']}")
        conversation, items = stored[thread_id(3)]
        copy = {key: value for key, value in items[0].items() if key not in ("id", "status")}
        client.post(f"/conversations/{conversation}/items", json={"items": [copy]})
    verified = report(cli, "verify", export)
    assert verified.code == 4
    told = lines_of(report(cli, "status").out)
    assert any("--restart" in line for line in told)
    assert any("resolve" in line and "--restart" not in line for line in told)
    followed(cli, verified)
    followed(cli, report(cli, "status"))
    followed(cli, report(cli, "resolve", thread_id(2)), least=4)


def test_a_plan_that_is_not_whole_leads_on(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
) -> None:
    export = write_export(tmp_path / "my export", [2, 2])
    (export / "chat.csv").write_text("Fall;Wer;Was\nthread_9;user;When, please?\nthread_9;assistant;At nine.\n")
    planned = report(cli, "plan", export)
    assert planned.code == 3
    lines = followed(cli, planned, least=3)
    assert ["apply" in line for line in lines] == [False, False, True]
    (export / "chat.csv").unlink()
    for words in (["--check", "--fail-on", "order-unknown", "--since", "2020-01-01"], ["--thread", "thread_nobody"]):
        followed(cli, report(cli, "plan", export, *words))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "threads.json").write_text("[]")
    for asked in ((tmp_path / "empty",), (export, "--since", "2040-01-01"), (export, "--shard", "2/900")):
        followed(cli, report(cli, "plan", *asked))
    write_export(tmp_path / "silent", [0])
    followed(cli, report(cli, "plan", tmp_path / "silent"))


def test_a_verification_that_is_not_whole_leads_on(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
    control: httpx2.Client,
) -> None:
    export = write_export(tmp_path / "my export", [2, 2, 2])
    cli("apply", export, "--limit", 1, "--state", "my state.db")
    (export / "broken.json").write_text("{")
    verified = report(cli, "verify", export, "--state", "my state.db")
    assert verified.code == 3
    assert len(followed(cli, verified, least=4)) == 4  # apply and verify, for what is missing and for what is broken
    (export / "broken.json").unlink()
    assert cli("verify", export, "--state", "my state.db").code == 0

    misbehave(control, "append:poison:text=thread_0")
    write_export(export, [2, 2, 2, 2])
    cli("apply", export, "--state", "my state.db")
    misbehave(control)
    assert any(
        "--retry-failed" in line for line in followed(cli, report(cli, "verify", export, "--state", "my state.db"))
    )
    followed(cli, report(cli, "verify", export, "--thread", "thread_nobody", "--state", "my state.db"))


def test_what_doctor_proposes_can_be_typed_whatever_it_found(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    export = write_export(tmp_path / "my export", [2, 2])
    write_export(tmp_path / "export", [1])
    (tmp_path / "odd.db").write_text("these are notes of mine\n" * 9)
    assert [line.split()[1] for line in followed(cli, report(cli, "doctor", export))] == ["plan"]
    followed(cli, report(cli, "doctor", "--target", "sandbox"))
    cli("apply", export)
    assert [line.split()[1] for line in followed(cli, report(cli, "doctor"))] == ["plan"]
    found = {
        0: report(cli, "doctor", export, "--state", "new.db"),
        10: report(cli, "doctor", export, "--state", "odd.db"),
        2: report(cli, "doctor", tmp_path / "nowhere"),
    }
    for code, outcome in found.items():
        typed_as_told(cli, outcome, code)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    typed_as_told(cli, report(cli, "doctor", export), 6)


def typed_as_told(cli: Cli, outcome: Outcome, code: int) -> None:  # noqa: F811
    """Type what doctor proposes; what is wrong stays wrong for doctor until somebody mends it."""
    assert outcome.code == code
    assert lines_of(outcome.out)
    for line in lines_of(outcome.out):
        assert not PLACEHOLDER.search(line), line
        typed = cli(*arguments(line))
        assert typed.code in ((code,) if " doctor " in line and code else DONE), f"{line}: {typed.err}"


def test_assistants_and_shards_lead_on(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
) -> None:
    cli("assistants", docs.REPO / "fixtures" / "objects", "--out", "my setup")
    [line] = lines_of(report(cli, "assistants", docs.REPO / "fixtures" / "objects", "--out", "another").out)
    parse(line)
    assert Path(arguments(line)[1]).is_file()
    export = write_export(tmp_path / "export", [2, 2, 2, 2])
    for number in (1, 2):
        cli("apply", export, "--shard", f"{number}/2")
    followed(cli, report(cli, "merge", "migration-1of2.db", "migration-2of2.db", "--state", "migration.db"))
    followed(cli, report(cli, "undo", "--thread", thread_id(1), "--dry-run"))


def test_errors_name_commands_that_work(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
) -> None:
    export = write_export(tmp_path / "export", [2])
    errors = [cli("apply"), cli("plan"), cli("replay"), cli("status", "--state", "my state.db")]
    cli("apply", export, "--state", "my state.db")
    errors += [cli("report", "no-run", "--state", "my state.db"), cli("undo", "--run", "x", "--state", "my state.db")]
    errors += [cli("resolve", "thread_nobody", "--state", "my state.db"), cli("plan", "--config", "none.yaml")]
    errors.append(cli("plan", saved_assistant(tmp_path)))
    lines = [line for error in errors for line in commands_in(error.err.strip().removeprefix("migrate-cli: "))]
    assert [error.code for error in errors] == [2] * len(errors)
    assert len(lines) >= len(errors) - 1
    for line in lines:
        assert not PLACEHOLDER.search(line), line
        if line.startswith("migrate-cli recover"):  # needs a target that lists
            parse(line)
        else:
            assert cli(*arguments(line)).code in DONE, line


def saved_assistant(folder: Path) -> Path:
    shutil.copy(docs.REPO / "fixtures" / "objects" / "assistants.json", folder / "my assistants.json")
    return folder / "my assistants.json"


# ---- what the documentation and the help show

FENCE = re.compile(r"```console\n(.*?)```", re.DOTALL)
EXAMPLE = re.compile(r"Example: `(migrate-cli [^`]+)`")
THREADS = ("thread_2Kc3e3Io6BFToz1Lijmf7rVW", "thread_7GNU5kOWRmjZ5LwOZ8bwPvDs")
REPLAYED = ("thread_e9KCe3Oejj8x1O9585YmA6fV", "thread_nyJQAlO57FtrPSoS5j6boVpm", "thread_gxYOZtsRwG3jB4V7PWoKCCoC")
"""Those that the documentation names, and those of the suite."""
ELSEWHERE = {
    "README.md": "run as written by test_docs",
    "docs/tutorial.md": "run as written by test_docs",
    "docs/apps.md": "run as written by test_docs",
    "docs/own-format.md": "run as written by test_own_format",
    "docs/own-source.md": "needs the source that the page builds; run by test_plugins",
    "docs/performance.md": "commands of the bench",
}
"""Pages whose commands other tests run."""
NOT_RUN = {
    "--install-completion": "writes into the shell's settings of whoever runs the tests",
    "--engine dask": "needs a cluster; run by test_dask",
    "--threads-from -": "reads what another program writes; run by test_api_ids",
    "--shard auto": "takes its number from a scheduler; run by the tests of the examples",
    "of8.db": "as with four",
    "migrate-cli sandbox": "serves until it is stopped; run by test_foundry_rehearsal",
    "--create": "needs a target with agents; run by the tests of agents",
    "--orphans": "needs a target that lists; run by test_orphans",
    "recover": "needs a target that lists; run by test_recover",
}
"""Commands that are only parsed here, by a part of them, and why."""


def typed_on(page: Path) -> list[str]:
    """The migrate-cli lines that a reader types on a page, in order."""
    typed = []
    for block in FENCE.findall(page.read_text("utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            before, found, rest = line.partition("migrate-cli ")
            if line.startswith("$ export MIGRATE_"):
                typed.append(line.removeprefix("$ "))
            elif line.startswith("$ ") and found and "docker" not in before:
                typed.append(f"{before.removeprefix('$ ')}migrate-cli {rest}")
    return typed


def pages() -> list[Path]:
    return [page for page in docs.pages() if typed_on(page) and str(page.relative_to(docs.REPO)) not in ELSEWHERE]


@pytest.fixture
def reader(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
) -> Cli:
    """A folder as a reader of the documentation may have it: an export that is migrated, a plan, a suite, a sound."""
    fixtures = docs.REPO / "fixtures"
    export = tmp_path / "export"
    export.mkdir()
    for name in (*THREADS, *REPLAYED):
        shutil.copy(fixtures / "thread-files" / f"{name}.json", export)
    shutil.copy(fixtures / "objects" / "assistants.json", export)
    for folder in (export, tmp_path):
        shutil.copytree(fixtures / "files", folder / "files")
    (tmp_path / "fixtures").symlink_to(fixtures)
    (tmp_path / "recordings").symlink_to(fixtures / "recordings")
    (tmp_path / "ids.txt").write_text("\n".join(THREADS))
    sound = next((fixtures / "files").glob("*.wav"))
    for name in ("memo.mp3", "voice-note.mp3"):
        shutil.copy(sound, tmp_path / name)
    with sqlite3.connect("app.db") as db:
        db.execute("CREATE TABLE chats (thread_id TEXT, conversation_id TEXT)")
        db.execute("INSERT INTO chats VALUES (?, NULL)", THREADS[:1])
        db.execute("CREATE TABLE messages (thread_id TEXT, role TEXT, body TEXT, position INT)")
        db.execute("INSERT INTO messages VALUES (?, 'user', 'Hello', 1)", THREADS[:1])
    db.close()
    assert cli("apply", "export", "--quiet").code == 0
    return cli


@contextmanager
def live_host(wanted: bool) -> Iterator[None]:
    """A live host with the reader's threads, for commands that read from one."""
    if not wanted:
        yield
        return
    with host(Path(), Path("export"), SourcePreset.FOUNDRY) as running:
        Path("host.url").write_text(running.url)
        yield


def expanded(word: str) -> list[str]:
    """A word as a shell hands it over: a pattern becomes the files that are there."""
    return (sorted(map(str, Path().glob(word))) if "*" in word else []) or [word]


def prepare(reader: Cli, line: str, variables: pytest.MonkeyPatch) -> None:
    """Have ready what a command needs and another one may have used up."""
    live = "snapshot" in line and Path("host.url").exists()
    if "apply" in line and live:  # another migration than the one before
        for state in Path().glob("migration*.db*"):
            state.unlink()
    suite, fixture = Path("replay.yaml"), docs.REPO / "fixtures" / "replay.yaml"
    suite.unlink(missing_ok=True)
    if "--init" not in line:
        shutil.copy(fixture, suite)
    rehearsed = "--rehearsal" in line or ("--target sandbox" in line and " apply " not in line)
    if rehearsed and not Path("migration.rehearsal.db").exists():
        reader("apply", "export", "--target", "sandbox", "--quiet")
    if "plan.json" in line and "--save" not in line:
        reader("plan", "export", "--save", "plan.json", "--quiet")
    if "of4.db" in line:
        for state in Path().glob("migration.db*"):
            state.unlink()
        for shard in (1, 2, 3, 4):
            reader("apply", "export", "--shard", f"{shard}/4", "--quiet")
    if live:
        variables.setenv("SOURCE_BASE_URL", Path("host.url").read_text())
        variables.setenv("SOURCE_API_KEY", "source-key-0123456789")
        variables.setenv("MIGRATE_SOURCE__PRESET", "foundry")


def run(reader: Cli, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type one line: as a whole where that can be done here, else only have it parsed."""
    if line.startswith("export "):  # from here to the end of the page, for another migration than the one before
        for assignment in line.split()[1:]:
            name, _, value = assignment.partition("=")
            monkeypatch.setenv(name, value)
        for state in Path().glob("migration*.db*"):
            state.unlink()
        return
    if any(part in line for part in NOT_RUN):
        parse(line.partition("migrate-cli ")[1] + line.partition("migrate-cli ")[2])
        return
    before, _, rest = line.partition("migrate-cli ")
    with monkeypatch.context() as variables:
        for assignment in before.split():
            name, _, value = assignment.partition("=")
            variables.setenv(name, value)
        prepare(reader, line, variables)
        words = [word for each in arguments(f"migrate-cli {rest}") for word in expanded(each)]
        outcome = reader(*words)
    if "nobody can be asked here" in outcome.err:
        outcome = reader(*words, "--yes")
    assert outcome.code in DONE, f"{line}: {outcome.err}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_command_of_a_page_does_its_work(page: Path, reader: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with live_host(page.name == "foundry.md"):
        for line in typed_on(page):
            run(reader, line, monkeypatch)


def test_every_example_in_the_help_does_its_work(reader: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [path.read_text("utf-8") for path in sorted((PACKAGE / "cli").glob("*.py"))]
    examples = [line for text in texts for line in EXAMPLE.findall(text)]
    assert len(examples) > 20
    with live_host(True):
        for line in examples:
            run(reader, line, monkeypatch)


def test_what_is_run_elsewhere_is_still_there() -> None:
    shown = " ".join(line for page in docs.pages() for line in typed_on(page))
    assert [part for part in NOT_RUN if part not in shown] == []
    assert all((docs.REPO / page).is_file() for page in ELSEWHERE)


def explained_on(page: Path) -> list[str]:
    """The lines of a page, and the commands in its sentences, that ask how a file is read."""
    inline = re.findall(r"`(migrate-cli [^`]+)`", page.read_text("utf-8"))
    return [line for line in [*typed_on(page), *inline] if "--explain" in line]


def test_every_file_that_a_page_has_explained_is_there(reader: Cli) -> None:
    lines = sorted({line for page in docs.pages() for line in explained_on(page)})
    assert len(lines) >= 4
    for line in lines:
        told = reader(*arguments(line))
        assert told.code == 0, f"{line}: {told.err}"
        said = " ".join(told.out.split())
        assert "is read as" in said
        assert "No record" not in said, line
