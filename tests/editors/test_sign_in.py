"""Sign-in by mailed links and by proxies, sessions, and how they end (ED1 to ED3)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator import maintenance
from aggregator.store.connection import opened, stamp
from tests.command import call
from tests.digests.scenario import all_rows, messages, poll, rows, run, text_of
from tests.editors.conftest import Site
from tests.editors.site import EVA, SETTINGS, Editor, configure, editing
from tests.processes import until
from tests.web_server import Web
from tests.workplace import Clock, Workplace

PROXIED = "web: {trusted_proxies: [127.0.0.1], editor_header: X-Remote-User}\n"


def test_a_link_signs_in_once(editor: Editor, place: Workplace) -> None:
    """GET shows one button and changes nothing, POST signs in, and a second POST does not."""
    assert editor.get("").headers["location"].endswith("editor/sign-in")
    assert editor.post("/sign-in", ("address", EVA)).status == 200
    link = editor.link()
    before = all_rows(place)
    page = editor.get(link)
    assert (page.status, page.text.count("<button"), all_rows(place)) == (200, 1, before)
    signed_in = editor.post(link)
    assert (signed_in.status, signed_in.headers["location"]) == (303, "../../editor?done=signed_in")
    cookie, *attributes = signed_in.headers["set-cookie"].split("; ")
    assert {each.lower() for each in attributes} == {
        "httponly",
        "secure",
        "path=/",
        "samesite=strict",
        "max-age=43200",
    }
    editor.cookie = cookie
    assert editor.get("").status == 200
    assert (editor.get(link).status, editor.post(link).status) == (404, 404)


def test_message_has_no_empty_paragraph(editor: Editor, place: Workplace) -> None:
    """One empty line stands between paragraphs of a message without a list of digests."""
    editor.post("/sign-in", ("address", EVA))
    editor.link()
    assert "\n\n\n" not in text_of(messages(place)[-1])


def test_only_hashes_are_stored(editor: Editor, place: Workplace) -> None:
    """The database has the hashes of links and sessions, never their tokens."""
    editor.post("/sign-in", ("address", EVA))
    link = editor.link().rpartition("/")[2]
    assert rows(place, "SELECT hash FROM editor_links") == [(hashlib.sha256(link.encode()).hexdigest(),)]
    editor.cookie = editor.post(f"/sign-in/{link}").headers["set-cookie"].partition(";")[0]
    session = editor.cookie.partition("=")[2]
    assert rows(place, "SELECT hash FROM editor_sessions") == [
        (hashlib.sha256(session.encode()).hexdigest(),)
    ]
    assert not {link, session} & {
        str(value) for table in all_rows(place).values() for r in table for value in r
    }


def test_an_unlisted_address_gets_the_same_response_and_no_mail(editor: Editor, place: Workplace) -> None:
    """The response does not show whether an address is that of an editor."""
    pages = [editor.post("/sign-in", ("address", to)) for to in (EVA, "eve@evil.example", EVA.upper())]
    assert {(page.status, page.text) for page in pages} == {(200, pages[0].text)}
    run(place)
    assert [message["To"] for message in messages(place)] == ["Eva@editors.example"]  # as in feeds.yaml, once


@pytest.mark.parametrize("address", ["", "eva", "eva@", "eva@host", "é@editors.example", "a@b.example\nx"])
def test_a_text_that_is_no_address_is_refused(site: Site, address: str) -> None:
    """The form is shown again with one sentence."""
    page = site.editor.post("/sign-in", ("address", address))
    assert page.status == 400
    assert "This is not an e-mail address" in page.text


def test_a_link_ends_after_15_minutes(editor: Editor, clock: Clock) -> None:
    """A link that is older than 15 minutes is refused."""
    editor.post("/sign-in", ("address", EVA))
    link = editor.link()
    clock.now += timedelta(minutes=14)
    assert editor.get(link).status == 200
    clock.now += timedelta(minutes=1)
    assert (editor.get(link).status, editor.post(link).status) == (404, 404)


def test_an_expired_link_is_not_sent(editor: Editor, place: Workplace, clock: Clock) -> None:
    """A message that waited for longer than its link is valid is not sent."""
    editor.post("/sign-in", ("address", EVA))
    until(lambda: rows(place, "SELECT * FROM editor_links"))
    clock.now += timedelta(minutes=15)
    run(place)
    assert messages(place) == []
    assert rows(place, "SELECT state FROM deliveries") == [("failed",)]


@pytest.mark.parametrize("token", ["x", "A" * 22, "A" * 500, "%00", "..%2f..", "é"])
def test_a_guessed_link_is_refused(site: Site, token: str) -> None:
    """A token that was never sent neither shows the button nor signs in."""
    editor = site.editor
    path = f"/sign-in/{token.encode().decode('latin-1')}" if token.isascii() else "/sign-in/%C3%A9"
    assert editor.get(path).status == 404
    answer = editor.post(path)
    assert (answer.status in (404, 405), "set-cookie" in answer.headers) == (True, False)


@pytest.mark.parametrize("cookie", ["", "x", "A" * 22, "A" * 4000, "%00"])
def test_a_guessed_session_is_none(site: Site, cookie: str) -> None:
    """A cookie that was never set leads to the form; its forms change nothing."""
    editor, pair = replace(site.editor, cookie=f"__Host-editor={cookie}"), site.pair
    before = all_rows(editor.place)
    assert editor.get("/candidates").status == 303
    refused = editor.post("/candidates", ("story", pair[0]), ("other", pair[1]), ("action", "merge"))
    assert refused.status == 403
    assert all_rows(editor.place) == before


def test_a_session_ends_after_12_hours(editor: Editor, clock: Clock) -> None:
    """A session is valid for 12 hours, however it is used."""
    editor.sign_in()
    clock.now += timedelta(hours=11, minutes=59)
    assert editor.get("").status == 200
    clock.now += timedelta(minutes=1)
    assert editor.get("").status == 303


def test_signing_out_ends_the_session(editor: Editor, place: Workplace) -> None:
    """After signing out, the cookie and copies of it are refused."""
    editor.sign_in()
    left = editor.post("/sign-out")
    assert (left.status, "Max-Age=0" in left.headers["set-cookie"]) == (303, True)
    assert (editor.get("").status, rows(place, "SELECT * FROM editor_sessions")) == (303, [])


def test_removing_an_editor_ends_the_sessions(editor: Editor, place: Workplace, web: Web) -> None:
    """An address that left `editors` is signed out at once, and stays so when it returns later."""
    editor.post("/sign-in", ("address", EVA))
    unused = editor.link()
    editor.post("/sign-in", ("address", "max@editors.example"))
    editor.sign_in("max@editors.example")
    assert editor.get("").status == 200
    configure(place, web, SETTINGS.replace(", max@editors.example", ""))
    assert editor.get("").status == 303
    run(place)
    configure(place, web)
    assert editor.get("").status == 303
    assert editor.get(unused).status == 200  # of the other editor


def test_mailboxes_are_not_filled(editor: Editor, place: Workplace, clock: Clock) -> None:
    """While an unused link is newer than five minutes, its address gets no further one."""
    for _ in range(3):
        editor.post("/sign-in", ("address", EVA))
        run(place)
    assert len(messages(place)) == 1
    clock.now += timedelta(minutes=5)
    editor.post("/sign-in", ("address", EVA))
    run(place)
    assert len(messages(place)) == 2


def test_a_network_asks_five_times_an_hour(editor: Editor) -> None:
    """The sixth request of a network within an hour is refused."""
    answers = [editor.post("/sign-in", ("address", EVA)).status for _ in range(6)]
    assert answers == [200] * 5 + [429]


def test_many_sign_ups_do_not_keep_editors_out(editor: Editor, place: Workplace) -> None:
    """The global limit of sign-ups does not hold for sign-in links."""
    with opened(place.database) as store:
        store.db.conn.executemany(
            "INSERT INTO deliveries (address, message_id, purpose, created, state)"
            " VALUES (?, ?, 'confirm', ?, 'accepted')",
            [[f"r{n}@r.example", f"<{n}@r>", stamp(place.clock.now)] for n in range(300)],
        )
    assert editor.sign_in().status == 303


# --- clocks, retention, erasure ------------------------------------------------------------------------


def test_a_clock_that_was_ahead_leaves_no_long_session(editor: Editor, clock: Clock) -> None:
    """A session or link made while the clock was a year ahead is not valid for a year."""
    clock.now += timedelta(days=365)
    editor.sign_in("max@editors.example")
    editor.post("/sign-in", ("address", EVA))
    link = editor.link()
    clock.now -= timedelta(minutes=2)
    assert (editor.get("").status, editor.get(link).status) == (200, 200)
    clock.now -= timedelta(days=365)
    assert (editor.get("").status, editor.get(link).status, editor.post(link).status) == (303, 404, 404)


def test_retention_removes_what_has_ended(editor: Editor, place: Workplace, clock: Clock) -> None:
    """`prune` deletes links and sessions that ended, although nobody signs in or out again."""
    editor.sign_in()
    editor.post("/sign-in", ("address", EVA))
    editor.link()
    maintenance.prune(place.app())
    assert rows(
        place, "SELECT count(*) FROM editor_links UNION ALL SELECT count(*) FROM editor_sessions"
    ) == [
        (1,),
        (1,),
    ]
    clock.now += timedelta(hours=12)
    maintenance.prune(place.app())
    assert rows(place, "SELECT hash FROM editor_links UNION SELECT hash FROM editor_sessions") == []


def test_erasing_an_address_ends_its_sessions(editor: Editor, place: Workplace) -> None:
    """An export names links and sessions of an editor's address; erasing it deletes them."""
    editor.sign_in()
    editor.post("/sign-in", ("address", EVA))
    editor.link()
    exported = json.loads(call(place, "subscriber", "export", EVA).out)
    assert (len(exported["sign_in_links"]), len(exported["sessions"])) == (1, 1)
    assert call(place, "subscriber", "erase", EVA).code == 0
    assert rows(place, "SELECT hash FROM editor_links UNION SELECT hash FROM editor_sessions") == []
    assert editor.get("").status == 303


def test_another_key_ends_links_that_were_sent(editor: Editor, place: Workplace, clock: Clock) -> None:
    """After the key was replaced, a link that was sent is invalid, and a queued one is valid."""
    editor.post("/sign-in", ("address", EVA))
    sent = editor.link()
    editor.post("/sign-in", ("address", "max@editors.example"))
    until(lambda: len(rows(place, "SELECT * FROM editor_links")) == 2)
    (place.database.parent / "link.key").unlink()
    assert editor.get(sent).status == 404
    assert editor.get(editor.link("max@editors.example")).status == 200


# --- proxies -------------------------------------------------------------------------------------------


def test_a_trusted_proxy_names_the_editor(place: Workplace, web: Web) -> None:
    """Its header signs in without a mail, and is the author of decisions."""
    configure(place, web, PROXIED)
    poll(place)
    with editing(place) as editor:
        assert editor.get("").status == 403
        assert editor.get("/sign-in").status == 403
        assert editor.get("", x_remote_user="eva").status == 200
        assert "Signed in as eva" in editor.get("", x_remote_user="eva").text
        assert editor.get("", x_remote_user="eva", x_forwarded_for="192.0.2.7").status == 200
        assert editor.get("", x_remote_user="").status == 403
        assert editor.get("", x_remote_user="   ").status == 403


def test_the_header_of_anybody_else_is_refused(place: Workplace, web: Web) -> None:
    """A peer that is no trusted proxy cannot name a user, whatever it forwards."""
    configure(place, web, PROXIED.replace("127.0.0.1]", "192.0.2.1]"))
    poll(place)
    with editing(place) as editor:
        for forwarded in ({}, {"x_forwarded_for": "192.0.2.1"}, {"x_real_ip": "192.0.2.1"}):
            refused = editor.get("", x_remote_user="eva", **forwarded)
            assert (refused.status, "trusted proxy" in refused.text) == (403, True)
            assert editor.post("/held", ("action", "release"), x_remote_user="eva", **forwarded).status == 403


def test_a_proxy_names_only_listed_editors(place: Workplace, web: Web) -> None:
    """With `editors` the header must be one of the addresses, written in any case."""
    configure(place, web, PROXIED + "editors: [eva@editors.example]\n")
    poll(place)
    with editing(place) as editor:
        assert editor.get("", x_remote_user="EVA@editors.example").status == 200
        for name in ("eve@editors.example", "eva", "eva@editors.example, eve@editors.example"):
            assert editor.get("", x_remote_user=name).status == 403


@pytest.mark.parametrize(
    "settings",
    ["", 'web: {url: "https://news.example/"}\n', "web: {trusted_proxies: [127.0.0.1]}\n"],
)
def test_without_editors_there_are_no_pages(place: Workplace, web: Web, settings: str) -> None:
    """Without editors and header all paths are unknown, as any other."""
    configure(place, web, settings)
    with editing(place) as editor:
        for path in ("", "/sign-in", "/candidates", "/sign-in/x"):
            assert editor.get(path, x_remote_user="eva").status == 404
            assert editor.post(path).status == 405
