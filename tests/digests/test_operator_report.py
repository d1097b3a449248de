"""The operator's report as it is sent: when, to whom, and never in public (M2, M4, M5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.daemon import Worker
from aggregator.digests import explain, preview
from aggregator.errors import UnknownName
from aggregator.publishing import publish
from aggregator.store import idle_check, websub_pings
from aggregator.store.connection import opened
from tests import command
from tests.builders import NOW, rss
from tests.digests.scenario import (
    DAY,
    WEEK,
    messages,
    news,
    plan,
    poll,
    rows,
    run,
    text_of,
    write,
)
from tests.smtp_server import running_relay
from tests.web_server import Answer, Web
from tests.workplace import Clock, Workplace

HOUR = timedelta(hours=1)
OPERATOR = "operator: {to: [ada@example.org, grace@example.org]}\n"


@pytest.fixture
def failing(place: Workplace, web: Web, clock: Clock) -> Workplace:
    """Write a digest without recipients, an operator, one working source and one that fails."""
    write(place, {"node": web}, plan(readers=()), OPERATOR, more=failing_source(web))
    web.feed("/feed", rss(news(1)))
    clock.now = NOW - HOUR
    poll(place)
    clock.now = NOW
    return place


def failing_source(web: Web) -> str:
    """Return a source that fails."""
    return f"  - {{id: lost, name: The lost feed, url: '{web.url}/lost'}}\n"


def correct_source(web: Web) -> None:
    """Make the failing source work."""
    web.feed("/lost", rss(news(2, link="https://lost.example/2", guid="lost-2", title="Another story")))


def reports(place: Workplace) -> list[str]:
    """Return the ids of all reports."""
    return [row[0] for row in rows(place, "SELECT id FROM editions WHERE digest_id = 'operator' ORDER BY id")]


# --- when ----------------------------------------------------------------------------------------------


def test_it_is_sent_once_a_period_to_each_address(failing: Workplace, clock: Clock) -> None:
    """It is sent at the first run, then every Monday at seven local time (M4, M5)."""
    for hours in (0, 0, 30, 100):
        clock.now = NOW + timedelta(hours=hours)
        run(failing)
    assert reports(failing) == ["operator-2026-10-05"]
    assert sorted(str(mail["To"]) for mail in messages(failing)) == ["ada@example.org", "grace@example.org"]
    clock.now = datetime(2026, 10, 12, 4, 59, tzinfo=UTC)
    assert run(failing).composed == ()
    clock.now = datetime(2026, 10, 12, 5, 0, tzinfo=UTC)
    assert run(failing).composed == ("operator-2026-10-12",)
    assert run(failing).composed == ()
    assert len({str(mail["Message-ID"]) for mail in messages(failing)}) == 4


def test_it_lists_tasks_and_numbers(failing: Workplace, clock: Clock) -> None:
    """It has the failing source with reason and advice, and the numbers since the last report."""
    run(failing)
    mail = messages(failing)[0]
    assert "* The lost feed (lost)\n  failing: not found (404); no successful visit yet\n" in text_of(mail)
    assert "Since 28 September 2026: 2 visits, 1 new story, 0 messages accepted." in " ".join(
        text_of(mail).split()
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"] == "Imaging news: 1 open task, 5 October 2026"
    clock.now = NOW + WEEK - HOUR
    poll(failing)
    clock.now = NOW + WEEK
    run(failing)
    assert "Since 5 October 2026: 2 visits, 0 new stories, 2 messages" in text_of(messages(failing)[-1])


def test_without_tasks_there_is_no_message(failing: Workplace, web: Web, clock: Clock) -> None:
    """A period without tasks closes too; later faults wait for the next report (M2)."""
    correct_source(web)
    poll(failing)
    assert "operator-2026-10-05" in run(failing).empty
    web.answers["/lost"] = Answer(status=410)
    for days in (1, 2, 3, 4):
        clock.now = NOW + days * DAY
        poll(failing)
        assert run(failing).composed == ()
    assert messages(failing) == []
    clock.now = NOW + WEEK
    assert run(failing).composed == ("operator-2026-10-12",)


def test_a_clock_change_skips_and_repeats_none(failing: Workplace, clock: Clock) -> None:
    """A daily report at 02:30 is sent once for each date of the October weekend (M5)."""
    file = failing.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("org]}", 'org], schedule: "daily 02:30"}'))
    clock.now = datetime(2026, 10, 23, 22, 0, tzinfo=UTC)
    while clock.now < datetime(2026, 10, 27, 22, 0, tzinfo=UTC):
        run(failing)
        clock.now += timedelta(hours=5)
    assert reports(failing) == [f"operator-2026-10-{day}" for day in (23, 24, 25, 26, 27)]


def test_the_idle_check_does_not_miss_it(failing: Workplace, clock: Clock) -> None:
    """The idle check holds until the time of the report and no longer."""
    file = failing.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("mon 08:00", "0 8 1 * *"))
    run(failing)
    assert idle_check.queue_if_no_mail_due(file, datetime(2026, 10, 12, 4, 59, tzinfo=UTC)) is not None
    assert idle_check.queue_if_no_mail_due(file, datetime(2026, 10, 12, 5, 0, tzinfo=UTC)) is None


def test_it_waits_for_the_relay_like_any_message(place: Workplace, web: Web, clock: Clock) -> None:
    """It is composed once and later sent with the same bytes, to each address once (M4)."""
    with running_relay() as relay:
        write(place, {"node": web}, plan(readers=()), OPERATOR, relay=relay, more=failing_source(web))
        web.feed("/feed", rss(news(1)))
        poll(place)
        relay.script = lambda step, _address: "451 later" if step == "MAIL" else None
        assert "operator-2026-10-05" in run(place).composed
        assert relay.messages == []
        relay.script = lambda _step, _address: None
        clock.now = NOW + 3 * DAY
        run(place)
        run(place)
        assert sorted(relay.accepted) == ["ada@example.org", "grace@example.org"]


def test_the_daemon_sends_it_without_any_digest(place: Workplace, web: Web) -> None:
    """An operator alone is enough for the daemon to send mail."""
    write(place, {"node": web}, OPERATOR, more=failing_source(web))
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("digests:\n", ""))
    web.feed("/feed", rss(news(1)))
    poll(place)
    Worker(file, build=lambda _file: place.app())._digest()
    assert len(messages(place)) == 2


# --- content -------------------------------------------------------------------------------------------


def test_what_happened_since_the_last_report_is_in_one_report(
    failing: Workplace, web: Web, clock: Clock
) -> None:
    """An interrupted run and a removed item are in the next report only."""
    correct_source(web)
    poll(failing)
    with opened(failing.database) as store:
        store.db.execute("INSERT INTO runs (job, started) VALUES ('prune', '2026-10-04T04:17:00Z')")
        store.db.execute(
            "INSERT INTO missing_items (item_id, source_id, since, withdrawn)"
            " SELECT id, source_id, '2026-10-03T00:00:00Z', '2026-10-04T00:00:00Z' FROM items WHERE source_id = 'node'"
        )
    run(failing)
    text = text_of(messages(failing)[0])
    assert "* 1 run of prune interrupted\n  the last began 4 October 2026, 06:17\n" in text
    assert "* News number 1\n  The node, 4 October 2026: its page is gone\n" in text
    clock.now = NOW + WEEK
    poll(failing)
    assert "operator-2026-10-12" in run(failing).empty


def test_a_failed_hub_is_a_task_until_it_answers(failing: Workplace, web: Web, clock: Clock) -> None:
    """It is a task only if the last notification failed and a hub is configured (PB11)."""
    correct_source(web)
    poll(failing)
    with opened(failing.database) as store:
        websub_pings.record_published(store, {"https://news.example/atom.xml": "1"})
        (ping,) = websub_pings.due(store, NOW)
        websub_pings.record_failure(store, ping, NOW, "answered 500")
        websub_pings.give_up(store, ping, "answered 500")
    assert preview.write(failing.app(), "operator", None, None).summary == "nothing to do"
    file = failing.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("publish: {", "publish: {hub: 'https://hub.example/', "))
    assert preview.write(failing.app(), "operator", None, None).summary == "1 open task"
    with opened(failing.database) as store:
        websub_pings.record_published(store, {"https://news.example/atom.xml": "2"})
        (ping,) = websub_pings.due(store, NOW)
        websub_pings.record_failure(store, ping, NOW, "answered 500")
        websub_pings.mark_notified(store, ping)
    assert preview.write(failing.app(), "operator", None, None).summary == "nothing to do"


@pytest.mark.parametrize(("reader", "weeks"), [("eve@example.org", 2), ("bob@example.org", 1)])
def test_a_suppressed_address_is_a_task_while_feeds_yaml_names_it(
    failing: Workplace, web: Web, clock: Clock, reader: str, weeks: int
) -> None:
    """It is in one report, and in later ones for as long as feeds.yaml names it."""
    correct_source(web)
    poll(failing)
    file = failing.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("recipients: []", f"recipients: [{reader}]"))
    run(failing)
    with opened(failing.database) as store:
        store.db.execute(
            "INSERT INTO suppressions VALUES ('Eve@example.org', '2026-10-06T00:00:00Z', '5.1.1')"
        )
    for n in (1, 2):
        clock.now = NOW + n * WEEK
        poll(failing)
        run(failing)
    assert len(reports(failing)) == weeks


# --- privacy -------------------------------------------------------------------------------------------


def published(place: Workplace) -> dict[str, bytes]:
    """Read every file in `public`."""
    return {
        file.relative_to(place.public).as_posix(): file.read_bytes()
        for file in place.public.rglob("*")
        if file.is_file() and file.suffix != ".gz"
    }


def test_nothing_of_it_is_public(failing: Workplace) -> None:
    """A report has no page, entry or ledger; a digest of the same run has all of these."""
    assert set(run(failing).composed) == {"weekly-2026-10-05", "operator-2026-10-05"}
    publish.run(failing.app())
    files = published(failing)
    assert "digests/weekly-2026-10-05.html" in files
    assert [name for name in files if "operator" in name] == []
    for secret in (b"operator-2026", b"not found", b"ada@example.org", b"open task"):
        assert [name for name, body in files.items() if secret in body] == []
    assert rows(failing, "SELECT DISTINCT digest_id FROM ledger") == [("weekly",)]
    ((story,),) = rows(failing, "SELECT id FROM stories")
    report = explain.explain_digests(failing.app().config, story, "ada@example.org", NOW)
    assert [each.digest for each in report.digests] == ["weekly"]


def test_it_can_be_previewed(failing: Workplace) -> None:
    """`digest preview` and `digest test` accept the id `operator` and store nothing."""
    result = command.call(failing, "digest", "preview", "operator", "--out", str(failing.folder / "out"))
    assert result.out.splitlines()[0] == "1 open task"
    assert "The lost feed" in Path(result.out.splitlines()[2]).read_text("utf-8")
    result = command.call(failing, "digest", "test", "operator", "--to", "eve@example.org")
    assert result.out.endswith(": 1 open task\n")
    assert [str(mail["Subject"])[:6] for mail in messages(failing)] == ["[Test]"]
    assert reports(failing) == []
    file = failing.folder / "feeds.yaml"
    file.write_text(file.read_text().replace(OPERATOR, ""))
    with pytest.raises(UnknownName, match="there is no operator's report"):
        preview.write(failing.app(), "operator", None, None)
