"""Where a redirected request may go on: at the same origin only, since it carries keys and messages. Pure.

It must not send anything. Sentences name origins, never a path or a query: a signed address is a secret in itself.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from migrate_cli.errors import UsageError

MOST_REDIRECTS = 5
"""Redirects of one request that are followed; more of them go round in a circle."""
REDIRECTED = "redirected"
"""The code of the error, by which a caller may tell it from others."""
_KEEP_METHOD = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303}) | _KEEP_METHOD
_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """Return `scheme://host`, with the port where it is not the usual one; empty for what is no such address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = port is None or port == _PORTS.get(parts.scheme)
    return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}"


def goes_on_at(url: str, method: str, status: int, location: str | None) -> str | None:
    """Return the address at which a redirected request goes on; None where it must not be sent again.

    The address is built on the origin of the request itself, so that no two readings of `location` can differ about
    the host. Writes go on only where the status keeps their method and body.
    """
    if status not in _REDIRECTS or not location or (method != "GET" and status not in _KEEP_METHOD):
        return None
    place = _joined(url, location)
    origin = origin_of(url)
    if not origin or origin_of(place) != origin:
        return None
    parts = urlsplit(place)
    return f"{origin}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def redirected(url: str, location: str | None) -> UsageError:
    """Return the error for a redirect that is not followed; `url` is the host's base URL."""
    host = origin_of(url)
    place = origin_of(_joined(url, location)) if location else ""
    if not place:
        why = "redirects requests without a valid address"
    elif place == host:
        why = f"redirects requests to another path of {host}"
    else:
        return UsageError(
            f"{host} redirects requests to {place}; this was not followed, because keys and messages would go there; "
            "if it is the right host, put its address into the base URL",
            code=REDIRECTED,
        )
    return UsageError(f"{host} {why}; check the path of the base URL (it usually ends with /v1)", code=REDIRECTED)


def circling(url: str) -> UsageError:
    """Return the error for a host that only ever names another of its own addresses."""
    return UsageError(f"{origin_of(url)} redirects requests in a circle; check the base URL", code=REDIRECTED)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""
