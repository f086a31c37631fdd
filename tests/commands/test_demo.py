"""`demo`: what a newcomer sees first."""

from __future__ import annotations

from .conftest import Cli  # noqa: TID252 - the folder's own fixtures


def test_the_demo_migrates_the_bundled_exports_and_says_what_to_do_next(cli: Cli) -> None:
    outcome = cli("demo")
    assert outcome.code == 0
    for step in ("1. Plan", "2. Apply", "3. Apply again", "4. Verify", "5. Status", "6. Map", "7. Replay"):
        assert step in outcome.out
    assert "Nothing was sent: everything is already there" in " ".join(outcome.out.split())
    assert "migrate-cli plan ./export" in outcome.out


def test_the_demo_as_json_is_one_object_with_every_step(cli: Cli) -> None:
    outcome = cli("demo", "--output", "json")
    assert outcome.code == 0
    steps = outcome.json["data"]["steps"]
    assert [step["command"] for step in steps][:3] == ["plan", "apply", "apply"]
    applied, again = steps[1]["data"], steps[2]["data"]
    assert applied["threads"]["loaded"] > 0
    assert again["writes"] == 0
