"""Compare a conversation's metadata, pair by pair, with what was sent; or as a whole, with the state's hash. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from migrate_cli.convert.canonical import digest_of_all
from migrate_cli.verify.outcome import Difference, Outcome, Verdict


def compare_metadata(expected: Mapping[str, str], got: Mapping[str, Any], verdict: Verdict) -> None:
    """Book each pair: identical, missing, different, or only in the target."""
    for key in [*expected, *(key for key in got if key not in expected)]:
        if key not in got:
            _book(verdict, Outcome.MISSING, key, "this pair is missing")
        elif key not in expected:
            _book(verdict, Outcome.EXTRA, key, "this pair was not sent")
        elif got[key] == expected[key]:
            verdict.metadata[Outcome.SAME] += 1
        else:
            found = f"{len(got[key]):,} characters" if isinstance(got[key], str) else type(got[key]).__name__
            detail = f"another value: {found} found, {len(expected[key]):,} characters sent"
            _book(verdict, Outcome.DIFFERENT, key, detail)


def compare_whole(digest: str, items: Iterable[bytes], got: Mapping[str, Any], verdict: Verdict) -> None:
    """Book the metadata as one, by the hash of the draft: the state file knows the sum, not the pairs.

    Without a hash there is nothing to hold them against, and nothing is booked.
    """
    if not digest:
        return
    pairs = {key: value for key, value in got.items() if isinstance(value, str)}
    if len(pairs) == len(got) and digest_of_all(items, pairs) == digest:
        verdict.metadata[Outcome.SAME] += len(pairs)
        return
    verdict.metadata[Outcome.DIFFERENT] += 1
    detail = "the pairs are not those that were sent; verify with the source at hand to see which"
    verdict.differences.append(Difference(Outcome.DIFFERENT, "changed-metadata", detail, field="metadata"))


def _book(verdict: Verdict, outcome: Outcome, key: str, detail: str) -> None:
    code = {Outcome.MISSING: "missing", Outcome.EXTRA: "extra"}.get(outcome, "changed")
    verdict.metadata[outcome] += 1
    verdict.differences.append(Difference(outcome, f"{code}-metadata", detail, field=f"metadata.{key}"))
