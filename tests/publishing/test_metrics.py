"""The metrics of `status --textfile`."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from aggregator import health
from aggregator.polling import fetch
from aggregator.publishing import metrics
from tests.builders import rss
from tests.conftest import Clock, Web, Workplace


def test_metrics_can_be_read_by_prometheus(place: Workplace, web: Web, clock: Clock) -> None:
    """The textfile has valid samples for every source and run."""
    web.feed("/feed", rss({"title": "a", "link": "https://node.example/a"}), '"1"')
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    target = Path(place.folder) / "aggregator.prom"
    target.write_bytes(metrics.render(health.read_report(place.app().config)))
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(target.read_text("utf-8"))
        for sample in family.samples
    }
    assert samples["aggregator_sources", "ok"] == 1
    assert samples["aggregator_source_last_success_timestamp_seconds", "node"] == clock.now.timestamp()
    assert samples["aggregator_stories",] == 1
    assert samples["aggregator_last_run_timestamp_seconds", "fetch", "done"] == clock.now.timestamp()
