"""Build the program on a folder with a feeds.yaml and a clock that a test sets."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aggregator import app
from aggregator.ports import App, call_in_process
from tests.builders import NOW

HEAD = """\
site: {title: Imaging news, url: "https://news.example/", contact: editors@news.example, timezone: Europe/Berlin, \
authority: "news.example,2026"}
fetch: {allow_private: [127.0.0.0/8], timeout: 60s, slowest: 1h}
mail: {from: Imaging news <editors@news.example>}
publish: {automatic: []}
"""


class Clock:
    """Return the time that a test sets; NOW at first."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Workplace:
    """Hold a folder with a feeds.yaml; `app()` reads the file as it is now."""

    folder: Path
    clock: Clock
    _built: tuple[object, App] | None = None

    def write(self, rest: str, head: str = HEAD) -> Path:
        """Write feeds.yaml: the usual head, and `rest`."""
        file = self.folder / "feeds.yaml"
        file.write_text(head + rest, encoding="utf-8")
        return file

    def app(self) -> App:
        """Build the program with the test's clock, without pauses between requests to one host.

        The file is parsed again only if it or the environment has changed: parsing takes longer than a small round.
        """
        file = self.folder / "feeds.yaml"
        inputs = (file.read_bytes(), dict(os.environ))
        if self._built is None or self._built[0] != inputs:
            self._built = (inputs, app.build(file))
        built = self._built[1]
        fetcher = built.fetcher()
        return replace(
            built,
            clock=self.clock,
            fetcher=lambda: fetcher,
            sandbox=lambda _documents: nullcontext(call_in_process),
            host_gap=0.0,
            simulated_clock=True,
        )

    @property
    def public(self) -> Path:
        """Return the folder of published documents."""
        return self.folder / "public"

    @property
    def database(self) -> Path:
        """Return the path of the database."""
        return self.folder / "var" / "aggregator.db"
