"""The command that reads a bounce from standard input, for mail servers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aggregator.cli.options import Invocation


@click.command()
@click.pass_obj
def bounce(invocation: Invocation) -> None:
    """Read a bounce or complaint from standard input, as a pipe of the mail server passes it on."""
    from aggregator.bounces import collect

    if sys.stdin.isatty():
        raise click.UsageError("no mail was given: aggregator bounce < MAIL")
    app = invocation.app(secrets=False)
    content = sys.stdin.buffer.read(collect.MAX_MAIL_BYTES + 1)
    while sys.stdin.buffer.read(1 << 20):  # a mail server takes a closed pipe for a failure
        pass
    if not content.strip():
        raise click.UsageError("no mail was given: standard input is empty")
    cut = len(content) > collect.MAX_MAIL_BYTES
    click.echo(collect.receive(app, content[: collect.MAX_MAIL_BYTES], cut=cut))
