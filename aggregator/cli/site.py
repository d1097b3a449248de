"""Commands that publish and serve the site: publish, run and serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aggregator.cli.output import json_option, print_json

if TYPE_CHECKING:
    from aggregator.cli.options import Invocation


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
    elif invocation.watched:
        click.echo(f"{len(report.documents_written)} documents written, {report.unchanged} unchanged")


@click.command()
@click.pass_obj
def run(invocation: Invocation) -> None:
    """Run the daemon: poll, publish, send mail and serve the site."""
    from aggregator import daemon

    daemon.run(invocation.config_file, verbose=invocation.verbose)


@click.command()
@click.pass_obj
def serve(invocation: Invocation) -> None:
    """Serve the site and nothing else."""
    from aggregator import daemon

    daemon.serve(invocation.config_file, verbose=invocation.verbose)
