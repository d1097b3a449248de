"""Actions of editors on their pages, and responses to wrong forms."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from html import unescape

import pytest

from aggregator.store import connection
from tests.builders import rss
from tests.digests.scenario import WEEK, all_rows, news, poll, rows
from tests.editors.conftest import Site
from tests.editors.site import COURSE, EVA, KURS, Editor
from tests.subscribers.visitor import Page
from tests.web_server import Web
from tests.workplace import Clock, Workplace

Pair = tuple[str, str]
EVENT_FIELDS = {"kind": "course", "status": "scheduled", "start_day": "2026-11-20", "zone": "Europe/Berlin"}


def problem(page: Page) -> str:
    """Return the sentence that a page states as a problem."""
    match = re.search(r'role="alert" id="problem">(.*?)</p>', page.text, re.DOTALL)
    assert match, page.text
    return unescape(match[1])


def verbs(place: Workplace) -> list[tuple[str, str]]:
    """Return verb and author of each decision."""
    return rows(place, "SELECT verb, who FROM decisions ORDER BY number")


def event(editor: Editor, story: str, **fields: str) -> Page:
    """Send the form of an event."""
    return editor.post(f"/stories/{story}", ("action", "event"), *(EVENT_FIELDS | fields).items())


# --- candidates ----------------------------------------------------------------------------------------


def test_a_pair_is_shown_with_evidence(editor: Editor, pair: Pair) -> None:
    """Both stories stand side by side, with reasons for and against one story in words."""
    page = editor.get("/candidates")
    for text in (
        COURSE["title"],
        KURS["title"],
        "both name Jena",
        "Evidence against it",
        "European Imaging Hub",
    ):
        assert text in page.text
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("action", "verb"), [("merge", "merge"), ("apart", "keep-apart")])
def test_a_pair_is_decided_and_undone(
    editor: Editor, pair: Pair, place: Workplace, action: str, verb: str
) -> None:
    """A decision ends the listing and is logged with its author; an undo lists the pair again."""
    done = editor.post("/candidates", ("story", pair[0]), ("other", pair[1]), ("action", action))
    assert done.status == 303
    assert verbs(place) == [(verb, EVA)]
    assert "There are no open pairs" in editor.get("/candidates").text
    assert editor.post("/decisions", ("action", "undo"), ("number", "1")).status == 303
    assert COURSE["title"] in editor.get("/candidates").text
    log = editor.get("/decisions").text
    assert "undone" in log and COURSE["title"] in log and KURS["title"] in log


def test_later_postpones_a_pair_for_a_week(
    editor: Editor, pair: Pair, place: Workplace, clock: Clock
) -> None:
    """The pair is in the list of postponed pairs for a week; no decision is logged."""
    assert (
        editor.post("/candidates", ("story", pair[1]), ("other", pair[0]), ("action", "later"))
        .headers["location"]
        .endswith("candidates?done=later")
    )
    assert KURS["title"] not in editor.get("/candidates").text
    assert KURS["title"] in editor.get("/candidates?later=1").text
    assert verbs(place) == []
    clock.now += WEEK
    editor.sign_in()
    assert KURS["title"] in editor.get("/candidates").text


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({}, 400, "The form was incomplete"),
        ({"action": "explode"}, 400, "The form was incomplete"),
        ({"action": "merge", "story": "", "other": ""}, 400, "The form was incomplete"),
        ({"action": "merge", "other": "zzzzzzzzzzzzzzzz"}, 409, "changed this meanwhile"),
        ({"action": "apart", "story": "' OR 1=1 --"}, 409, "changed this meanwhile"),
        ({"action": "later", "other": "\0"}, 409, "changed this meanwhile"),
    ],
)
def test_a_wrong_form_about_a_pair_changes_nothing(
    site: Site, fields: dict[str, str], status: int, sentence: str
) -> None:
    """The page is shown again with one sentence."""
    editor, pair, place = site.editor, site.pair, site.place
    before = all_rows(place)
    sent = {"story": pair[0], "other": pair[1]} | fields
    page = editor.post("/candidates", *sent.items())
    assert (page.status, sentence in problem(page), all_rows(place)) == (status, True, before)


# --- stories -------------------------------------------------------------------------------------------


def test_a_story_is_found_by_words_id_and_address(editor: Editor, pair: Pair) -> None:
    """The search takes words, an id, its beginning, and the addresses of pages."""
    for query in ("deep+learning", pair[0], pair[0][:6], f"https://news.example/stories/{pair[0]}.html"):
        assert COURSE["title"] in editor.get(f"/stories?q={query}").text, query
    assert "Nothing was found" in editor.get("/stories?q=%00%22NEAR(").text


def test_a_story_is_merged_by_address_and_split(editor: Editor, pair: Pair, place: Workplace) -> None:
    """The address of another story merges it, and a split makes a story of ticked items."""
    address = f"https://news.example/stories/{pair[1]}.html"
    merged = editor.post(f"/stories/{pair[0]}", ("action", "merge"), ("other", address))
    merged_id = merged.headers["location"].rpartition("/")[2].partition("?")[0]
    assert merged_id in pair
    other_id = pair[1] if merged_id == pair[0] else pair[0]
    assert editor.get(f"/stories/{other_id}").headers["location"].endswith(f"stories/{merged_id}")
    (item,) = rows(
        place,
        f"SELECT id FROM items WHERE story_id = '{merged_id}' AND id <> (SELECT lead_id FROM stories"
        f" WHERE id = '{merged_id}')",
    )[0]
    split = editor.post(f"/stories/{merged_id}", ("action", "split"), ("item", item))
    if split.status == 400:  # the item founded the story: the other one leaves
        assert "split the other items off" in problem(split)
        ((item,),) = rows(place, f"SELECT id FROM items WHERE story_id = '{merged_id}' AND id <> '{item}'")
        split = editor.post(f"/stories/{merged_id}", ("action", "split"), ("item", item))
    assert split.status == 303
    assert [verb for verb, _ in verbs(place)] == ["merge", "split"]
    assert editor.post("/decisions", ("action", "undo"), ("number", "2")).status == 303
    log = re.findall(r"<li>.*?</li>", editor.get("/decisions").text, re.DOTALL)
    assert [(COURSE["title"] in each, KURS["title"] in each) for each in log] == [(True, True)] * 3
    assert editor.get(f"/stories/{item}").status == 303


def test_a_story_is_hidden_and_published_again(editor: Editor, pair: Pair, place: Workplace) -> None:
    """A hidden story is listed, has no form for its event, and returns."""
    assert editor.post(f"/stories/{pair[0]}", ("action", "hide")).status == 303
    assert COURSE["title"] in editor.get("/stories").text
    assert 'value="event"' not in editor.get(f"/stories/{pair[0]}").text
    assert "unchanged" in editor.post(f"/stories/{pair[0]}", ("action", "hide")).headers["location"]
    assert editor.post(f"/stories/{pair[0]}", ("action", "unhide")).status == 303
    assert verbs(place) == [("hide", EVA), ("unhide", EVA)]


def test_an_event_is_set_removed_and_automatic(editor: Editor, pair: Pair, place: Workplace) -> None:
    """The three buttons of the event act as `story event` does; the form shows what was set."""
    page = event(editor, pair[0], start_time="09:00", end_day="2026-11-21", end_time="17:00", place="Jena")
    assert page.status == 303
    shown = editor.get(f"/stories/{pair[0]}").text
    for value in ("2026-11-20", "09:00", "2026-11-21", "17:00", "Jena"):
        assert f'value="{value}"' in shown
    assert editor.post(f"/stories/{pair[0]}", ("action", "no_event")).status == 303
    assert "has no event" in editor.get(f"/stories/{pair[0]}").text
    assert editor.post(f"/stories/{pair[0]}", ("action", "auto_event")).status == 303
    assert [verb for verb, _ in verbs(place)] == ["event", "event none", "event automatic"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"start_day": ""}, "Enter the first day"),
        ({"start_day": "soon"}, "This is no date or time"),
        ({"start_day": "2026-02-30"}, "This is no date or time"),
        ({"start_day": "0001-01-01"}, "The year must be"),
        ({"start_time": "25:00"}, "This is no date or time"),
        ({"start_time": "09:00", "zone": "Europe/Rom"}, "This time zone is unknown"),
        ({"start_time": "09:00", "zone": "../../etc/passwd"}, "This time zone is unknown"),
        ({"start_time": "09:00", "zone": ""}, "A time needs a time zone"),
        ({"start_time": "09:00", "end_day": "2026-11-21"}, "Enter a time for both"),
        ({"end_day": "2026-11-19"}, "The end is before the start"),
        ({"kind": "party"}, "Choose kind, status and attendance"),
        ({"status": "<b>"}, "Choose kind, status and attendance"),
        ({"attendance": "moon"}, "Choose kind, status and attendance"),
    ],
)
def test_a_wrong_event_changes_nothing(site: Site, fields: dict[str, str], sentence: str) -> None:
    """The form is shown again with the submitted values and one sentence."""
    editor, pair, place = site.editor, site.pair, site.place
    before = all_rows(place)
    page = event(editor, pair[0], **fields)
    assert (page.status, sentence in problem(page)) == (400, True)
    assert all_rows(place) == before
    written = next(iter(fields.values()))
    if written and "<" not in written and next(iter(fields)) not in ("kind", "status", "attendance"):
        assert f'value="{written}"' in page.text


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ((), 400, "The form was incomplete"),
        ((("action", "merge"),), 400, "Enter the address or id"),
        ((("action", "merge"), ("other", "no such")), 404, "There is no story “no such”"),
        ((("action", "merge"), ("other", "x" * 5000)), 404, "There is no story"),
        ((("action", "merge"), ("other", "{story}")), 400, "These are one story already"),
        ((("action", "split"),), 400, "Tick at least one item"),
        ((("action", "split"), ("item", "aaaaaaaaaaaaaaaa")), 400, "not all in this story"),
        ((("action", "split"), ("item", "{own}")), 400, "must stay in the story"),
        ((("action", "split"), ("item", "{foreign}")), 400, "not all in this story"),
        ((("action", "auto_event"),), 400, "No editor set this event"),
    ],
)
def test_a_wrong_form_about_a_story_changes_nothing(
    site: Site, fields: tuple[tuple[str, str], ...], status: int, sentence: str
) -> None:
    """The page is shown again with one sentence."""
    editor, pair, place = site.editor, site.pair, site.place
    items = dict(rows(place, "SELECT story_id, id FROM items WHERE story_id IS NOT NULL"))
    names = {"story": pair[0], "own": items[pair[0]], "foreign": items[pair[1]]}
    before = all_rows(place)
    sent = [(name, value.format(**names)) for name, value in fields]
    page = editor.post(f"/stories/{pair[0]}", *sent)
    assert (page.status, sentence in problem(page)) == (status, True), problem(page)
    assert all_rows(place) == before


def test_a_page_that_is_out_of_date_changes_nothing(editor: Editor, pair: Pair, place: Workplace) -> None:
    """A form about a story that became part of another one meanwhile is refused."""
    editor.post("/candidates", ("story", pair[0]), ("other", pair[1]), ("action", "merge"))
    other_id = rows(place, "SELECT story_id FROM tombstones")[0][0]
    before = all_rows(place)
    page = editor.post(f"/stories/{other_id}", ("action", "hide"))
    assert (page.status, "changed this meanwhile" in problem(page), all_rows(place)) == (409, True, before)
    assert editor.get("/stories/nonsense").status == 404


# --- held items, digests, log --------------------------------------------------------------------------


def test_held_items_are_released(editor: Editor, pair: Pair, place: Workplace, clock: Clock) -> None:
    """A flood is shown with its first items, and published by the next run after its release."""
    page = editor.get("/held")
    assert "News number 100" in page.text and "and 10 more" in page.text
    assert editor.post("/held", ("source", "society"), ("action", "release")).status == 303
    assert verbs(place) == [("release", EVA)]
    assert "There are no held items" in editor.get("/held").text
    poll(place)
    assert rows(place, "SELECT count(*) FROM stories")[0][0] == 34
    page = editor.post("/decisions", ("action", "undo"), ("number", "1"))
    assert (page.status, "cannot be undone any more" in problem(page)) == (400, True)


def test_only_held_items_that_were_shown_are_decided(editor: Editor, pair: Pair, place: Workplace) -> None:
    """A form from a page that showed another number of items changes nothing."""
    assert '<input type="hidden" name="count" value="30">' in editor.get("/held").text
    before = all_rows(place)
    for action in ("release", "discard"):
        page = editor.post("/held", ("source", "society"), ("action", action), ("count", "29"))
        assert (page.status, "changed this meanwhile" in problem(page)) == (409, True)
    assert all_rows(place) == before
    page = editor.post("/held", ("source", "society"), ("action", "release"), ("count", "30"))
    assert page.status == 303


def test_undo_of_a_discarded_flood_returns_it_to_review(editor: Editor, pair: Pair, place: Workplace) -> None:
    """Items that were discarded by mistake are held again."""
    editor.post("/held", ("source", "society"), ("action", "discard"))
    assert rows(place, "SELECT count(*) FROM items WHERE held = 'discarded'") == [(30,)]
    assert editor.post("/decisions", ("action", "undo"), ("number", "1")).status == 303
    assert rows(place, "SELECT count(*) FROM items WHERE held = 'waiting'") == [(30,)]
    assert "30 items" in editor.get("/held").text


@pytest.mark.parametrize(
    ("path", "fields", "status", "sentence"),
    [
        ("/held", {}, 400, "The form was incomplete"),
        ("/held", {"source": "society", "action": "eat"}, 400, "The form was incomplete"),
        ("/held", {"source": "nobody", "action": "release"}, 404, "There is no source “nobody”"),
        ("/held", {"source": "hub", "action": "release"}, 409, "no held items any more"),
        ("/held", {"source": "society", "action": "accept"}, 409, "changed this meanwhile"),
        ("/decisions", {}, 400, "The form was incomplete"),
        ("/decisions", {"action": "undo", "number": "one"}, 400, "The form was incomplete"),
        ("/decisions", {"action": "undo", "number": "9" * 40}, 400, "The form was incomplete"),
        ("/decisions", {"action": "undo", "number": "77"}, 404, "There is no such decision"),
    ],
)
def test_other_wrong_forms_change_nothing(
    site: Site, path: str, fields: dict[str, str], status: int, sentence: str
) -> None:
    """The page is shown again with one sentence."""
    editor, place = site.editor, site.place
    before = all_rows(place)
    page = editor.post(path, *fields.items())
    assert (page.status, sentence in problem(page), all_rows(place)) == (status, True, before)


def test_the_next_edition_is_shown_in_a_sandbox(
    editor: Editor, pair: Pair, place: Workplace, web: Web
) -> None:
    """The preview shows subject, text and a sandboxed message; nothing is stored."""
    evil = {
        "title": "<T> in <script>alert(1)</script> & more",
        "link": "https://hub.example/evil",
        "guid": "evil",
    }
    web.feed("/hub", rss(news(1), evil))
    poll(place)
    before = all_rows(place)
    page = editor.get("/digests/daily")
    assert "<script>alert" not in page.text and "&lt;T&gt; in" in page.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    message = editor.get("/digests/daily/message")
    policy = message.headers["content-security-policy"]
    assert (
        "sandbox allow-popups" in policy and "allow-scripts" not in policy and "default-src 'none'" in policy
    )
    assert message.headers["x-frame-options"] == "SAMEORIGIN"
    assert "<script>" not in message.text
    assert all_rows(place) == before
    assert editor.get("/digests/none").status == editor.get("/digests/none/message").status == 404


def test_no_page_shows_an_address(editor: Editor, pair: Pair) -> None:
    """Authors of decisions are shortened on the editors' own pages, too (DP5)."""
    editor.post("/candidates", ("story", pair[0]), ("other", pair[1]), ("action", "merge"))
    ((merged_id,),) = rows(editor.place, "SELECT became FROM tombstones")
    for path in ("", "/decisions", f"/stories/{merged_id}"):
        page = editor.get(path).text
        assert EVA not in page and "e***@editors.example" in page
    assert "merged by e***@editors.example" in page


def test_a_busy_database_is_named(
    editor: Editor, pair: Pair, place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another run holds the database for too long, the response is 503; nothing changes."""
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 100)
    before = all_rows(place)
    with closing(sqlite3.connect(place.database, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        page = editor.post("/candidates", ("story", pair[0]), ("other", pair[1]), ("action", "merge"))
        db.execute("ROLLBACK")
    assert (page.status, page.headers["retry-after"]) == (503, "60")
    assert "Another run is in progress" in page.text
    assert all_rows(place) == before


def test_pages_are_in_the_language_of_the_browser(editor: Editor, pair: Pair) -> None:
    """A German browser gets all pages in German, also with problems."""
    german = {"accept_language": "de-DE,de;q=0.9"}
    for path in ("", "/candidates", "/stories", f"/stories/{pair[0]}", "/held", "/digests", "/decisions"):
        page = editor.get(path, **german)
        assert (page.status, '<html lang="de"' in page.text, "Übersicht" in page.text) == (200, True, True)
    assert "unvollständig" in problem(editor.post("/held", **german))
    page = editor.get("/candidates", **german).text
    assert "höchstens 1 Tag erschienen" in page and "7,5 sind für eine Meldung nötig" in page
    assert 'lang="en"' not in page.partition('class="evidence"')[2].partition("</form>")[0]
