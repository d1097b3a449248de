"""All pages in Chromium: by the rules of axe-core and by keyboard, in EN and DE."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.builders import rss
from tests.chromium import CHROMIUM, chromium
from tests.digests.scenario import DAY, WEEK, news, poll, run
from tests.subscribers.visitor import configure, visiting
from tests.web_server import Web
from tests.workplace import HEAD, Clock, Workplace

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe_sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

WIDTHS, SCHEMES = (360, 768, 1280), ("light", "dark")
SHORT = {(360, "light"): True, (1280, "dark"): False}
"""Windows of every run, and whether axe-core checks all pages there or one of each folder."""
DYNAMIC = (
    "search?q=workshop",
    "search?q=nothing-of-this",
    "status",
    "subscribe",
    "subscribe?lang=de",
    "no-such-page",
)
CONTROLS = (
    "a[href], button, select, summary"
    ", input:not([type=hidden]):not([tabindex]):not([type=radio]:not(:checked))"
)
"""Selects what Tab must reach; arrows lead from the chosen radio button to the others."""
ODD = (
    '"',
    "'; DROP TABLE items; --",
    "NEAR(a b, 2) OR NOT *",
    "title: workshop AND text:^x",
    "<script>document.title='loud'</script>",
    "light\u200b\u202esheets \ufffd 🔬",
    "a" * 10_000,
)
UNLIKE = {
    "title": "Kurs: Bildanalyse, 20.-22. Oktober 2026 in Jena",
    "description": "Anmeldeschluss: 9. Oktober 2026.",
}


@dataclass(frozen=True)
class Served:
    """Hold the workplace of a site that is served, and its address."""

    place: Workplace
    address: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve one site in English for all tests of this file."""
    with serving(tmp_path_factory.mktemp("site")) as site:
        yield site


@contextmanager
def serving(folder: Path, language: str = "en") -> Iterator[Served]:
    """Serve stories, an event, a German course and an edition."""
    place, web = Workplace(folder, Clock()), Web()
    clock = place.clock
    event = {
        "title": "Workshop on light sheets, 4-6 November 2026, Turin",
        "description": "Register by 20 October 2026.",
    }
    web.feed("/feed", rss(news(1), {"link": f"{web.url}/a", **event}, {"link": f"{web.url}/b", **UNLIKE}))
    configure(place, sources=f"[{{id: node, name: The node, url: '{web.url}/feed', topics: [data]}}]")
    written = (place.folder / "feeds.yaml").read_text("utf-8")
    head = HEAD.replace("site: {", f"site: {{language: {language}, ")
    place.write(written.removeprefix(HEAD), head)
    poll(place)
    clock.now += WEEK + timedelta(hours=1)
    web.feed(
        "/feed",
        rss(news(2, clock.now), {"link": f"{web.url}/a", **event}, {"link": f"{web.url}/b", **UNLIKE}),
    )
    poll(place)
    run(place)
    clock.now += DAY
    try:
        with visiting(place) as person:
            yield Served(place, f"http://127.0.0.1:{person.port}/")
    finally:
        web.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start one browser for all tests of this file."""
    with chromium(playwright) as running:
        yield running


def test_all_pages_are_accessible(browser: Any, served: Served) -> None:
    """No page breaks a rule of axe-core, is wider than its window or asks another host."""
    expected = {("News", "Events", "Archive", "Topics", "Partners", "Search")}
    assert _walk(browser, served, SHORT) == expected


def test_all_pages_are_accessible_in_german(browser: Any, tmp_path: Path) -> None:
    """The same holds for a site in German, whose pages are in German throughout."""
    with serving(tmp_path, "de") as served:
        expected = {("Neuigkeiten", "Termine", "Archiv", "Themen", "Partner", "Suche")}
        assert _walk(browser, served, {(360, "light"): False}, language="de") == expected


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    """Open a page that nothing but a keyboard reaches, without cookies of other tests."""
    context = browser.new_context(base_url=served.address, viewport={"width": 360, "height": 800})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def test_every_control_is_reached_by_keyboard(page: Any) -> None:
    """Tab reaches every link and field of a page in their order, each with a visible outline."""
    for path in ("index.html", "events/index.html", "search?q=workshop&kind=course", "subscribe", "status"):
        page.goto(path)
        page.evaluate("document.activeElement.blur()")
        controls = page.locator(CONTROLS).locator("visible=true").count()
        reached = [_tab(page)]
        while reached[-1]["place"] not in (-1, controls - 1):
            reached.append(_tab(page))
        places = [place for place, _ in itertools.groupby(reached, key=lambda each: each["place"])]
        assert places == list(range(controls)), path  # a date is one control and several stops
        assert [each["html"] for each in reached if not each["outlined"]] == [], path


def test_the_skip_link_leads_to_the_content(page: Any) -> None:
    """The first Tab shows the skip link; Enter and Tab lead to the first link of the content."""
    for path in ("index.html", "events/index.html", "status", "subscribe", "digests/index.html"):
        page.goto(path)
        _tab(page)
        skip = page.locator("a.skip")
        assert skip.evaluate("each => each === document.activeElement && each.getBoundingClientRect().x >= 0")
        page.keyboard.press("Enter")
        _tab(page)
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)"), path


def test_a_day_breaks_between_words_only(page: Any) -> None:
    """Beside a long reason, the day of a visit breaks between words on a phone."""
    page.goto("partners/node.html")
    lines = page.evaluate("""() => {
        const row = document.querySelector("tbody tr");
        row.cells[1].textContent = "The server asked for fewer visits. We wait as long as it asked. ".repeat(3);
        row.cells[0].textContent = "September";
        const word = document.createRange();
        word.selectNodeContents(row.cells[0]);
        return word.getClientRects().length;
    }""")
    assert lines == 1


def test_lines_begin_at_the_edge_on_a_phone(page: Any) -> None:
    """Headings of choices and wrapped links stand at the edge, a colour beside its word."""
    page.goto("subscribe")
    edges = page.evaluate("""() => [...document.querySelectorAll("form legend, form > label")].map(each => {
        const words = document.createRange();
        words.selectNodeContents(each);
        return words.getBoundingClientRect().left;
    })""")
    assert len(edges) > 2 and len(set(edges)) == 1
    page.goto("index.html")
    left, indented = page.evaluate("""() => {
        const line = document.querySelector("article .meta"), link = line.querySelector(".details");
        line.querySelectorAll(".tag").forEach(each => each.remove());
        line.querySelector(".source").style = "display: inline-block; width: 100%";
        return [line, link].map(each => each.getBoundingClientRect().left);
    }""")
    assert indented == left
    page.goto("status")
    keys = page.locator(".legend > span")
    assert all(keys.all_inner_texts()) and keys.locator(".key").count() == 4
    assert keys.evaluate_all("all => all.every(each => each.getClientRects().length === 1)")


def test_paper_has_no_controls(page: Any) -> None:
    """Filters, buttons and links to feeds, which paper cannot use, are not printed."""
    page.emulate_media(media="print")
    unused = {"events/index.html": ".filter", "search?q=light": "form button, form details, .results a"}
    for path, controls in unused.items():
        page.goto(path)
        assert page.locator(controls).count() and page.locator("main article").first.is_visible()
        assert not any(each.is_visible() for each in page.locator(controls).all()), path


def test_colours_of_days_stay_with_colours_of_the_system(page: Any) -> None:
    """The legend of days keeps its colours where the system replaces colours (forced colours)."""
    page.emulate_media(forced_colors="active")
    page.goto("status")
    colours = "all => new Set(all.map(each => getComputedStyle(each).backgroundColor)).size"
    assert page.locator(".key").evaluate_all(colours) == 4


def test_a_search_is_typed_filtered_and_sent_by_keyboard(page: Any) -> None:
    """The field has the focus; Enter searches; the filters open, are chosen and sent by keys."""
    page.goto("search")
    page.wait_for_selector("#q:focus")
    page.keyboard.type("light sheets")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=light+sheets**")
    assert page.locator("main article").count() == 1
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    while not _tab(page)["html"].startswith('<select id="lang"'):
        pass
    page.keyboard.type("German")
    page.keyboard.press("Enter")
    if not page.url.count("lang=de"):  # Enter in a list is for the browser to decide
        page.locator("#q").focus()
        page.keyboard.press("Enter")
    page.wait_for_url("**lang=de**")
    assert page.locator("main .empty").count() == 1


def test_an_odd_search_is_literal(page: Any) -> None:
    """Operators, quotes, SQL and markup typed into the field are searched as words."""
    for typed in ODD:
        page.goto("search")
        page.wait_for_selector("#q:focus")
        page.keyboard.insert_text(typed)
        with page.expect_navigation() as arrived:
            page.keyboard.press("Enter")
        assert arrived.value.status == 200, typed
        assert page.input_value("#q") == typed[:1000].replace("\u202e", ""), typed
        assert page.locator("main .results").count() == 1, typed
        assert page.evaluate("document.title") != "loud"


def test_events_are_filtered_by_keyboard(page: Any) -> None:
    """Enter on a kind shows the events of that kind alone, and on "everything" all of them."""
    page.goto("events/index.html")
    shown = page.locator("article.dated >> visible=true")
    everything = shown.count()
    page.locator("nav.filter a", has_text="Courses").focus()
    page.keyboard.press("Enter")
    assert 0 < shown.count() < everything
    page.locator("nav.filter a").first.focus()
    page.keyboard.press("Enter")
    assert shown.count() == everything


def test_a_reader_signs_up_by_keyboard(page: Any) -> None:
    """Address, newsletter and button are reached and used by keys; the trap is passed over."""
    page.goto("subscribe")
    while not _tab(page)["html"].startswith('<input type="email" id="address"'):
        pass
    page.keyboard.type("ada@a.example")
    assert 'value="weekly"' in _tab(page)["html"]
    page.keyboard.press("Space")
    while "<button" not in (reached := _tab(page)["html"]):
        assert "website" not in reached
    with page.expect_navigation() as arrived:
        page.keyboard.press("Enter")
    assert arrived.value.status == 200
    assert page.locator("h1").inner_text() == "Check your mail"


def _tab(page: Any) -> dict[str, Any]:
    """Press Tab; return which control has the focus, its HTML, and whether an outline shows it."""
    page.keyboard.press("Tab")
    found: dict[str, Any] = page.evaluate(
        """controls => {
            const here = document.activeElement, style = getComputedStyle(here);
            const all = [...document.querySelectorAll(controls)].filter(each => each.checkVisibility());
            return {place: all.indexOf(here), html: here.outerHTML,
                    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1};
        }""",
        CONTROLS,
    )
    return found


@pytest.mark.soak
def test_all_pages_are_accessible_everywhere(browser: Any, served: Served) -> None:
    """The same holds at every width, light and dark."""
    _walk(browser, served, dict.fromkeys(itertools.product(WIDTHS, SCHEMES), True))


def _walk(
    browser: Any, served: Served, windows: Mapping[tuple[int, str], bool], language: str = "en"
) -> set[tuple[str, ...]]:
    """Open all pages in all windows; return the texts of their navigation."""
    navigation: set[tuple[str, ...]] = set()
    axe = axe_sync.Axe()
    public = served.place.public
    static = sorted(str(path.relative_to(public)) for path in public.rglob("*.html"))
    kinds = {*DYNAMIC, *{path.rpartition("/")[0] or path: path for path in static}.values()}
    assert {"index.html", "about.html", "events/index.html", "partners/index.html"} <= set(static)
    faults: list[str] = []
    asked: list[str] = []
    shown: tuple[int, str] | None = None
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("request", lambda sent: asked.append(sent.url))
    for path in (*static, *DYNAMIC):
        page.goto(served.address + path)
        if page.evaluate("document.documentElement.lang") == language:
            navigation.add(tuple(page.locator("body > header nav a").all_inner_texts()))
        elif "subscribe" not in path and "digests/" not in path:
            faults.append(f"{path}: not in the language of the site")
        for (width, scheme), everywhere in windows.items():
            if shown != (width, scheme):
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme=scheme)
                shown = (width, scheme)
            found = axe.run(page).response["violations"] if everywhere or path in kinds else []
            where = f"{path} at {width} px, {scheme}"
            faults += [
                f"{where}: {each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"][:2]
            ]
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults.append(f"{where}: wider than the window")
    context.close()
    assert faults == []
    assert [
        url for url in asked if urlsplit(url).scheme != "data" and not url.startswith(served.address)
    ] == []
    return navigation


@pytest.mark.soak
@pytest.mark.skipif(not shutil.which("java") or not shutil.which("npm"), reason="Java and npm are needed")
def test_the_nu_html_checker_finds_no_error(browser: Any, served: Served, tmp_path: Path) -> None:
    """All static and dynamic pages are valid HTML; warnings about their policy are left out."""
    subprocess.run(["npm", "install", "--silent", "vnu-jar"], cwd=tmp_path, check=True, capture_output=True)
    pages = tmp_path / "pages"
    shutil.copytree(served.place.public, pages)
    context = browser.new_context(base_url=served.address)
    for number, path in enumerate(DYNAMIC):
        (pages / f"dynamic-{number}.html").write_text(context.request.get(path).text(), "utf-8")
    context.close()
    jar = tmp_path / "node_modules/vnu-jar/build/dist/vnu.jar"
    words = ["java", "-jar", str(jar), "--errors-only", "--skip-non-html", str(pages)]
    checked = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
    assert checked.stderr.replace(str(pages), "").splitlines() == []


def test_axe_finds_a_fault(browser: Any) -> None:
    """A picture without a text alternative is a fault, so that the test before can fail."""
    page = browser.new_page()
    page.set_content("<!doctype html><html lang=en><title>Page</title><img src='data:,'>")
    assert "image-alt" in {each["id"] for each in axe_sync.Axe().run(page).response["violations"]}
    page.close()
