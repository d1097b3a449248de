"""Health: what is reported to monitoring, and the advice about a failing source."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator import health
from aggregator.database import locked_store
from aggregator.model.polling import SourceState
from aggregator.model.reports import StatusReport
from aggregator.polling import fetch
from aggregator.store import runs
from tests.builders import NOW, rss, source_health, status_report
from tests.command import news
from tests.conftest import Answer, Web, Workplace


def test_no_fault_gives_no_alert() -> None:
    """A report without faults gives no alert."""
    assert health.alerts(status_report(), NOW) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (status_report(source_health(next_visit=NOW - timedelta(hours=3))), "cron or the daemon"),
        (
            status_report(
                source_health(),
                source_health(state=SourceState.FAILING),
                source_health(state=SourceState.FAILING),
            ),
            "2 of 3 sources",
        ),
        (status_report(owed=5, oldest_owed=NOW - timedelta(days=2)), "5 messages are owed"),
        (status_report(parked={"unknown": 1}), "1 unknown"),
    ],
)
def test_old_data_gives_an_alert(status: StatusReport, words: str) -> None:
    """An alert says that nothing was polled, most sources fail, or mail is not sent."""
    (alert,) = health.alerts(status, NOW)
    assert words in alert


def test_an_outage_gives_an_alert_at_the_first_failure() -> None:
    """Failed last visits of all of at least three visited sources are an alert."""
    failed = source_health(failures=1, reason="no complete response within 20 s")
    (alert,) = health.alerts(status_report(failed, failed, failed), NOW)
    assert "network" in alert
    assert health.alerts(status_report(failed, failed, source_health()), NOW) == []
    assert health.alerts(status_report(failed), NOW) == []
    unvisited = source_health(last_attempt=None, last_success=None)
    assert health.alerts(status_report(failed, unvisited, unvisited), NOW) == []


@pytest.mark.parametrize(
    ("failures", "sentence"),
    [
        ((0, 0), None),
        ((1, 0), "the last visit of 1 of 2 sources failed; it is tried again"),
        ((1, 4, 0), "the last visit of 2 of 3 sources failed; they are tried again"),
        ((1,), "no source could be read at its last visit; each is tried again"),
        ((1, 1, 1), "no source could be read at its last visit; each is tried again"),
    ],
)
def test_failed_visits_are_counted(failures: tuple[int, ...], sentence: str | None) -> None:
    """`status` says how many sources failed at their last visit, whatever their state."""
    assert health.failed_visits(status_report(*(source_health(failures=n) for n in failures))) == sentence


@pytest.mark.parametrize(
    ("reasons", "advice"),
    [
        (
            ["the host name is unknown (DNS)", "no complete response within 20 s"],
            ": check the network connection",
        ),
        (["its certificate is not valid: certificate is not yet valid"], ": check the clock and the"),
        (["the host name is unknown (DNS)", "not found (404)"], "; each is tried again"),
        (["10.0.0.1 is a private address"], "; each is tried again"),
    ],
)
def test_a_common_cause_is_named(reasons: list[str], advice: str) -> None:
    """Where all sources fail, advice names network or clock only if all reasons may be from it."""
    failed = [source_health(failures=1, reason=reason) for reason in reasons * 3]
    sentence = health.failed_visits(status_report(*failed))
    assert sentence and sentence.startswith(f"no source could be read at its last visit{advice}")


def test_one_failing_source_of_three_gives_no_alert() -> None:
    """A failing source among several is normal and gives no alert."""
    assert (
        health.alerts(
            status_report(source_health(), source_health(), source_health(state=SourceState.FAILING)), NOW
        )
        == []
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), "correct `url`"),
        (Answer(status=403), "User-Agent"),
        (Answer(status=429), "wait"),
        (Answer(b"<html><body>x"), "use `kind: page`"),
        (Answer(b"nonsense"), "open `url`"),
        (Answer(status=302, headers={"Location": "/feed"}), "feeds.yaml"),
        (Answer(status=500), "report it to the partner"),
    ],
)
def test_every_failure_comes_with_advice(place: Workplace, web: Web, answer: Answer, words: str) -> None:
    """`status` says what to do about each kind of failure."""
    web.answers["/feed"] = answer
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    (source,) = health.read_report(place.app().config).sources
    assert source.state is SourceState.FAILING and source.reason
    assert words in (source.advice or "")


def test_a_running_job_is_not_interrupted(place: Workplace, web: Web) -> None:
    """While a job holds the lock, a last run without an end is running, else interrupted."""
    web.feed("/feed", rss(news(1)))
    place.write(f"sources:\n  - {{id: node, name: A, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    config = place.app().config
    with locked_store(config) as store:
        runs.begin(store, "digest", NOW)
        assert [run.outcome for run in health.read_report(config).runs] == ["running", "done"]
    assert [run.outcome for run in health.read_report(config).runs] == ["interrupted", "done"]
    with locked_store(config):  # another job, which has not begun its run yet
        assert [run.outcome for run in health.read_report(config).runs] == ["interrupted", "done"]
