"""The Content-Security-Policy in Chromium."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.gateways.files import write_document
from aggregator.model.config import Channel
from aggregator.model.publishing import Publication
from aggregator.model.stories import StoryItem
from aggregator.publishing import atom, feed_stylesheet, rss, stylesheet
from aggregator.publishing import site as page
from tests.builders import item, publisher, site, story
from tests.chromium import CHROMIUM
from tests.web.servers import Server, put, serving

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


def chromium(folder: Path, *options: str) -> tuple[bytes, bytes]:
    """Return standard output and error of Chromium."""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=800,600", "--timeout=20000")
    profile = (f"--user-data-dir={folder}/profile", "--enable-logging=stderr")
    command = [str(CHROMIUM), *flags, *profile, *options]
    ended = subprocess.run(command, capture_output=True, check=True, timeout=120)
    return ended.stdout, ended.stderr


def seen(folder: Path, address: str) -> tuple[bytes, bool]:
    """Return a screenshot of a page, and whether the policy blocked something."""
    drawn_whole = (
        "--run-all-compositor-stages-before-draw",
        "--virtual-time-budget=3000",
    )  # on a busy machine too
    _, complaints = chromium(folder, *drawn_whole, f"--screenshot={folder}/shot.png", address)
    return (folder / "shot.png").read_bytes(), b"Content Security Policy" in complaints


def test_a_page_looks_as_it_does_from_disk(server: Server, tmp_path: Path) -> None:
    """The policy permits the stylesheet of the site."""
    file, bare = server.public / "index.html", tmp_path / "bare.html"
    bare.write_text(re.sub(r"<link rel=.stylesheet.[^>]*>", "", file.read_text("utf-8")), encoding="utf-8")
    served = seen(tmp_path, f"http://127.0.0.1:{server.port}/")
    assert served == seen(tmp_path, file.as_uri())
    assert served != seen(tmp_path, bare.as_uri())


@pytest.mark.parametrize("name", ["atom.xml", "channels/events/rss.xml"])
def test_a_feed_is_readable(server: Server, tmp_path: Path, name: str) -> None:
    """A browser shows a served feed with `feed.css`, as from disk (PB15)."""
    file = server.public / name
    plain, renamed = tmp_path / "plain.xml", file.with_name("renamed.xml")
    plain.write_bytes(file.read_bytes())
    renamed.write_bytes(file.read_bytes().replace(b"<title>Imaging news<", b"<title>Other news<", 1))
    served = seen(tmp_path, f"http://127.0.0.1:{server.port}/{name}")
    assert served == (seen(tmp_path, file.as_uri())[0], False)
    assert len({served, seen(tmp_path, plain.as_uri()), seen(tmp_path, renamed.as_uri())}) == 3


def test_a_separate_stylesheet_is_loaded(server: Server, tmp_path: Path) -> None:
    """The policy permits a stylesheet of the same site."""
    _, refused = seen(tmp_path, f"http://127.0.0.1:{server.port}/linked.html")
    assert not refused


def test_a_script_does_not_run(server: Server, tmp_path: Path) -> None:
    """A script runs in a page from disk and not in the served page."""
    served, complaints = chromium(tmp_path, "--dump-dom", f"http://127.0.0.1:{server.port}/evil.html")
    assert b"<title>quiet" in served and b"Content Security Policy" in complaints
    assert b"<title>loud" in chromium(tmp_path, "--dump-dom", (server.public / "evil.html").as_uri())[0]
