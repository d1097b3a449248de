"""The life of a subscriber in Chromium, as it is with scripts and cookies switched off."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.builders import rss
from tests.chromium import CHROMIUM, chromium
from tests.digests.scenario import WEEK, news, poll, rows, run
from tests.subscribers.visitor import Visitor, link_in, mailbox
from tests.web_server import Web
from tests.workplace import Clock, Workplace

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ADA = "ada@a.example"


@pytest.fixture
def page() -> Iterator[playwright.Page]:
    """Open a page of a browser that speaks German, without scripts."""
    with chromium(playwright) as browser:
        context = browser.new_context(locale="de-DE", java_script_enabled=False, accept_downloads=True)
        context.set_default_timeout(60_000)
        yield context.new_page()
        assert context.cookies() == []


def test_the_life_of_a_subscriber_in_a_browser(
    visitor: Visitor, place: Workplace, web: Web, clock: Clock, page: playwright.Page
) -> None:
    """Sign-up, confirmation, change, leaving, undo and erasure work with forms (SU1 to SU4)."""
    base = f"http://127.0.0.1:{visitor.port}"
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{base}/subscribe")
    page.locator("#address").fill(ADA)
    page.get_by_label("Imaging weekly").check()
    page.get_by_role("button", name="Abonnieren").click()
    page.get_by_role("heading", name="Sehen Sie in Ihr Postfach").wait_for()
    run(place)
    (asked,) = mailbox(place, ADA)
    page.goto(base + link_in(asked, "confirm"))
    page.get_by_role("button", name="Bestätigen").click()
    page.get_by_role("link", name="Abonnement ändern").click()
    assert "a***@a.example" in page.content() and ADA not in page.content()
    page.get_by_label("Imaging daily").check()
    page.get_by_role("button", name="Speichern").click()
    page.get_by_text("Gespeichert.").wait_for()
    clock.now += WEEK
    web.feed("/feed", rss(news(2, clock.now)))
    poll(place)
    run(place)
    edition = next(m for m in mailbox(place, ADA) if m["List-Id"])
    page.goto(base + link_in(edition, "unsubscribe"))
    page.get_by_role("button", name="Abmelden").click()
    page.get_by_text("Sie erhalten weiterhin").wait_for()
    page.get_by_role("button", name="Rückgängig machen").click()
    page.get_by_role("heading", name="Sie sind wieder angemeldet").wait_for()
    page.goto(base + link_in(edition, "subscription"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Daten herunterladen").click()
    assert ADA in download.value.path().read_text("utf-8")
    page.get_by_label("Ja, alles löschen").check()
    page.get_by_role("button", name="Löschen").click()
    page.get_by_role("heading", name="Alles ist gelöscht").wait_for()
    assert rows(place, "SELECT count(*) FROM subscribers") == [(0,)]
    assert not [text for text in complaints if re.search("Content.Security", text)]
