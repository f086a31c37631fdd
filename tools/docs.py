"""Writes the parts of README, CONTRIBUTING and docs that are made from the code, between markers; `make docs` runs it.

    <!-- generated: settings -->
    …
    <!-- end: settings -->

With `--check` nothing is written, and the exit code is 1 when something would be. It must not hold facts of its own:
what it writes comes from the commands, the settings, the tables and `pyproject.toml`.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from migrate_cli.cli.app import app
from migrate_cli.cli.frame import common_options
from migrate_cli.convert.conversion_table import TABLE
from migrate_cli.findings import CATALOGUE, UNREADABLE
from migrate_cli.settings.layers import flat
from migrate_cli.sources.app_formats import APPS
from migrate_cli.sources.dialects import DESCRIPTIONS
from migrate_cli.sources.shapes import SHAPES
from typer.main import get_command

from bench import page as performance

REPO = Path(__file__).parents[1]
EXAMPLE = REPO / "migration.yaml.example"
BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL)
OWN_NAMES = {
    "target.base_url": "OPENAI_BASE_URL",
    "target.organization": "OPENAI_ORG_ID",
    "target.project": "OPENAI_PROJECT_ID",
    "source.base_url": "SOURCE_BASE_URL",
}


def pages() -> list[Path]:
    """README, CONTRIBUTING and everything under docs, the pages in which markers may stand."""
    return [REPO / "README.md", REPO / "CONTRIBUTING.md", *sorted((REPO / "docs").rglob("*.md"))]


def filled(text: str) -> str:
    """Return a page with each marked block made again. Raises KeyError for a block that nobody makes."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found['name']]().strip()}\n\n{found[3]}", text)


# ---- commands


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, as `map export`; hidden ones are left out."""
    root: Any = get_command(app)
    for name, command in root.commands.items():
        if command.hidden:
            continue
        yield name, command
        for below, inner in getattr(command, "commands", {}).items():
            if not inner.hidden:
                yield f"{name} {below}", inner


def command_reference() -> str:
    """Every command with its usage, help, options and exit codes."""
    return "\n\n".join(_reference(name, command) for name, command in commands())


def common_reference() -> str:
    """The options that every command has."""
    return _options(_common_parameters())


def _reference(name: str, command: Any) -> str:
    common = {parameter.name for parameter in _common_parameters()}
    # The hidden command of a group is what the group does when it is given arguments.
    short = next((inner for inner in getattr(command, "commands", {}).values() if inner.hidden), command)
    own = [parameter for parameter in short.params if parameter.name not in common and not parameter.hidden]
    arguments = [parameter for parameter in own if not parameter.opts[0].startswith("-")]
    options = [parameter for parameter in own if parameter.opts[0].startswith("-") and parameter.name != "help"]
    usage = " ".join(["migrate-cli", name, *(_argument(argument) for argument in arguments), "[OPTIONS]"])
    parts = [f"### {name}", f"```\n{usage}\n```", _plain(command.help)]
    if arguments or options:
        parts.append(_options([*arguments, *options]))
    if command.epilog:
        parts.append(_plain(command.epilog).replace("EXIT STATUS", "Exit status:"))
    return "\n\n".join(parts)


def _options(parameters: list[Any]) -> str:
    rows = []
    for parameter in parameters:
        if parameter.opts[0].startswith("-"):
            names = ", ".join(sorted(parameter.opts, key=len, reverse=True)) + _value(parameter)
        else:
            names = _argument(parameter)
        more = " May be repeated." if parameter.multiple and "repeated" not in (parameter.help or "") else ""
        rows.append((f"`{names}`", f"{parameter.help or ''}{more}", _default(parameter)))
    return _table(("option", "meaning", "default"), rows)


def _common_parameters() -> list[Any]:
    """The options of a command that has no others."""
    import typer  # noqa: PLC0415 - only here

    bare = typer.Typer()

    def nothing(frame: Any) -> None:
        """Do nothing."""

    bare.command()(common_options("nothing")(nothing))
    found: Any = get_command(bare)
    return [parameter for parameter in found.params if "completion" not in (parameter.name or "")]


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or (parameter.name or "").upper()).rstrip("…")
    name += "…" if parameter.nargs == -1 or "…" in (parameter.metavar or "") else ""
    return name if parameter.required else f"[{name}]"


def _value(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False) or getattr(parameter, "count", False):
        return ""
    choices = _choices(parameter)
    return f" {'|'.join(choices) if choices else parameter.metavar or 'VALUE'}"


def _choices(parameter: Any) -> list[str]:
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return list(getattr(getattr(parameter, "type", None), "choices", ()))


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is None or value is False or value == 0 or callable(value):
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _plain(text: str | None) -> str:
    """Help as Markdown: lines of a paragraph joined."""
    paragraphs = re.split(r"\n\s*\n", (text or "").strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


# ---- settings, tables, dependencies


def settings_reference() -> str:
    """Every setting: default and meaning from the example file, and its variable; a table for each section."""
    found = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    meanings = _meanings(EXAMPLE.read_text("utf-8"))
    parts = []
    for section in found:
        names = list(flat({section: found[section]}))
        rows = [(f"`{name}`", f"`{_yaml(found, name)}`", meanings[name], _variables(name)) for name in names]
        parts += [f"## {section}", meanings[section] if isinstance(found[section], dict) else ""]
        parts.append(_table(("setting", "default", "meaning", "environment"), rows))
    return "\n\n".join(part for part in parts if part)


def _variables(name: str) -> str:
    own = [OWN_NAMES[name]] if name in OWN_NAMES else []
    return ", ".join(f"`{variable}`" for variable in [f"MIGRATE_{name.upper().replace('.', '__')}", *own])


def _yaml(values: Any, name: str) -> str:
    for part in name.split("."):
        values = values[part]
    return str(yaml.safe_dump(values, default_flow_style=True)).removesuffix("\n...\n").strip()


def _meanings(text: str) -> dict[str, str]:
    """What the comments of the example say, by dotted name: beside the value, on lines below it, or above it."""
    meanings: dict[str, str] = {}
    section, last, above = "", "", ""
    for line in text.splitlines():
        key = re.match(r"(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*)(?:# *(?P<comment>.*))?$", line)
        if key is not None:
            top = not key["indent"]
            section = key["key"] if top else section
            last = key["key"] if top else f"{section}.{key['key']}"
            meanings[last] = (key["comment"] or (above if top else "")).strip()
            above = ""
        elif re.match(r" +#", line) and last:
            more = line.strip(" #")
            meanings[last] += ("; " if re.match(r"\w+:", more) and meanings[last][-1:] not in ";,." else " ") + more
        elif line.startswith("#"):
            above = f"{above} {line.strip(' #')}".strip()
        else:
            above = ""
    return {name: " ".join(meaning.split()) for name, meaning in meanings.items()}


def conversion_table() -> str:
    """What becomes of what."""
    rows = [
        (row.part, f"`{row.setting.removesuffix(' *')}`" + ("" if row.setting[-1] != "*" else " (default)"), *rest)
        if row.setting
        else (row.part, "", *rest)
        for row in TABLE
        for rest in [(row.becomes, row.fate.value, f"`{row.finding}`" if row.finding else "")]
    ]
    return _table(("part of the source", "setting", "becomes", "counts as", "finding"), rows)


def finding_codes() -> str:
    """Every code with what the reader can do."""
    rows = [(f"`{code}`", entry.severity.value, entry.meaning, entry.action) for code, entry in CATALOGUE.items()]
    return _table(("code", "severity", "meaning", "what to do"), rows)


def unreadable_codes() -> str:
    """The codes of what could not be read."""
    rows = [(f"`{code}`", entry.meaning, entry.action) for code, entry in UNREADABLE.items()]
    return _table(("code", "meaning", "what to do"), rows)


def shapes() -> str:
    """Every shape of export."""
    return _table(("shape", "what it is"), [(f"`{name}`", description) for name, description in SHAPES.items()])


def dialects() -> str:
    """Every dialect of messages, in the order in which they are tried."""
    return _table(("dialect", "looks like", "becomes"), [(name, *told) for name, told in DESCRIPTIONS.items()])


def app_formats() -> str:
    """Every app whose rows are read."""
    return _table(("`source.format`", "what is read"), [(f"`{name}`", app.holds) for name, app in APPS.items()])


def dependencies() -> str:
    """Each dependency with the comment that stands above it in pyproject.toml."""
    path = REPO / "pyproject.toml"
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    extras = {one: name for name, needed in project.get("optional-dependencies", {}).items() for one in needed}
    reasons = _reasons(path.read_text("utf-8"))
    rows = [(f"`{_name(one)}`", reasons.get(one, ""), "") for one in project["dependencies"]]
    rows += [(f"`{_name(one)}`", reasons.get(one, ""), f"`{extra}`") for one, extra in extras.items()]
    return _table(("package", "what for", "extra"), rows)


def _reasons(text: str) -> dict[str, str]:
    """The comment above each requirement; one comment may stand above several."""
    reasons: dict[str, str] = {}
    comment: list[str] = []
    fresh = True
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment = [*([] if fresh else comment), stripped.lstrip("# ")]
            fresh = False
        else:
            fresh = True
            for requirement in re.findall(r'"([^"]+)"', stripped):
                reasons.setdefault(requirement, " ".join(comment))
    return reasons


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~; ]", requirement)[0]


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table without columns that are empty throughout."""
    kept = [number for number in range(len(heads)) if any(row[number] for row in rows)]
    lines = [[heads[number] for number in kept], ["---"] * len(kept)]
    lines += [[row[number].replace("|", "\\|") for number in kept] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# ---- figures of the bench


def measured() -> Any:
    """What the last `make bench` found."""
    return json.loads((REPO / "docs" / "performance.json").read_text("utf-8"))


def performance_bars() -> str:
    """Each figure with its bar."""
    machine = measured()["machine"]
    told = f"{machine['cores']} cores, Python {machine['python']}, {machine['system']}"
    return f"{performance.bars_table(measured())}\n\nMeasured on {told}; server and program share the cores."


def performance_moves() -> str:
    """Every corpus, latency and way."""
    return performance.moves_tables(measured())


BLOCKS: dict[str, Callable[[], str]] = {
    "performance-bars": performance_bars,
    "performance-moves": performance_moves,
    "commands": command_reference,
    "common-options": common_reference,
    "settings": settings_reference,
    "conversion-table": conversion_table,
    "finding-codes": finding_codes,
    "unreadable-codes": unreadable_codes,
    "shapes": shapes,
    "dialects": dialects,
    "app-formats": app_formats,
    "dependencies": dependencies,
}
"""What may stand between markers, by name."""


def main(args: list[str]) -> int:
    """Write all pages, or with `--check` say which differ."""
    changed = [page for page in pages() if filled(page.read_text("utf-8")) != page.read_text("utf-8")]
    for page in changed:
        if "--check" not in args:
            page.write_text(filled(page.read_text("utf-8")), "utf-8")
        sys.stdout.write(f"{page.relative_to(REPO)}\n")
    return 1 if changed and "--check" in args else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
