"""Check pages against the program: JSON Schema, commands, options, keys, modules and links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
from pydantic import BaseModel

from aggregator.cli import cli
from aggregator.config import schema

ROOT = Path(__file__).parent.parent.parent
SCHEMA = ROOT / "docs" / "feeds.schema.json"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def check() -> Iterator[str]:
    """Yield where a page and the program differ."""
    yield from _schema()
    yield from _commands()
    yield from _keys()
    yield from _modules()
    yield from _links()


def write_schema() -> None:
    """Write docs/feeds.schema.json anew."""
    SCHEMA.write_text(_schema_text(), encoding="utf-8")


def _schema_text() -> str:
    return json.dumps(schema.json_schema(), indent=2, ensure_ascii=False) + "\n"


def _schema() -> Iterator[str]:
    if not SCHEMA.exists() or SCHEMA.read_text("utf-8") != _schema_text():
        yield "docs/feeds.schema.json is not current: make docs WRITE=1"


def _names(group: click.Group, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _names(command, f"{before}{name} ")
        else:
            yield before + name


def _commands() -> Iterator[str]:
    """Check that the README names every command, and that commands and options on pages exist."""
    known = set(_names(cli))
    readme = (ROOT / "README.md").read_text("utf-8")
    for name in sorted(known):
        if f"aggregator {name}" not in readme:
            yield f"README.md does not mention `aggregator {name}`"
    for page in PAGES:
        for command in re.findall(
            r"`aggregator (?:-c \S+ |-v |-vv )*([a-z]+(?: [a-z-]+)?)", page.read_text("utf-8")
        ):
            if not {command, command.partition(" ")[0]} & known:
                yield f"{page.relative_to(ROOT)}: there is no command `aggregator {command}`"
        for option in re.findall(r"`(--[a-z-]+)", page.read_text("utf-8")):
            if option not in _options() and page.name != "decisions.md":
                yield f"{page.relative_to(ROOT)}: there is no option {option}"


def _options() -> set[str]:
    found = {"--help", "--version"}
    groups: list[click.Command] = [cli]
    while groups:
        command = groups.pop()
        groups += command.commands.values() if isinstance(command, click.Group) else []
        found |= {name for param in command.params for name in param.opts}
    return found


def _keys() -> Iterator[str]:
    """Check that docs/configuration.md describes every key of feeds.yaml."""
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    parts = [
        part
        for part in vars(schema).values()
        if isinstance(part, type) and issubclass(part, BaseModel) and part is not schema.Part
    ]
    for part in parts:
        for name, field in part.model_fields.items():
            key = field.alias or name
            if f"`{key}`" not in page:
                yield f"docs/configuration.md does not describe `{key}` ({part.__name__})"


def _modules() -> Iterator[str]:
    """Check that modules named on pages exist, below `aggregator` or the root."""
    for page in PAGES:
        for name in sorted(set(re.findall(r"`([a-z_/]+/[a-z_]+\.py)`", page.read_text("utf-8")))):
            if not (ROOT / "aggregator" / name).exists() and not (ROOT / name).exists():
                yield f"{page.relative_to(ROOT)}: there is no module {name}"


def _links() -> Iterator[str]:
    """Check that targets of links between pages exist."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if not (page.parent / target).exists():
                yield f"{page.relative_to(ROOT)}: {target} does not exist"
