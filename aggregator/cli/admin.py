"""Commands for operators: status, backup, prune and demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.app import clock
from aggregator.cli.options import FilePath, Invocation
from aggregator.cli.output import ago, json_option, print_candidate, print_json, table
from aggregator.counts import count_of
from aggregator.errors import AggregatorError
from aggregator.text import line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from aggregator.model.reports import PolitenessReport, SourceHealth, StatusReport

MAX_REASON_CHARACTERS = 200
"""Maximum characters of the reason of a failed run that `status` prints."""


@click.command()
@json_option
@click.option(
    "--check", "checking", is_flag=True, help="Print only problems and exit with 1 if there are any."
)
@click.option(
    "--textfile",
    type=FilePath(dir_okay=False),
    help="Write Prometheus metrics to this file (for the textfile collector of node_exporter).",
)
@click.option(
    "--politeness", is_flag=True, help="Report from the visit log how the servers of partners were treated."
)
@click.pass_obj
def status(
    invocation: Invocation, as_json: bool, checking: bool, textfile: Path | None, politeness: bool
) -> None:
    """Show the health of sources, recent runs and the mail queue."""
    if politeness:
        if checking or textfile:
            raise click.UsageError("--politeness cannot be combined with --check or --textfile")
        _report_politeness(invocation, as_json)
        return
    from aggregator import health

    report = health.read_report(invocation.config())
    now = clock()()
    if textfile:
        from aggregator.gateways import files
        from aggregator.publishing import metrics

        files.write_text(textfile, metrics.render(report).decode())
    if as_json:
        print_json(report)
    if checking:
        if problems := health.alerts(report, now):
            raise AggregatorError("; ".join(problems))
    elif not (as_json or textfile):
        _print_sources(report.sources, now)
        _print_hubs(report.sources, now)
        _print_counts(report)
        _print_problems(report, now)
        _print_runs(report, now)
        _print_for_editors(report)


def _print_sources(sources: Sequence[SourceHealth], now: datetime) -> None:
    rows: list[tuple[str, ...]] = [("source", "state", "last success", "next visit", "items", "reason")]
    for source in sources:
        due = source.next_visit is None or source.next_visit <= now
        rows.append(
            (
                source.id,
                source.state,
                ago(source.last_success, now),
                "now" if due else ago(source.next_visit, now),
                str(source.items),
                _reason(source),
            )
        )
    table(rows)


def _print_hubs(sources: Sequence[SourceHealth], now: datetime) -> None:
    """Print the state of subscriptions to WebSub hubs, if there are any (WS9)."""
    lines = [f"{source.id}: {words}" for source in sources if (words := _hub(source, now))]
    for text in ("\nSubscribed to WebSub hubs:", *lines) if lines else ():
        click.echo(text)


def _hub(source: SourceHealth, now: datetime) -> str:
    """Return the lease, the last push and the last error of a subscription; empty without any."""
    until = source.subscribed_until
    lease = f"lease ends {ago(until, now)}" if until and until > now else "no lease"
    push = f", last push {ago(source.last_push, now)}" if source.last_push else ", no push yet"
    if source.hub_error:
        return f"{lease}{push}: {source.hub_error}"
    return f"{lease}{push}" if until or source.last_push else ""


def _reason(source: SourceHealth) -> str:
    """Return why a source is not ok, and what its publisher could correct."""
    for_partner = f"for the partner: {', '.join(source.findings)}" if source.findings else ""
    return "; ".join(filter(None, (source.reason, source.reason and source.advice, for_partner)))


def _print_counts(report: StatusReport) -> None:
    parked = "".join(f", {count} {state}" for state, count in sorted(report.parked.items()))
    click.echo(
        f"\n{count_of(report.stories, 'story', 'stories')} of {count_of(report.items, 'item')};"
        f" {count_of(report.owed, 'message')} queued{parked}"
    )
    mail = report.bounces
    if mail.bounced or mail.complaints:
        click.echo(
            f"of {count_of(mail.accepted, 'message')} sent in 30 days {mail.bounced} bounced and {mail.complaints}"
            f" {'was' if mail.complaints == 1 else 'were'} reported as unwanted"
        )
    click.echo(f"meanings compared between items: {_meanings(report)}")


def _meanings(report: StatusReport) -> str:
    """Return whether meanings are compared: an encoder is installed, and has a weight."""
    from aggregator.dedupe.weights import weights

    if report.sentence_encoder is None:
        return "off"
    encoder = f"sentence encoder {report.sentence_encoder}"
    return f"on ({encoder})" if weights().weighs_meaning else f"off ({encoder} is installed, without weight)"


def _print_problems(report: StatusReport, now: datetime) -> None:
    from aggregator import health

    if failed := health.failed_visits(report):
        click.echo(failed)
    if report.relay:
        click.echo(f"the mail relay failed first {ago(report.relay.since, now)}: {report.relay.reason}")
    for problem, advice in health.mail_warnings(report.bounces):
        click.echo(f"warning: {problem}: {advice}")
    if report.hub:
        click.echo(f"the WebSub hub is not notified: {report.hub}; subscribers find changes by polling")
    if report.unplaced_since:
        items = count_of(report.unplaced, "item has", "items have")
        click.echo(f"{items} no story yet, the oldest {ago(report.unplaced_since, now)}")
    if report.unclassified:
        items = count_of(report.unclassified, "stored item has", "stored items have")
        click.echo(
            f"{items} topics and filters of an earlier feeds.yaml; each run of fetch updates some, newest first"
        )
    for channel, since in report.unwritten.items():
        click.echo(f"the files of channel {channel} are out of date, first noticed {ago(since, now)}")
    for job in health.failing_jobs(report):
        reason = line(job.reason, MAX_REASON_CHARACTERS)
        click.echo(
            f"the last {count_of(job.runs, 'run')} of {job.job} failed or were interrupted, first"
            f" {ago(job.since, now)}: {reason}"
        )
    for address in report.suppressed:
        click.echo(
            f"{address.address} gets no more messages: {address.reason}; see `aggregator digest queue`"
        )


def _print_runs(report: StatusReport, now: datetime) -> None:
    for run in report.runs:
        reason = (
            f": {line(str(run.report['reason']), MAX_REASON_CHARACTERS)}"
            if run.report and "reason" in run.report
            else ""
        )
        click.echo(f"{run.job:8} {ago(run.started, now):>12}  {run.outcome}{reason}")


def _print_for_editors(report: StatusReport) -> None:
    from aggregator import quarantine

    if report.set_aside:
        click.echo("\nQuarantined, because a step of the program failed on it:")
    for problem in report.set_aside:
        click.echo(quarantine.notice(problem))
    if report.merge_candidates:
        click.echo(
            "\nMerge candidates (see `aggregator story explain A B`; then `aggregator story merge A B`"
            " or `aggregator story keep-apart A B`):"
        )
    for pair in report.merge_candidates:
        print_candidate(pair)


def _report_politeness(invocation: Invocation, as_json: bool) -> None:
    from aggregator.polling import politeness_audit

    reports = politeness_audit.read_reports(invocation.config())
    if as_json:
        print_json({"sources": reports, "broken": sum(len(source.broken) for source in reports)})
    else:
        _print_politeness(reports)


def _print_politeness(reports: Sequence[PolitenessReport]) -> None:
    rows: list[tuple[str, ...]] = [
        ("source", "visits", "requests a day", "conditional", "304", "smallest gap", "wasted", "rules broken")
    ]
    for source in reports:
        gap = source.smallest_gap
        rows.append(
            (
                source.source_id,
                str(source.visits),
                f"{source.per_day:g}",
                f"{source.conditional:.0%}",
                f"{source.not_modified:.0%}",
                f"{gap / 60:.0f} min" if gap is not None else "",
                f"{source.wasted_bytes / 1000:.0f} kB",
                "; ".join(source.broken) or "none",
            )
        )
    table(rows)
    broken = sum(bool(source.broken) for source in reports)
    click.echo(
        f"\n{count_of(len(reports), 'source')} visited; rules were broken at {broken or 'none'} of them"
    )


@click.command()
@click.argument("file", type=FilePath(dir_okay=False))
@click.pass_obj
def backup(invocation: Invocation, file: Path) -> None:
    """Copy the database to FILE, also while other commands use it.

    The key that personal links in messages are made with, if there is one, is copied to FILE.link.key.
    """
    from aggregator import maintenance

    config = invocation.config()
    size, key = maintenance.backup(config, file), maintenance.backup_key(config, file)
    if invocation.prints_summary:
        click.echo(f"{file}: {count_of(size, 'byte')}")
        click.echo(f"{key}: the key of personal links" if key else "there is no key of personal links yet")


@click.command()
@click.pass_obj
def prune(invocation: Invocation) -> None:
    """Delete old visits, runs and texts as `retention` allows."""
    from aggregator import maintenance

    report = maintenance.prune(invocation.app(secrets=False))
    if invocation.prints_summary:
        click.echo(
            f"deleted {count_of(report.visits, 'visit')}, {count_of(report.runs, 'run')}"
            f" and the texts of {count_of(report.texts, 'item')}"
        )


@click.command()
@click.option("--serve", is_flag=True, help="Serve the site afterwards, so that a browser can open it.")
@click.option(
    "--out",
    type=FilePath(file_okay=False),
    default=Path("demo-run"),
    show_default=True,
    help="Folder for the demo's feeds.yaml, database and site. It is emptied first.",
)
def demo(serve: bool, out: Path) -> None:
    """Run everything once with recorded sites, without a network."""
    from aggregator.demo import run

    run.run_demo(out, serve=serve)
