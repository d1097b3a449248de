"""The digest job on real feeds and a real database puts each story into one edition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.dedupe import editor_commands
from tests.builders import NOW, rss
from tests.digests.scenario import (
    BODY,
    DAY,
    READERS,
    WEEK,
    editions,
    messages,
    news,
    plan,
    poll,
    rows,
    run,
    text_of,
    titles,
    write,
)
from tests.web_server import Web
from tests.workplace import Clock, Workplace

# --- each story once -----------------------------------------------------------------------------------


def test_a_story_is_in_one_edition(place: Workplace, web: Web, clock: Clock) -> None:
    """A story in an edition is in no later one, and a period has only one edition (M1)."""
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
    assert {edition: sorted(found) for edition, found in editions(place).items()} == {
        "weekly-2026-10-05": ["News number 1", "News number 2"],
        "weekly-2026-10-12": ["News number 3"],
    }


def test_late_and_back_dated_stories_are_new(place: Workplace, web: Web, clock: Clock) -> None:
    """An item that appears in a known feed is new, whatever its date, or without one (M1, T3)."""
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
def test_a_later_partner_makes_a_story_neither_new_nor_corrected(
    place: Workplace, webs: Callable[[], Web], clock: Clock, priority: int
) -> None:
    """An item joins a published story without a new entry, even as its lead (M1, E1)."""
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


def test_a_story_of_two_partners_is_in_an_edition_once(place: Workplace, webs: Callable[[], Web]) -> None:
    """Two items of one story are one entry that names both partners (M1)."""
    node, partner = webs(), webs()
    node.feed("/feed", rss(news(1)))
    partner.feed("/feed", rss(news(9, NOW, link=news(1)["link"], title=news(1)["title"])))
    write(place, {"node": node, "partner": partner})
    poll(place)
    run(place)
    (mail,) = messages(place)
    assert titles(mail) == ["News number 1"]
    assert "also published by" in text_of(mail)


def test_each_digest_has_a_ledger_of_its_own(place: Workplace, webs: Callable[[], Web], clock: Clock) -> None:
    """Digests with other channels, times and languages each publish their stories once (M1, M3)."""
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
    others, *_, weekly = messages(place)
    assert weekly["To"] == READERS[0]
    assert sorted(titles(weekly)) == ["News number 1", "News number 2"]
    assert others["To"] == READERS[1] and titles(others) == ["News number 2"]
    assert "eine neue Meldung" in text_of(others)


# --- first editions, gaps ------------------------------------------------------------------------------


def test_a_new_digest_begins_with_the_last_seven_days(place: Workplace, web: Web, clock: Clock) -> None:
    """The first edition has stories of 7 days; older ones are never published (M2)."""
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
    """A second digest does not publish the archive (M2)."""
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


def test_a_new_source_adds_only_its_last_week(
    place: Workplace, webs: Callable[[], Web], clock: Clock
) -> None:
    """Of the backlog of a new source, a digest publishes dated items of 7 days (T4)."""
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
    """A period without stories closes without a message; later stories wait for the next (M2)."""
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
def test_after_weeks_of_downtime_one_edition_has_all_stories(
    place: Workplace, web: Web, clock: Clock, weeks: int
) -> None:
    """Missed periods are not repeated, and no story announced meanwhile is lost (M2)."""
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


def test_a_new_recipient_begins_with_the_next_edition(place: Workplace, web: Web, clock: Clock) -> None:
    """An edition composed before an address was added is not sent to it (M2)."""
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
    received = {str(mail["To"]): titles(mail) for mail in messages(place)}
    assert received[READERS[1]] == ["News number 2"]


def test_a_digest_without_recipients_is_composed(place: Workplace, web: Web, clock: Clock) -> None:
    """The first recipient does not get stories of past periods (M2)."""
    write(place, {"node": web}, plan(readers=()))
    web.feed("/feed", rss(news(1)))
    poll(place)
    report = run(place)
    assert (report.composed, report.sent) == (("weekly-2026-10-05",), 0)
    clock.now = NOW + WEEK
    write(place, {"node": web})
    assert run(place).empty == ("weekly-2026-10-12",)


# --- periods -------------------------------------------------------------------------------------------


def test_a_clock_change_skips_and_repeats_no_date(place: Workplace, web: Web, clock: Clock) -> None:
    """A daily digest at 02:30 closes each date once over the October weekend (M5)."""
    web.feed("/feed", rss(news(1, NOW - 9 * WEEK)))
    write(place, {"node": web}, plan("nightly", "daily 02:30"))
    poll(place)
    closed: list[str] = []
    clock.now = datetime(2026, 10, 23, 0, 30, tzinfo=UTC)
    while clock.now < datetime(2026, 10, 28, tzinfo=UTC):
        closed += run(place).empty
        clock.now += timedelta(hours=5)
    assert closed == [f"nightly-2026-10-{day}" for day in range(23, 28)]


@pytest.mark.parametrize(
    ("digest_keys", "sources"),
    [(", channels: [all]", "other"), (", channels: [some]", "node, other")],
    ids=["other channels", "another channel filter"],
)
def test_a_changed_selection_brings_no_old_stories(
    place: Workplace, webs: Callable[[], Web], clock: Clock, digest_keys: str, sources: str
) -> None:
    """A digest that selects more has what is new, and no updates of old stories (M1)."""
    node, other = webs(), webs()
    old = [news(1, NOW - 6 * DAY), news(2, NOW - 9 * DAY)]
    node.feed("/feed", rss(*old))
    other.feed("/feed", rss(news(9, link="https://other.example/9")))

    def select(keys: str, sources: str) -> None:
        channel = f"channels:\n  - {{id: some, title: Some, include: {{sources: [{sources}]}}}}\n"
        write(place, {"node": node, "other": other}, plan(more=keys), more=channel)
        poll(place)

    select(", channels: [some]", "other")
    run(place)
    clock.now = NOW + 2 * DAY
    node.feed("/feed", rss(news(3, clock.now), *old))
    select(", channels: [some]", "other")
    select(digest_keys, sources)
    node.feed("/feed", rss(news(3, clock.now), *(each | {"title": "Corrected"} for each in old)))
    clock.now = NOW + WEEK
    poll(place)
    run(place)
    assert list(editions(place).values()) == [["News number 9"], ["News number 3"]]
    assert len(rows(place, "SELECT * FROM channel_stories WHERE channel_id = 'all'")) == 4


# --- corrections ---------------------------------------------------------------------------------------


def test_a_corrected_story_is_one_correction(place: Workplace, web: Web, clock: Clock) -> None:
    """A significant edit is in the next edition only, under its own heading (E1, M1)."""
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
    mail = messages(place)[-1]
    assert titles(mail) == ["News number one, corrected after 48 hours"]
    assert "CORRECTED OR CANCELLED" in text_of(mail)
    assert "Corrected on 7 October 2026. Previous title: “News number 1”" in text_of(mail)
    assert "NEWS\n====" not in text_of(mail)
    clock.now = NOW + 2 * WEEK
    assert run(place).empty == ("weekly-2026-10-19",)


def test_a_corrected_typing_error_is_no_correction(place: Workplace, web: Web, clock: Clock) -> None:
    """An edit that is not significant is in no edition (E1)."""
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


def test_a_story_corrected_before_its_edition_is_new(place: Workplace, web: Web, clock: Clock) -> None:
    """A story is published with its latest text; an old story is not published at all (E1, M1)."""
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
    (mail,) = messages(place)
    assert titles(mail) == ["Now it is right"]
    assert "CORRECTED" not in text_of(mail)
    clock.now = NOW + 2 * WEEK
    assert run(place).empty == ("weekly-2026-10-19",)


# --- text ----------------------------------------------------------------------------------------------


def test_a_message_has_an_excerpt_only(place: Workplace, web: Web) -> None:
    """A message has at most 300 characters of a text, also from a source with full text (P3)."""
    web.feed("/feed", rss(news(1, description="Beginning. " + "Many words. " * 100 + "The very end.")))
    write(place, {"node": web})
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("id: node,", "id: node, full_text: true, licence: CC0,"))
    poll(place)
    assert b"The very end" in (place.public / "atom.xml").read_bytes()
    run(place)
    (mail,) = messages(place)
    assert "Beginning." in text_of(mail)
    assert b"The very end" not in mail.as_bytes()


# --- clocks, and decisions of editors ------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [timedelta(days=20), timedelta(days=200)])
@pytest.mark.parametrize("schedule", ["mon 08:00", "0 8 1 * *"])
def test_a_digest_that_began_under_a_clock_ahead_is_sent_again(
    place: Workplace, web: Web, clock: Clock, ahead: timedelta, schedule: str
) -> None:
    """Stories announced after the clock was put back are published, each once (M2)."""
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
    sent = sorted(title for edition in editions(place).values() for title in edition)
    assert len(sent) == len(set(sent)) and len(sent) >= 5
    assert {f"News number {n}" for n in range(2, 6)} <= set(sent)


def test_a_reverted_edit_of_a_merged_story_is_no_correction(
    place: Workplace, webs: Callable[[], Web], clock: Clock
) -> None:
    """A lead is compared with its own last entry, not with a later one of another item (E1, I7)."""
    first, second = webs(), webs()
    write(place, {"one": first, "other": second})
    porto = news(1, title="Registration opens in Porto", link="https://node.example/1")
    second_news = news(
        2, NOW + DAY, title="Lattice light sheets for everyone", link="https://other.example/2"
    )
    first.feed("/feed", rss(porto))
    second.feed("/feed", rss())
    poll(place)
    run(place)
    second.feed("/feed", rss(second_news))
    clock.now = NOW + WEEK
    poll(place)
    run(place)
    for title in ("Registration opens in Lisbon", porto["title"]):
        first.feed("/feed", rss(porto | {"title": title}))
        clock.now += DAY
        poll(place)
    editor_commands.merge(place.app(), [id_ for (id_,) in rows(place, "SELECT id FROM stories")], "ada")
    clock.now = NOW + 2 * WEEK
    run(place)
    assert rows(place, "SELECT title FROM stories") == [("Registration opens in Porto",)]
    assert editions(place) == {
        "weekly-2026-10-05": ["Registration opens in Porto"],
        "weekly-2026-10-12": ["Lattice light sheets for everyone"],
    }


def test_a_correction_before_a_removal_is_published_when_the_story_returns(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """The entry about a removal reports no edit: the edit is reported afterwards (E1, I8)."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1, title="Registration opens in Porto")))
    poll(place)
    run(place)
    story = [id_ for (id_,) in rows(place, "SELECT id FROM stories")]
    web.feed("/feed", rss(news(1, title="Registration opens in Lisbon")))
    clock.now = NOW + DAY
    poll(place)
    editor_commands.hide(place.app(), story, "ada", withdrawn=True)
    clock.now = NOW + WEEK
    run(place)
    editor_commands.unhide(place.app(), story, "ada")
    for weeks in (2, 3):
        clock.now = NOW + weeks * WEEK
        run(place)
    assert "Registration opens in Lisbon" in text_of(messages(place)[-1])
    assert editions(place) == {
        "weekly-2026-10-05": ["Registration opens in Porto"],
        "weekly-2026-10-12": ["Registration opens in Porto"],
        "weekly-2026-10-19": ["Registration opens in Lisbon"],
    }


@pytest.mark.parametrize("priority", [-5, 5])
def test_a_correction_before_a_merge_is_published(
    place: Workplace, webs: Callable[[], Web], clock: Clock, priority: int
) -> None:
    """A merged story with another lead has the last edit of that lead as a correction (I7, E1)."""
    first, second = webs(), webs()
    write(place, {"one": first, "other": second})
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("{id: other,", f"{{id: other, priority: {priority},"))
    alpha = news(1, NOW - DAY, title="Lattice light sheets for everyone", description="Seen in Jena by all.")
    first.feed("/feed", rss(alpha))
    second.feed("/feed", rss(news(2, title="Registration opens in Porto", link="https://other.example/2")))
    poll(place)
    run(place)
    corrected = news(2, title="Registration opens in Lisbon", link="https://other.example/2")
    second.feed("/feed", rss(corrected))
    clock.now = NOW + DAY
    poll(place)
    editor_commands.merge(place.app(), [id_ for (id_,) in rows(place, "SELECT id FROM stories")], "ada")
    for weeks in (1, 2):
        clock.now = NOW + weeks * WEEK
        poll(place)
        run(place)
    later = {"weekly-2026-10-12": ["Registration opens in Lisbon"]} if priority > 0 else {}
    before = ["Lattice light sheets for everyone", "Registration opens in Porto"]
    assert {id_: sorted(found) for id_, found in editions(place).items()} == {
        "weekly-2026-10-05": before
    } | later
