"""Which threads a verification takes: a stable sample, and what an interrupted one has already done. Pure."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from migrate_cli.errors import UsageError

_WHOLE = float(1 << 64)


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of all threads: a number of them or a share (0 to 1). The same seed takes the same threads."""

    count: int | None = None
    share: float | None = None
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Sample:
        """Read `100` or `5%`. Raises UsageError."""
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
        number = float(match[1]) if match else 0.0
        if match and match[2] and 0 < number <= 100:
            return cls(share=number / 100, seed=seed)
        if match and not match[2] and number >= 1 and number == int(number):
            return cls(count=int(number), seed=seed)
        raise UsageError(f"--sample takes a number of threads or a share, such as 100 or 5%, not {text}")

    def of(self, thread_ids: Iterable[str]) -> Iterator[str]:
        """Yield the ids that belong to the sample; a number of them needs memory for those only."""
        if self.share is not None:
            limit = self.share * _WHOLE
            yield from (one for one in thread_ids if self._rank(one) < limit)
        else:
            ranked = heapq.nsmallest(self.count or 0, ((self._rank(one), one) for one in thread_ids))
            yield from (one for _, one in ranked)

    def _rank(self, thread_id: str) -> int:
        salted = f"{self.seed}:{thread_id}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(salted, digest_size=8).digest(), "big")
