"""Status, monitoring, metrics, search."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator import health, story_view
from aggregator.model.polling import SourceState
from aggregator.model.reports import SourceHealth, StatusReport
from aggregator.polling import fetch
from aggregator.publishing import metrics
from tests.builders import NOW, rss
from tests.conftest import Answer, Clock, Web, Workplace


def source_health(**fields: object) -> SourceHealth:
    """A source that is well."""
    well = SourceHealth(
        id="node",
        name="Node",
        state=SourceState.OK,
        last_success=NOW,
        last_attempt=NOW,
        next_visit=NOW + timedelta(hours=1),
        failures=0,
        reason=None,
        advice=None,
        items=1,
        stories=1,
    )
    return replace(well, **fields)  # type: ignore[arg-type]


def report(*sources: SourceHealth, **fields: object) -> StatusReport:
    """A report with nothing wrong but what is given."""
    fine = StatusReport(
        sources=sources or (source_health(),),
        stories=1,
        items=1,
        subscribers=0,
        owed=0,
        oldest_owed=None,
        parked={},
        runs=(),
    )
    return replace(fine, **fields)  # type: ignore[arg-type]


def test_all_well_is_no_trouble() -> None:
    """Monitoring stays quiet while things are fresh."""
    assert health.troubles(report(), NOW) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (report(source_health(next_visit=NOW - timedelta(hours=3))), "cron or the daemon"),
        (
            report(
                source_health(),
                source_health(state=SourceState.FAILING),
                source_health(state=SourceState.FAILING),
            ),
            "2 of 3 sources",
        ),
        (report(owed=5, oldest_owed=NOW - timedelta(days=2)), "5 letters are owed"),
        (report(parked={"unknown": 1}), "1 unknown"),
    ],
)
def test_staleness_is_trouble(status: StatusReport, words: str) -> None:
    """Nothing polled, most sources failing, mail that stays: each is told in words."""
    (trouble,) = health.troubles(status, NOW)
    assert words in trouble


def test_one_failing_source_of_many_wakes_nobody() -> None:
    """Single failures are normal."""
    assert (
        health.troubles(
            report(source_health(), source_health(), source_health(state=SourceState.FAILING)), NOW
        )
        == []
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), "mend `url`"),
        (Answer(status=403), "User-Agent"),
        (Answer(status=429), "wait"),
        (Answer(b"<html><body>x"), "use `kind: page`"),
        (Answer(b"nonsense"), "open `url`"),
        (Answer(status=302, headers={"Location": "/feed"}), "feeds.yaml"),
        (Answer(status=500), "tell them"),
    ],
)
def test_every_failure_comes_with_advice(place: Workplace, web: Web, answer: Answer, words: str) -> None:
    """Status says what to do about what really went wrong."""
    web.answers["/feed"] = answer
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    (source,) = health.report(place.app().config).sources
    assert source.state is SourceState.FAILING and source.reason
    assert words in (source.advice or "")


def test_metrics_can_be_read_by_prometheus(place: Workplace, web: Web, clock: Clock) -> None:
    """The textfile parses, carries every source, and is replaced whole."""
    from prometheus_client.parser import text_string_to_metric_families

    web.feed("/feed", rss({"title": "a", "link": "https://node.example/a"}), '"1"')
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    target = Path(place.folder) / "aggregator.prom"
    target.write_bytes(metrics.render(health.report(place.app().config)))
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(target.read_text("utf-8"))
        for sample in family.samples
    }
    assert samples["aggregator_sources", "ok"] == 1
    assert samples["aggregator_source_last_success_timestamp_seconds", "node"] == clock.now.timestamp()
    assert samples["aggregator_stories",] == 1
    assert samples["aggregator_last_run_timestamp_seconds", "fetch", "done"] == clock.now.timestamp()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("microscope", 1),
        ("MICROSCOPE", 1),
        ("uberblick", 1),
        ("microscope nonsense", 0),
        ('"', 0),
        ("* OR (", 0),
        ("", 0),
    ],
)
def test_search_takes_any_words(place: Workplace, web: Web, query: str, found: int) -> None:
    """All words must occur, accents and case do not matter, and no query is a syntax error."""
    web.feed(
        "/feed", rss({"title": "Überblick", "link": "https://n.example/a", "description": "a microscope"})
    )
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    assert len(story_view.search(place.app().config, query, 10)) == found
