"""Check pages against the program: JSON Schema, commands, keys, modules and links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from aggregator.cli import cli
from aggregator.config import schema

from . import command_pages, mentions

ROOT = Path(__file__).parent.parent.parent
SCHEMA = ROOT / "docs" / "feeds.schema.json"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def check() -> Iterator[str]:
    """Yield where a page and the program differ."""
    yield from _schema()
    yield from _commands()
    yield from command_pages.check(ROOT)
    yield from mentions.check(ROOT, PAGES)
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


def _commands() -> Iterator[str]:
    """Check that the README names every command."""
    readme = (ROOT / "README.md").read_text("utf-8")
    for name, _ in command_pages.commands(cli):
        if f"aggregator {name}" not in readme:
            yield f"README.md does not mention `aggregator {name}`"


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
    """Check that modules named on pages exist."""
    for page in PAGES:
        for name in missing_modules(page.read_text("utf-8")):
            yield f"{page.relative_to(ROOT)}: there is no module {name}"


def missing_modules(text: str) -> list[str]:
    """Return the modules that a text names and that do not exist, those of a list in its folder."""
    folders = [ROOT / name for name in ("aggregator", "benchmarks", "docs", "tests")]
    names = {path.name for folder in folders for path in folder.rglob("*.py")}
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", text)) - names
    for folder, listed in re.findall(r"^- in `([a-z_/]+/)`:(.*(?:\n  .*)*)", text, re.MULTILINE):
        named |= {folder + name for name in re.findall(r"`([a-z_]+\.py)`", listed)}
    return sorted(
        name for name in named if not (ROOT / "aggregator" / name).exists() and not (ROOT / name).exists()
    )


def _links() -> Iterator[str]:
    """Check that targets of links between pages exist."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if not (page.parent / target).exists():
                yield f"{page.relative_to(ROOT)}: {target} does not exist"
