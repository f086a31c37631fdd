"""`migrate-cli assistants`: assistants become response configurations, as suites for `replay` and as small programs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from migrate_cli.commands.assistants_found import AssistantCollection, FoundAssistant
from migrate_cli.commands.assistants_text import file_stem, suite_text
from migrate_cli.commands.context import open_configured
from migrate_cli.commands.model_dates import listed_dates
from migrate_cli.commands.option_types import CodeLanguage
from migrate_cli.commands.run_totals import LISTED, finding_row
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.code_templates import LANGUAGES
from migrate_cli.convert.configuration import Configuration, HostKind
from migrate_cli.convert.model_catalogue import AS_OF, NOTHING_LISTED
from migrate_cli.convert.options import Files
from migrate_cli.disk.output import open_for_writing
from migrate_cli.errors import ExitCode, SourceError, UsageError
from migrate_cli.findings import finding
from migrate_cli.model import Finding, JsonObject, Problem, Result
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.reader import StateReader

SUFFIX = {
    CodeLanguage.PYTHON: ".py",
    CodeLanguage.TYPESCRIPT: ".ts",
    CodeLanguage.NEXT: ".next.ts",
    CodeLanguage.EXPRESS: ".express.ts",
}


@dataclass(frozen=True, slots=True)
class AssistantOptions:
    """What the user asked for."""

    assistant_ids: tuple[str, ...] = ()
    """Only these; empty means all."""
    code: CodeLanguage | None = None
    markdown: bool = False
    out: Path | None = None
    force: bool = False


def assistants(settings: Settings, selection: Selection, options: AssistantOptions) -> Result:
    """Convert the assistants of the source. Raises UsageError for a wish that cannot be granted, before any writing."""
    source = open_configured(settings)
    collection = _collected(source, selection)
    found = _chosen(collection, options)
    lacking = [finding("assistants-incomplete", _LACKING)] if source.lacks_assistants() else []
    repeated = source.repeated_assistants()
    uploaded = _uploaded(settings)
    listed = listed_dates(settings) if found else NOTHING_LISTED
    configurations = [
        (one, _converted(one, settings, options, uploaded, repeated.get(one.id, 1), listed)) for one in found
    ]
    if options.out is None and options.code is not None and len(configurations) > 1:
        raise UsageError(
            f"{len(configurations)} assistants make {len(configurations)} programs; name a folder for them with --out, "
            "or one assistant with --assistant ID"
        )
    files = _written(options, configurations) if options.out is not None else {}
    return _result(options, collection, configurations, files, lacking)


def _collected(source: Source, selection: Selection) -> AssistantCollection:
    """Read the source, which need not hold threads. Raises SourceError where it holds no assistant either."""
    collection = AssistantCollection()
    refusal: SourceError | None = None
    try:
        for entry in source.threads(selection):
            collection.read(entry)
    except SourceError as error:
        refusal = error
    collection.take_objects(source.assistants())
    if not collection.found() and not collection.problems:
        raise refusal if refusal is not None and refusal.code not in NO_THREADS else _none(source)
    if refusal is not None and refusal.code not in NO_THREADS:
        collection.problems.append(Problem(refusal.code, str(refusal)))
    return collection


NO_THREADS = frozenset({"no-threads", "no-thread-ids"})
"""Codes of a source that holds no threads, or of which none is named: assistants need neither."""
_LACKING = "A list of assistants ends where it says that there are more; assistants may be missing."


def _none(source: Source) -> SourceError:
    return SourceError(
        f"{source.identity} holds no assistant, and no run or message names one; name the file or folder that holds "
        "assistant objects, an agent's YAML, or threads with their runs",
        code="no-assistants",
    )


def _chosen(collection: AssistantCollection, options: AssistantOptions) -> list[FoundAssistant]:
    found = collection.found()
    if not options.assistant_ids:
        return found
    known = {one.id for one in found}
    unknown = [one for one in options.assistant_ids if one not in known]
    if unknown:
        raise UsageError(
            f"the source holds no assistant {', '.join(unknown)}; it holds {', '.join(sorted(known)) or 'none'}"
        )
    return [one for one in found if one.id in options.assistant_ids]


def _uploaded(settings: Settings) -> dict[str, str] | None:
    """The ids that files have at the target, as far as the state file knows; None where all ids stay."""
    if settings.convert.files is Files.KEEP:
        return None
    if not settings.state.is_file():
        return {}
    with StateReader(settings.state) as reader:
        rows = reader.maps.export("files")
        return {row["source_file_id"]: row["target_file_id"] for row in rows if row["status"] == "uploaded"}


def _converted(
    found: FoundAssistant,
    settings: Settings,
    options: AssistantOptions,
    uploaded: dict[str, str] | None,
    objects: int,
    listed: Mapping[str, str],
) -> Configuration:
    configuration = convert_assistant(
        found.assistant,
        thread_resources=found.resource_list,
        uploaded=uploaded,
        markdown=options.markdown,
        today=date.today(),
        dates=listed,
        source=HostKind(settings.source.preset),
        target=HostKind(settings.target.preset),
    )
    return replace(configuration, findings=tuple(_findings(found, configuration, objects)))


def _findings(found: FoundAssistant, configuration: Configuration, objects: int) -> list[Finding]:
    own = list(configuration.findings)
    if objects > 1:
        detail = f"Assistant {found.id}: there are {objects:,} objects of it that differ."
        own.insert(0, finding("assistant-repeated", detail))
    if found.differing:
        own.append(finding("run-differs", f"Assistant {found.id}: its newest run had other {_and(found.differing)}."))
    if found.known_from != "object":
        own.insert(0, finding("assistant-inferred", f"Assistant {found.id}: {_INFERRED[found.known_from]}"))
    if found.threads_with_resources > 1:
        detail = f"Assistant {found.id}: the resources of {found.threads_with_resources:,} threads stand together."
        own.append(finding("thread-resources-joined", detail))
    return own


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


_INFERRED = {
    "run": "there is no object of it, so the settings of its newest run were taken.",
    "message": "only messages name it, so nothing but its id is known.",
}


def _texts(options: AssistantOptions, configuration: Configuration) -> dict[str, str]:
    """The texts to write, by ending."""
    suite = {".yaml": suite_text(configuration)}
    return (
        suite if options.code is None else suite | {SUFFIX[options.code]: LANGUAGES[options.code](configuration.config)}
    )


def _written(
    options: AssistantOptions, configurations: Iterable[tuple[FoundAssistant, Configuration]]
) -> dict[str, list[str]]:
    """Write a file for each text; nothing at all when one is there already. Return the paths by assistant."""
    folder = options.out or Path()
    planned: dict[Path, str] = {}
    files: dict[str, list[str]] = {}
    for found, configuration in configurations:
        texts = _texts(options, configuration)
        stem = file_stem(configuration.name, found.id, {path.stem for path in planned})
        for ending, text in texts.items():
            path = folder / f"{stem}{ending}"
            planned[path] = text
            files.setdefault(found.id, []).append(str(path))
    there = [path for path in planned if path.exists()]
    if there and not options.force:
        raise UsageError(f"{there[0]} is there already; name another folder, or write it anew with --force")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in planned.items():
            with os.fdopen(open_for_writing(path, mode=0o666), "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}; name another folder") from error
    return files


def _result(
    options: AssistantOptions,
    collection: AssistantCollection,
    configurations: list[tuple[FoundAssistant, Configuration]],
    files: dict[str, list[str]],
    lacking: list[Finding],
) -> Result:
    findings = [*lacking, *(one for _, configuration in configurations for one in configuration.findings)]
    data: JsonObject = {
        "assistants": [
            {
                "assistant_id": found.id,
                "name": configuration.name,
                "known_from": found.known_from,
                "threads": found.threads,
                "config": configuration.config,
                "not_carried": [tool.as_dict() for tool in configuration.left],
                "files": files.get(found.id, []),
            }
            for found, configuration in configurations
        ],
        "threads": collection.threads[:LISTED],
        "findings": dict(sorted(Counter(one.code for one in findings).items())),
        "finding_list": [finding_row(one) for one in findings],
        "models_as_of": AS_OF,
    }
    if options.out is None and configurations:
        ending = SUFFIX[options.code] if options.code else ".yaml"
        data["verbatim"] = "---\n".join(_texts(options, one)[ending] for _, one in configurations)
    exit_code = ExitCode.PARTIAL if collection.problems else ExitCode.OK
    return Result("assistants", data, exit_code, errors=collection.problems)
