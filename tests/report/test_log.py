"""The log: private, complete, and without keys."""

from __future__ import annotations

import io
import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from migrate_cli.errors import UsageError
from migrate_cli.report.log import set_up_logging
from migrate_cli.secrets import register_secret

CANARY = "c4nary-9f8e7d6c5b4a"
LOG = logging.getLogger("migrate_cli.somewhere")


@pytest.fixture(autouse=True)
def canary() -> Iterator[None]:
    register_secret(CANARY)
    level = logging.getLogger("migrate_cli").level
    yield
    logging.getLogger("migrate_cli").setLevel(level)


def fail_in_a_chain() -> None:
    try:
        raise ValueError(f"inner {CANARY}")
    except ValueError as error:
        raise RuntimeError("outer Authorization: Bearer abcdef123456789") from error


@pytest.mark.parametrize("json_lines", [False, True])
def test_no_key_gets_into_the_file_even_through_chained_tracebacks(tmp_path: Path, json_lines: bool) -> None:
    path, stream = tmp_path / "run.log", io.StringIO()
    close = set_up_logging(path, json_lines=json_lines, stream=stream)
    LOG.warning("key %s in an argument", CANARY, extra={"header": f"api-key: {CANARY}"})
    try:
        fail_in_a_chain()
    except RuntimeError:
        LOG.exception("it went wrong with %s", CANARY)
    close()
    for text in (path.read_text(), stream.getvalue()):
        assert "ValueError: inner ***" in text
        assert "RuntimeError: outer" in text
        assert CANARY not in text
        assert "abcdef123456789" not in text


def test_a_new_file_is_private_and_one_that_was_there_keeps_its_mode_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    set_up_logging(path)()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("old line\n")
    path.chmod(0o644)
    close = set_up_logging(path)
    LOG.info("new line")
    close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.read_text().startswith("old line\n")
    assert "new line" in path.read_text()


def test_json_lines_carry_the_extras(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    close = set_up_logging(path, json_lines=True)
    LOG.info("Loaded %s.", "thread_1", extra={"thread_id": "thread_1", "items": 3})
    close()
    line = json.loads(path.read_text())
    assert line["message"] == "Loaded thread_1."
    assert (line["thread_id"], line["items"], line["level"]) == ("thread_1", 3, "info")
    assert line["time"].endswith("Z")


@pytest.mark.parametrize(("verbosity", "shown"), [(0, ["w"]), (1, ["i", "w"]), (2, ["d", "i", "w"])])
def test_v_decides_what_stderr_shows(verbosity: int, shown: list[str]) -> None:
    stream = io.StringIO()
    close = set_up_logging(verbosity=verbosity, stream=stream)
    LOG.debug("d")
    LOG.info("i")
    LOG.warning("w")
    close()
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == shown


def test_libraries_that_log_request_bodies_are_kept_quiet(tmp_path: Path) -> None:
    close = set_up_logging(tmp_path / "run.log", verbosity=2)
    close()
    assert not logging.getLogger("openai").isEnabledFor(logging.DEBUG)


def test_a_log_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be written .* name another with --log-file"):
        set_up_logging(tmp_path / "missing" / "run.log")


def test_after_closing_nothing_is_written_any_more(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    set_up_logging(path)()
    LOG.error("too late")
    assert path.read_text() == ""


@pytest.mark.parametrize("json_lines", [False, True])
def test_a_name_with_control_characters_makes_no_line_and_no_colour_of_its_own(
    tmp_path: Path, json_lines: bool
) -> None:
    path, stream = tmp_path / "run.log", io.StringIO()
    close = set_up_logging(path, json_lines=json_lines, stream=stream)
    name = "a\n2026-01-31T12:00:00.000Z INFO migrate_cli  all is well\x1b[2K\r\u202eb"
    LOG.warning("%s cannot be read", name)
    try:
        raise OSError(f"{name} is gone")
    except OSError:
        LOG.exception("failed")
    close()
    text = path.read_text()
    assert sum("failed" in line for line in text.splitlines()) == 1
    assert len([line for line in text.splitlines() if "cannot be read" in line and "all is well" in line]) == 1
    for character in "\x1b\r\u202e":
        assert character not in text + stream.getvalue()
