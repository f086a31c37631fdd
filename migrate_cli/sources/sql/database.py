"""A small interface to the user's database: SQLite files through the standard library, others through SQLAlchemy.

It opens, quotes and streams, read-only unless asked otherwise. It must not know what the rows mean. Every error is one
sentence without the password.
"""

from __future__ import annotations

import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from migrate_cli.bounds import bounds, too_long
from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.errors import AuthError, MigrateError, SourceError, TemporaryError, UsageError
from migrate_cli.secrets import register_secret, scrub
from migrate_cli.work.waiting import waiting

PAGE = 1000
"""Rows per fetch."""
_LONGEST_OF_SQLITE = 2**31 - 1
_BUSY_SECONDS = 10
_LONGEST_REASON = 300
_AUTH_WORDS = ("authentication failed", "access denied", "no password supplied", "login failed")


class Database(ABC):
    """One open connection, made by `open_database`; close it, or use it with `contextlib.closing`."""

    dialect: str
    """`sqlite`, `postgresql`, `mysql` …"""
    place: str
    """Its location, without user and password, for the state file and error messages."""
    insertion_order: str | None = None
    """The hidden column with the order of insertion, if the database has one."""

    @abstractmethod
    def quote(self, name: str) -> str:
        """Return a quoted identifier for use in a statement."""

    @abstractmethod
    def embed(self, sql: str) -> str:
        """Return the user's own SQL for use in a statement."""

    @abstractmethod
    def marks(self, count: int) -> list[str]:
        """Return placeholders for this number of values."""

    @abstractmethod
    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, page by page. Raises SourceError, or TemporaryError if the connection breaks."""

    @abstractmethod
    def columns(self, statement: str) -> list[str]:
        """Return the column names of the result of a query."""

    @abstractmethod
    def tables(self) -> list[str]:
        """Return the names of tables and views."""

    @abstractmethod
    def run(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> int:
        """Execute a statement for each row of values in one transaction; return the number of changed rows."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    def forget_failure(self) -> None:
        """Make the connection usable again after a failed query."""
        return

    def _waiting(self) -> AbstractContextManager[None]:
        """While the database works."""
        return waiting(f"the database {self.place}")

    def table(self, name: str) -> str:
        """Return the quoted name of a table; `schema.table` is a table in a schema."""
        return ".".join(self.quote(part) for part in name.split("."))


def open_database(url: str, *, writable: bool = False, timeout: float = 60.0) -> Database:
    """Connect, within so many seconds where the database is at a host.

    Raises UsageError for a URL or driver that cannot be used, SourceError, AuthError or TemporaryError.
    """
    path = sqlite_path(url)
    return _Sqlite(path, writable=writable) if path is not None else _Alchemy(url, writable=writable, timeout=timeout)


def sqlite_path(url: str) -> Path | None:
    """Return the file of an SQLite URL, or None for other databases. Raises UsageError for one in memory."""
    match = re.fullmatch(r"sqlite(?:\+pysqlite)?://(?:/([^?]*))?(?:\?.*)?", url)
    if match is None:
        return None
    if not match.group(1) or match.group(1) == ":memory:":
        raise UsageError(f"{url} names no file; write sqlite:///app.db, or sqlite:////folder/app.db from the root")
    return Path(unquote(match.group(1))).expanduser()


class _Sqlite(Database):
    """An SQLite file."""

    dialect = "sqlite"
    insertion_order = "rowid"

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.place = f"sqlite:{path.resolve()}"
        self._path = path
        if not path.is_file():
            raise SourceError(f"There is no database file {path}; check source.url.", code="no-such-path")
        if _lacks_bytes(path):
            raise _damaged(path)
        try:
            with self._waiting():
                self._conn = _connected(path, writable=writable)
        except sqlite3.Error as error:
            raise self._fault(error) from error
        self._conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(bounds().string_bytes, _LONGEST_OF_SQLITE))

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def embed(self, sql: str) -> str:
        return sql

    def table(self, name: str) -> str:
        return self.quote(name)

    def marks(self, count: int) -> list[str]:
        return ["?"] * count

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        with self._told():
            with self._waiting():
                cursor = self._conn.execute(statement, tuple(values))
                page = cursor.fetchmany(PAGE)
            while page:
                yield from page
                with self._waiting():
                    page = cursor.fetchmany(PAGE)

    def columns(self, statement: str) -> list[str]:
        with self._told(), self._waiting():
            return [column[0] for column in self._conn.execute(statement).description or ()]

    def tables(self) -> list[str]:
        listed = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
        return [row[0] for row in self.rows(listed + " ORDER BY name")]

    def run(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> int:
        with self._told(), self._waiting():
            self._conn.execute("BEGIN IMMEDIATE")
            try:
                changed = sum(max(0, self._conn.execute(statement, tuple(row)).rowcount) for row in rows)
            except BaseException:
                self._conn.execute("ROLLBACK")
                raise
            self._conn.execute("COMMIT")
        return changed

    def close(self) -> None:
        self._conn.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def _fault(self, error: sqlite3.Error) -> MigrateError:
        name = getattr(error, "sqlite_errorname", None) or ""
        if name == "SQLITE_TOOBIG":
            return SourceError(f"{self._path} holds {too_long('a row')}.", code="string-too-long")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return TemporaryError(
                f"Another program is writing to {self._path}; nothing is lost, run the same command again later"
            )
        if name.startswith("SQLITE_NOTADB"):
            return SourceError(f"{self._path} is not an SQLite database; check source.url.", code="not-a-database")
        if name.startswith("SQLITE_CORRUPT"):
            return _damaged(self._path)
        return SourceError(f"The database {self._path} refuses: {_reason(error)}.", code="database")


def _damaged(path: Path) -> SourceError:
    return SourceError(f"The database {path} is damaged or truncated; copy it again, or restore it.", code="database")


def _lacks_bytes(path: Path) -> bool:
    """Whether a file is shorter than its header says, because SQLite reads missing bytes of a page as zeros.

    If there is a log, the header may be ahead of the file.
    """
    with path.open("rb") as stream:
        head = stream.read(100)
    if len(head) < 100 or head[24:28] != head[92:96] or path.with_name(path.name + "-wal").exists():
        return False
    size = int.from_bytes(head[16:18], "big")
    return path.stat().st_size < (65536 if size == 1 else size) * int.from_bytes(head[28:32], "big")


def _connected(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Connect; a file in a read-only folder is opened as immutable."""
    modes = ["mode=rw"] if writable else ["mode=ro", "mode=ro&immutable=1"]
    if path.with_name(path.name + "-wal").exists():
        modes = modes[:1]
    for last, mode in enumerate(modes, 1):
        conn = connect_shared(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=_BUSY_SECONDS)
        # Bytes that are not UTF-8 become lone surrogates, which conversion reports.
        conn.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        try:
            conn.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            conn.execute(f"PRAGMA query_only = {0 if writable else 1}")
        except sqlite3.OperationalError:
            conn.close()
            if last == len(modes):
                raise
        except BaseException:
            conn.close()
            raise
        else:
            return conn
    raise AssertionError("the last mode either opens or raises")


class _Alchemy(Database):
    """Any database that SQLAlchemy supports, with a driver installed by the user."""

    def __init__(self, url: str, *, writable: bool, timeout: float) -> None:
        try:
            import sqlalchemy  # noqa: PLC0415 - an extra that SQLite files do not need
        except ImportError as error:
            raise UsageError(
                "this database needs SQLAlchemy and its own driver: pip install sqlalchemy psycopg (or another driver)",
                code="no-sqlalchemy",
            ) from error
        self._sa: Any = sqlalchemy
        parsed = self._parsed(url)
        register_secret(parsed.password)
        self.place = f"{parsed.get_backend_name()}://{parsed.host or ''}{_port(parsed.port)}/{parsed.database or ''}"
        self._engine = self._engine_of(parsed, timeout)
        self.dialect = self._engine.dialect.name
        self._conn = self._connected(writable=writable)

    def quote(self, name: str) -> str:
        quoted: str = self._engine.dialect.identifier_preparer.quote_identifier(name)
        return self.embed(quoted)

    def embed(self, sql: str) -> str:
        return sql.replace(":", r"\:")

    def marks(self, count: int) -> list[str]:
        return [f":v{number}" for number in range(count)]

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        with self._told():
            options = {"stream_results": True, "yield_per": PAGE}
            with self._waiting():
                result = self._conn.execute(self._text(statement, values), _named(values), execution_options=options)
            try:
                while page := self._page(result):
                    for row in page:
                        yield tuple(row)
            finally:
                result.close()

    def columns(self, statement: str) -> list[str]:
        with self._told(), self._waiting():
            result = self._conn.execute(self._text(statement, ()))
            return [str(name) for name in list(result.keys())]

    def tables(self) -> list[str]:
        with self._told(), self._waiting():
            inspector = self._sa.inspect(self._conn)
            return sorted([*inspector.get_table_names(), *inspector.get_view_names()])

    def run(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> int:
        with self._told(), self._waiting():
            self._conn.rollback()
            with self._conn.begin():
                text = self._text(statement, rows[0] if rows else ())
                return sum(max(0, self._conn.execute(text, _named(row)).rowcount) for row in rows)

    def close(self) -> None:
        self._conn.close()
        self._engine.dispose()

    def forget_failure(self) -> None:
        self._conn.rollback()

    def _page(self, result: Any) -> list[Any]:
        with self._waiting():
            page: list[Any] = result.fetchmany(PAGE)
            return page

    def _text(self, statement: str, values: Sequence[Any]) -> Any:
        # Without an SQLAlchemy type a text is sent as it is, and the database converts it to the type of the column.
        untyped = self._sa.types.NullType()
        marks = [self._sa.bindparam(f"v{number}", type_=untyped) for number in range(len(values))]
        return self._sa.text(statement).bindparams(*marks)

    def _parsed(self, url: str) -> Any:
        try:
            parsed = self._sa.make_url(re.sub(r"^postgres://", "postgresql://", url))
        except (self._sa.exc.ArgumentError, ValueError) as error:
            raise UsageError("the database URL cannot be read; it looks like postgresql+psycopg://host/name") from error
        if parsed.drivername == "postgresql" and find_spec("psycopg") is not None:
            return parsed.set(drivername="postgresql+psycopg")
        return parsed

    def _engine_of(self, parsed: Any, timeout: float) -> Any:
        try:
            # Drivers wait forever for a host that takes no connection, or takes one and says nothing.
            within = {"connect_timeout": max(2, round(timeout))} if _tells_timeout(parsed) else {}
            return self._sa.create_engine(parsed, poolclass=self._sa.pool.NullPool, connect_args=within)
        except self._sa.exc.NoSuchModuleError as error:
            raise UsageError(f"SQLAlchemy knows no database {parsed.drivername}; check the URL") from error
        except ImportError as error:
            name = getattr(error, "name", None) or "its driver"
            raise UsageError(f"the driver for {parsed.drivername} is not installed: pip install {name}") from error

    def _connected(self, *, writable: bool) -> Any:
        with self._told(), self._waiting():
            conn = self._engine.connect()
            if not writable and self.dialect == "postgresql":
                conn = conn.execution_options(postgresql_readonly=True)
            elif not writable and self.dialect in ("mysql", "mariadb"):
                conn.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
                conn.commit()
            return conn

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._sa.exc.DBAPIError as error:
            raise self._fault(error) from error
        except self._sa.exc.SQLAlchemyError as error:
            raise SourceError(
                f"The database {self.place} cannot be read: {_reason(error)}.", code="database"
            ) from error

    def _fault(self, error: Any) -> MigrateError:
        reason = _reason(error.orig or error)
        if any(word in reason.lower() for word in _AUTH_WORDS):
            return AuthError(f"The database {self.place} refuses the name or password: {reason}.")
        gone = isinstance(error, self._sa.exc.OperationalError | self._sa.exc.InterfaceError)
        if error.connection_invalidated or gone:
            return TemporaryError(
                f"The database {self.place} cannot be reached: {reason}; nothing is lost, try again later"
            )
        kind = UnfitValueError if isinstance(error, self._sa.exc.DataError) else SourceError
        return kind(f"The database {self.place} refuses: {reason}.", code="database")


class UnfitValueError(SourceError):
    """A value does not fit the type of its column, such as `thread_abc` in a numeric column."""


def _tells_timeout(parsed: Any) -> bool:
    """Whether the driver takes `connect_timeout`, and the URL does not name one."""
    known = ("postgresql+psycopg", "postgresql+psycopg2", "mysql+pymysql", "mysql+mysqldb", "mariadb+pymysql")
    return parsed.drivername in known and "connect_timeout" not in parsed.query


def _named(values: Sequence[Any]) -> Mapping[str, Any]:
    return {f"v{number}": value for number, value in enumerate(values)}


def _port(port: int | None) -> str:
    return "" if port is None else f":{port}"


def _reason(error: BaseException) -> str:
    """The error message of the database, on one line and without secrets."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return scrub(lines[0] if lines else type(error).__name__)[:_LONGEST_REASON].rstrip(".")
