"""The group of commands for subscribers."""

from __future__ import annotations

import click

from aggregator.cli.bounces import lift, show


@click.group()
def subscriber() -> None:
    """Show addresses, and lift suppressions."""


subscriber.add_command(show)
subscriber.add_command(lift)
