"""The editors' pages in Chromium: without scripts, by keyboard, by the rules of axe-core."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import rss
from tests.chromium import CHROMIUM, chromium
from tests.digests.scenario import news, poll, rows
from tests.editors.site import COURSE, EVA, Editor
from tests.web.test_walk import CONTROLS, SCHEMES, WIDTHS, _tab
from tests.web_server import Web
from tests.workplace import Workplace

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe_sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

MAIN_PAGES = ("/candidates", "/stories/{story}", "/held", "/decisions")
PAGES = (
    *MAIN_PAGES,
    "",
    "?done=merged",
    "/sign-in",
    "/sign-in/wrong",
    "/stories?q=course",
    "/stories?q=school&with={story}",
    "/stories/unknown",
    "/digests",
    "/digests/daily",
)
"""All pages; the soak walks them at all widths and in all schemes."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start one browser for all tests of this file."""
    with chromium(playwright) as running:
        yield running


def opened(browser: Any, editor: Editor, **options: Any) -> Any:
    """Open a page at the editors' pages."""
    base = f"http://127.0.0.1:{editor.visitor.port}"
    context = browser.new_context(base_url=base, **{"viewport": {"width": 360, "height": 800}} | options)
    context.set_default_timeout(60_000)
    return context.new_page()


def signed_in(browser: Any, editor: Editor, **options: Any) -> Any:
    """Sign in by a mailed link in the browser itself; return the page."""
    page = opened(browser, editor, **options)
    page.goto("/editor")
    page.locator("#address").fill(EVA)
    page.locator("main form button").click()
    page.locator("h1").wait_for()
    page.goto(f"/editor{editor.link()}")
    page.locator("main form button").click()
    page.wait_for_url("**/editor?done=signed_in")
    return page


def test_an_editors_day(
    browser: Any, editor: Editor, stories: tuple[str, str], place: Workplace, web: Web
) -> None:
    """Merge, undo, keep apart, hide, release, set a date and preview work without scripts."""
    page = signed_in(browser, editor, java_script_enabled=False)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (
        "__Host-editor",
        True,
        True,
        "Strict",
    )
    page.get_by_role("link", name="1 pair of stories that may be one").click()
    page.get_by_role("button", name="Merge").click()
    page.get_by_text("The stories are merged.").wait_for()
    page.get_by_role("link", name="Decisions").click()
    page.get_by_role("button", name="Undo: merged").click()
    page.get_by_text("The decision is undone.").wait_for()
    page.get_by_role("link", name="One story or two?").click()
    page.get_by_role("button", name="Keep apart").click()
    page.get_by_text("The stories stay apart.").wait_for()
    page.get_by_role("link", name="Stories", exact=True).click()
    page.get_by_role("searchbox").fill("deep learning")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=COURSE["title"]).click()
    page.get_by_label("First day").fill("2026-11-20")
    page.get_by_label("Begins at").fill("09:30")
    page.get_by_label("Last day").fill("2026-11-20")
    page.get_by_label("Place").fill("Jena")
    page.get_by_role("button", name="Save event").click()
    page.get_by_text("The event is saved.").wait_for()
    assert page.get_by_label("Begins at").input_value() == "09:30"
    page.get_by_role("button", name="Hide").click()
    page.get_by_role("status").get_by_text("The story is hidden.").wait_for()
    page.get_by_role("link", name=re.compile("^Held items")).click()
    page.get_by_role("button", name="Release").click()
    page.get_by_text("The items are released.").wait_for()
    web.feed("/hub", rss(news(1), news(7)))
    poll(place)
    page.get_by_role("link", name="Next editions").click()
    page.get_by_role("link", name="Imaging daily").click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="News number 7").first.wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Send me a link").wait_for()
    assert page.context.cookies() == []
    assert [verb for (verb,) in rows(place, "SELECT verb FROM decisions ORDER BY number")] == [
        "merge",
        "undo merge",
        "keep-apart",
        "event",
        "hide",
        "release",
    ]
    assert {who for (who,) in rows(place, "SELECT who FROM decisions")} == {EVA}
    assert rows(place, f"SELECT hidden FROM stories WHERE id = '{stories[0]}'") == [(1,)]
    assert [text for text in complaints if "Content" in text and "Security" in text] == []


@pytest.fixture
def stories(editor: Editor, place: Workplace, web: Web) -> tuple[str, str]:
    """Publish the stories of the site."""
    from tests.editors.site import publish

    return publish(place, web)


def test_a_form_of_another_site_is_refused_by_the_browser_and_here(
    browser: Any, editor: Editor, stories: tuple[str, str], place: Workplace, web: Web
) -> None:
    """A page of another site that sends the form changes nothing."""
    page = signed_in(browser, editor)
    target = f"http://127.0.0.1:{editor.visitor.port}/editor/candidates"
    fields = {"story": stories[0], "other": stories[1], "action": "merge"}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    form = f'<!doctype html><form id="f" method="post" action="{target}">{inputs}<button>x</button></form>'
    page.route("http://evil.example/", lambda route: route.fulfill(body=form, content_type="text/html"))
    page.goto("http://evil.example/")
    with page.expect_navigation() as arrived:
        page.locator("button").click()
    assert arrived.value.status == 403
    assert rows(place, "SELECT * FROM decisions") == []


def _walk(
    browser: Any, editor: Editor, story: str, windows: dict[tuple[int, str], tuple[str, ...]]
) -> list[str]:
    """Open pages in windows; return what breaks a rule of axe-core or is too wide."""
    given = {"start_day": "2026-11-20", "kind": "event", "status": "scheduled"}
    editor.post(f"/stories/{story}", ("action", "event"), *given.items())
    name, _, value = editor.cookie.partition("=")
    # Playwright takes a secure cookie for https only; the browser sends it to this machine all the same.
    cookie = {"name": name, "value": value, "url": "https://127.0.0.1", "secure": True}
    faults: list[str] = []
    for (width, scheme), paths in windows.items():
        size, locale = {"width": width, "height": 800}, "de-DE" if width == WIDTHS[0] else "en-GB"
        page = opened(browser, editor, viewport=size, color_scheme=scheme, locale=locale)
        page.context.add_cookies([cookie])
        for path in paths:
            page.goto(f"/editor{path.format(story=story)}")
            assert ("sign-in" in page.url) == ("sign-in" in path), path
            faults += [
                f"{path} at {width} px, {scheme}: {each['id']}: {node['html'][:160]}"
                for each in axe_sync.Axe().run(page).response["violations"]
                for node in each["nodes"][:2]
            ]
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults.append(f"{path} at {width} px: wider than the window")
        page.context.close()
    return faults


def test_all_editors_pages_are_accessible(browser: Any, editor: Editor, pair: tuple[str, str]) -> None:
    """No page breaks a rule of axe-core or is wider than its window."""
    assert _walk(browser, editor, pair[0], {(360, "light"): PAGES, (1280, "dark"): MAIN_PAGES}) == []


@pytest.mark.soak
def test_all_editors_pages_are_accessible_everywhere(
    browser: Any, editor: Editor, pair: tuple[str, str]
) -> None:
    """No page breaks a rule at any width, in the light or the dark scheme."""
    windows = dict.fromkeys(itertools.product(WIDTHS, SCHEMES), PAGES)
    assert _walk(browser, editor, pair[0], windows) == []


def test_an_editor_needs_only_a_keyboard(
    browser: Any, editor: Editor, stories: tuple[str, str], place: Workplace
) -> None:
    """Tab reaches every control of each page with a visible outline, and Enter merges a pair."""
    page = signed_in(browser, editor)
    for path in ("/candidates", f"/stories/{stories[0]}", "/digests/daily"):
        page.goto(f"/editor{path}")
        page.evaluate("document.activeElement.blur()")
        controls = page.locator(CONTROLS).locator("visible=true").count()
        reached: list[dict[str, Any]] = [_tab(page)]
        while reached[-1]["place"] != controls - 1:
            reached.append(_tab(page))
        inside = [each for each in reached if each["place"] >= 0]  # a frame is no control of the page
        places = [place for place, _ in itertools.groupby(each["place"] for each in inside)]
        assert places == list(range(controls)), path
        assert [each["html"] for each in inside if not each["outlined"]] == [], path
    page.goto("/editor/candidates")
    while "Merge</button>" not in _tab(page)["html"]:
        pass
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert rows(place, "SELECT verb FROM decisions") == [("merge",)]
