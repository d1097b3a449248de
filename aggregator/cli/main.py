"""Run the command line: find the command, call it, turn errors into exit codes."""

from __future__ import annotations

import atexit
import gc
import io
import logging
import os
import sys
from collections import UserDict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from aggregator import __version__, logs, permissions
from aggregator.cli import examples
from aggregator.cli.options import ConfigFile, Invocation
from aggregator.errors import AggregatorError, ConfigError
from aggregator.text import without_long_words


def main() -> None:
    """Run the console script and exit with its code (0, 1, 2, 75 or 78)."""
    # At exit Python would collect garbage once more, for 25 ms.
    atexit.register(gc.freeze)
    _prepare_streams()
    try:
        cli()
    except AggregatorError as error:
        for notice in error.notices:
            click.echo(notice, err=True)
        # Editors jump to file:line: at the beginning of a line.
        click.echo(str(error) if isinstance(error, ConfigError) else f"aggregator: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stdout = None  # the reader closed the pipe; Python would flush it once more at exit
        sys.exit(1)
    except OSError as error:
        sys.stdout = None  # Python would flush it once more at exit and fail again
        click.echo(without_long_words(f"aggregator: {_described(error)}"), err=True)
        sys.exit(1)


def _described(error: OSError) -> str:
    """Describe an error of a file or of standard output, which has no file name."""
    if not isinstance(error.filename, str):
        return f"the output cannot be written: {error.strerror}"
    file = Path(error.filename)
    problem = permissions.unwritable([file.parent, file]) if isinstance(error, PermissionError) else None
    return problem or f"{file} cannot be used: {error.strerror}"


def _prepare_streams() -> None:
    """Replace closed standard streams, and make output print `?` for what it cannot encode.

    Python has None for a stream that was closed before (`>&-`), and the next opened file would get its number.
    Results that cannot be written end a command, messages do not.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        messages = io.BufferedWriter(_Messages(sys.stderr.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(messages, sys.stderr.encoding, "backslashreplace", line_buffering=True)


class _Messages(io.FileIO):
    """Standard error, without an exception for what cannot be written."""

    def write(self, data: Any, /) -> int:
        """Write bytes, or drop them; return their number."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class _LazyCommands(UserDict[str, Any]):
    """Map command names to commands, and import the module of a command when it is called.

    A cron run calls one command and should not pay for importing the others.
    """

    def __getitem__(self, name: str) -> click.Command:
        module = import_module(f"aggregator.cli.{self.data[name]}")
        command: click.Command = getattr(module, name)
        return examples.add(command, name)


_COMMANDS = _LazyCommands(
    init="init",
    check="polling",
    fetch="polling",
    source="sources",
    search="stories",
    story="stories",
    digest="digests",
    bounce="bounces",
    subscriber="subscribers",
    publish="site",
    snapshot="site",
    run="site",
    serve="site",
    status="admin",
    backup="admin",
    prune="admin",
    demo="admin",
)


class _Commands(click.Group):
    """A group whose errors of usage shorten the input that they quote."""

    def invoke(self, context: click.Context) -> Any:
        """Call a command; problems of the configuration have its path, as `-c` states it."""
        with _short_messages():
            try:
                return super().invoke(context)
            except ConfigError as error:
                raise error.in_file(context.params["config_file"]) from error

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command."""
        with _short_messages():
            return super().parse_args(context, args)


@contextmanager
def _short_messages() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        message = error.format_message()
        if message == without_long_words(message):
            raise
        raise click.UsageError(without_long_words(message), error.ctx) from error


@click.group(
    cls=_Commands,
    commands=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples.OVERVIEW + examples.exit_code_lines(""),
)
@click.option(
    "-c",
    "--config",
    "config_file",
    type=ConfigFile(readable=False),
    default=Path("feeds.yaml"),
    show_default=True,
    help="Configuration file.",
)
@click.option(
    "-v",
    "--verbose",
    count=True,
    help="Print a summary even when standard output is not a terminal; -vv also logs each step.",
)
@click.version_option(__version__, prog_name="aggregator")
@click.pass_context
def cli(context: click.Context, config_file: Path, verbose: int) -> None:
    """Poll partner sites, merge their news, publish a feed and digests."""
    logs.start_logging(logging.INFO if verbose > 1 else logging.WARNING)
    context.obj = Invocation(config_file, verbose > 0)
