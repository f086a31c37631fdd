"""A rate limit in requests per minute, enforced as on the real service: a token bucket. Pure; time is passed in."""

from __future__ import annotations

import math

from migrate_cli.sandbox.api_error import ApiError


class TokenBucket:
    """Holds up to `burst` requests and refills at `limit` per minute. Both can change at any time."""

    def __init__(self, limit: float, burst: float | None, now: float) -> None:
        self.limit = limit
        self.burst = max(1.0, limit if burst is None else burst)
        self._level = self.burst
        self._at = now

    def change(self, limit: float, burst: float | None, now: float) -> None:
        """Apply another limit from now on; the level is kept, as far as it fits."""
        self._fill(now)
        self.limit = limit
        self.burst = max(1.0, limit if burst is None else burst)
        self._level = min(self._level, self.burst)

    def take(self, now: float) -> float:
        """Take one request. Returns 0, or the seconds until one is available."""
        self._fill(now)
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) * 60 / self.limit

    def headers(self) -> dict[str, str]:
        """The `x-ratelimit-…` headers as things stand; `reset` is the time until the bucket is full."""
        return {
            "x-ratelimit-limit-requests": f"{self.limit:.0f}",
            "x-ratelimit-remaining-requests": f"{math.floor(self._level)}",
            "x-ratelimit-reset-requests": duration((self.burst - self._level) * 60 / self.limit),
        }

    def _fill(self, now: float) -> None:
        self._level = min(self.burst, self._level + max(0.0, now - self._at) * self.limit / 60)
        self._at = now


def rate_limited(retry_after: float | None, headers: dict[str, str] | None = None) -> ApiError:
    """The 429 for too many requests; without `retry_after` (seconds) it does not say when to come back."""
    return ApiError(
        429,
        "Rate limit reached for requests. Please slow down and try again.",
        code="rate_limit_exceeded",
        kind="requests",
        headers={**(headers or {}), **_retry_after(retry_after)},
    )


def out_of_quota() -> ApiError:
    """The 429 for an exhausted quota, which waiting does not help."""
    return ApiError(
        429,
        "You exceeded your current quota; please check your plan and billing details.",
        code="insufficient_quota",
        kind="insufficient_quota",
    )


def duration(seconds: float) -> str:
    """A time as the service writes it in headers: `2ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds else "0s"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{minutes:.0f}m{rest:g}s" if minutes else f"{rest:g}s"


def _retry_after(seconds: float | None) -> dict[str, str]:
    if seconds is None:
        return {}
    if seconds == int(seconds):
        return {"retry-after": f"{seconds:.0f}"}
    return {"retry-after": f"{math.ceil(seconds)}", "retry-after-ms": f"{math.ceil(seconds * 1000)}"}
