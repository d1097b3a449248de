"""Errors are pages of the site, and pages of stories that are gone say so."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest
from starlette.types import ASGIApp

from aggregator.dedupe import editor_commands
from aggregator.polling import fetch
from aggregator.store.connection import opened
from aggregator.web import app
from aggregator.web.headers import SECURITY
from tests.builders import rss
from tests.conftest import Web, Workplace
from tests.web.asgi import Answer, ask
from tests.web.servers import put

WANTED = "aaaaaaaaaaaaaaaa"


def build(place: Workplace) -> ASGIApp:
    """Return the app of a workplace."""
    return app.build(place.app().config, list, clock=place.clock)


def is_page(answer: Answer, heading: str) -> bool:
    """Return whether a response is a page of the site with all headers of security."""
    secure = all(answer.headers.get(name.decode()) == value.decode() for name, value in SECURITY)
    head = '<link rel="stylesheet"' in answer.text and f"<h1>{heading}</h1>" in answer.text
    return secure and head and answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "method", "status", "heading"),
    [
        ("/nothing", "GET", 404, "Not found"),
        ("/deep/er/nothing", "GET", 404, "Not found"),
        ("/index.html", "POST", 405, "Method not allowed"),
        ("/search", "POST", 405, "Method not allowed"),
        ("/search?q=x", "GET", 503, "Temporarily unavailable"),
        ("/status", "GET", 503, "Temporarily unavailable"),
        ("/metrics", "GET", 503, "Temporarily unavailable"),
    ],
)
@pytest.mark.parametrize("database", ["none", "empty", "damaged", "foreign"])
def test_errors_are_pages(
    place: Workplace, database: str, path: str, method: str, status: int, heading: str
) -> None:
    """Missing pages, wrong methods and a database that cannot be read have a page."""
    place.write("sources: []\n")
    if database != "none":
        place.database.parent.mkdir()
        place.database.write_bytes(b"" if database == "empty" else b"SQLite format 3\0" + b"rubbish" * 5_000)
    if database == "foreign":
        place.database.unlink()
        with sqlite3.connect(place.database) as db:
            db.execute("CREATE TABLE other (x)")
    answer = ask(build(place), path, method=method)
    assert answer.status == status and is_page(answer, heading)
    assert str(place.folder) not in answer.text


def test_a_bug_is_a_page(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception gets a page without its text."""
    place.write("sources: []\n")
    monkeypatch.setattr("aggregator.web.search.search_request.parse", lambda _: 1 / 0)
    answer = ask(build(place), "/search")
    assert answer.status == 500 and is_page(answer, "Server error") and "division" not in answer.text


def test_a_replaced_database_is_read(place: Workplace) -> None:
    """A database that appears or is replaced while the server runs is used by the next request."""
    place.write("sources: []\n")
    running = build(place)
    assert ask(running, "/search?q=x").status == 503
    with opened(place.database):
        pass
    assert ask(running, "/search?q=x").status == 200
    place.database.unlink()
    place.database.write_bytes(b"rubbish" * 1000)
    assert ask(running, "/search?q=x").status == 503


def test_the_page_of_an_error_is_short_for_any_path(place: Workplace) -> None:
    """Links from a path with thousands of slashes begin with the URL of the site."""
    place.write("sources: []\n")
    answer = ask(build(place), "/a" * 5_000)
    assert answer.status == 404 and len(answer.body) < 10_000
    assert 'href="https://news.example/index.html"' in answer.text


def test_errors_are_in_the_language_of_the_site(place: Workplace) -> None:
    """A German site has German errors."""
    file = place.write("sources: []\n")
    file.write_text(file.read_text("utf-8").replace("site: {", "site: {language: de, "), "utf-8")
    answer = ask(build(place), "/nothing")
    assert '<html lang="de"' in answer.text and "Nicht gefunden" in answer.text


def test_large_bodies_are_refused(place: Workplace) -> None:
    """A stated length above the limit is answered with 413 before the body is read."""
    place.write("sources: []\n")
    answer = ask(build(place), "/search", method="POST", headers={"Content-Length": "70000"})
    assert answer.status == 413 and is_page(answer, "Too large")


@pytest.fixture
def stories(place: Workplace, web: Web) -> tuple[Workplace, list[str]]:
    """Store three stories without the files of their pages; return their ids."""
    titles = ("Workshop in Jena", "New microscope in Turku", "Open position in Oslo")
    web.feed("/feed", rss(*({"title": t, "link": f"https://n.example/{n}"} for n, t in enumerate(titles))))
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    for page in (place.public / "stories").glob("*.html"):
        page.unlink()
    with sqlite3.connect(place.database) as db:
        return place, [row[0] for row in db.execute("SELECT id FROM stories ORDER BY number")]


def test_a_hidden_story_is_gone(stories: tuple[Workplace, list[str]]) -> None:
    """A hidden story has 410, with its page if publishing wrote one; others have 404 or 200."""
    place, (hidden, shown, _) = stories
    with opened(place.database) as store, store.transaction():
        store.db.execute(
            "INSERT INTO tombstones (story_id, at, reason) VALUES (?, ?, 'hidden')",
            [hidden, datetime(2026, 10, 5, tzinfo=UTC).isoformat()],
        )
    running = build(place)
    assert is_page(ask(running, f"/stories/{hidden}.html"), "No longer published")
    assert ask(running, f"/stories/{hidden}.html").status == 410
    assert ask(running, f"/stories/{WANTED}.html").status == 404
    assert ask(running, "/stories/../secret.html").status == 404
    put(place.public, f"stories/{shown}.html", b"<p>shown")
    put(place.public, f"stories/{hidden}.html", b"<p>not yet written anew")
    early = ask(running, f"/stories/{hidden}.html")
    assert early.status == 410 and "not yet" not in early.text and is_page(early, "No longer published")
    put(place.public, f"stories/{hidden}.html", b'<meta name="robots" content="noindex"><p>was hidden')
    assert ask(running, f"/stories/{shown}.html").status == 200
    gone = ask(running, f"/stories/{hidden}.html")
    assert gone.status == 410 and gone.text.endswith("was hidden") and "last-modified" in gone.headers
    again = ask(running, f"/stories/{hidden}.html", headers={"If-None-Match": gone.headers["etag"]})
    assert again.status == 410
    place.database.unlink()
    assert ask(running, f"/stories/{hidden}.html").status == 410


def test_a_story_merged_into_a_hidden_one_is_gone(stories: tuple[Workplace, list[str]]) -> None:
    """The address of a merged story does not lead to a story that is hidden."""
    place, (one, other, _) = stories
    kept, (merged,) = editor_commands.merge(place.app(), [one, other], who="test")
    editor_commands.hide(place.app(), [kept], "test")
    answer = ask(build(place), f"/stories/{merged}.html")
    assert answer.status == 410 and "location" not in answer.headers and kept not in answer.text


def test_the_calendar_of_a_gone_story_is_gone(stories: tuple[Workplace, list[str]]) -> None:
    """The calendar of a hidden or merged story is not served until the next run removes it."""
    place, (one, other, hidden) = stories
    for story_id in (one, other, hidden):
        put(place.public, f"stories/{story_id}.ics", b"BEGIN:VCALENDAR")
    kept, (merged,) = editor_commands.merge(place.app(), [one, other], who="test")
    editor_commands.hide(place.app(), [hidden], "test")
    running = build(place)
    assert ask(running, f"/stories/{kept}.ics").status == 200
    assert ask(running, f"/stories/{hidden}.ics").status == 410
    answer = ask(running, f"/stories/{merged}.ics")
    assert answer.status == 301 and answer.headers["location"].endswith(f"/{kept}.ics")


def test_a_merged_story_leads_on(stories: tuple[Workplace, list[str]]) -> None:
    """The address of a merged story redirects to the story that contains it."""
    place, (kept, merged, _) = stories
    editor_commands.merge(place.app(), [kept, merged], who="test")
    running = build(place)
    answers = {id_: ask(running, f"/stories/{id_}.html") for id_ in (kept, merged)}
    moved = [answer for answer in answers.values() if answer.status == 301]
    (other,) = (id_ for id_, answer in answers.items() if answer.status == 404)
    assert [answer.headers["location"] for answer in moved] == [f"./{other}.html"]
