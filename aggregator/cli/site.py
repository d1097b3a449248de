"""Commands that publish and serve the site: publish, snapshot, run and serve."""

from __future__ import annotations

import re
from pathlib import Path

import click

from aggregator.app import clock
from aggregator.cli.options import FilePath, Invocation
from aggregator.cli.output import json_option, print_json
from aggregator.counts import count_of


@click.command()
@json_option
@click.pass_obj
def publish(invocation: Invocation, as_json: bool) -> None:
    """Render every channel again; unchanged files are not touched."""
    from aggregator.publishing import publish as job

    report = job.run(invocation.app(secrets=False))
    for notice in report.notices:
        click.echo(notice, err=True)
    if as_json:
        print_json(report)
    elif invocation.prints_summary:
        click.echo(
            f"{count_of(len(report.documents_written), 'document')} written, {report.unchanged} unchanged"
        )


def _month(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise click.BadParameter(f"{text!r} is not a month: write it as 2026-10")
    return text


@click.command()
@click.option(
    "--month", metavar="YYYY-MM", callback=_month, help="Month in UTC (default: the last complete month)."
)
@click.option(
    "--out",
    type=FilePath(),
    metavar="DIR",
    help="New or empty folder to write to (default: snapshot-YYYY-MM).",
)
@click.option("--zip", "packed", is_flag=True, help="Write DIR.zip, one file, instead of the folder DIR.")
@json_option
@click.pass_obj
def snapshot(
    invocation: Invocation, month: str | None, out: Path | None, packed: bool, as_json: bool
) -> None:
    """Write a citable archive of a month.

    It has the stories as JSON Lines with sources, dates and licences, an archived Atom feed, a calendar, OPML, a
    description for programs (Data Package), metadata for Zenodo, and checksums. Whole texts are included only where
    feeds contain them too. The same database gives the same bytes.
    """
    from aggregator.publishing import write_snapshot as job

    now = clock()()
    month = month or job.last_month(now)
    folder = out or Path(f"snapshot-{month}")
    if packed and folder.suffix != ".zip":
        folder = folder.parent / f"{folder.name or f'snapshot-{month}'}.zip"
    report = job.write(invocation.config(), month, folder, now, packed=packed)
    for story in report.left_out:
        click.echo(f"story {story} was left out: it cannot be rendered; see `aggregator status`", err=True)
    if as_json:
        print_json(report)
    elif invocation.prints_summary:
        click.echo(
            f"{report.path}: {count_of(report.stories, 'story', 'stories')} of {month}, {report.removed} removed;"
            f" version {report.version}"
        )


@click.command()
@click.pass_obj
def run(invocation: Invocation) -> None:
    """Run the daemon: poll, publish, send mail and serve the site."""
    from aggregator import daemon

    daemon.run(invocation.config_file, verbose=invocation.verbose)


@click.command()
@click.pass_obj
def serve(invocation: Invocation) -> None:
    """Serve the site without polling, publishing or sending mail."""
    from aggregator import daemon

    daemon.serve(invocation.config_file, verbose=invocation.verbose)
