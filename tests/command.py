"""Run commands as a person, a script or cron does, and return their output and exit code."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aggregator import app, cli
from aggregator.ports import App, call_in_process
from tests.builders import NOW, rss
from tests.web_server import Web
from tests.workplace import Clock, Workplace

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
class Output:
    """Hold exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """Return the only line that a failed command printed."""
        assert self.out == ""
        assert self.err.endswith("\n")
        (line,) = self.err.splitlines()
        return line


def run(
    place: Workplace, *args: str | bytes, program: tuple[str, ...] = (str(PROGRAM),), **env: str | None
) -> Output:
    """Run a command in a process of its own in the folder of `place`, without a terminal.

    Its time is NOW.

    `env` is added to the environment, or removed from it where it is None.
    """
    given = {**os.environ, "AGGREGATOR_NOW": NOW.isoformat(), **env}
    completed = subprocess.run(
        [*program, *args],
        cwd=place.folder,
        env={name: value for name, value in given.items() if value is not None},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    output = Output(completed.returncode, completed.stdout.decode(), completed.stderr.decode())
    assert "Traceback" not in output.err, output.err
    return output


def confined(place: Workplace, limit: int, *args: str) -> Output:
    """Run a command in a process that can write files of at most `limit` bytes."""
    # Coverage could not write its data either, and would report that.
    unmeasured = dict.fromkeys(("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"))
    return run(place, str(limit), *args, program=(sys.executable, "-c", CONFINED), **unmeasured)


def call(place: Workplace, *args: str, sandboxed: bool = False, **env: str | None) -> Output:
    """Run the console script's `main()` in this process; `env` as for `run`.

    Documents are parsed in this process as well, which takes 0.1 s less, unless `sandboxed`.
    """
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        if not sandboxed:
            patch.setattr(app, "build", partial(_parsing_here, app.build))
        patch.chdir(place.folder)
        patch.setattr(sys, "argv", ["aggregator", *args])
        for name, value in {"AGGREGATOR_NOW": place.clock.now.isoformat(), **env}.items():
            patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            cli.main()
    return Output(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def _parsing_here(build: Callable[..., App], file: Path, **options: bool) -> App:
    return replace(build(file, **options), sandbox=lambda _documents: nullcontext(call_in_process))


def news(n: int, **fields: str) -> dict[str, str]:
    """Make an RSS item published on the morning of NOW."""
    return {
        "title": f"Microscope number {n}",
        "link": f"https://node.example/news/{n}",
        "guid": f"node-{n}",
        "description": f"What happened, part {n}.",
        "pubDate": f"Mon, 05 Oct 2026 05:{n:02}:00 +0000",
    } | fields


WEEKLY = 'digests:\n  - {id: weekly, title: Weekly, schedule: "mon 08:00", recipients: [reader@a.example]}\n'


def one_source(place: Workplace, web: Web, *items: dict[str, str], **options: Any) -> Workplace:
    """Write a feeds.yaml with a source `node` that serves `items`, or two, and a weekly digest."""
    web.feed("/feed", rss(*(items or (news(1), news(2)))), '"1"')
    place.write(f"sources:\n  - {{id: node, name: A Node, url: '{web.url}/feed'}}\n" + WEEKLY, **options)
    return place


@contextmanager
def visited(folder: Path) -> Iterator[Web]:
    """Visit and publish one source in `folder`, and keep its server running."""
    web = Web()
    try:
        assert call(one_source(Workplace(folder, Clock()), web), "fetch") == Output(0, "", "")
        yield web
    finally:
        web.close()
