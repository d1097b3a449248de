"""The documentation site: built without a warning, the same each time, without other hosts."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import html5lib
import pytest

from tests.chromium import CHROMIUM, chromium
from tests.docs.conftest import Files

DOCS = Path(__file__).parents[2] / "docs"
ASSETS = {"script": "src", "img": "src", "source": "srcset", "iframe": "src", "link": "href"}
"""Elements that load something, and the attribute with its address."""


def built(out: Path, **environment: str) -> Path:
    """Build the site in a process of its own, with every warning as an error."""
    options = ("--fail-on-warning", "--keep-going", "--nitpicky", "--quiet", "--fresh-env")
    folders = (f"--doctree-dir={out}.doctrees", DOCS, out)
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, *folders],
        capture_output=True,
        text=True,
        env=environment or None,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return out


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once."""
    return built(tmp_path_factory.mktemp("site") / "html")


def test_every_page_is_built(site: Path) -> None:
    """Every page of docs/ is a page of the site, and is reached from its first page."""
    pages = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}
    assert {name for name in pages if not (site / name).exists()} == set()
    first = (site / "index.html").read_text("utf-8")
    assert {name for name in pages - {"index.html"} if f'href="{name}"' not in first} == set()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """Scripts, styles, fonts and pictures are files of the site."""
    addresses = []
    for page in site.rglob("*.html"):
        tree = html5lib.parse(page.read_bytes(), namespaceHTMLElements=False)
        for name, attribute in ASSETS.items():
            for element in tree.iter(name):
                if "canonical" not in element.get("rel", ""):
                    addresses.append(element.get(attribute, ""))
    for style in site.rglob("*.css"):
        addresses += re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s;]+)", style.read_text("utf-8"))
    assert len(addresses) > 100
    assert [address for address in addresses if re.match(r"(?:[a-z]+:)?//", address)] == []


def digest(folder: Path) -> dict[str, str]:
    """Return the hash of each file of a site; `.buildinfo` has the folder of the build."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".buildinfo"
    }


@pytest.mark.soak
def test_the_same_bytes(site: Path, tmp_path: Path) -> None:
    """A second build, in another folder and time zone, has the same bytes."""
    again = built(tmp_path / "again", PYTHONHASHSEED="7", TZ="Asia/Tokyo", PATH="/usr/bin:/bin", LANG="C")
    assert digest(again) == digest(site)


@pytest.mark.soak
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_in_a_browser(site: Path) -> None:
    """No page scrolls sideways on a phone, requests another host, or breaks a rule of axe-core."""
    axe_sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    with served(site) as address, browser() as chromium:
        for width, scheme in ((360, "light"), (1280, "dark")):
            page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            requested: list[str] = []
            page.on("request", lambda request, to=requested: to.append(request.url))
            for file in sorted(site.rglob("*.html")):
                page.goto(f"{address}/{file.relative_to(site).as_posix()}")
                wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                assert not wide, (file.name, width)
            assert [url for url in requested if not url.startswith(address)] == []
            for name in ("index", "tutorial", "configuration", "reference/commands"):
                page.goto(f"{address}/{name}.html")
                # Only what the pages say: the theme draws the rest. Browsers let the keyboard scroll wide blocks.
                rules = {"scrollable-region-focusable": {"enabled": False}}
                found = axe_sync.Axe().run(page, context="article", options={"rules": rules})
                violations = found.response["violations"]
                assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == [], name


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder; yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder))) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def browser() -> Iterator[Any]:
    """Run Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with chromium(playwright) as running:
        yield running
