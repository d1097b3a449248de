"""The commands: read options, call one job, print its report. Results go to standard output."""

from __future__ import annotations

import logging
import sys
from collections import UserDict
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from aggregator import __version__, logs
from aggregator.cli.options import Invocation
from aggregator.errors import AggregatorError, ConfigError


def main() -> None:
    """The console script."""
    try:
        cli()
    except AggregatorError as error:
        for notice in error.notices:
            click.echo(notice, err=True)
        # Editors take file:line: at the beginning of a line.
        click.echo(str(error) if isinstance(error, ConfigError) else f"aggregator: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stdout = None  # whoever read us has had enough
        sys.exit(1)
    except OSError as error:
        sys.stdout = None  # it would be flushed once more at the end, in vain
        # Of standard output the error names no file; of the data folder of another user it does.
        what = f"{error.filename} cannot be used" if error.filename else "the output cannot be written"
        click.echo(f"aggregator: {what}: {error.strerror}", err=True)
        sys.exit(1)


class _Commands(UserDict[str, Any]):
    """Commands by name; the module of one is imported when it is asked for, because cron asks only for one."""

    def __getitem__(self, name: str) -> click.Command:
        module = import_module(f"aggregator.cli.{self.data[name]}")
        command: click.Command = getattr(module, name)
        return command


_COMMANDS = _Commands(
    check="running",
    fetch="running",
    publish="running",
    backup="running",
    prune="running",
    run="running",
    serve="running",
    demo="running",
    digest="digests",
    status="status",
    search="stories",
    story="stories",
    source="sources",
)


@click.group(
    commands=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    default=Path("feeds.yaml"),
    show_default=True,
    help="The configuration file.",
)
@click.option(
    "-v", "--verbose", count=True, help="Say what was done also when nobody watches; -vv says each step."
)
@click.version_option(__version__, prog_name="aggregator")
@click.pass_context
def cli(context: click.Context, config_file: Path, verbose: int) -> None:
    """Poll partner sites, tell the same news once, publish one merged feed and a digest."""
    logs.start(logging.INFO if verbose > 1 else logging.WARNING)
    context.obj = Invocation(config_file, verbose > 0)
