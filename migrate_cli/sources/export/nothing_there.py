"""What to say of an export that holds no thread at all. It must not read anything: the index knows what was met."""

from __future__ import annotations

import shlex

from migrate_cli.errors import NothingReadable, SourceError
from migrate_cli.sources.export.index import ThreadIndex
from migrate_cli.sources.export.indexer import Indexer
from migrate_cli.sources.foreign import told_of_kinds
from migrate_cli.sources.interface import ShapeTaken
from migrate_cli.sources.record_kinds import RecordKind


def refuse(path: str, index: ThreadIndex, indexer: Indexer, shapes: list[ShapeTaken] | None, *, single: bool) -> None:
    """Raise SourceError where nothing is there that could be read: a single file's fault, or a bare folder.

    `shapes` are those that files were treated as, None where no file is of a known format. What is of a known format
    and holds nothing is an empty source, which is no fault.
    """
    problem = next(index.problems(), None)
    if problem is None and shapes is not None and not indexer.held:
        return
    if problem is None and next(index.objects(RecordKind.ASSISTANT), None) is not None:
        read = f"migrate-cli assistants {shlex.quote(path)}"
        detail = f"{path} holds assistants and no threads; `{read}` reads them."
        raise SourceError(detail, code="no-threads")
    if problem is None:
        raise _without_threads(path, indexer, shapes or [], single=single)
    if single:
        refusal = NothingReadable if shapes is not None else SourceError
        raise refusal(problem.detail, code=problem.code, shown=problem.shown)


def _without_threads(path: str, indexer: Indexer, shapes: list[ShapeTaken], *, single: bool) -> SourceError:
    """Return what to say of a source in which everything can be read, or is ignored, and no thread is there."""
    known = ", ".join(taken.shape for taken in shapes if taken.shape != "ignored")
    ignored, kinds = indexer.ignored, {kind: count for kind, count in indexer.kinds.items() if kind}
    if ignored is not None and single and (ignored.shown or kinds):
        return SourceError(ignored.detail, code="no-threads", shown=ignored.shown)
    also = f"; it holds {known}" if known else ""
    if kinds:
        also += f"; of its files, {', '.join(f'{count:,} {kind}' for kind, count in kinds.items())}"
    then = told_of_kinds(kinds) if kinds else "Name the file or folder that the export was saved to."
    return SourceError(f"{path} holds no threads{also}. {then}", code="no-threads")
