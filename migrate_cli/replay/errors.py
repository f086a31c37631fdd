"""How a case can end without being judged: exceptions that become its status."""

from __future__ import annotations


class CaseError(Exception):
    """The case cannot go on; `code` is stable and kebab-case, the sentence says what happened."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class RequestRefused(CaseError):
    """The target refuses a request, with this status."""

    def __init__(self, code: str, sentence: str, status: int) -> None:
        super().__init__(code, sentence)
        self.status = status


class LimitReached(CaseError):
    """A limit on cost, tokens or tool calls was reached: nothing more is sent."""

    def __init__(self, sentence: str) -> None:
        super().__init__("limit-reached", sentence)


class CaseInterrupted(CaseError):
    """The replay was interrupted, and the case could not end in time: it is not judged."""

    def __init__(self, sentence: str) -> None:
        super().__init__("interrupted", sentence)


class RetryableError(Exception):
    """A request has no result and may be tried again; `reason` says why in a few words."""

    def __init__(
        self,
        reason: str,
        wait: float | None = None,
        *,
        not_applied: bool = False,
        silent: bool = False,
        last: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        """Seconds that the server asked for."""
        self.not_applied = not_applied
        """Whether the request certainly had no effect."""
        self.silent = silent
        """Whether nothing came in time, from a target that may answer nothing at all."""
        self.last = last
        """Whether it was sent as often as it may be."""
