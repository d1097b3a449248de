"""Render a status report as Prometheus metrics."""

from __future__ import annotations

from collections import Counter

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from aggregator.model.polling import SourceState
from aggregator.model.reports import StatusReport


def render(report: StatusReport) -> bytes:
    """Return the metrics in the text format, without metrics of this process."""
    registry = CollectorRegistry()

    def gauge(name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"aggregator_{name}", help_text, labels, registry=registry)

    states = Counter(source.state for source in report.sources)
    by_state = gauge("sources", "Configured sources by state", "state")
    for state in SourceState:
        by_state.labels(state.value).set(states[state])
    success = gauge("source_last_success_timestamp_seconds", "Last accepted visit of a source", "source")
    failures = gauge("source_failures", "Consecutive failed visits of a source", "source")
    for source in report.sources:
        failures.labels(source.id).set(source.failures)
        if source.last_success:
            success.labels(source.id).set(source.last_success.timestamp())
    gauge("stories", "Stories in the database").set(report.stories)
    gauge("items", "Items in the database").set(report.items)
    gauge("messages_due", "Messages still to be sent").set(report.owed)
    parked = gauge("messages_parked", "Messages that wait for the operator", "state")
    for state_name, count in report.parked.items():
        parked.labels(state_name).set(count)
    bounces = report.bounces
    gauge("messages_accepted_30d", "Messages accepted by the relay in 30 days").set(bounces.accepted)
    gauge("messages_bounced_30d", "Messages that bounced in 30 days").set(bounces.bounced)
    gauge("messages_complained_30d", "Messages reported as unwanted in 30 days").set(bounces.complaints)
    gauge("bounces_without_token_30d", "Bounces in 30 days that name no message").set(bounces.without_token)
    gauge("returned_mails_unread_30d", "Mails to the bounce address not understood in 30 days").set(
        bounces.unread
    )
    gauge("items_unplaced", "Items without a story").set(report.unplaced)
    if report.unplaced_since:
        oldest = gauge(
            "items_unplaced_oldest_timestamp_seconds", "First seen time of the oldest item without a story"
        )
        oldest.set(report.unplaced_since.timestamp())
    behind = gauge(
        "channel_unwritten_timestamp_seconds",
        "First change that the files of a channel lack",
        "channel",
    )
    for channel, since in report.unwritten.items():
        behind.labels(channel).set(since.timestamp())
    failing = gauge("job_failed_runs", "Consecutive failed last runs of a job", "job")
    for job in report.failing:
        failing.labels(job.job).set(job.runs)
    runs = gauge("last_run_timestamp_seconds", "Start of the last run of a job", "job", "outcome")
    for run in reversed(report.runs):
        runs.labels(run.job, run.outcome).set(run.started.timestamp())
    return generate_latest(registry)
