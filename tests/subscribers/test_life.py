"""The life of a subscriber: sign-up, confirmation, digest, change, leaving, return, erasure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest

from aggregator.digests import run as digest
from aggregator.errors import MailError
from aggregator.ports import Mailer
from aggregator.store import subscribers
from aggregator.store.connection import opened
from tests import command
from tests.builders import rss
from tests.digests.scenario import DAY, WEEK, all_rows, news, poll, rows, run
from tests.subscribers.visitor import Visitor, configure, link_in, mailbox, text_of
from tests.web_server import Web
from tests.workplace import Clock, Workplace

ADA = "ada@a.example"
HIDDEN = ("requests", "tokens", "subscriptions", "subscribers")


def states(place: Workplace) -> dict[str, str]:
    """Return the stored state of every subscriber."""
    return dict(rows(place, "SELECT address, state FROM subscribers"))


def edition_to(place: Workplace, address: str) -> list[str]:
    """Return the editions that were sent to an address."""
    return [
        str(m["Message-ID"]).strip("<>").partition(".")[0] for m in mailbox(place, address) if m["List-Id"]
    ]


@pytest.mark.parametrize("language", ["en", "de"])
def test_somebody_signs_up_and_gets_the_next_edition(
    visitor: Visitor, place: Workplace, clock: Clock, language: str
) -> None:
    """A person is served after confirming, from the next edition on (SU2, SU8, M2)."""
    poll(place)
    run(place)  # the edition before
    assert visitor.sign_up(ADA, language=language).status == 200
    run(place)
    (asked,) = mailbox(place, ADA)
    confirm = link_in(asked, "confirm")
    clock.now += timedelta(minutes=1)
    page = visitor.get(confirm)
    assert (page.status, page.text.count("<button"), page.text.count("<input")) == (200, 1, 0)
    assert states(place) == {ADA: "pending"}
    assert visitor.post(confirm).status == 200
    assert states(place) == {ADA: "active"}
    run(place)
    asked, welcome = mailbox(place, ADA)
    day = {"en": "12 October 2026", "de": "12. Oktober 2026"}[language]
    assert "Imaging weekly" in text_of(welcome) and day in text_of(welcome)
    assert asked["List-Unsubscribe"] is None is welcome["List-Unsubscribe"]
    assert edition_to(place, ADA) == []
    clock.now += WEEK
    run(place)  # no news
    assert edition_to(place, ADA) == []


def test_an_edition_has_personal_links_and_one_click(
    visitor: Visitor, subscription: str, place: Workplace
) -> None:
    """List-Unsubscribe stands on one line, with a link that is this subscriber's (SU5)."""
    poll(place)
    run(place)
    raw = [
        file.read_bytes()
        for file in (place.folder / "var" / "outbox").glob("weekly-*.eml")
        if b"To: " + ADA.encode() in file.read_bytes()
    ]
    (one,) = re.findall(rb"(?m)^List-Unsubscribe: (.*)\r$", raw[0])
    assert re.fullmatch(rb"<https://news\.example/unsubscribe/[\w-]{22}\?digest=weekly>, <mailto:[^>]+>", one)
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw[0]
    (weekly, daily) = [m for m in mailbox(place, ADA) if m["List-Id"]]
    assert {m["List-Id"].partition(" <")[2] for m in (weekly, daily)} == {
        "weekly.news.example>",
        "daily.news.example>",
    }
    assert link_in(weekly, "subscription") == subscription


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"", ""),
    ],
)
def test_one_click_acts_at_once(
    visitor: Visitor, subscription: str, place: Workplace, body: bytes, kind: str
) -> None:
    """One POST without cookies, from whatever place, ends this digest; it may be repeated (SU5)."""
    token = subscription.rpartition("/")[2]
    where = f"/unsubscribe/{token}?digest=daily"
    for _ in range(2):
        page = visitor.send(where, body, content_type=kind, origin="null", sec_fetch_site="cross-site")
        assert page.status == 200
        assert not {"location", "set-cookie"} & set(page.headers)
        assert rows(place, "SELECT digest_id FROM subscriptions") == [("weekly",)]
    visitor.send(f"/unsubscribe/{token}?digest=weekly", body)
    assert states(place) == {ADA: "unsubscribed"}
    poll(place)
    run(place)
    assert edition_to(place, ADA) == []


@pytest.mark.parametrize(
    ("digest_id", "state", "kept", "said"),
    [
        ("daily", "active", [("weekly",)], "You still get: Imaging weekly."),
        ("weekly", "unsubscribed", [("daily",), ("weekly",)], "You get no more digests."),
    ],
)
def test_a_message_of_a_digest_that_ended_unsubscribes_from_it_alone(
    visitor: Visitor,
    subscription: str,
    place: Workplace,
    digest_id: str,
    state: str,
    kept: list[tuple[str]],
    said: str,
) -> None:
    """A removed digest is left alone, and is no subscription once all others ended (SU5)."""
    configure(place, digests='  - {id: weekly, title: Imaging weekly, schedule: "mon 08:00"}\n')
    for _ in range(2):
        page = visitor.send(f"/unsubscribe/{subscription.rpartition('/')[2]}?digest={digest_id}", b"")
        assert said in page.text
        assert states(place) == {ADA: state}
        assert rows(place, "SELECT digest_id FROM subscriptions ORDER BY 1") == kept


@contextmanager
def broken() -> Iterator[Mailer]:
    """Fail as a relay that is away."""
    raise MailError("the relay is away")
    yield


def test_who_left_gets_nothing_that_is_queued(
    visitor: Visitor, subscription: str, place: Workplace, clock: Clock
) -> None:
    """Leaving ends messages that are queued; undo queues them again, once (SU4)."""

    poll(place)
    digest.run(replace(place.app(), mailer=broken))
    assert rows(place, "SELECT count(*) FROM deliveries WHERE state = 'queued' AND edition_id NOTNULL") == [
        (2,)
    ]
    left = visitor.post(subscription, ("action", "leave"))
    assert rows(place, "SELECT count(*) FROM deliveries WHERE state = 'queued'") == [(0,)]
    assert command.call(place, "digest", "retry", ADA).code == 0
    assert rows(place, "SELECT count(*) FROM deliveries WHERE state = 'queued'") == [(0,)]
    undo = re.search(r'name="undo" value="([^"]+)"', left.text)
    assert undo
    fields = (("action", "undo"), ("undo", undo[1]))
    assert visitor.post(subscription, *fields).status == 200
    assert states(place) == {ADA: "active"}
    assert visitor.post(subscription, *fields).status == 404
    run(place)
    assert len(edition_to(place, ADA)) == 2


def test_an_unsubscribed_person_returns_by_a_new_confirmation(
    visitor: Visitor, subscription: str, place: Workplace, clock: Clock
) -> None:
    """A person who left signs up, confirms, and is subscribed again with the new choice (SU6)."""
    visitor.post(subscription, ("action", "leave"))
    clock.now += DAY
    visitor.sign_up("ADA@A.example", "daily", language="de")
    run(place)
    assert states(place) == {ADA: "unsubscribed"}
    visitor.post(link_in(mailbox(place, ADA)[-1], "confirm"))
    assert states(place) == {ADA: "active"}
    assert rows(place, "SELECT digest_id FROM subscriptions") == [("daily",)]
    assert rows(place, "SELECT language FROM subscribers") == [("de",)]


def test_the_page_changes_pauses_and_resumes(visitor: Visitor, subscription: str, place: Workplace) -> None:
    """Digests and language are saved; a paused subscriber gets nothing until resuming (SU4)."""
    page = visitor.post(subscription, ("action", "save"), ("digest", "weekly"), ("language", "de"))
    assert "Gespeichert" in page.text
    assert rows(place, "SELECT digest_id FROM subscriptions") == [("weekly",)]
    assert visitor.post(subscription, ("action", "save")).status == 400
    visitor.post(subscription, ("action", "pause"))
    poll(place)
    run(place)
    assert edition_to(place, ADA) == []
    visitor.post(subscription, ("action", "resume"))
    assert states(place) == {ADA: "active"}


def test_a_person_downloads_and_erases_everything(
    visitor: Visitor, subscription: str, place: Workplace
) -> None:
    """The download has all that is stored; after erasing no table has the address (DP2)."""
    poll(place)
    run(place)
    download = visitor.post(subscription, ("action", "data"))
    stored = json.loads(download.text)
    assert stored["address"] == ADA and len(stored["messages"]) == 4
    assert [event["event"] for event in stored["history"]] == ["requested", "active"]
    assert "attachment" in download.headers["content-disposition"]
    assert visitor.post(subscription, ("action", "erase")).status == 400
    assert states(place) == {ADA: "active"}
    assert visitor.post(subscription, ("action", "erase"), ("sure", "yes")).status == 200
    assert ADA not in repr(all_rows(place))
    assert visitor.get(subscription).status == 404
    file = place.folder / "people.csv"
    file.write_text(f"address\n{ADA}\n", encoding="utf-8")
    imported = command.call(
        place, "subscriber", "import", "people.csv", "--consent", "Fair", "--digest", "weekly"
    )
    assert "0 subscribers imported" in imported.out and "were erased" in imported.out


def test_the_link_is_sent_on_request(
    visitor: Visitor, subscription: str, place: Workplace, clock: Clock
) -> None:
    """Who has no message at hand gets the link again, at most once in 24 hours (SU3, SU4)."""
    for _ in range(2):
        assert visitor.ask_for_link(ADA).status == 200
        run(place)
    links = [m for m in mailbox(place, ADA) if "requested" in text_of(m)]
    assert [link_in(m, "subscription") for m in links] == [subscription]


def test_a_subscriber_who_signs_up_again_is_threatened_with_no_deletion(
    visitor: Visitor, subscription: str, place: Workplace
) -> None:
    """Not to confirm changes nothing for somebody who is subscribed, and the message says so."""
    visitor.sign_up(ADA, "daily")
    run(place)
    words = " ".join(text_of(mailbox(place, ADA)[-1]).split())
    assert "do nothing: nothing changes, and a new address is deleted after 7 days." in words
    assert states(place) == {ADA: "active"} and visitor.get(subscription).status == 200


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.1, DE;q=0.9", "de"),
        ("en-US,en;q=0.9,de;q=0.95", "en"),
        ("de;q=0, en;q=0.1", "en"),
        ("de;q=0", "en"),
        ("fr, *", "en"),
    ],
)
def test_the_form_has_the_language_that_a_browser_prefers(
    visitor: Visitor, accepted: str, language: str
) -> None:
    """`Accept-Language` is read with its weights (RFC 9110 section 12.5.4)."""
    page = visitor.get("/subscribe", accept_language=accepted)
    assert f'<html lang="{language}"' in page.text


@pytest.mark.parametrize(("language", "words"), [("en", "has confirmed"), ("de", "schon bestätigt")])
def test_a_second_press_says_that_the_address_is_subscribed(
    visitor: Visitor, place: Workplace, clock: Clock, language: str, words: str
) -> None:
    """A link that confirmed says so for its 7 days, changes nothing and gives no access (SU2)."""
    visitor.sign_up(ADA, language=language)
    run(place)
    confirm = link_in(mailbox(place, ADA)[0], "confirm")
    assert visitor.post(confirm).status == 200
    run(place)
    manage = link_in(mailbox(place, ADA)[-1], "subscription")
    before = all_rows(place)
    for answer in (visitor.post(confirm), visitor.get(confirm)):
        assert (answer.status, words in answer.text) == (200, True)
        assert "<button" not in answer.text and "subscription/" not in answer.text and ADA not in answer.text
    assert all_rows(place) == before
    clock.now += WEEK + timedelta(seconds=1)
    assert visitor.get(confirm).status == 404
    clock.now -= WEEK
    visitor.post(manage, ("action", "leave"))
    assert states(place) == {ADA: "unsubscribed"}
    assert {visitor.get(confirm).status, visitor.post(confirm).status} == {404}


def test_an_interrupted_message_is_sent_again_after_its_link_confirmed(
    visitor: Visitor, place: Workplace
) -> None:
    """A message that arrived although it was interrupted is repeated with the same bytes (M4)."""
    visitor.sign_up(ADA)
    run(place)
    (file,) = (place.folder / "var" / "outbox").glob("confirm*.eml")
    before = file.read_bytes()
    assert visitor.post(link_in(mailbox(place, ADA)[0], "confirm")).status == 200
    file.unlink()
    with opened(place.database) as store, store.transaction():
        store.db.execute("UPDATE deliveries SET state = 'queued', interrupted = 1 WHERE purpose = 'confirm'")
        subscribers.wake_mail(store)
    run(place)
    assert file.read_bytes() == before


@pytest.mark.parametrize("kind", ["confirm", "subscription", "unsubscribe"])
def test_every_unusable_link_has_one_calm_page(
    visitor: Visitor, subscription: str, place: Workplace, clock: Clock, kind: str
) -> None:
    """Forged, cut, foreign, expired and repeated tokens get one page, change nothing (SU2)."""
    visitor.sign_up("eve@e.example")
    run(place)
    late = link_in(mailbox(place, "eve@e.example")[0], "confirm").rpartition("/")[2]
    clock.now += WEEK + timedelta(seconds=1)
    token = subscription.rpartition("/")[2]
    used = link_in(mailbox(place, ADA)[0], "confirm").rpartition("/")[2]
    wrong = [late, used, token[:-1], token + "x", "x" * 22, "%00", "%F0%9F", "é", "..", "'", token.swapcase()]
    if kind == "confirm":
        wrong.append(token)
    before = all_rows(place)
    pages = set()
    for text in wrong:
        path = f"/{kind}/{quote(text, safe='%.')}"
        for answer in (visitor.get(path), visitor.post(path, ("action", "erase"), ("sure", "yes"))):
            assert answer.status == 404
            pages.add(answer.text)
    assert len(pages) == 1
    assert {k: v for k, v in all_rows(place).items() if k != "meta"} == {
        k: v for k, v in before.items() if k != "meta"
    }


def test_no_get_changes_anything(visitor: Visitor, subscription: str, place: Workplace) -> None:
    """Scanners that follow every link, with GET and HEAD, change nothing (SU2)."""
    visitor.sign_up("eve@e.example")
    run(place)
    confirm = link_in(mailbox(place, "eve@e.example")[0], "confirm")
    before = all_rows(place)
    for path in (confirm, subscription, subscription.replace("subscription", "unsubscribe"), "/subscribe"):
        for query in ("", "?action=erase&sure=yes", "?List-Unsubscribe=One-Click&digest=weekly"):
            assert visitor.get(path + query).status == 200
    assert all_rows(place) == before


def test_without_web_url_there_is_no_form(visitor: Visitor, place: Workplace, web: Web) -> None:
    """Without `web.url` pages are missing, and editions offer unsubscribing by mail only (SU1)."""
    place.write("sources: []\ndigests:\n  - {id: weekly, title: Weekly, schedule: 'mon 08:00'}\n")
    assert {visitor.get(path).status for path in ("/subscribe", "/confirm/x", "/unsubscribe/x")} == {404}
    done = command.call(place, "subscriber", "add", ADA, "--confirmed", "by letter")
    assert done.code == 0, done
    place.write(
        f"sources: [{{id: node, name: Node, url: '{web.url}/feed'}}]\ndigests:\n"
        "  - {id: weekly, title: Weekly, schedule: 'mon 08:00'}\n"
    )
    web.feed("/feed", rss(news(1)))
    poll(place)
    run(place)
    (message,) = mailbox(place, ADA)
    assert message["List-Unsubscribe"].startswith("<mailto:")
    assert message["List-Unsubscribe-Post"] is None


def test_unconfirmed_addresses_are_erased(visitor: Visitor, place: Workplace, clock: Clock) -> None:
    """An address that was not confirmed within 7 days is in no table any more (SU2)."""
    visitor.sign_up(ADA)
    run(place)
    clock.now += WEEK
    run(place)
    assert ADA not in repr(all_rows(place))


def test_an_unsubscribed_address_is_not_served_as_recipient(
    visitor: Visitor, subscription: str, place: Workplace, web: Web
) -> None:
    """Who left gets nothing, even if the address stands in feeds.yaml as well."""
    recipients = (
        "  - {id: weekly, title: W, schedule: 'mon 08:00', recipients: [Ada@a.example, bob@b.example]}\n"
    )
    configure(place, digests=recipients, sources=f"[{{id: node, name: Node, url: '{web.url}/feed'}}]")
    visitor.post(subscription, ("action", "leave"))
    poll(place)
    run(place)
    assert edition_to(place, "bob@b.example") == ["weekly-2026-10-12"]
    assert edition_to(place, ADA) == [] == edition_to(place, "Ada@a.example")


def test_an_erased_address_is_not_served_as_recipient(
    visitor: Visitor, subscription: str, place: Workplace, web: Web
) -> None:
    """A recipient in feeds.yaml who erased everything gets nothing, and the operator learns it."""
    recipients = "  - {id: weekly, title: W, schedule: 'mon 08:00', recipients: [Ada@a.example]}\n"
    configure(place, digests=recipients, sources=f"[{{id: node, name: Node, url: '{web.url}/feed'}}]")
    assert visitor.post(subscription, ("action", "erase"), ("sure", "yes")).status == 200
    poll(place)
    (notice,) = run(place).notices
    assert notice.startswith("A***@a.example is a recipient of weekly in feeds.yaml, but was erased")
    assert "@" not in repr(rows(place, "SELECT address FROM deliveries"))
    (story,) = rows(place, "SELECT id FROM stories ORDER BY announced DESC LIMIT 1")[0]
    why = command.call(place, "digest", "why", story, ADA)
    assert f"{ADA} was not a recipient then." in why.out
    added = command.call(place, "subscriber", "add", ADA, "--confirmed", "asked again")
    assert added.code == 0 and states(place) == {ADA: "active"}


def test_forms_name_their_methods(visitor: Visitor) -> None:
    """Allow has POST for addresses with forms only (RFC 9110 section 10.2.1)."""
    for path, allowed in (
        ("/subscribe", "GET, HEAD, OPTIONS, POST"),
        ("/unsubscribe/x", "GET, HEAD, OPTIONS, POST"),
        ("/search.atom", "GET, HEAD, OPTIONS"),
        ("/index.html", "GET, HEAD, OPTIONS"),
    ):
        refused = visitor._ask("PUT", path, b"", {})
        assert (refused.status, refused.headers["allow"]) == (405, allowed)
        assert visitor._ask("OPTIONS", path, b"", {}).headers.get("allow", allowed) == allowed
