"""Commands that poll sources: check and fetch."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from aggregator.app import clock
from aggregator.cli.output import json_option, print_json, progress_line
from aggregator.counts import count_of
from aggregator.errors import AggregatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.cli.options import Invocation
    from aggregator.model.config import Config
    from aggregator.model.discovery import SourceCheck
    from aggregator.model.reports import FetchReport, SourceReport


MIN_SOURCES_ALL_FAILING = 3
"""Minimum number of sources whose common failure makes the run fail (L3)."""
MAX_DOCUMENTS_LISTED = 6
"""Maximum number of written documents that `fetch` names; `--json` names all."""


@click.command()
@click.option("--live", is_flag=True, help="Also visit every source that is due and report how to repair it.")
@json_option
@click.pass_obj
def check(invocation: Invocation, live: bool, as_json: bool) -> None:
    """Validate feeds.yaml and print every problem with its line."""
    if as_json and not live:
        raise click.UsageError("--json needs --live")
    if live:
        _check_live(invocation, as_json)
    else:
        _check_file(invocation)


def _check_file(invocation: Invocation) -> None:
    from aggregator import database

    config = invocation.app(mail=True).config
    database.check_authority(config, clock()())
    if config.fetch.executor != "threads":
        from aggregator.gateways import dask_executor

        dask_executor.require_package(config.fetch.executor)
    _check_maildir(config)
    enabled = sum(source.enabled for source in config.sources)
    sources = f"{count_of(enabled, 'source')} enabled, {len(config.sources) - enabled} disabled"
    channels, digests = count_of(len(config.channels), "channel"), count_of(len(config.digests), "digest")
    click.echo(f"{invocation.config_file} is valid: {sources}; {channels}, {digests}")
    if config.placeholders:
        from aggregator.polling import contact

        click.echo(f"{contact.placeholders(config)}: until then `aggregator fetch` visits no public server")


def _check_maildir(config: Config) -> None:
    """Check the Maildir of bounces, if there is one. Raises MailboxError."""
    if config.mail.bounces and config.mail.bounces.maildir:
        from aggregator.gateways import mailboxes

        mailboxes.check_maildir(config.mail.bounces.maildir)


def _check_live(invocation: Invocation, as_json: bool) -> None:
    from aggregator.discovery import live_check

    app = invocation.app()
    _check_maildir(app.config)
    with progress_line() as progress:
        checks = live_check.check_sources(app, progress)
    if as_json:
        print_json({"sources": checks})
    else:
        _print_checks(checks)
    _raise_if_all_fail("sources", [source for source in checks if live_check.is_failing(source)], len(checks))


def _print_checks(checks: Sequence[SourceCheck]) -> None:
    from aggregator.model.polling import SourceState

    for source in checks:
        click.echo(f"{source.id}: {source.state}" + (f": {source.reason}" if source.reason else ""))
        if source.advice:
            click.echo(f"  to repair it: {source.advice}")
        if source.proposal:
            click.echo("".join(f"    {line}\n" for line in source.proposal.splitlines()), nl=False)
        _print_findings(source)
    ok = sum(source.state == SourceState.OK for source in checks)
    click.echo(f"{count_of(len(checks), 'source')}, {ok} of them {SourceState.OK}")


def _print_findings(source: SourceCheck) -> None:
    """Print what the publisher could correct or add, except what is printed as the reason."""
    for finding in source.findings:
        if not (source.advice or "").endswith(finding.fix):
            click.echo(f"  {finding.level} ({finding.code}): {finding.sentence} {finding.fix}")


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--force",
    is_flag=True,
    help="Also visit sources that are not due. Retry-After, rate limits and robots.txt still hold.",
)
@json_option
@click.pass_obj
def fetch(invocation: Invocation, sources: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Visit sources that are due and publish what changed.

    This is the command for cron. With SOURCE ids only these sources are visited, if they are due.
    """
    if not sources and not force:
        from aggregator.store import idle_check

        not_due = idle_check.count_if_nothing_due(invocation.config_file, clock()())
        if not_due is not None:
            _print_idle(invocation, not_due, as_json)
            return
    report = _fetch(invocation, sources, force=force)
    for notice in report.notices:
        click.echo(notice, err=True)
    if as_json:
        print_json(report)
    elif invocation.prints_summary:
        _print_fetched(report)
    failed = [source for source in report.sources if source.outcome == "failed"]
    _raise_if_all_fail("due sources", failed, report.visited)


def _fetch(invocation: Invocation, ids: tuple[str, ...], *, force: bool) -> FetchReport:
    """Run the job; on SIGTERM or SIGINT it ends after storing the visits that have begun."""
    from dataclasses import replace

    from aggregator.cli.signals import until_signalled
    from aggregator.polling import fetch as job

    with progress_line() as progress, until_signalled(_stopping) as stopping:
        app = replace(invocation.app(), stopping=stopping)
        return job.run(app, ids=ids, force=force, progress=progress)


def _stopping() -> None:
    """Say what is still done; another Ctrl-C ends at once and loses these visits."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.stderr.isatty():
        os.write(
            sys.stderr.fileno(), b"\r\x1b[Kstopping after the visits that have begun; Ctrl-C again ends now\n"
        )


def _print_idle(invocation: Invocation, not_due: int, as_json: bool) -> None:
    if as_json:
        from aggregator.model.reports import FetchReport

        print_json(FetchReport(not_due=not_due))
    elif invocation.prints_summary:
        click.echo(f"no source is due; {not_due} {'is' if not_due == 1 else 'are'} scheduled for later")


def _print_fetched(report: FetchReport) -> None:
    click.echo(
        f"{count_of(report.visited, 'source')} visited: {report.changed} changed, {report.unchanged} unchanged,"
        f" {report.failed} failed; {report.not_due} not due"
        + (f", {count_of(report.pushes, 'push', 'pushes')} read" if report.pushes else "")
        + (f", {report.held} held back" if report.held else "")
        + f" ({report.seconds:.1f} s)"
    )
    click.echo(
        f"{count_of(report.new_items, 'new item')}, {report.updated_items} updated:"
        f" {count_of(report.new_stories, 'new story', 'new stories')},"
        f" {count_of(report.joined_stories, 'item')} joined known stories"
    )
    for source in report.sources:
        if source.outcome == "failed":
            click.echo(f"  failed: {source.id}: {source.reason}")
        elif source.reason:
            click.echo(f"  note: {source.id}: {source.reason}")
    if report.documents_written:
        first = ", ".join(report.documents_written[:MAX_DOCUMENTS_LISTED])
        more = len(report.documents_written) - MAX_DOCUMENTS_LISTED
        documents = count_of(len(report.documents_written), "document")
        click.echo(f"{documents} written: {first}" + (f" and {more} more" if more > 0 else ""))
    else:
        click.echo("no document changed")


def _raise_if_all_fail(
    noun: str, failing: Sequence[SourceCheck] | Sequence[SourceReport], total: int
) -> None:
    if len(failing) >= MIN_SOURCES_ALL_FAILING and len(failing) == total:
        from aggregator.feed_findings import common_advice

        first = failing[0]
        advice = (
            common_advice(source.reason for source in failing) or "`aggregator status` has advice on each"
        )
        raise AggregatorError(f"all {total} {noun} fail (first: {first.id}: {first.reason}); {advice}")
