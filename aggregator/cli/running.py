"""The commands that do the work, once or for ever, and keep the house: check, fetch, publish, run, upkeep, demo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator import app as wiring
from aggregator.cli.output import Progress, json_option, print_json
from aggregator.errors import AggregatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.cli.options import Invocation
    from aggregator.model.discovery import SourceCheck
    from aggregator.model.reports import FetchReport


ALL_FAILED = 3  # L3: when all of at least so many due sources failed, the run failed


@click.command()
@click.option("--live", is_flag=True, help="Also visit every source that is due, and say how to mend it.")
@json_option
@click.pass_obj
def check(invocation: Invocation, live: bool, as_json: bool) -> None:
    """Validate feeds.yaml and say every problem with its line."""
    from aggregator import locked_store

    if as_json and not live:
        raise click.UsageError("--json goes with --live")
    if live:
        _check_live(invocation, as_json)
        return
    config = invocation.app(mail=True).config
    locked_store.check_authority(config)
    enabled = sum(source.enabled for source in config.sources)
    click.echo(
        f"{invocation.config_file} is right: {enabled} sources polled, {len(config.sources) - enabled} disabled;"
        f" {len(config.channels)} channels, {len(config.digests)} digests."
    )
    if config.placeholder:
        click.echo(
            f"site.{config.placeholder} is still the placeholder: `fetch` will not visit public servers"
            " until it is yours."
        )


def _check_live(invocation: Invocation, as_json: bool) -> None:
    from aggregator.discovery import live_check as job

    progress = Progress() if sys.stderr.isatty() else None
    diagnoses = job.run(invocation.app(), progress)
    if progress:
        progress.end()
    if as_json:
        print_json({"sources": diagnoses})
    else:
        _say_diagnoses(diagnoses)
    failing = [told for told in diagnoses if job.is_failing(told)]
    if len(failing) >= ALL_FAILED and len(failing) == len(diagnoses):
        raise AggregatorError(
            f"all {len(failing)} sources fail (first: {failing[0].id}: {failing[0].reason}); is the network up?"
        )


def _say_diagnoses(diagnoses: Sequence[SourceCheck]) -> None:
    for told in diagnoses:
        click.echo(f"{told.id}: {told.state}" + (f": {told.reason}" if told.reason else ""))
        if told.mend:
            click.echo(f"  to mend it: {told.mend}")
        if told.proposal:
            click.echo("".join(f"    {line}\n" for line in told.proposal.splitlines()), nl=False)
    well = sum(told.state == "ok" for told in diagnoses)
    click.echo(f"{len(diagnoses)} sources, {well} of them well")


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--force", is_flag=True, help="Visit also what is not due; a server's Retry-After still holds.")
@json_option
@click.pass_obj
def fetch(invocation: Invocation, sources: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Visit the sources that are due, place their items, publish what changed (the cron job)."""
    if not sources and not force:
        from aggregator.store import idle_check

        waiting = idle_check.nothing_due(invocation.config_file, wiring.clock()())
        if waiting is not None:
            _say_idle(invocation, waiting, as_json)
            return
    from aggregator.polling import fetch as job

    progress = Progress() if sys.stderr.isatty() else None
    report = job.run(invocation.app(), ids=sources, force=force, progress=progress)
    if progress:
        progress.end()
    for notice in report.notices:
        click.echo(notice, err=True)
    if as_json:
        print_json(report)
    elif invocation.watched:
        _say_fetched(report)
    if report.visited >= ALL_FAILED and report.failed == report.visited:
        first = report.sources[0]
        raise AggregatorError(
            f"all {report.failed} sources that were due failed (first: {first.id}: {first.reason}); is the network up?"
        )


def _say_idle(invocation: Invocation, waiting: int, as_json: bool) -> None:
    if as_json:
        from aggregator.model.reports import FetchReport

        print_json(FetchReport(not_due=waiting))
    elif invocation.watched:
        click.echo(f"Nothing is due; {waiting} sources wait for their time.")


def _say_fetched(report: FetchReport) -> None:
    click.echo(
        f"{report.visited} sources visited: {report.changed} changed, {report.unchanged} unchanged,"
        f" {report.failed} failed; {report.not_due} not due"
        + (f", {report.held} held" if report.held else "")
        + f" ({report.seconds:.1f} s)"
    )
    click.echo(
        f"{report.new_items} new items, {report.updated_items} updated: {report.new_stories} new stories,"
        f" {report.joined_stories} items told a story already known"
    )
    for told in report.sources:
        if told.outcome == "failed":
            click.echo(f"  failed: {told.id}: {told.reason}")
        elif told.reason:
            click.echo(f"  note: {told.id}: {told.reason}")
    if report.documents_written:
        click.echo(
            f"{len(report.documents_written)} documents written: {', '.join(report.documents_written)}"
        )
    else:
        click.echo("no document changed")


@click.command()
@json_option
@click.pass_obj
def publish(invocation: Invocation, as_json: bool) -> None:
    """Render every channel again; files whose bytes are right are not touched."""
    from aggregator.publishing import publish as job

    report = job.run(invocation.app(secrets=False))
    for notice in report.notices:
        click.echo(notice, err=True)
    if as_json:
        print_json(report)
    elif invocation.watched:
        click.echo(f"{len(report.documents_written)} documents written, {report.unchanged} already right")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def backup(invocation: Invocation, file: Path) -> None:
    """Write a consistent copy of the database while others use it."""
    from aggregator import maintenance

    size = maintenance.backup(invocation.config(), file)
    if invocation.watched:
        click.echo(f"{file}: {size} bytes")


@click.command()
@click.pass_obj
def prune(invocation: Invocation) -> None:
    """Take away visits, runs and long texts that are older than `retention` allows."""
    from aggregator import maintenance

    report = maintenance.prune(invocation.app(secrets=False))
    if invocation.watched:
        click.echo(
            f"{report.visits} visits, {report.runs} runs and the texts of {report.texts} items taken away"
        )


@click.command()
@click.pass_obj
def run(invocation: Invocation) -> None:
    """Go on for ever: visit, publish and mail what is due, and serve the site."""
    from aggregator import daemon

    daemon.run(invocation.config_file, verbose=invocation.verbose)


@click.command()
@click.pass_obj
def serve(invocation: Invocation) -> None:
    """Only serve the site."""
    from aggregator import daemon

    daemon.serve(invocation.config_file, verbose=invocation.verbose)


@click.command()
@click.option("--serve", is_flag=True, help="Go on serving the site, so that it can be opened in a browser.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-run"),
    show_default=True,
    help="Folder for feeds.yaml, database and site of the demo; emptied first.",
)
def demo(serve: bool, out: Path) -> None:
    """Run everything once on a recorded community of partners, without any network."""
    from aggregator.demo import play

    play.run(out, serve=serve)
