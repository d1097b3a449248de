"""Delivering: what is put off and when it is tried again, who gets no more letters, when a round ends (M4)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import health
from aggregator.digests import deliver
from aggregator.digests import run as digest
from aggregator.errors import MailError, UnknownName
from aggregator.model.reports import DigestReport
from aggregator.store.connection import opened
from tests import command
from tests.builders import NOW, rss
from tests.conftest import Clock, Web, Workplace
from tests.digests.test_run import READERS, WEEK, news, plan, poll, rows, run, write
from tests.processes import until
from tests.smtp_server import DROP, Relay, Script, relaying

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A relay."""
    with relaying() as made:
        yield made


Start = Callable[..., None]


@pytest.fixture
def start(place: Workplace, web: Web, relay: Relay) -> Start:
    """One story is there to be told to `readers` through the relay."""

    def begin(*readers: str, mail: str = "") -> None:
        write(place, {"node": web}, plan(readers=readers or READERS), relay=relay)
        if mail:
            file = place.folder / "feeds.yaml"
            file.write_text(file.read_text().replace("security: none}", f"security: none}}, {mail}"))
        web.feed("/feed", rss(news(1)))
        poll(place)

    return begin


def next_edition(place: Workplace, web: Web, n: int) -> DigestReport:
    """A week later, with a story of its own."""
    place.clock.now = NOW + n * WEEK + timedelta(hours=2)
    web.feed("/feed", rss(*(news(k, NOW + (k - 1) * WEEK) for k in range(n + 1, 0, -1))))
    poll(place)
    return run(place)


def saying(said: str, step: str = "RCPT", *addresses: str) -> Script:
    """`said` at `step`, to `addresses` or to everybody."""
    return lambda at, address: said if at == step and (not addresses or address in addresses) else None


def states(place: Workplace) -> dict[str, str]:
    """The state of the letters by address, of the last edition last."""
    return dict(rows(place, "SELECT address, state FROM deliveries ORDER BY id"))  # type: ignore[arg-type]


# --- put off -------------------------------------------------------------------------------------------


@given(waited=st.integers(-(10**6), 10**7), latest=st.integers(1, 10))
def test_a_pause_doubles_within_its_bounds(waited: int, latest: int) -> None:
    """M4: as long again as one has waited already, at least five minutes, at most `latest`; no clock breaks it."""
    now, longest = NOW, timedelta(hours=latest)
    pause = deliver.retry_delay(now - timedelta(seconds=waited), now, longest)
    assert timedelta(minutes=5) <= pause <= longest
    if timedelta(minutes=5) < timedelta(seconds=waited) < longest:
        assert pause == timedelta(seconds=waited)


def test_a_letter_put_off_is_tried_less_and_less_often_and_given_up_after_five_days(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """M4, RFC 5321 4.5.4.1: at 5, 10, 20 … minutes, then every four hours, and after five days it has failed."""
    start()
    relay.script = saying("450 4.2.0 mailbox busy", "RCPT", READERS[0])
    assert run(place).deferred == 1
    tried: list[datetime] = []
    told: list[str] = []
    app = place.app()
    while states(place)[READERS[0]] == "deferred":
        clock.now += (5 if clock.now < NOW + 3 * HOUR else 20) * MINUTE
        heard = len(relay.heard)
        told += digest.run(app).notices
        if len(relay.heard) > heard:
            tried.append(clock.now)
        assert clock.now < NOW + 6 * DAY
    gaps = [after - before for before, after in zip([NOW, *tried], tried, strict=False)]
    assert gaps[:5] == [5 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE]
    assert set(gaps[7:]) == {4 * HOUR}
    assert states(place)[READERS[0]] == "failed"
    assert NOW + 5 * DAY <= clock.now < NOW + 5 * DAY + 4 * HOUR
    (notice,) = told
    assert "given up after 5 days: 450 4.2.0 mailbox busy" in notice
    assert relay.accepted == list(READERS[1:])


def test_a_clock_put_back_does_not_keep_a_letter_waiting(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """M4: an attempt planned under a clock a year ahead is made when the clock is right again."""
    clock.now = NOW + 365 * DAY
    start()
    web.feed("/feed", rss(news(2, clock.now)))
    poll(place)
    relay.script = saying("450 4.2.0 mailbox busy", "RCPT", READERS[0])
    assert run(place).deferred == 1
    relay.script = lambda step, address: None
    clock.now = NOW
    assert run(place).sent == 1


def test_a_run_in_which_nothing_is_due_asks_nobody(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """M4: between two attempts the relay is not even dialled, nothing is said, and the run ends with 0."""
    start()
    relay.script = saying("450 4.2.0 mailbox busy", "RCPT", READERS[0])
    run(place)
    dialled = relay.connections
    clock.now += 4 * MINUTE
    assert run(place).owed == 1
    assert command.call(place, "digest", "run") == command.Output(0, "", "")
    assert relay.connections == dialled


# --- the relay -----------------------------------------------------------------------------------------


def test_a_relay_in_trouble_is_left_alone_longer_and_longer(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """M4: the round stops, the pause is on disk and doubles up to an hour, and no letter pays for it."""
    start()
    relay.script = saying("530 5.7.0 authenticate first", "MAIL")
    tried = []
    while clock.now < NOW + 6 * HOUR:
        heard = relay.heard.count("MAIL")
        report = run(place)
        if relay.heard.count("MAIL") > heard:
            tried.append(clock.now)
            assert relay.heard.count("MAIL") == heard + 1
            assert report.relay_error and "authenticate first" in report.relay_error
        else:
            assert (report.relay_error, report.notices) == (None, ())
            assert report.waiting and clock.now < report.waiting
        clock.now += 5 * MINUTE
    gaps = [after - before for before, after in pairwise(tried)]
    assert gaps[:5] == [5 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE]
    assert set(gaps[5:]) == {HOUR}
    assert rows(place, "SELECT DISTINCT state, attempts FROM deliveries") == [("queued", 0)]
    (trouble,) = health.alerts(health.report(place.app().config), clock.now)
    assert "no message was sent since 2026-10-05 06:30 UTC" in trouble and "authenticate first" in trouble
    relay.script = lambda step, address: None
    clock.now += HOUR
    assert run(place).sent == 3
    assert health.report(place.app().config).relay is None


def test_other_settings_are_another_relay(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """M4: who mends feeds.yaml need not wait for the pause of the relay that was wrong."""
    start()
    relay.script = saying("530 5.7.0 authenticate first", "MAIL")
    run(place)
    with relaying() as other:
        write(place, {"node": web}, plan(readers=READERS), relay=other)
        assert run(place).sent == 3


def test_a_relay_that_refuses_everybody_is_in_trouble(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """M4: a relay whose list of users is broken does not cost a digest its readers: the round stops after ten."""
    readers = [f"reader{n:02}@a.example" for n in range(30)]
    start(*readers)
    relay.script = saying("550 5.1.1 unknown user")
    report = run(place)
    assert report.relay_error and "none of 10 letters in a row" in report.relay_error
    assert (report.sent, report.owed) == (0, 20)
    relay.script = lambda step, address: None
    assert run(place).sent == 0
    assert deliver.retry(place.app().config, ()) == 10
    assert run(place).sent == 30
    assert sorted(relay.accepted) == readers
    assert health.report(place.app().config).suppressed == ()


def test_a_relay_that_breaks_every_letter_off_parks_none(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """M4: three letters that break off in a row are the relay's fault; the others do not lose their one retry."""
    readers = [f"reader{n:02}@a.example" for n in range(30)]
    start(*readers)
    relay.script = saying(DROP, "BODY")
    report = run(place)
    assert report.relay_error and "none of 3 letters in a row" in report.relay_error
    assert (report.owed, report.unknown) == (30, 0)
    relay.script = lambda step, address: None
    clock.now += 5 * MINUTE
    assert run(place).sent == 30


def test_one_bad_address_never_stops_the_rest(place: Workplace, start: Start, relay: Relay) -> None:
    """M4: whatever is said to every third letter, the others are served in the same round."""
    readers = [f"reader{n:02}@a.example" for n in range(30)]
    start(*readers)
    said = ["550 5.1.1 nobody", "451 later", DROP, "421 hang up", "552 too much", "554 5.7.1 not you"]
    wrong = dict(zip(readers[::3], said * 2, strict=False))
    relay.script = lambda step, address: wrong.get(address) if step == "BODY" else None
    assert run(place).sent == 20
    assert relay.accepted == [reader for reader in readers if reader not in wrong]


# --- suppressed ----------------------------------------------------------------------------------------


def test_an_address_of_nobody_gets_no_more_letters(
    place: Workplace, web: Web, start: Start, relay: Relay
) -> None:
    """M4: after one 5.1.1 nothing is sent there again; it is told once, is in `status`, and monitoring stays green."""
    start()
    relay.script = saying("550 5.1.1 unknown user", "RCPT", READERS[1])
    report = run(place)
    assert (report.sent, report.owed, report.failed) == (2, 0, 0)
    (notice,) = report.notices
    assert f"{READERS[1]}: weekly-2026-10-05 was refused: 550 5.1.1 unknown user" in notice
    assert "gets no more letters" in notice
    config = place.app().config
    (gone,) = health.report(config).suppressed
    assert (gone.address, gone.reason) == (READERS[1], "550 5.1.1 unknown user")
    assert health.alerts(health.report(config), place.clock.now) == []
    relay.script = lambda step, address: None
    report = next_edition(place, web, 1)
    assert (report.sent, report.owed, report.failed, report.notices) == (2, 0, 0, ())
    assert READERS[1] not in relay.accepted


def test_an_address_refused_in_two_editions_in_a_row_gets_no_more(
    place: Workplace, web: Web, start: Start, relay: Relay
) -> None:
    """M4: one refusal may be the letter's fault; two in a row are the address's. An accepted one begins anew."""
    start()
    refusing = saying("554 5.6.0 not such a letter", "BODY", READERS[0])
    for n, (script, suppressed) in enumerate(
        [(refusing, 0), (lambda *_: None, 0), (refusing, 0), (refusing, 1)]
    ):
        relay.script = script
        report = next_edition(place, web, n) if n else run(place)
        assert report.sent == (2 if script is refusing else 3)
        assert len(health.report(place.app().config).suppressed) == suppressed


@pytest.mark.parametrize(
    ("said", "days"), [("552 5.3.4 too big for the system", 0), ("554 5.7.1 relay access denied", 6)]
)
def test_what_is_not_about_the_address_suppresses_nobody(
    place: Workplace, web: Web, start: Start, relay: Relay, said: str, days: int
) -> None:
    """M4: letters too large, or a relay that denies us for weeks: once it is mended everybody gets the next edition."""
    start()
    relay.script = saying(said)
    run(place)
    for n in (1, 2):
        place.clock.now += days * DAY
        run(place)
        next_edition(place, web, n)
    place.clock.now += days * DAY
    run(place)
    assert {state for (state,) in rows(place, "SELECT DISTINCT state FROM deliveries")} == {"failed"}
    assert health.report(place.app().config).suppressed == ()
    relay.script = lambda *_: None
    assert next_edition(place, web, 3).sent == 3


def test_an_address_in_two_digests_is_suppressed_in_both(place: Workplace, web: Web, relay: Relay) -> None:
    """M4: what is owed to it already is not sent either, however the address is written."""
    two = plan(readers=READERS[:1]), plan("daily", "daily 07:00", (READERS[0].capitalize(), READERS[1]))
    write(place, {"node": web}, *two, relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda step, address: (
        "550 5.1.1 nobody" if step == "RCPT" and address == READERS[0] else None
    )
    report = run(place)
    assert (report.sent, report.owed) == (1, 0)
    assert relay.accepted == [READERS[1]]


def test_retry_lifts_a_suppression_and_sends_the_last_edition_again(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """M4: `digest retry ADDRESS`: the letter of the last edition, under the same Message-ID; older ones stay."""
    start()
    relay.script = saying("550 5.1.1 unknown user", "RCPT", READERS[1])
    run(place)
    next_edition(place, web, 1)
    relay.script = lambda step, address: None
    assert deliver.retry(place.app().config, [READERS[1].upper()]) == 1
    assert run(place).sent == 1
    assert [taken.address for taken in relay.letters][-1] == READERS[1]
    assert b"weekly-2026-10-12" in relay.letters[-1].body
    assert run(place).sent == 0
    assert next_edition(place, web, 2).sent == 3


def test_letters_in_doubt_are_sent_again_only_when_named_or_left_for_good(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """M4: `digest retry` alone leaves what may have arrived; `digest dismiss` ends the alarm without sending."""
    start()
    relay.script = saying(DROP, "BODY", READERS[0], READERS[2])
    run(place)
    assert run(place).unknown == 2
    config = place.app().config
    assert deliver.retry(config, ()) == 0
    assert [letter.state for letter in deliver.outbox(config).letters] == ["unknown", "unknown"]
    assert "2 unknown" in health.alerts(health.report(config), clock.now)[0]
    relay.script = lambda step, address: None
    assert deliver.retry(config, READERS[:1]) == 1
    assert run(place).sent == 1
    sent = [taken.body for taken in relay.letters if taken.address == READERS[0]]
    assert len(set(sent)) == 1 and len(sent) == 3
    assert deliver.acknowledge(config, ()) == 1
    assert health.alerts(health.report(config), clock.now) == []
    assert deliver.outbox(config).letters == ()
    assert run(place).sent == 0


@pytest.mark.parametrize("verb", [deliver.retry, deliver.acknowledge])
def test_an_address_nothing_is_owed_to_is_named(
    place: Workplace, start: Start, verb: Callable[..., int]
) -> None:
    """A slip of the pen changes nothing, for no address of the command."""
    start()
    run(place)
    with pytest.raises(UnknownName, match=r"no letter to ada@b\.example is owed"):
        verb(place.app().config, ["ada@b.example"])


# --- rounds --------------------------------------------------------------------------------------------


def test_letters_keep_to_their_rate(place: Workplace, start: Start, relay: Relay) -> None:
    """`mail.rate`: at most so many a minute, spread evenly."""
    start(mail="rate: 600")
    moments: list[float] = []
    relay.script = lambda step, address: moments.append(time.monotonic()) if step == "MAIL" else None
    assert run(place).sent == 3
    assert moments[2] - moments[0] > 0.1


def test_a_round_that_is_asked_to_end_finishes_the_letter_in_hand(
    place: Workplace, start: Start, relay: Relay
) -> None:
    """SIGTERM while it waits for its rate or sends: nothing is in doubt, the next run goes on."""
    start(mail="rate: 1")
    app = replace(place.app(), stopping=lambda: bool(relay.letters))
    report = digest.run(app)
    assert (report.sent, report.owed, report.unknown) == (1, 2, 0)
    assert rows(place, "SELECT count(*) FROM deliveries WHERE state = 'sending'") == [(0,)]


def test_a_command_that_is_told_to_end_leaves_nothing_in_doubt(
    place: Workplace, start: Start, relay: Relay
) -> None:
    """SIGTERM to `digest run` while it waits for its rate: it ends with 0, and the rest is owed."""
    start(mail="rate: 1")
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "digest", "run"],
        cwd=place.folder,
        env={**os.environ, "AGGREGATOR_NOW": NOW.isoformat()},
    )
    until(lambda: relay.letters or process.poll() is not None)
    assert process.poll() is None
    process.terminate()
    assert process.wait(60) == 0
    assert rows(place, "SELECT state, count(*) FROM deliveries GROUP BY 1") == [
        ("accepted", 1),
        ("queued", 2),
    ]


def test_a_round_ends_when_others_wait_for_the_lock(
    place: Workplace, start: Start, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L1: visits are not kept waiting for ten thousand letters; the next run goes on where this one ended."""
    start()
    monkeypatch.setattr(deliver, "ROUND_SECONDS", 0.0)
    assert run(place).sent == 0
    monkeypatch.undo()
    assert run(place).sent == 3


def test_a_crowd_is_read_a_page_at_a_time(
    place: Workplace, start: Start, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M4: also over the edges of pages everybody gets one letter, in order."""
    monkeypatch.setattr(deliver.deliveries, "PAGE", 4)
    readers = [f"reader{n:02}@a.example" for n in range(21)]
    start(*readers)
    assert run(place).sent == 21
    assert relay.accepted == readers


def test_a_crowd_of_refusals_is_no_crowd_of_lines(place: Workplace, start: Start, relay: Relay) -> None:
    """V8: cron's mail names some letters and counts the others."""
    readers = [f"reader{n:03}@a.example" for n in range(80)]
    start(*readers)
    relay.script = saying("450 later", "RCPT", *readers[::2])
    notices = run(place).notices
    assert len(notices) == 21
    assert notices[-2] == "and 20 more letters: `aggregator digest owed`"


def test_who_left_the_list_gets_no_letter_that_was_put_off(
    place: Workplace, start: Start, relay: Relay
) -> None:
    """M4: the letter is closed, waits for nobody and is told by `digest owed` to nobody; the others get theirs."""
    start("ada@a.example", "bob@b.example")
    relay.script = saying("450 later")
    run(place)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("ada@a.example, bob@b.example", "bob@b.example"))
    assert "ada@" not in file.read_text()
    relay.script = lambda _step, _address: None
    place.clock.now += DAY
    assert run(place).sent == 1
    assert states(place) == {"ada@a.example": "failed", "bob@b.example": "accepted"}
    assert health.report(place.app().config).parked == {}


# --- from older versions -------------------------------------------------------------------------------


def test_letters_of_an_older_version_stay_sent(place: Workplace, start: Start, relay: Relay) -> None:
    """M4: what an older database calls sent is accepted; a failed letter of it is still told."""
    start()
    run(place)
    with closing(sqlite3.connect(place.database, isolation_level=None)) as conn:
        conn.execute("UPDATE deliveries SET state = 'sent'")
        conn.execute("UPDATE deliveries SET state = 'failed' WHERE id = 2")
        for sql in (
            "DELETE FROM _sqlite_migrations WHERE name = 'm0006_outbox'",
            "DROP VIEW mail_owed",
            "CREATE VIEW mail_owed AS SELECT 1",
            "DROP INDEX deliveries_unaccepted",
            "DROP INDEX deliveries_of_address",
            "CREATE INDEX deliveries_by_state ON deliveries(state)",
            "DROP TABLE suppressions",
            "DROP TABLE relays",
            "ALTER TABLE deliveries DROP COLUMN next_attempt",
            "ALTER TABLE deliveries DROP COLUMN deferred_since",
            "ALTER TABLE deliveries DROP COLUMN dismissed",
        ):
            conn.execute(sql)
    with opened(place.database):
        pass
    assert rows(place, "SELECT state FROM deliveries ORDER BY id") == [
        ("accepted",),
        ("failed",),
        ("accepted",),
    ]
    assert run(place).sent == 0
    assert health.report(place.app().config).parked == {"failed": 1}


# --- nothing to do -------------------------------------------------------------------------------------

IMPORTS = "import sys, aggregator.cli; sys.argv = ['aggregator', 'digest', 'run']\ntry:\n    aggregator.cli.main()\n"
IMPORTS += "finally:\n    print(sorted({'pydantic', 'ruamel', 'jinja2', 'css_inline', 'smtplib'} & set(sys.modules)))"


def test_a_run_with_nothing_to_do_imports_nothing(place: Workplace, start: Start, clock: Clock) -> None:
    """Cron asks every ten minutes: until a digest or a letter is due, feeds.yaml is not even parsed."""
    start()
    run(place)

    def imported(now: datetime) -> str:
        return subprocess.run(
            [sys.executable, "-c", IMPORTS],
            cwd=place.folder,
            env={"AGGREGATOR_NOW": now.isoformat(), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert imported(NOW + HOUR) == "[]"
    assert imported(NOW + WEEK - HOUR) == "[]"
    assert "pydantic" in imported(NOW + WEEK - 30 * MINUTE)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text() + "# edited\n")
    assert "pydantic" in imported(NOW + WEEK + HOUR)


def test_what_is_not_due_is_believed_only_as_long_as_it_is_true(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """M2, M4: through the command, which looks at the mark first: a deferred letter, a retry, a clock put back."""
    start()
    relay.script = saying("450 later", "RCPT", READERS[0])
    said = command.call(place, "-v", "digest", "run", "--json")
    assert '"deferred": 1' in said.out
    relay.script = lambda step, address: None
    clock.now += MINUTE
    assert '"owed": 1' in command.call(place, "digest", "run", "--json").out
    assert command.call(place, "digest", "retry").code == 0
    assert '"sent": 1' in command.call(place, "digest", "run", "--json").out
    for moved, composed in ((WEEK, 1), (-DAY, 0), (2 * WEEK, 1)):
        clock.now = NOW + moved + HOUR
        web.feed("/feed", rss(news(8 if moved == WEEK else 9, clock.now), news(1)))
        poll(place)
        assert command.call(place, "digest", "run", "--json").out.count('"weekly-2026') == composed


def test_a_relay_that_is_away_ends_the_command_once(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """L3: the attempt that fails ends with 1; runs in its pause end with 0 and say nothing."""
    start()
    relay.script = saying("530 5.7.0 authenticate first", "MAIL")
    assert command.call(place, "digest", "run").code == 1
    clock.now += MINUTE
    assert command.call(place, "digest", "run") == command.Output(0, "", "")
    assert "left alone until 2026-10-05 06:35 UTC" in command.call(place, "-v", "digest", "run").out
    clock.now += 5 * MINUTE
    assert command.call(place, "digest", "run").code == 1
    assert command.call(place, "digest", "retry").code == 0
    assert command.call(place, "digest", "run").code == 1
    with pytest.raises(MailError), place.app().mailer() as send:
        send(b"", READERS[0])
