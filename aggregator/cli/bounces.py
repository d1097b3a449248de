"""Commands of bounces: read one from standard input, show an address, lift a suppression."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from aggregator.cli.options import address as address_type
from aggregator.cli.output import json_option, print_json

if TYPE_CHECKING:
    from aggregator.cli.options import Invocation
    from aggregator.model.bounces import AddressRecord


@click.command()
@click.pass_obj
def bounce(invocation: Invocation) -> None:
    """Read a bounce or complaint from standard input.

    The mail server passes it on by a pipe.
    """
    from aggregator.bounces import collect

    if sys.stdin.isatty():
        raise click.UsageError("no mail was given: aggregator bounce < MAIL")
    app = invocation.app(secrets=False)
    content = sys.stdin.buffer.read(collect.MAX_MAIL_BYTES + 1)
    while sys.stdin.buffer.read(1 << 20):  # a mail server takes a closed pipe for a failure
        pass
    if not content.strip():
        raise click.UsageError("no mail was given: standard input is empty")
    click.echo(collect.record_piped_mail(app, content))


@click.command("show")
@click.argument("address", type=address_type)
@json_option
@click.pass_obj
def show(invocation: Invocation, address: str, as_json: bool) -> None:
    """Show every state of ADDRESS with its reason and date.

    Its bounces and complaints are listed, too.
    """
    from aggregator.bounces import suppressions

    record = suppressions.address_record(invocation.config(), address)
    if as_json:
        print_json(record)
    else:
        _print(record)


def _print(record: AddressRecord) -> None:
    found, suppressed = record.subscriber, record.suppression
    if found:
        reason = f": {found.reason}" if found.reason else ""
        click.echo(f"{found.address} is {found.state} since {found.since:%Y-%m-%d %H:%M} UTC{reason}")
        click.echo(f"digests: {', '.join(found.digests) or 'none'}; language: {found.language}")
    elif suppressed:
        click.echo(
            f"{record.address} is suppressed since {suppressed.since:%Y-%m-%d %H:%M} UTC: {suppressed.reason}"
        )
    else:
        click.echo(f"{record.address} is no subscriber and not suppressed")
    if record.digests:
        click.echo(f"in feeds.yaml as a recipient of: {', '.join(record.digests)}")
    for event in record.history:
        digests = f" ({', '.join(event.digests)})" if event.digests else ""
        click.echo(f"{event.at:%Y-%m-%d %H:%M} {event.event}{digests}, by {event.how}: {event.evidence}")
    for mail in record.mails:
        kept = f" (kept as bounces/{mail.file} in the data folder)" if mail.file else ""
        click.echo(f"{mail.at:%Y-%m-%d %H:%M} {mail.kind}, {mail.edition}: {mail.reason}{kept}")
    if suppressed:
        click.echo(f"To send to it again: aggregator subscriber lift {record.address} --reason TEXT")


@click.command("lift")
@click.argument("addresses", nargs=-1, required=True, type=address_type, metavar="ADDRESS...")
@click.option("--reason", required=True, metavar="TEXT", help="Why messages will arrive now.")
@click.pass_obj
def lift(invocation: Invocation, addresses: tuple[str, ...], reason: str) -> None:
    """End the suppression of each ADDRESS.

    After a complaint it stays unsubscribed.
    """
    from aggregator.app import clock
    from aggregator.bounces import suppressions

    if not reason.strip():
        raise click.BadParameter("is empty: state why messages will arrive now", param_hint="--reason")
    suppressions.lift_suppressions(invocation.config(), addresses, reason.strip(), clock()())
    for address in addresses:
        click.echo(f"{address} is not suppressed any more; it gets the next edition that it is subscribed to")
