"""A status report as Prometheus metrics."""

from __future__ import annotations

from collections import Counter

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from aggregator.model.polling import SourceState
from aggregator.model.reports import StatusReport


def render(report: StatusReport) -> bytes:
    """The text format, from a registry of its own: nothing of this process is in it."""
    registry = CollectorRegistry()

    def gauge(name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"aggregator_{name}", help_text, labels, registry=registry)

    states = Counter(source.state for source in report.sources)
    by_state = gauge("sources", "Configured sources by state", "state")
    for state in SourceState:
        by_state.labels(state.value).set(states[state])
    success = gauge("source_last_success_timestamp_seconds", "Last accepted visit of a source", "source")
    failures = gauge("source_failures", "Failed visits of a source in a row", "source")
    for source in report.sources:
        failures.labels(source.id).set(source.failures)
        if source.last_success:
            success.labels(source.id).set(source.last_success.timestamp())
    gauge("stories", "Stories in the database").set(report.stories)
    gauge("items", "Items in the database").set(report.items)
    gauge("letters_owed", "Letters still to be sent").set(report.owed)
    parked = gauge("letters_parked", "Letters that wait for a person", "state")
    for state_name, count in report.parked.items():
        parked.labels(state_name).set(count)
    gauge("items_unplaced", "Items without a story yet").set(report.unplaced)
    if report.unplaced_since:
        oldest = gauge("items_unplaced_oldest_timestamp_seconds", "Since when the first of them waits")
        oldest.set(report.unplaced_since.timestamp())
    behind = gauge(
        "channel_unwritten_timestamp_seconds", "Since when a channel's files are behind", "channel"
    )
    for channel, since in report.unwritten.items():
        behind.labels(channel).set(since.timestamp())
    failing = gauge("job_failed_runs", "Last runs of a job that did not end well, in a row", "job")
    for job in report.failing:
        failing.labels(job.job).set(job.runs)
    runs = gauge("last_run_timestamp_seconds", "Start of the last run of a job", "job", "outcome")
    for run in reversed(report.runs):
        runs.labels(run.job, run.outcome).set(run.started.timestamp())
    return generate_latest(registry)
