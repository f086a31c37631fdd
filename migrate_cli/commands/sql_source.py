"""Opens the `sql` source that the settings describe: which database, which rows. It must read column names only."""

from __future__ import annotations

from migrate_cli.errors import UsageError, closest
from migrate_cli.settings.model import Settings
from migrate_cli.sources.app_formats import APPS
from migrate_cli.sources.sql.source import RowQuery, SqlSource


def open_sql(settings: Settings) -> SqlSource:
    """Return the source. Raises UsageError, SourceError, AuthError or TemporaryError, each in one sentence."""
    source = settings.source
    app = _app(source.format)
    rows = RowQuery(
        source.table,
        source.select,
        source.columns,
        source.roles,
        source.order,
        paths=source.map.paths,
        app=app,
        time_format=source.time_format,
    )
    return SqlSource(database_url(settings), rows, timeout=settings.load.timeout)


def _app(named: str) -> str | None:
    """Return the app that `source.format` names; None where it names none. Raises UsageError for an unknown word."""
    if named in APPS:
        return named
    if named != "auto":
        from migrate_cli.sources.shapes import SHAPES  # noqa: PLC0415 - only to tell a wrong word

        if named not in SHAPES:
            close = closest(named, APPS)
            hint = f"; did you mean {close}?" if close else ""
            raise UsageError(
                f"source.format names no app {named}{hint}. Apps are {', '.join(APPS)}", code="unknown-format"
            )
    return None


def database_url(settings: Settings) -> str:
    """Return the URL: of the file that `source.path` names, else `source.url`, else what `source.url_env` holds."""
    source = settings.source
    if source.path is not None:
        return f"sqlite:///{source.path}"
    secret = settings.secret(source.url_env)
    url = source.url or (secret.get_secret_value().strip() if secret is not None else "")
    if not url:
        raise UsageError(
            f"no database is named; set source.url, or put its URL into the variable {source.url_env}", code="no-url"
        )
    return url
