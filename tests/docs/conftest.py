"""Fixtures of the documentation: the community that the tutorial leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from aggregator import app as wiring
from tests.conftest import Clock, Web, Workplace
from tests.docs import partners
from tests.docs.examples import Page

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.fixture(scope="package", autouse=True)
def without_gaps() -> Iterator[None]:
    """Remove the minimum time between two requests to one host."""
    real = wiring.build
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "build", lambda file, **options: replace(real(file, **options), host_gap=0.0))
        yield


@pytest.fixture(scope="package")
def origins() -> Iterator[dict[str, str]]:
    """Serve the partners of the tutorial."""
    webs: list[Web] = []

    def another() -> Web:
        webs.append(Web())
        return webs[-1]

    yield partners.served(another)
    for web in webs:
        web.close()


@pytest.fixture(scope="package")
def community(
    origins: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Workplace, list[str]]]:
    """Follow the tutorial; return the community that it leaves, and what was run.

    Its files are served, in place of the example site of the pages.
    """
    place = Workplace(tmp_path_factory.mktemp("tutorial"), Clock())
    page = Page(place, origins)
    run = page.evaluate(TUTORIAL)
    handler = partial(Files, directory=str(place.public))
    with ThreadingHTTPServer(("127.0.0.1", int(page.port.rpartition(":")[2])), handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        origins["https://news.example.org"] = f"http://{page.port}"
        yield place, run
        server.shutdown()


class Files(SimpleHTTPRequestHandler):
    """Serve files without a log."""

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""
