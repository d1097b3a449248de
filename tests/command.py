"""The command line as a person, a script or cron meets it: what goes in, what comes out, how it ends."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aggregator import cli
from tests.builders import NOW, rss
from tests.conftest import Clock, Web, Workplace

PROGRAM = Path(sys.executable).with_name("aggregator")

# As on a full disk, no file may grow beyond argv[1] bytes. Set by the process itself: `preexec_fn` is deprecated
# beside threads, and the servers of the tests are threads.
CONFINED = """
import resource, sys
from aggregator.cli import main
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main()
"""


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line that is all a failed command says."""
        assert self.out == ""
        assert self.err.endswith("\n")
        (line,) = self.err.splitlines()
        return line


def run(
    place: Workplace, *args: str | bytes, program: tuple[str, ...] = (str(PROGRAM),), **env: str | None
) -> Said:
    """A process of its own in the folder of `place`; its clock stands at NOW, nobody watches.

    `env` is added to the environment, or taken out of it where it is None.
    """
    given = {**os.environ, "AGGREGATOR_NOW": NOW.isoformat(), **env}
    ended = subprocess.run(
        [*program, *args],
        cwd=place.folder,
        env={name: value for name, value in given.items() if value is not None},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    said = Said(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
    assert "Traceback" not in said.err, said.err
    return said


def confined(place: Workplace, limit: int, *args: str) -> Said:
    """A process that can write files of at most `limit` bytes."""
    # Coverage could not write its data either, and would say so.
    unmeasured = dict.fromkeys(("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"))
    return run(place, str(limit), *args, program=(sys.executable, "-c", CONFINED), **unmeasured)


def call(place: Workplace, *args: str, **env: str | None) -> Said:
    """The console script's `main()` in this process, for what does not need one of its own; `env` as of `run`."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.folder)
        patch.setattr(sys, "argv", ["aggregator", *args])
        for name, value in {"AGGREGATOR_NOW": place.clock.now.isoformat(), **env}.items():
            patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli.main()
    return Said(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def news(n: int, **fields: str) -> dict[str, str]:
    """An RSS item of the morning of NOW."""
    return {
        "title": f"Microscope number {n}",
        "link": f"https://node.example/news/{n}",
        "guid": f"node-{n}",
        "description": f"What happened, part {n}.",
        "pubDate": f"Mon, 05 Oct 2026 05:{n:02}:00 +0000",
    } | fields


WEEKLY = 'digests:\n  - {id: weekly, title: Weekly, schedule: "mon 08:00", recipients: [reader@a.example]}\n'


def one_source(place: Workplace, web: Web, *items: dict[str, str], **options: Any) -> Workplace:
    """A feeds.yaml with the source `node` at /feed and a weekly digest; the feed tells `items`, or two news."""
    web.feed("/feed", rss(*(items or (news(1), news(2)))), '"1"')
    place.write(f"sources:\n  - {{id: node, name: A Node, url: '{web.url}/feed'}}\n" + WEEKLY, **options)
    return place


@contextmanager
def visited(folder: Path) -> Iterator[Web]:
    """Make `folder` a place whose one source was visited and published, for tests that work on copies of it."""
    web = Web()
    try:
        assert call(one_source(Workplace(folder, Clock()), web), "fetch") == Said(0, "", "")
        yield web
    finally:
        web.close()
