"""Check that commands, options, keys, routes and links that pages name exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import click
from pydantic import BaseModel

from aggregator.cli import cli
from aggregator.config import schema

from .command_pages import commands

ROUTES_PAGE = "docs/reference/web.md"
"""The page that has to name every route, or the beginning that several share."""
OTHER_PROGRAMS = frozenset({"decisions.md"})
"""Pages that may name options of other programs."""
_FILES = frozenset("html json md opml py webmanifest xml".split())
"""Suffixes of files whose names look like keys."""
_OTHER_PATHS = frozenset("dev etc feed home opt path regular run srv t tmp usr var wp-json".split())
"""First parts of paths on a machine or of other web sites."""
_CALL = re.compile(
    r"(?<!-[ugo] )(?:(?<=bin/)|(?<![\w/.-]))aggregator((?: (?:-c \S+|-vv?|--config \S+))*)((?: [^\s`|;&#<>()\"']+)*)"
)
_CODE = re.compile(r"```.*?^```|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def check(root: Path, pages: Iterable[Path]) -> Iterator[str]:
    """Yield names on pages that the program does not have, and routes that no page names."""
    routes = program_routes(root)
    for page in pages:
        for problem in problems(page.read_text("utf-8"), page.name, routes):
            yield f"{page.relative_to(root).as_posix()}: {problem}"
    routes_page = (root / ROUTES_PAGE).read_text("utf-8")
    for route in sorted({f"/{route.split('/')[1]}" for route in routes}):
        if not re.search(rf"`{re.escape(route)}[/`…]", routes_page):
            yield f"{ROUTES_PAGE} does not name {route}"


def problems(text: str, page: str, routes: Iterable[str]) -> Iterator[str]:
    """Yield names in the text of a page that the program does not have, each once."""
    yield from dict.fromkeys((*_calls(text), *_options(text, page), *_keys(text), *_routes(text, routes)))


def program_routes(root: Path) -> frozenset[str]:
    """Return the paths that the web app serves besides the files of `public/`."""
    constants = (
        node.value
        for module in (root / "aggregator" / "web").glob("*.py")
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return frozenset(text for text in constants if re.fullmatch(r"/[a-z][a-z.-]*(/[a-z{}:-]+)*", text))


def _calls(text: str) -> Iterator[str]:
    """Check each call of the program: its command, and every option of it."""
    for code in _CODE.findall(text):
        for _, arguments in _CALL.findall(code.replace("\\\n", " ")):
            yield from _call(arguments.split())


def _call(words: list[str]) -> Iterator[str]:
    command: click.Command = cli
    path = ["aggregator"]
    for word in words:
        if word == "--":
            return
        if isinstance(command, click.Group) and not word.startswith("-"):
            if word not in command.commands:
                # After the name alone, only a word in the form of a command is checked as one.
                if len(path) > 1 or re.fullmatch("[a-z-]+", word):
                    yield f"there is no command `{' '.join([*path, word])}`"
                return
            command = command.commands[word]
            path.append(word)
        elif word.startswith("--") and (option := re.match(r"--[a-z-]*", word)[0]) not in _opts(command):
            yield f"`{' '.join(path)}` has no option {option}"


def _opts(command: click.Command) -> set[str]:
    params = command.get_params(click.Context(command))
    return {name for param in params for name in (*param.opts, *param.secondary_opts)}


def _options(text: str, page: str) -> Iterator[str]:
    """Check options that stand alone in code: some command has them."""
    all_options = set().union(
        *(_opts(command) for _, command in commands(cli)), _opts(cli), {"--help", "--version"}
    )
    for option in re.findall(r"`(--[a-z-]+)", text):
        if option not in all_options and page not in OTHER_PROGRAMS:
            yield f"there is no option {option}"


def _keys(text: str) -> Iterator[str]:
    """Check dotted keys of feeds.yaml such as `mail.bounces.address`."""
    for key in re.findall(r"`([a-z]+(?:\.[a-z_]+)+)(?=[`:])", text):
        path = key.split(".")
        if path[0] in schema.File.model_fields and path[-1] not in _FILES and not _has(schema.File, path):
            yield f"feeds.yaml has no key `{key}`"


def _has(model: type[BaseModel], path: list[str]) -> bool:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    if path[0] not in fields:
        return False
    models = _models(fields[path[0]].annotation)
    return len(path) == 1 or any(_has(inner, path[1:]) for inner in models)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models inside an annotation such as `tuple[SourcePart, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _routes(text: str, routes: Iterable[str]) -> Iterator[str]:
    """Check paths in code such as `/status.json`: the web app has a route for them."""
    first_parts = {route.split("/")[1] for route in routes}
    for path in re.findall(r"`(?:GET |POST )?(/[a-z][a-z-]*(?:\.[a-z]+)?)(?:/[^`\s]*)?`", text):
        if path[1:] not in first_parts | _OTHER_PATHS:
            yield f"the web app has no route {path}"
