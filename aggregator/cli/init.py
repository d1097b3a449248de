"""The command that writes a first feeds.yaml: init."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import click

from aggregator.cli.options import FilePath, Invocation


@click.command()
@click.argument("directory", type=FilePath(), required=False, metavar="[DIR]")
@click.pass_obj
def init(invocation: Invocation, directory: Path | None) -> None:
    """Write a first feeds.yaml with comments.

    It is written into DIR, or the current folder, which may not have one yet; no file is overwritten. The next steps
    are printed, with lines for cron and systemd.
    """
    from aggregator import initial_config

    config = invocation.config_file
    file = directory / config.name if directory else config
    initial_config.write(file)
    program = Path(sysconfig.get_path("scripts")) / "aggregator"
    click.echo(initial_config.next_steps(file, program), nl=False)
