"""The operator's mail as it goes out: when, to whom, once, and never in public (M2, M4, M5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.daemon import Worker
from aggregator.digests import explain
from aggregator.digests import run as digest
from aggregator.errors import UnknownName
from aggregator.publishing import publish
from aggregator.store import idle_check, websub_state
from aggregator.store.connection import opened
from tests import command
from tests.builders import NOW, rss
from tests.conftest import Answer, Clock, Web, Workplace
from tests.digests.test_run import letters, news, plan, poll, rows, run, words, write
from tests.smtp_server import relaying

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
OPERATOR = "operator: {to: [ada@example.org, grace@example.org]}\n"


@pytest.fixture
def broken(place: Workplace, web: Web, clock: Clock) -> Workplace:
    """A weekly digest without readers, an operator, a source that is well and one that is not found."""
    write(place, {"node": web}, plan(readers=()), OPERATOR, more=missing(web))
    web.feed("/feed", rss(news(1)))
    clock.now = NOW - HOUR
    poll(place)
    clock.now = NOW
    return place


def missing(web: Web) -> str:
    """A source that fails."""
    return f"  - {{id: lost, name: The lost feed, url: '{web.url}/lost'}}\n"


def mended(web: Web) -> None:
    """The source that failed is well again."""
    web.feed("/lost", rss(news(2, link="https://lost.example/2", guid="lost-2", title="Quite another news")))


def composed(place: Workplace) -> list[str]:
    """The operator's mails there ever were."""
    return [row[0] for row in rows(place, "SELECT id FROM editions WHERE digest_id = 'operator' ORDER BY id")]


# --- when ----------------------------------------------------------------------------------------------


def test_it_goes_out_once_a_period_to_each_address(broken: Workplace, clock: Clock) -> None:
    """M4, M5: at the first run, then every Monday at seven, local time; in between there is none."""
    for hours in (0, 0, 30, 100):
        clock.now = NOW + timedelta(hours=hours)
        run(broken)
    assert composed(broken) == ["operator-2026-10-05"]
    assert sorted(str(mail["To"]) for mail in letters(broken)) == ["ada@example.org", "grace@example.org"]
    clock.now = datetime(2026, 10, 12, 4, 59, tzinfo=UTC)
    assert run(broken).composed == ()
    clock.now = datetime(2026, 10, 12, 5, 0, tzinfo=UTC)
    assert run(broken).composed == ("operator-2026-10-12",)
    assert run(broken).composed == ()
    assert len({str(mail["Message-ID"]) for mail in letters(broken)}) == 4


def test_it_tells_what_is_wrong_and_what_to_do(broken: Workplace, clock: Clock) -> None:
    """The broken source with its reason and advice, the numbers since the last mail; marked as automatic."""
    run(broken)
    mail = letters(broken)[0]
    assert "* The lost feed (lost)\n  failing: not found (404); no good visit yet\n" in words(mail)
    assert "Since 28 September 2026: 2 visits, 1 new story, 0 letters accepted." in " ".join(
        words(mail).split()
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"] == "Imaging news: 1 thing to look after, 5 October 2026"
    clock.now = NOW + WEEK - HOUR
    poll(broken)
    clock.now = NOW + WEEK
    run(broken)
    assert "Since 5 October 2026: 2 visits, 0 new stories, 2 letters" in words(letters(broken)[-1])


def test_when_all_is_well_there_is_no_mail(broken: Workplace, web: Web, clock: Clock) -> None:
    """M2: the period closes all the same; trouble that comes later in the week waits for the next one."""
    mended(web)
    poll(broken)
    assert "operator-2026-10-05" in run(broken).empty
    web.answers["/lost"] = Answer(status=410)
    for days in (1, 2, 3, 4):
        clock.now = NOW + days * DAY
        poll(broken)
        assert run(broken).composed == ()
    assert letters(broken) == []
    clock.now = NOW + WEEK
    assert run(broken).composed == ("operator-2026-10-12",)


def test_a_change_of_clocks_skips_and_doubles_none(broken: Workplace, clock: Clock) -> None:
    """M5: a daily mail at 02:30, run every five hours over the October weekend, goes out once for each date."""
    file = broken.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("org]}", 'org], schedule: "daily 02:30"}'))
    clock.now = datetime(2026, 10, 23, 22, 0, tzinfo=UTC)
    while clock.now < datetime(2026, 10, 27, 22, 0, tzinfo=UTC):
        run(broken)
        clock.now += timedelta(hours=5)
    assert composed(broken) == [f"operator-2026-10-{day}" for day in (23, 24, 25, 26, 27)]


def test_the_idle_run_does_not_miss_it(broken: Workplace, clock: Clock) -> None:
    """A run with nothing to do leaves after one look, until the moment of the operator's mail and no longer."""
    file = broken.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("mon 08:00", "0 8 1 * *"))
    run(broken)
    assert idle_check.no_mail_due(file, datetime(2026, 10, 12, 4, 59, tzinfo=UTC)) is not None
    assert idle_check.no_mail_due(file, datetime(2026, 10, 12, 5, 0, tzinfo=UTC)) is None


def test_it_waits_for_the_relay_like_any_letter(place: Workplace, web: Web, clock: Clock) -> None:
    """M4: composed once; when the relay is back it goes out with the same bytes, and to each address once."""
    with relaying() as relay:
        write(place, {"node": web}, plan(readers=()), OPERATOR, relay=relay, more=missing(web))
        web.feed("/feed", rss(news(1)))
        poll(place)
        relay.script = lambda step, _address: "451 later" if step == "MAIL" else None
        assert "operator-2026-10-05" in run(place).composed
        assert relay.letters == []
        relay.script = lambda _step, _address: None
        clock.now = NOW + 3 * DAY
        run(place)
        run(place)
        assert sorted(relay.accepted) == ["ada@example.org", "grace@example.org"]


def test_the_daemon_sends_it_also_where_there_is_no_digest(place: Workplace, web: Web) -> None:
    """The daemon looks after mail as soon as there is anything to be mailed by a schedule."""
    write(place, {"node": web}, OPERATOR, more=missing(web))
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("digests:\n", ""))
    web.feed("/feed", rss(news(1)))
    poll(place)
    Worker(file, build=lambda _file: place.app())._digest()
    assert len(letters(place)) == 2


# --- what ----------------------------------------------------------------------------------------------


def test_what_happened_since_the_last_mail_is_told_once(broken: Workplace, web: Web, clock: Clock) -> None:
    """A run that broke off and a news that was taken back are in the next mail, and in no other."""
    mended(web)
    poll(broken)
    with opened(broken.database) as store:
        store.db.execute("INSERT INTO runs (job, started) VALUES ('prune', '2026-10-04T04:17:00Z')")
        store.db.execute(
            "INSERT INTO missing_items (item_id, source_id, since, withdrawn)"
            " SELECT id, source_id, '2026-10-03T00:00:00Z', '2026-10-04T00:00:00Z' FROM items WHERE source_id = 'node'"
        )
    run(broken)
    told = words(letters(broken)[0])
    assert "* 1 run of prune broke off\n  the last began 4 October 2026, 06:17\n" in told
    assert "* News number 1\n  The node, 4 October 2026: its page is gone\n" in told
    clock.now = NOW + WEEK
    poll(broken)
    assert "operator-2026-10-12" in run(broken).empty


def test_a_hub_that_was_given_up_is_told_until_it_answers(broken: Workplace, web: Web, clock: Clock) -> None:
    """PB11: only where the last bytes did not come through, and a hub is configured at all."""
    mended(web)
    poll(broken)
    with opened(broken.database) as store:
        websub_state.record_published(store, {"https://news.example/atom.xml": "1"})
        (ping,) = websub_state.due(store, NOW)
        websub_state.record_failure(store, ping, NOW, "answered 500")
        websub_state.give_up(store, ping, "answered 500")
    assert digest.preview(broken.app(), "operator", None, None).told == "all is well"
    file = broken.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("publish: {", "publish: {hub: 'https://hub.example/', "))
    assert digest.preview(broken.app(), "operator", None, None).told == "1 thing to look after"
    with opened(broken.database) as store:
        websub_state.record_published(store, {"https://news.example/atom.xml": "2"})
        (ping,) = websub_state.due(store, NOW)
        websub_state.record_failure(store, ping, NOW, "answered 500")
        websub_state.mark_notified(store, ping)
    assert digest.preview(broken.app(), "operator", None, None).told == "all is well"


@pytest.mark.parametrize(("reader", "weeks"), [("eve@example.org", 2), ("bob@example.org", 1)])
def test_a_suppressed_address_is_told_as_long_as_something_can_be_done(
    broken: Workplace, web: Web, clock: Clock, reader: str, weeks: int
) -> None:
    """Once, and again for as long as feeds.yaml names it."""
    mended(web)
    poll(broken)
    file = broken.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("recipients: []", f"recipients: [{reader}]"))
    run(broken)
    with opened(broken.database) as store:
        store.db.execute(
            "INSERT INTO suppressions VALUES ('Eve@example.org', '2026-10-06T00:00:00Z', '5.1.1')"
        )
    for n in (1, 2):
        clock.now = NOW + n * WEEK
        poll(broken)
        run(broken)
    assert len(composed(broken)) == weeks


# --- to nobody else ------------------------------------------------------------------------------------


def published(place: Workplace) -> dict[str, bytes]:
    """Every file in `public`."""
    return {
        file.relative_to(place.public).as_posix(): file.read_bytes()
        for file in place.public.rglob("*")
        if file.is_file() and file.suffix != ".gz"
    }


def test_nothing_of_it_is_public(broken: Workplace) -> None:
    """No page, no line, no entry, no ledger; the edition of a digest in the same run has all of these."""
    assert set(run(broken).composed) == {"weekly-2026-10-05", "operator-2026-10-05"}
    publish.run(broken.app())
    files = published(broken)
    assert "digests/weekly-2026-10-05.html" in files
    assert [name for name in files if "operator" in name] == []
    for secret in (b"operator-2026", b"not found", b"ada@example.org", b"things to look after"):
        assert [name for name, body in files.items() if secret in body] == []
    assert rows(broken, "SELECT DISTINCT digest_id FROM ledger") == [("weekly",)]
    ((story,),) = rows(broken, "SELECT id FROM stories")
    answer = explain.run(broken.app().config, story, "ada@example.org", NOW)
    assert [one.digest for one in answer.digests] == ["weekly"]


def test_it_can_be_looked_at_before(broken: Workplace) -> None:
    """`digest preview` and `digest test` know it by the id `operator`, where there is one; nothing is recorded."""
    said = command.call(broken, "digest", "preview", "operator", "--out", str(broken.folder / "out"))
    assert said.out.splitlines()[0] == "1 thing to look after"
    assert "The lost feed" in Path(said.out.splitlines()[2]).read_text("utf-8")
    said = command.call(broken, "digest", "test", "operator", "--to", "eve@example.org")
    assert said.out.endswith(": 1 thing to look after\n")
    assert [str(mail["Subject"])[:6] for mail in letters(broken)] == ["[Test]"]
    assert composed(broken) == []
    file = broken.folder / "feeds.yaml"
    file.write_text(file.read_text().replace(OPERATOR, ""))
    with pytest.raises(UnknownName, match="there are: weekly"):
        digest.preview(broken.app(), "operator", None, None)
