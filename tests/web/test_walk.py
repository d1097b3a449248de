"""All pages in Chromium by the rules of axe-core: phone and desktop, light and dark."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.builders import rss
from tests.digests.scenario import DAY, WEEK, news, poll, run
from tests.subscribers.visitor import configure, visiting
from tests.web_server import Web
from tests.workplace import Clock, Workplace

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe_sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

WIDTHS, SCHEMES = (360, 768, 1280), ("light", "dark")
SHORT = ((360, "light"), (1280, "dark"))
"""What every run walks; the soak walks all widths and schemes."""
DYNAMIC = (
    "search?q=workshop",
    "search?q=nothing-of-this",
    "status",
    "subscribe",
    "subscribe?lang=de",
    "no-such-page",
)
UNLIKE = {
    "title": "Kurs: Bildanalyse, 20.-22. Oktober 2026 in Jena",
    "description": "Anmeldeschluss: 9. Oktober 2026.",
}


@pytest.fixture
def served(place: Workplace, web: Web, clock: Clock) -> Iterator[str]:
    """Serve stories, an event, a German course and an edition; return the address."""
    event = {
        "title": "Workshop on light sheets, 4-6 November 2026, Turin",
        "description": "Register by 20 October 2026.",
    }
    web.feed("/feed", rss(news(1), {"link": f"{web.url}/a", **event}, {"link": f"{web.url}/b", **UNLIKE}))
    configure(place, sources=f"[{{id: node, name: The node, url: '{web.url}/feed', topics: [data]}}]")
    poll(place)
    clock.now += WEEK + timedelta(hours=1)
    web.feed(
        "/feed",
        rss(news(2, clock.now), {"link": f"{web.url}/a", **event}, {"link": f"{web.url}/b", **UNLIKE}),
    )
    poll(place)
    run(place)
    clock.now += DAY
    with visiting(place) as person:
        yield f"http://127.0.0.1:{person.port}/"


def test_all_pages_are_accessible(served: str, place: Workplace) -> None:
    """No page breaks a rule of axe-core, is wider than its window or asks another host."""
    _walk(served, place, SHORT)


@pytest.mark.soak
def test_all_pages_are_accessible_everywhere(served: str, place: Workplace) -> None:
    """The same holds at every width, light and dark."""
    _walk(served, place, tuple(itertools.product(WIDTHS, SCHEMES)))


def _walk(served: str, place: Workplace, windows: Sequence[tuple[int, str]]) -> None:
    axe = axe_sync.Axe()
    static = sorted(str(path.relative_to(place.public)) for path in place.public.rglob("*.html"))
    assert {"index.html", "about.html", "events/index.html", "partners/index.html"} <= set(static)
    faults: list[str] = []
    asked: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for width, scheme in windows:
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.on("request", lambda sent: asked.append(sent.url))
            for path in (*static, *DYNAMIC):
                page.goto(served + path)
                found = axe.run(page).response["violations"]
                where = f"{path} at {width} px, {scheme}"
                faults += [
                    f"{where}: {each['id']}: {node['html'][:120]}"
                    for each in found
                    for node in each["nodes"][:2]
                ]
                if page.evaluate("document.documentElement.scrollWidth") > width:
                    faults.append(f"{where}: wider than the window")
            context.close()
        browser.close()
    assert faults == []
    assert [url for url in asked if urlsplit(url).scheme != "data" and not url.startswith(served)] == []


@pytest.mark.soak
@pytest.mark.skipif(not shutil.which("java") or not shutil.which("npm"), reason="Java and npm are needed")
def test_the_nu_html_checker_finds_no_error(served: str, place: Workplace, tmp_path: Path) -> None:
    """All static and dynamic pages are valid HTML; warnings about their policy are left out."""
    subprocess.run(["npm", "install", "--silent", "vnu-jar"], cwd=tmp_path, check=True, capture_output=True)
    pages = tmp_path / "pages"
    shutil.copytree(place.public, pages)
    with playwright.sync_playwright() as started:
        for number, path in enumerate(DYNAMIC):
            answer = started.request.new_context().get(served + path)
            (pages / f"dynamic-{number}.html").write_text(answer.text(), "utf-8")
    jar = tmp_path / "node_modules/vnu-jar/build/dist/vnu.jar"
    words = ["java", "-jar", str(jar), "--errors-only", "--skip-non-html", str(pages)]
    checked = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
    assert checked.stderr.replace(str(pages), "").splitlines() == []


def test_axe_finds_a_fault() -> None:
    """A picture without a text alternative is a fault, so that the test before can fail."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_content("<!doctype html><html lang=en><title>Page</title><img src='data:,'>")
        assert "image-alt" in {each["id"] for each in axe_sync.Axe().run(page).response["violations"]}
        browser.close()
