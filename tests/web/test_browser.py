"""The Content-Security-Policy in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aggregator.gateways.files import write_document
from aggregator.model.config import Channel
from aggregator.model.publishing import Publication
from aggregator.model.stories import StoryItem
from aggregator.publishing import atom, feed_stylesheet, rss, stylesheet
from aggregator.publishing import site as page
from tests.builders import item, publisher, site, story
from tests.chromium import CHROMIUM, chromium
from tests.web.servers import Server, put, serving

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

LINKED = "<!doctype html><title>News</title><link rel=stylesheet href=feed.css>"
EVIL = "<!doctype html><title>quiet</title><script>document.title='loud'</script>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a published page, one with a stylesheet, and one with a script."""
    folder = tmp_path_factory.mktemp("browser")
    write_document(folder / "public", page.render(of_channel("all")))
    for channel in ("all", "events"):
        for fitting in (atom, rss):
            write_document(folder / "public", fitting.render(of_channel(channel)))
    write_document(folder / "public", feed_stylesheet.render())
    write_document(folder / "public", stylesheet.render())
    put(folder / "public", "linked.html", LINKED.encode())
    put(folder / "public", "evil.html", EVIL.encode())
    with serving("own", folder) as running:
        yield running


def of_channel(name: str) -> Publication:
    """Return a channel with one story whose full text is permitted."""
    channel = Channel(id=name, title="Imaging news")
    reported = story("ssssssssssssssss", StoryItem(item=item(), publisher=publisher(full_text=True)))
    return Publication(site=site(), channel=channel, channels=(channel,), stories=(reported,))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start one browser for all tests of this file."""
    with chromium(playwright) as running:
        yield running


@dataclass(frozen=True)
class Seen:
    """Hold the screenshot and title of a page, and whether its policy blocked something."""

    screenshot: bytes
    title: str
    refused: bool


def seen(browser: Any, address: str) -> Seen:
    """Load a page with all that it needs, in a session without a cache."""
    context = browser.new_context(viewport={"width": 800, "height": 600})
    context.set_default_timeout(60_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(address)
    found = Seen(
        page.screenshot(), page.title(), any("Content Security Policy" in text for text in complaints)
    )
    context.close()
    return found


def test_a_page_looks_as_it_does_from_disk(browser: Any, server: Server, tmp_path: Path) -> None:
    """The policy permits the stylesheet of the site."""
    file, bare = server.public / "index.html", tmp_path / "bare.html"
    bare.write_text(re.sub(r"<link rel=.stylesheet.[^>]*>", "", file.read_text("utf-8")), encoding="utf-8")
    served = seen(browser, f"http://127.0.0.1:{server.port}/")
    assert served == seen(browser, file.as_uri())
    assert served != seen(browser, bare.as_uri())


@pytest.mark.parametrize("name", ["atom.xml", "channels/events/rss.xml"])
def test_a_feed_is_readable(browser: Any, server: Server, tmp_path: Path, name: str) -> None:
    """A browser shows a served feed with `feed.css`, as from disk (PB15)."""
    file = server.public / name
    plain, renamed = tmp_path / "plain.xml", file.with_name("renamed.xml")
    plain.write_bytes(file.read_bytes())
    renamed.write_bytes(file.read_bytes().replace(b"<title>Imaging news<", b"<title>Other news<", 1))
    served = seen(browser, f"http://127.0.0.1:{server.port}/{name}")
    from_disk, without, other = (seen(browser, each.as_uri()) for each in (file, plain, renamed))
    assert served == from_disk
    assert len({served.screenshot, without.screenshot, other.screenshot}) == 3


def test_a_separate_stylesheet_is_loaded(browser: Any, server: Server) -> None:
    """The policy permits a stylesheet of the same site."""
    assert not seen(browser, f"http://127.0.0.1:{server.port}/linked.html").refused


def test_a_script_does_not_run(browser: Any, server: Server) -> None:
    """A script runs in a page from disk and not in the served page."""
    served = seen(browser, f"http://127.0.0.1:{server.port}/evil.html")
    assert (served.title, served.refused) == ("quiet", True)
    assert seen(browser, (server.public / "evil.html").as_uri()).title == "loud"
