"""The digest job against real feeds, a real database and a real relay (M1-M5, E1, P3)."""

from __future__ import annotations

import email
import email.policy
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest

from aggregator.dedupe import editor_decisions
from aggregator.digests import run as digest
from aggregator.errors import ConfigError, MailError, UnknownName
from aggregator.model.reports import DigestReport
from aggregator.polling import fetch
from aggregator.ports import App, Mailer
from aggregator.store.connection import opened
from tests import command
from tests.builders import NOW, rss
from tests.conftest import HEAD, Clock, Web, Workplace
from tests.smtp_server import DROP, Relay, relaying

DAY, WEEK = timedelta(days=1), timedelta(days=7)
READERS = ("ada@a.example", "grace@b.example", "mary@c.example")
BODY = "The instrument was opened to all users today, and the partners explain how to apply for time on it."


def news(n: int, when: datetime | None = NOW, **fields: str) -> dict[str, str]:
    """An RSS item."""
    dated = {"pubDate": format_datetime(when)} if when else {}
    return {
        "title": f"News number {n}",
        "link": f"https://node.example/news/{n}",
        "guid": f"node-{n}",
        "description": f"{BODY} Part {n}.",
        **dated,
    } | fields


def plan(
    id_: str = "weekly", schedule: str = "mon 08:00", readers: tuple[str, ...] = READERS[:1], more: str = ""
) -> str:
    """A digest in feeds.yaml."""
    to = ", ".join(readers)
    return f"  - {{id: {id_}, title: {id_.title()} news, schedule: '{schedule}', recipients: [{to}]{more}}}\n"


def write(
    place: Workplace,
    webs: dict[str, Web],
    *plans: str,
    relay: Relay | int | None = None,
    more: str = "",
    sender: str = "Imaging news <editors@news.example>",
) -> None:
    """feeds.yaml: a source for each web at /feed, the digests, and the relay to be used."""
    port = relay.port if isinstance(relay, Relay) else relay
    smtp = f", smtp: {{host: 127.0.0.1, port: {port}, security: none}}" if port else ""
    head = HEAD.replace("{from: Imaging news <editors@news.example>", f"{{from: {sender}{smtp}")
    sources = "".join(
        f"  - {{id: {id_}, name: The {id_}, url: '{web.url}/feed'}}\n" for id_, web in webs.items()
    )
    place.write(f"sources:\n{sources}{more}digests:\n{''.join(plans or (plan(),))}", head)


def poll(place: Workplace) -> None:
    """Visit every source and place what it says."""
    fetch.run(place.app(), force=True)


def run(place: Workplace) -> DigestReport:
    """One run of the job."""
    return digest.run(place.app())


def letters(place: Workplace) -> list[EmailMessage]:
    """The letters in the outbox folder, by edition and address."""
    return [_read(file.read_bytes()) for file in sorted((place.folder / "var" / "outbox").glob("*.eml"))]


def _read(body: bytes) -> EmailMessage:
    return email.message_from_bytes(body, policy=email.policy.default)  # type: ignore[return-value]


def words(mail: EmailMessage) -> str:
    """The text part."""
    return str(mail.get_body(("plain",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]


def told(mail: EmailMessage) -> list[str]:
    """The titles of the stories in a letter, in order."""
    return re.findall(r"^\* (.+)$", words(mail), re.MULTILINE)


def editions(place: Workplace) -> dict[str, list[str]]:
    """The titles told in each edition, by the period in its Message-ID."""
    found = {}
    for mail in letters(place):
        found[str(mail["Message-ID"]).strip("<>").partition(".")[0]] = told(mail)
    return found


def rows(place: Workplace, sql: str) -> list[tuple[Any, ...]]:
    """What the database says."""
    conn = sqlite3.connect(place.database)
    try:
        return conn.execute(sql).fetchall()
    finally:
        conn.close()


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A relay."""
    with relaying() as made:
        yield made


# --- told once (M1) ------------------------------------------------------------------------------------


def test_a_story_is_told_once(place: Workplace, web: Web, clock: Clock) -> None:
    """M1: what an edition carried no later edition carries, and within its period there is no second edition."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(2), news(1)))
    poll(place)
    assert run(place).composed == ("weekly-2026-10-05",)
    for hours in (0, 1, 100):
        clock.now = NOW + timedelta(hours=hours)
        assert run(place).composed == ()
    clock.now = NOW + WEEK
    web.feed("/feed", rss(news(3, NOW + DAY), news(2), news(1)))
    poll(place)
    run(place)
    assert {edition: sorted(titles) for edition, titles in editions(place).items()} == {
        "weekly-2026-10-05": ["News number 1", "News number 2"],
        "weekly-2026-10-12": ["News number 3"],
    }


def test_late_and_back_dated_stories_are_told(place: Workplace, web: Web, clock: Clock) -> None:
    """M1, T3: what appears in a known feed is news when it appears, whatever date it carries or lacks."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    run(place)
    clock.now = NOW + DAY
    late = [news(2, NOW - timedelta(days=400)), news(3, None), news(4, NOW - timedelta(days=8))]
    web.feed("/feed", rss(*late, news(1)))
    poll(place)
    clock.now = NOW + WEEK
    run(place)
    assert sorted(editions(place)["weekly-2026-10-12"]) == ["News number 2", "News number 3", "News number 4"]


@pytest.mark.parametrize("priority", [0, 5])
def test_a_partner_who_tells_it_later_does_not_make_it_news(
    place: Workplace, webs: Callable[[], Web], clock: Clock, priority: int
) -> None:
    """M1, E1: a story joined after it was told is neither new nor corrected, even if the lead changes."""
    node, partner = webs(), webs()
    write(place, {"node": node})
    node.feed("/feed", rss(news(1)))
    poll(place)
    run(place)
    clock.now = NOW + DAY
    partner.feed("/feed", rss(news(9, NOW, link=news(1)["link"], title="The same in other words")))
    write(place, {"node": node, "partner": partner})
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("id: partner,", f"id: partner, priority: {priority},"))
    poll(place)
    assert rows(place, "SELECT count(*) FROM stories") == [(1,)]
    clock.now = NOW + WEEK
    assert run(place).empty == ("weekly-2026-10-12",)
    assert list(editions(place)) == ["weekly-2026-10-05"]


def test_a_story_told_by_two_before_the_edition_is_in_it_once(
    place: Workplace, webs: Callable[[], Web]
) -> None:
    """M1: folded duplicates are one story, crediting both partners."""
    node, partner = webs(), webs()
    node.feed("/feed", rss(news(1)))
    partner.feed("/feed", rss(news(9, NOW, link=news(1)["link"], title=news(1)["title"])))
    write(place, {"node": node, "partner": partner})
    poll(place)
    run(place)
    (mail,) = letters(place)
    assert told(mail) == ["News number 1"]
    assert "also published by" in words(mail)


def test_each_digest_has_a_ledger_of_its_own(place: Workplace, webs: Callable[[], Web], clock: Clock) -> None:
    """M3, M1: digests with other channels, times and languages tell what is theirs, each once."""
    node, other = webs(), webs()
    node.feed("/feed", rss(news(1)))
    other.feed("/feed", rss(news(2, link="https://other.example/2")))
    channels = "channels:\n  - {id: others, title: Others, include: {sources: [other]}}\n"
    write(
        place,
        {"node": node, "other": other},
        plan(),
        plan("others", "tue 08:00", READERS[1:2], ", channels: [others], language: de"),
        more=channels,
    )
    poll(place)
    run(place)
    clock.now = NOW + DAY
    run(place)
    weekly, others = letters(place)[-1], letters(place)[0]
    assert weekly["To"] == READERS[0] and sorted(told(weekly)) == ["News number 1", "News number 2"]
    assert others["To"] == READERS[1] and told(others) == ["News number 2"]
    assert "eine neue Meldung" in words(others)


# --- beginnings, gaps (M2) -----------------------------------------------------------------------------


def test_a_new_digest_begins_with_the_last_seven_days(place: Workplace, web: Web, clock: Clock) -> None:
    """M2: what is older counts as told, for ever; what is younger is in the first edition."""
    write(place, {"node": web})
    web.feed(
        "/feed",
        rss(
            news(1, NOW - DAY), news(2, NOW - WEEK + DAY), news(3, NOW - WEEK - DAY), news(4, NOW - 9 * WEEK)
        ),
    )
    poll(place)
    run(place)
    assert editions(place) == {"weekly-2026-10-05": ["News number 1", "News number 2"]}
    clock.now = NOW + WEEK
    assert run(place).empty == ("weekly-2026-10-12",)


def test_a_digest_added_later_begins_with_the_last_seven_days_too(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """M2: a second digest does not retell the archive."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    run(place)
    clock.now = NOW + 3 * WEEK
    web.feed("/feed", rss(news(2, clock.now - DAY), news(1)))
    poll(place)
    write(place, {"node": web}, plan(), plan("daily", "daily 07:00"))
    run(place)
    assert editions(place)["daily-2026-10-26"] == ["News number 2"]


def test_a_later_source_brings_its_last_week_only(
    place: Workplace, webs: Callable[[], Web], clock: Clock
) -> None:
    """T4: of a new source's backlog an existing digest tells the last 7 days; older and undated items never."""
    node, later = webs(), webs()
    write(place, {"node": node})
    node.feed("/feed", rss(news(1)))
    poll(place)
    run(place)
    clock.now = NOW + WEEK
    write(place, {"node": node, "later": later})
    old = [news(n, clock.now - n * DAY, link=f"https://later.example/{n}") for n in (2, 6, 8, 30)]
    later.feed("/feed", rss(*old, news(99, None, link="https://later.example/99")))
    poll(place)
    run(place)
    assert editions(place)["weekly-2026-10-12"] == ["News number 2", "News number 6"]
    clock.now = NOW + 2 * WEEK
    assert run(place).empty == ("weekly-2026-10-19",)


def test_an_empty_period_closes(place: Workplace, web: Web, clock: Clock) -> None:
    """M2: with nothing to tell there is no mail, the period is over all the same, and later news waits."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    run(place)
    clock.now = NOW + WEEK
    report = run(place)
    assert (report.composed, report.empty, report.sent) == ((), ("weekly-2026-10-12",), 0)
    web.feed("/feed", rss(news(2, clock.now), news(1)))
    poll(place)
    clock.now += DAY
    report = run(place)
    assert (report.composed, report.empty) == ((), ())
    clock.now = NOW + 2 * WEEK
    run(place)
    assert editions(place) == {"weekly-2026-10-05": ["News number 1"], "weekly-2026-10-19": ["News number 2"]}


@pytest.mark.parametrize("weeks", [2, 6])
def test_after_weeks_of_downtime_one_edition_covers_what_is_owed(
    place: Workplace, web: Web, clock: Clock, weeks: int
) -> None:
    """M2: periods nobody composed are not replayed, and nothing that was announced meanwhile is lost."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    run(place)
    items = [news(1)]
    for week in range(weeks):
        clock.now = NOW + week * WEEK + DAY
        items.insert(0, news(100 + week, clock.now))
        web.feed("/feed", rss(*items))
        poll(place)
    clock.now = NOW + weeks * WEEK + timedelta(hours=2)  # 08:00 in winter, too
    (composed,) = run(place).composed
    assert composed == f"weekly-{(NOW + weeks * WEEK).date()}"
    assert sorted(editions(place)[composed]) == sorted(f"News number {100 + week}" for week in range(weeks))


def test_a_new_reader_begins_with_the_next_edition(place: Workplace, web: Web, clock: Clock) -> None:
    """M2: nobody gets an edition that was composed before the address was on the list."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    run(place)
    write(place, {"node": web}, plan(readers=READERS[:2]))
    assert run(place).sent == 0
    clock.now = NOW + WEEK
    web.feed("/feed", rss(news(2, clock.now - DAY), news(1)))
    poll(place)
    assert run(place).sent == 2
    got = {str(mail["To"]): told(mail) for mail in letters(place)}
    assert got[READERS[1]] == ["News number 2"]


def test_a_digest_without_readers_is_composed_all_the_same(place: Workplace, web: Web, clock: Clock) -> None:
    """M2: the first reader does not get the whole past."""
    write(place, {"node": web}, plan(readers=()))
    web.feed("/feed", rss(news(1)))
    poll(place)
    report = run(place)
    assert (report.composed, report.sent) == (("weekly-2026-10-05",), 0)
    clock.now = NOW + WEEK
    write(place, {"node": web})
    assert run(place).empty == ("weekly-2026-10-12",)


# --- periods (M5) --------------------------------------------------------------------------------------


def test_a_change_of_clocks_skips_and_doubles_no_date(place: Workplace, web: Web, clock: Clock) -> None:
    """M5: a daily digest at 02:30, run every five hours over the October weekend, closes each date exactly once."""
    web.feed("/feed", rss(news(1, NOW - 9 * WEEK)))
    write(place, {"node": web}, plan("nightly", "daily 02:30"))
    poll(place)
    closed: list[str] = []
    clock.now = datetime(2026, 10, 23, 0, 30, tzinfo=UTC)
    while clock.now < datetime(2026, 10, 28, tzinfo=UTC):
        closed += run(place).empty
        clock.now += timedelta(hours=5)
    assert closed == [f"nightly-2026-10-{day}" for day in range(23, 28)]


# --- corrections (E1) ----------------------------------------------------------------------------------


def test_a_corrected_story_is_told_once_as_a_correction(place: Workplace, web: Web, clock: Clock) -> None:
    """E1, M1: a significant edit of a told story is in the next edition under its own heading, and in no other."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1), news(2)))
    poll(place)
    run(place)
    for hours in (24, 48):  # corrected twice within a period
        clock.now = NOW + timedelta(hours=hours)
        web.feed("/feed", rss(news(1, title=f"News number one, corrected after {hours} hours"), news(2)))
        poll(place)
    clock.now = NOW + WEEK
    run(place)
    mail = letters(place)[-1]
    assert told(mail) == ["News number one, corrected after 48 hours"]
    assert "CORRECTED OR CANCELLED" in words(mail)
    assert "Corrected on 7 October 2026. Told before as “News number 1”" in words(mail)
    assert "NEWS\n====" not in words(mail)
    clock.now = NOW + 2 * WEEK
    assert run(place).empty == ("weekly-2026-10-19",)


def test_a_typing_error_mended_is_no_correction(place: Workplace, web: Web, clock: Clock) -> None:
    """E1: only a significant edit is told again."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    run(place)
    clock.now = NOW + DAY
    web.feed("/feed", rss(news(1, description=f"{BODY} Part one.")))
    poll(place)
    assert b"Part one" in (place.public / "atom.xml").read_bytes()
    clock.now = NOW + WEEK
    assert run(place).empty == ("weekly-2026-10-12",)


def test_a_story_corrected_before_it_was_told_is_simply_new(place: Workplace, web: Web, clock: Clock) -> None:
    """E1, M1: it is told in its last words, once, and not as a correction; baselined stories are not told at all."""
    write(place, {"node": web})
    old = news(9, NOW - 3 * WEEK)
    web.feed("/feed", rss(old))
    poll(place)
    run(place)
    clock.now = NOW + DAY
    web.feed("/feed", rss(news(1, NOW + DAY), old))
    poll(place)
    clock.now = NOW + 2 * DAY
    web.feed("/feed", rss(news(1, NOW + DAY, title="Now it is right"), old | {"title": "Old but corrected"}))
    poll(place)
    clock.now = NOW + WEEK
    run(place)
    (mail,) = letters(place)
    assert told(mail) == ["Now it is right"]
    assert "CORRECTED" not in words(mail)
    clock.now = NOW + 2 * WEEK
    assert run(place).empty == ("weekly-2026-10-19",)


# --- one transaction, one letter (M4) ------------------------------------------------------------------


class Killed(BaseException):
    """As kill -9 in the middle of sending: nothing of ours catches it."""


class Post:
    """A mailer that keeps what it was given, and dies as often as it is told to."""

    def __init__(self, deaths: int = 0) -> None:
        self.deaths = deaths
        self.given: list[tuple[str, bytes]] = []

    @contextmanager
    def open(self) -> Iterator[Mailer]:
        yield self.put

    def put(self, message: bytes, address: str) -> None:
        self.given.append((address, message))
        if self.deaths:
            self.deaths -= 1
            raise Killed

    def app(self, place: Workplace) -> App:
        return replace(place.app(), mailer=self.open)


def test_edition_ledger_and_letters_are_one_transaction(place: Workplace, web: Web) -> None:
    """M4: if the last letter cannot be recorded, there is no edition, nothing counts as told, no period is closed."""
    write(place, {"node": web}, plan(readers=READERS))
    web.feed("/feed", rss(news(1)))
    poll(place)
    with opened(place.database) as store:
        store.db.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON deliveries WHEN new.address = '{READERS[2]}'"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    assert "no room" in " ".join(run(place).notices)
    for table in ("digests", "editions", "told", "ledger", "deliveries"):
        assert rows(place, f"SELECT count(*) FROM {table}") == [(0,)]
    assert not (place.public / "digests").exists()
    with opened(place.database) as store:
        store.db.execute("DROP TRIGGER full")
    assert run(place).sent == 3


def test_a_letter_killed_while_it_was_sent_is_sent_once_more_with_the_same_bytes(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """M4: leased but not struck off: the next run sends the same bytes with the same Message-ID, whenever it comes."""
    write(place, {"node": web}, plan(readers=READERS))
    web.feed("/feed", rss(news(1)))
    poll(place)
    post = Post(deaths=1)
    with pytest.raises(Killed):
        digest.run(post.app(place))
    assert [address for address, _ in post.given] == [READERS[0]]
    clock.now += timedelta(hours=30)
    report = digest.run(post.app(place))
    assert (report.composed, report.sent, report.owed, report.unknown) == ((), 3, 0, 0)
    assert post.given[1] == post.given[0]
    assert parsedate_to_datetime(_read(post.given[1][1])["Date"]) == NOW
    assert [address for address, _ in post.given] == [READERS[0], *READERS]


def test_a_letter_killed_twice_is_parked_and_reported(place: Workplace, web: Web, clock: Clock) -> None:
    """M4: nobody knows whether it arrived: it is not sent a third time, is counted as unknown and told."""
    write(place, {"node": web}, plan(readers=READERS[:2]))
    web.feed("/feed", rss(news(1)))
    poll(place)
    post = Post(deaths=2)
    for _ in range(2):
        with pytest.raises(Killed):
            digest.run(post.app(place))
    report = digest.run(post.app(place))
    assert (report.sent, report.owed, report.unknown) == (1, 0, 1)
    assert [address for address, _ in post.given] == [READERS[0], READERS[0], READERS[1]]
    assert any(READERS[0] in notice for notice in report.notices), (
        "V8: cron's mail must name the letter in doubt"
    )
    clock.now += DAY
    again = digest.run(post.app(place))
    assert (again.sent, again.notices) == (0, ())
    assert len(post.given) == 3


def test_an_interrupted_letter_is_sent_once_more_then_parked(
    place: Workplace, web: Web, relay: Relay
) -> None:
    """M4: with a real relay that breaks off in DATA: the others get theirs, the retry is byte for byte the same."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda step, address: DROP if (step, address) == ("BODY", READERS[1]) else None
    report = run(place)
    assert (report.sent, report.owed, report.unknown) == (2, 1, 0)
    assert relay.accepted == [READERS[0], READERS[2]]
    assert any(READERS[1] in notice for notice in report.notices)
    report = run(place)
    assert (report.sent, report.owed, report.unknown) == (0, 0, 1)
    assert any(READERS[1] in notice for notice in report.notices)
    broken = [taken.body for taken in relay.letters if not taken.accepted]
    assert len(broken) == 2
    assert broken[0] == broken[1]
    run(place)
    assert len(relay.letters) == 4


def test_an_interrupted_letter_that_goes_well_the_second_time_is_sent(
    place: Workplace, web: Web, relay: Relay
) -> None:
    """M4: one retry is enough when the relay is well again."""
    write(place, {"node": web}, relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda step, address: DROP if step == "BODY" else None
    run(place)
    relay.script = lambda step, address: None
    report = run(place)
    assert (report.sent, report.owed, report.unknown) == (1, 0, 0)
    assert relay.letters[0].body == relay.letters[1].body


@pytest.mark.parametrize("step", ["RCPT", "DATA", "BODY"])
def test_a_letter_refused_for_now_stays_owed(
    place: Workplace, web: Web, clock: Clock, relay: Relay, step: str
) -> None:
    """M4: 4xx: the others get theirs, and the next run tries again without composing anything."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda at, address: "451 come again" if (at, address) == (step, READERS[0]) else None
    report = run(place)
    assert (report.sent, report.owed, report.failed) == (2, 1, 0)
    assert relay.accepted == [READERS[1], READERS[2]]
    assert any(READERS[0] in notice and "451 come again" in notice for notice in report.notices)
    relay.script = lambda at, address: None
    clock.now += timedelta(hours=1)
    report = run(place)
    assert (report.composed, report.sent, report.owed, report.notices) == ((), 1, 0, ())
    assert relay.accepted == [READERS[1], READERS[2], READERS[0]]


@pytest.mark.parametrize("step", ["RCPT", "DATA", "BODY"])
def test_a_letter_refused_for_good_is_given_up(place: Workplace, web: Web, relay: Relay, step: str) -> None:
    """M4: 5xx: the letter has failed and is not sent again, one bad address never stops the others."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda at, address: "550 nobody here" if (at, address) == (step, READERS[1]) else None
    report = run(place)
    assert (report.sent, report.owed, report.failed) == (2, 0, 1)
    assert relay.accepted == [READERS[0], READERS[2]]
    assert any(READERS[1] in notice and "550 nobody here" in notice for notice in report.notices)
    relay.script = lambda at, address: None
    assert run(place).sent == 0
    assert relay.accepted == [READERS[0], READERS[2]]


def test_a_relay_that_refuses_the_sender_leaves_everything_owed(
    place: Workplace, web: Web, clock: Clock, relay: Relay
) -> None:
    """M4: a wrong `mail.from` or a forgotten login costs no edition: once it is mended every letter goes out."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda at, address: "530 5.7.0 authenticate first" if at == "MAIL" else None
    report = run(place)
    assert (report.sent, report.owed, report.failed) == (0, 3, 0)
    assert any("authenticate first" in notice for notice in report.notices)
    relay.script = lambda at, address: None
    clock.now += timedelta(minutes=5)
    assert run(place).sent == 3
    assert relay.accepted == list(READERS)


@pytest.mark.parametrize("sender", ["Büro <news@bücher.example>", "Büro <büro@news.example>"])
def test_a_sender_beyond_ascii_is_no_broken_run(
    place: Workplace, web: Web, relay: Relay, sender: str
) -> None:
    """M4: what `check` accepts as `mail.from` is sent from, or the trouble is told and every letter stays owed."""
    web.feed("/feed", rss(news(1)))
    try:
        write(place, {"node": web}, plan(readers=READERS), relay=relay, sender=sender)
        poll(place)
    except ConfigError as error:
        assert "mail.from" in str(error)
        return
    report = run(place)
    assert (report.sent, report.failed) in ((3, 0), (0, 0))
    assert report.sent == 3 or (report.owed == 3 and report.notices)


def test_a_relay_that_hangs_up_on_one_letter_does_not_stop_the_others(
    place: Workplace, web: Web, clock: Clock, relay: Relay
) -> None:
    """M4: 421 in the middle of a letter leaves that one owed, the others go over a new connection."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda at, address: "421 too busy" if (at, address) == ("DATA", READERS[0]) else None
    report = run(place)
    assert (report.sent, report.owed) == (2, 1)
    relay.script = lambda at, address: None
    clock.now += timedelta(minutes=5)
    assert run(place).sent == 1
    assert sorted(relay.accepted) == sorted(READERS)


def test_a_reader_at_a_domain_beyond_ascii_gets_the_letter(place: Workplace, web: Web, relay: Relay) -> None:
    """M4, RFC 5891: every relay knows the domain in its ASCII form."""
    write(place, {"node": web}, plan(readers=("info@bücher.example", *READERS)), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    assert run(place).sent == 4
    assert relay.accepted == ["info@xn--bcher-kva.example", *READERS]


def test_an_address_the_relay_cannot_be_told_does_not_stop_the_others(
    place: Workplace, web: Web, relay: Relay
) -> None:
    """M4: a name beyond ASCII is refused by `check`, or like any address a relay refuses; the others get theirs."""
    web.feed("/feed", rss(news(1)))
    write(place, {"node": web}, plan(readers=("jörg@a.example", *READERS)), relay=relay)
    try:
        poll(place)
    except ConfigError as error:
        assert "jörg@a.example" in str(error)
        return
    report = run(place)
    assert (report.owed, report.sent + report.failed) == (0, 4)
    assert set(READERS) <= set(relay.accepted)


@pytest.mark.parametrize("twice", [READERS[0], READERS[0].capitalize()])
def test_an_address_listed_twice_gets_one_letter(place: Workplace, web: Web, twice: str) -> None:
    """M4: a slip in the list of readers neither doubles letters nor stops the digest for everybody."""
    write(place, {"node": web}, plan(readers=(*READERS, twice)))
    web.feed("/feed", rss(news(1)))
    poll(place)
    assert run(place).sent == len(READERS)
    assert len(letters(place)) == len(READERS)


def test_without_a_relay_everything_stays_owed(place: Workplace, web: Web, clock: Clock) -> None:
    """M4: the edition is composed, every letter stays owed, the trouble is told once; later all go out, unchanged."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    write(place, {"node": web}, plan(readers=READERS), relay=port)
    web.feed("/feed", rss(news(1)))
    poll(place)
    report = run(place)
    assert (report.composed, report.sent, report.owed) == (("weekly-2026-10-05",), 0, 3)
    assert len(report.notices) == 1
    assert f"127.0.0.1:{port} cannot be used" in report.notices[0]
    clock.now += 2 * DAY
    with relaying() as relay:
        write(place, {"node": web}, plan(readers=READERS), relay=relay)
        report = run(place)
        assert (report.composed, report.sent, report.owed, report.notices) == ((), 3, 0, ())
    assert relay.accepted == list(READERS)
    assert all(b"Date: Mon, 05 Oct 2026 06:30:00 +0000\r\n" in taken.body for taken in relay.letters)


def test_a_run_that_could_deliver_nothing_ends_with_1(place: Workplace, web: Web) -> None:
    """L3, M4: `digest run` says why on standard error, that the letters stay owed, and exits with 1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    write(place, {"node": web}, plan(readers=READERS), relay=port)
    web.feed("/feed", rss(news(1)))
    poll(place)
    said = command.call(place, "digest", "run")
    assert said.code == 1
    assert "cannot be used" in said.err
    assert "3 stay owed" in said.err
    with relaying() as relay:
        write(place, {"node": web}, plan(readers=READERS), relay=relay)
        said = command.call(place, "digest", "run")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert relay.accepted == list(READERS)


def test_a_relay_that_goes_away_leaves_the_rest_owed(place: Workplace, web: Web) -> None:
    """M4: what was sent is struck off, what was not begun stays owed without having cost its one retry."""
    write(place, {"node": web}, plan(readers=READERS))
    web.feed("/feed", rss(news(1)))
    poll(place)
    post = Post()
    usual = post.put

    def leaving(message: bytes, address: str) -> None:
        if post.given:
            raise MailError("the mail relay went away; every letter stays owed")
        usual(message, address)

    post.put = leaving  # type: ignore[method-assign]
    for _ in range(3):
        report = digest.run(post.app(place))
        assert (report.owed, report.unknown) == (2, 0)
    post.put = usual  # type: ignore[method-assign]
    assert digest.run(post.app(place)).sent == 2
    assert [address for address, _ in post.given] == list(READERS)


def test_an_edition_owed_goes_out_with_the_next_one(place: Workplace, web: Web, clock: Clock) -> None:
    """M4: an older edition that is still owed is delivered first, as it was composed."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    post = Post(deaths=1)
    with pytest.raises(Killed):
        digest.run(post.app(place))
    clock.now = NOW + WEEK
    web.feed("/feed", rss(news(2, clock.now - DAY), news(1)))
    poll(place)
    assert digest.run(post.app(place)).sent == 2
    assert [told(_read(body)) for _, body in post.given[1:]] == [["News number 1"], ["News number 2"]]


# --- what a letter holds, and looking ------------------------------------------------------------------


def test_a_letter_has_no_more_of_the_text_than_may_be_republished(place: Workplace, web: Web) -> None:
    """P3: title, at most 300 characters and the link, also from a source whose full text a feed may carry."""
    web.feed("/feed", rss(news(1, description="Beginning. " + "Many words. " * 100 + "The very end.")))
    write(place, {"node": web})
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("id: node,", "id: node, full_text: true, licence: CC0,"))
    poll(place)
    assert b"The very end" in (place.public / "atom.xml").read_bytes()
    run(place)
    (mail,) = letters(place)
    assert "Beginning." in words(mail)
    assert b"The very end" not in mail.as_bytes()


def everything(place: Workplace) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    tables = rows(place, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'items_fts%'")
    return {name: rows(place, f"SELECT * FROM {name}") for (name,) in tables}


def test_a_preview_shows_what_would_go_out_and_records_nothing(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """`digest preview`: .eml and .html of the very letter; no row changes, nothing is owed, and it is told later."""
    web.feed("/feed", rss(news(1), news(2)))
    write(place, {"node": web}, plan(readers=READERS))
    poll(place)
    before = everything(place)
    shown = digest.preview(place.app(), "weekly", None, place.folder / "out")
    assert shown.told == "2 new stories, 0 corrected"
    assert everything(place) == before
    assert not (place.folder / "var" / "outbox").exists()
    assert [file.name for file in shown.files] == ["weekly-2026-10-05.eml", "weekly-2026-10-05.html"]
    assert run(place).sent == 3
    sent = [file.read_bytes() for file in (place.folder / "var" / "outbox").glob("*.eml")]
    assert shown.files[0].read_bytes() in sent
    assert "News number 1" in shown.files[1].read_text("utf-8")


def test_a_preview_of_another_day_shows_what_would_go_out_then(place: Workplace, web: Web) -> None:
    """`--at`: the period and what is owed at that moment; by default the files are in the data folder."""
    web.feed("/feed", rss(news(1)))
    write(place, {"node": web}, plan(readers=()))
    poll(place)
    shown = digest.preview(place.app(), "weekly", NOW + WEEK, None)
    assert shown.files[0] == place.folder / "var" / "preview" / "weekly-2026-10-12.eml"
    mail = _read(shown.files[0].read_bytes())
    assert mail["To"] == "editors@news.example"
    assert mail["Subject"] == "Weekly news, 12 October 2026"


def test_a_preview_of_nothing_names_what_there_is(place: Workplace, web: Web) -> None:
    """A digest that is not configured is a slip of the pen: the nearest name is offered."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    with pytest.raises(UnknownName, match='did you mean "weekly"'):
        digest.preview(place.app(), "weekli", None, None)
    with pytest.raises(UnknownName, match="there are: weekly"):
        digest.preview(place.app(), "zzz", None, None)


# --- clocks, and what editors do between two editions ------------------------------------------------------


@pytest.mark.parametrize("ahead", [timedelta(days=20), timedelta(days=200)])
@pytest.mark.parametrize("schedule", ["mon 08:00", "0 8 1 * *"])
def test_a_digest_that_began_under_a_clock_ahead_is_not_silent_until_then(
    place: Workplace, web: Web, clock: Clock, ahead: timedelta, schedule: str
) -> None:
    """M2: what is announced after the clock was put back is told, each story once."""
    write(place, {"node": web}, plan(schedule=schedule))
    web.feed("/feed", rss(news(1)))
    clock.now = NOW + ahead
    poll(place)
    run(place)
    for days in range(0, 70, 7):
        clock.now = NOW + timedelta(days=days, hours=2)
        web.feed("/feed", rss(*(news(n, NOW + DAY * n) for n in range(days // 7 + 2, 0, -1))))
        poll(place)
        run(place)
    told = sorted(title for titles in editions(place).values() for title in titles)
    assert len(told) == len(set(told)) and len(told) >= 5
    assert {f"News number {n}" for n in range(2, 6)} <= set(told)


@pytest.mark.parametrize("priority", [-5, 5])
def test_a_correction_before_a_merge_is_told(
    place: Workplace, webs: Callable[[], Web], clock: Clock, priority: int
) -> None:
    """I7, E1: the older id stays under the words of another, whose last edit nobody was told; a partner moves none."""
    one, other = webs(), webs()
    write(place, {"one": one, "other": other})
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("{id: other,", f"{{id: other, priority: {priority},"))
    alpha = news(1, NOW - DAY, title="Lattice light sheets for everyone", description="Seen in Jena by all.")
    one.feed("/feed", rss(alpha))
    other.feed("/feed", rss(news(2, title="Registration opens in Porto", link="https://other.example/2")))
    poll(place)
    run(place)
    corrected = news(2, title="Registration opens in Lisbon", link="https://other.example/2")
    other.feed("/feed", rss(corrected))
    clock.now = NOW + DAY
    poll(place)
    editor_decisions.merge(place.app(), [id_ for (id_,) in rows(place, "SELECT id FROM stories")], "ada")
    for weeks in (1, 2):
        clock.now = NOW + weeks * WEEK
        poll(place)
        run(place)
    later = {"weekly-2026-10-12": ["Registration opens in Lisbon"]} if priority > 0 else {}
    first = ["Lattice light sheets for everyone", "Registration opens in Porto"]
    assert {id_: sorted(titles) for id_, titles in editions(place).items()} == {
        "weekly-2026-10-05": first
    } | later
