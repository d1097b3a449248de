"""nginx and Caddy pass on to the daemon what it answers itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aggregator.store.connection import opened
from aggregator.web.headers import SECURITY
from tests.web.servers import Server, put, serving

GONE, SHOWN, UNKNOWN = "a" * 16, "b" * 16, "c" * 16


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a proxy in front of the daemon, with a story that is shown and a hidden one."""
    folder = tmp_path_factory.mktemp(request.param)
    with opened(folder / "var" / "aggregator.db") as store, store.transaction():
        store.db.execute("INSERT INTO tombstones (story_id, at, reason) VALUES (?, '', 'hidden')", [GONE])
    put(folder / "public", f"stories/{SHOWN}.html", b"<p>shown")
    with serving("own", folder) as own, serving(request.param, folder, own.port) as running:
        yield running


@pytest.mark.parametrize("path", ["/search?q=x", "/search.atom?q=x", "/status", "/status.json"])
def test_dynamic_pages_keep_their_headers(proxy: Server, path: str) -> None:
    """The headers of the daemon arrive once."""
    answer = proxy.ask(path)
    assert answer.status == 200 and answer.body
    assert all(answer.headers[name.decode()] == value.decode() for name, value in SECURITY)
    assert answer.headers["cache-control"] in ("public, max-age=60", "public, max-age=600")


def test_feeds_of_searches_answer_preflights(proxy: Server) -> None:
    """OPTIONS of a feed of a search permits other origins."""
    answer = proxy.ask("/search.atom?q=x", method="OPTIONS")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "*")


def test_stories_without_a_page(proxy: Server) -> None:
    """nginx asks the daemon why a story has no page; a page that exists is served as a file."""
    assert proxy.ask(f"/stories/{SHOWN}.html").body == b"<p>shown"
    assert proxy.ask(f"/stories/{UNKNOWN}.html").status == 404
    assert proxy.ask(f"/stories/{GONE}.html").status == (410 if proxy.name == "nginx" else 404)


def test_metrics_are_not_for_everybody(proxy: Server) -> None:
    """nginx shows the metrics on this machine only, Caddy not at all."""
    assert proxy.ask("/metrics").status == (200 if proxy.name == "nginx" else 404)
