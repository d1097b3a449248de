"""Run the examples of a page: commands with their output, files, configuration, Python."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from ruamel.yaml import YAML
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

from aggregator.config import load, planet_ini
from tests.command import call
from tests.conftest import Workplace
from tests.processes import free_port, until

PORT = "127.0.0.1:8000"
"""The address in examples; another free port takes its place."""
LANGUAGES = ("console", "yaml", "python", "xml", "ini", "text")
SHELL = frozenset("cat chmod cp grep ls rm".split())
"""Commands of examples that are run as they are."""
MINIMAL = {
    "site": {
        "title": "T",
        "url": "https://t.example/",
        "contact": "t@t.example",
        "authority": "t.example,2026",
    },
    "sources": [],
    "mail": {"from": "T <t@t.example>"},
}
_ID = re.compile(r"\b[a-z2-7]{16}\b")
_MARK = re.compile(r"<!-- ([a-z ]+)(?:: (\S+))? -->\n$")


@dataclass
class Page:
    """Run the examples of one page in order, in a folder of its own.

    `origins` are replaced in what is run, and back in what is printed.
    """

    place: Workplace
    origins: Mapping[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    """Ids as the page has them -> ids of this run."""
    run: list[str] = field(default_factory=list)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = f"127.0.0.1:{free_port()}"

    def evaluate(self, path: Path) -> list[str]:
        """Run all examples; return what was run."""
        parsers = [CodeBlockParser(language, partial(self._evaluate, language)) for language in LANGUAGES]
        document: Document = Sybil(parsers=parsers, pattern="*").parse(path)
        try:
            for example in document.examples():
                example.evaluate()
        finally:
            for process in self.processes:
                process.kill()
                process.communicate()
        return self.run

    def _evaluate(self, language: str, example: Example) -> None:
        block = example.document.text[example.region.start : example.region.end]
        text = "".join(block.splitlines(keepends=True)[1:-1])  # with its indentation
        mark = _MARK.search(example.document.text[: example.region.start])
        name, argument = (mark[1], mark[2]) if mark else ("", "")
        if name in ("file", "append"):
            with (self.place.folder / argument).open("a" if name == "append" else "w") as file:
                file.write(self._as_run(text))
            if language == "yaml":
                self._allow_loopback()
        elif name == "cron":
            self._cron(text)
        elif name == "background":
            self._background(text)
        elif name != "skip":
            getattr(self, f"_{language}")(text)
        self.run.append(name or language)

    def _console(self, text: str) -> None:
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            actual = self._as_documented(self._output(self._as_run(command)))
            compare(command, expected, actual, self.ids)

    def _output(self, command: str) -> str:
        words = shlex.split(command)
        if words[0] == "aggregator":
            done = call(self.place, *words[1:])
            assert done.code == 0, (command, done)
            return done.out + done.err
        if words[0] == "curl":
            with urllib.request.urlopen(words[-1]) as response:
                return str(response.read().decode())
        assert words[0] in SHELL, command
        shown = subprocess.run(
            command, shell=True, cwd=self.place.folder, capture_output=True, text=True, check=True
        )
        return shown.stdout + shown.stderr

    def _yaml(self, text: str) -> None:
        """Load a part of feeds.yaml, completed to a whole file."""
        part: Any = YAML(typ="safe").load(text)
        if isinstance(part, list):
            part = {"sources": part}
        elif "page" in part:
            part = {
                "sources": [{"id": "a", "name": "A", "url": "https://a.example/", "kind": "page", **part}]
            }
        file = self.place.folder / "example.yaml"
        with file.open("w", encoding="utf-8") as opened:
            YAML(typ="safe").dump(MINIMAL | part, opened)
        load(file, secrets=False)

    def _python(self, text: str) -> None:
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):
            patch.chdir(self.place.folder)
            exec(compile(self._as_run(text), "example", "exec"), {})

    def _xml(self, text: str) -> None:
        etree.fromstring(text.encode())

    def _ini(self, text: str) -> None:
        assert planet_ini.read(text.encode(), ()).sources

    def _text(self, text: str) -> None:
        """Run nothing: output, or files of other programs."""

    def _cron(self, text: str) -> None:
        for line in text.splitlines():
            command = line.split(None, 5)[5]
            words = shlex.split(command.rpartition("bin/aggregator ")[2])
            done = call(self.place, *words)
            assert (done.code, done.out, done.err) == (0, "", ""), command

    def _background(self, text: str) -> None:
        """Start a command, and wait until it serves."""
        words = shlex.split(text.removeprefix("$ "))
        environment = os.environ | {"AGGREGATOR_NOW": self.place.clock.now.isoformat()}
        call_of = [sys.executable, "-m", *words]
        process = subprocess.Popen(
            call_of, cwd=self.place.folder, env=environment, stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        until(lambda: process.poll() is not None or _is_served(f"http://{self.port}/healthz"))
        assert process.poll() is None, process.communicate()[1]

    def _allow_loopback(self) -> None:
        """Permit the loopback addresses that take the place of partners."""
        file = self.place.folder / "feeds.yaml"
        text = file.read_text("utf-8")
        if "allow_private" not in text:
            file.write_text(
                f'fetch: {{allow_private: [127.0.0.0/8]}}\nweb: {{listen: "{self.port}"}}\n{text}'
            )

    def _as_run(self, text: str) -> str:
        for origin, loopback in self.origins.items():
            text = text.replace(origin, loopback)
        return _ID.sub(lambda match: self.ids.get(match[0], match[0]), text.replace(PORT, self.port))

    def _as_documented(self, text: str) -> str:
        for origin, loopback in self.origins.items():
            text = text.replace(loopback, origin)
        return text.replace(self.port, PORT)


def _is_served(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def compare(command: str, expected: str, actual: str, ids: dict[str, str]) -> None:
    """Compare output by its shape.

    Numbers and ids may differ, `…` stands for any text, a line of it for any lines. Ids of the page are related to
    those of the run in `ids`.
    """
    pattern, shown_ids = "", []
    for line in expected.splitlines():
        shown_ids += _ID.findall(line)
        pattern += r"(?:.*\n)*?" if line.strip() == "…" else _line(line) + r"\n"
    match = re.fullmatch(pattern, actual if actual.endswith("\n") or not actual else actual + "\n")
    assert match, f"$ {command}\n--- the page has\n{expected}--- printed was\n{actual}"
    ids.update(zip(shown_ids, match.groups(), strict=True))


def _line(line: str) -> str:
    tokens = re.split(rf"({_ID.pattern}|\d+|…|\s+)", line.rstrip())
    return "".join(_token(token) for token in tokens) + r"\s*?"


def _token(token: str) -> str:
    if _ID.fullmatch(token):
        return "([a-z2-7]{16})"
    if token.isdigit():
        return r"\d+"
    if token == "…":
        return ".*"
    return r"[ ]+" if token.isspace() else re.escape(token)
