"""`migrate-cli assistants`: assistants become response configurations, as suites for `replay` and as small programs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from migrate_cli.commands.agents import AgentsMade, agent_row, recorded_agents
from migrate_cli.commands.assistants_found import AssistantCollection, FoundAssistant
from migrate_cli.commands.assistants_text import file_stem, of_agent, suite_text
from migrate_cli.commands.connections import connections_of
from migrate_cli.commands.context import open_configured
from migrate_cli.commands.model_dates import listed_dates
from migrate_cli.commands.option_types import CodeLanguage
from migrate_cli.commands.run_totals import LISTED, finding_row
from migrate_cli.convert.agent import AgentDraft, agent_draft, agent_names
from migrate_cli.convert.agent_tools import Connections
from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.code_templates import LANGUAGES
from migrate_cli.convert.configuration import Configuration, HostKind, StoreIds
from migrate_cli.convert.model_catalogue import AS_OF, NOTHING_LISTED
from migrate_cli.convert.options import Files, VectorStores
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
    create: bool = False
    """Make agents of them at the target."""
    connections: Path | None = None
    """The map of connections for the agents' tools."""


def assistants(settings: Settings, selection: Selection, options: AssistantOptions) -> Result:
    """Convert the assistants of the source. Raises UsageError for a wish that cannot be granted, before any writing."""
    return ConvertedAssistants(settings, selection, options).result()


class ConvertedAssistants:
    """The assistants of a source as configurations, before anything is written.

    Raises UsageError for a wish that cannot be granted.
    """

    def __init__(self, settings: Settings, selection: Selection, options: AssistantOptions) -> None:
        self._options = options
        source = open_configured(settings)
        self._collection = _collected(source, selection)
        found = _chosen(self._collection, options)
        self._lacking = [finding("assistants-incomplete", _LACKING)] if source.lacks_assistants() else []
        repeated, stores = source.repeated_assistants(), _stores(settings)
        uploaded = _uploaded(settings)
        connections = connections_of(settings, options.connections) if options.create else None
        listed = listed_dates(settings) if found else NOTHING_LISTED
        self._all = [
            (one, _converted(one, settings, options, uploaded, stores, repeated.get(one.id, 1), listed, connections))
            for one in found
        ]
        if options.out is None and options.code is not None and len(self._all) > 1:
            raise UsageError(
                f"{len(self._all)} assistants become {len(self._all)} programs; name a folder for them with --out, "
                "or one assistant with --assistant ID"
            )
        self._paths = {} if options.out is None else _paths(options.out, options, self._all)
        self._agents = recorded_agents(settings) if settings.target.preset == "foundry" else {}

    def drafts(self) -> list[AgentDraft]:
        """What is to be made at the target; names do not depend on which assistants were chosen."""
        names = agent_names((one.id, _name(one)) for one in self._collection.found())
        return [agent_draft(configuration, one.id, names[one.id]) for one, configuration in self._all]

    def result(self, made: AgentsMade | None = None) -> Result:
        """Write what was asked for, and say what became of each; `made` are the agents, where they were asked for."""
        agents = dict(self._agents)
        for result in made.results if made is not None else ():
            if result.version is not None:
                agents[result.draft.assistant_id] = (result.name, result.version)
        shown = [(one, of_agent(configuration, agents.get(one.id))) for one, configuration in self._all]
        if made is None or not made.dry_run:
            _write(self._paths, self._options, shown)
        return self._report(shown, made)

    def _report(self, shown: list[tuple[FoundAssistant, Configuration]], made: AgentsMade | None) -> Result:
        options, by_assistant = self._options, {} if made is None else made.by_assistant()
        findings = [*self._lacking, *(one for _, configuration in self._all for one in configuration.findings)]
        findings += [one for result in by_assistant.values() for one in result.draft.findings]
        findings += [] if made is None else made.findings()
        written = {} if made is not None and made.dry_run else self._paths
        data: JsonObject = {
            "assistants": [
                {
                    "assistant_id": found.id,
                    "name": configuration.name,
                    "known_from": found.known_from,
                    "threads": found.threads,
                    "config": configuration.config,
                    "not_carried": [tool.as_dict() for tool in configuration.left],
                    "files": [str(path) for path in written.get(found.id, {}).values()],
                    **({"agent": agent_row(by_assistant[found.id])} if found.id in by_assistant else {}),
                }
                for found, configuration in self._all
            ],
            "threads": self._collection.threads[:LISTED],
            "findings": dict(sorted(Counter(one.code for one in findings).items())),
            "finding_list": [finding_row(one) for one in findings],
            "models_as_of": AS_OF,
        }
        if made is not None:
            data |= {"agents": made.counts(), "dry_run": made.dry_run, "target": made.target}
            data |= {"message": made.told} if made.dry_run else {}
            data |= {"rehearsal": True} if made.sandbox else {}
        elif options.out is None and shown:
            ending = SUFFIX[options.code] if options.code else ".yaml"
            data["verbatim"] = "---\n".join(_texts(options, one)[ending] for _, one in shown)
        problems = [*self._collection.problems, *([] if made is None else made.problems())]
        exit_code = ExitCode.PARTIAL if problems else ExitCode.OK
        if made is not None and made.failure is not None:
            exit_code = made.failure.exit_code
        elif made is not None and made.interrupted:
            exit_code = ExitCode.INTERRUPTED
        return Result("assistants", data, exit_code, None if made is None else made.run_id, problems)


def _name(found: FoundAssistant) -> str | None:
    name = found.assistant.get("name")
    return name if isinstance(name, str) else None


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
_LACKING = "A list of assistants ends although it says that there are more; assistants may be missing."


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


def _stores(settings: Settings) -> StoreIds | None:
    """How vector stores are called at the target, as far as the state file knows; None where their ids stay."""
    if settings.convert.vector_stores is VectorStores.KEEP:
        return None
    if settings.convert.vector_stores is VectorStores.NOTE or not settings.state.is_file():
        return lambda _: None
    with StateReader(settings.state) as reader:
        rows = reader.maps.export("stores")
        there = {row["source_store_id"]: row["target_store_id"] for row in rows}
    return there.get


def _converted(
    found: FoundAssistant,
    settings: Settings,
    options: AssistantOptions,
    uploaded: dict[str, str] | None,
    stores: StoreIds | None,
    objects: int,
    listed: Mapping[str, str],
    connections: Connections | None,
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
        connections=connections,
        stores=stores,
    )
    return replace(configuration, findings=tuple(_findings(found, configuration, objects)))


def _findings(found: FoundAssistant, configuration: Configuration, objects: int) -> list[Finding]:
    own = list(configuration.findings)
    if objects > 1:
        detail = f"Assistant {found.id}: there are {objects:,} differing objects for it."
        own.insert(0, finding("assistant-repeated", detail))
    if found.differing:
        own.append(finding("run-differs", f"Assistant {found.id}: its newest run had other {_and(found.differing)}."))
    if found.known_from != "object":
        own.insert(0, finding("assistant-inferred", f"Assistant {found.id}: {_INFERRED[found.known_from]}"))
    if found.threads_with_resources > 1:
        detail = f"Assistant {found.id}: the resources of {found.threads_with_resources:,} threads are listed together."
        own.append(finding("thread-resources-joined", detail))
    return own


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


_INFERRED = {
    "run": "there is no object for it, so the settings of its newest run were used.",
    "message": "only messages name it, so only its id is known.",
}


def _texts(options: AssistantOptions, configuration: Configuration) -> dict[str, str]:
    """The texts to write, by ending."""
    suite = {".yaml": suite_text(configuration)}
    return (
        suite if options.code is None else suite | {SUFFIX[options.code]: LANGUAGES[options.code](configuration.config)}
    )


Paths = dict[str, dict[str, Path]]
"""The files of each assistant, by ending."""


def _paths(folder: Path, options: AssistantOptions, all_: Iterable[tuple[FoundAssistant, Configuration]]) -> Paths:
    """Return a path for each text. Raises UsageError when one is there already."""
    endings = [".yaml", *([SUFFIX[options.code]] if options.code else [])]
    taken: set[str] = set()
    paths: Paths = {}
    for found, configuration in all_:
        stem = file_stem(configuration.name, found.id, taken)
        taken.add(stem)
        paths[found.id] = {ending: folder / f"{stem}{ending}" for ending in endings}
    there = [path for own in paths.values() for path in own.values() if path.exists()]
    if there and not options.force:
        raise UsageError(f"{there[0]} already exists; name another folder, or overwrite it with --force")
    return paths


def _write(paths: Paths, options: AssistantOptions, shown: Iterable[tuple[FoundAssistant, Configuration]]) -> None:
    """Write a file for each text. Raises UsageError for a folder that cannot be written."""
    try:
        for found, configuration in shown:
            texts = _texts(options, configuration) if found.id in paths else {}
            for ending, text in texts.items():
                path = paths[found.id][ending]
                path.parent.mkdir(parents=True, exist_ok=True)
                with os.fdopen(open_for_writing(path, mode=0o666), "w", encoding="utf-8") as file:
                    file.write(text)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}; name another folder") from error
