"""Commands that list, show, add, import, remove, export and erase subscribers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli.bounces import lift, show
from aggregator.cli.options import FilePath, Invocation
from aggregator.cli.options import address as address_type
from aggregator.cli.output import json_option, print_document, print_json, table
from aggregator.counts import count_of

if TYPE_CHECKING:
    from aggregator.model.subscribers import Subscriber

digest_option = click.option(
    "--digest", "digests", multiple=True, metavar="ID", help="Digest; may be repeated."
)
language_option = click.option(
    "--language", type=click.Choice(["en", "de"]), help="Language of messages (default: that of the site)."
)
address_argument = click.argument("address", type=address_type)


@click.group()
def subscriber() -> None:
    """List, add, remove, export and erase subscribers."""


subscriber.add_command(show)
subscriber.add_command(lift)


@subscriber.command("list")
@json_option
@click.pass_obj
def subscriber_list(invocation: Invocation, as_json: bool) -> None:
    """List all subscribers with their states and digests."""
    from aggregator.digests import subscriber_commands

    listed = subscriber_commands.list_subscribers(invocation.config())
    if as_json:
        print_json({"subscribers": listed})
    elif listed:
        table([("address", "state", "since", "language", "digests"), *map(_row, listed)])
    else:
        click.echo("there are no subscribers")


def _row(each: Subscriber) -> tuple[str, ...]:
    return each.address, each.state, f"{each.since:%Y-%m-%d}", each.language, " ".join(each.digests)


@subscriber.command("add")
@address_argument
@digest_option
@language_option
@click.option(
    "--confirmed", metavar="REASON", help="How consent was given; without it a message asks for it."
)
@click.pass_obj
def subscriber_add(
    invocation: Invocation,
    address: str,
    digests: tuple[str, ...],
    language: str | None,
    confirmed: str | None,
) -> None:
    """Ask ADDRESS to confirm, or subscribe it with an earlier consent."""
    from aggregator.digests import subscriber_commands

    if confirmed is not None and not confirmed.strip():
        raise click.BadParameter("is empty: state how consent was given", param_hint="--confirmed")
    app = invocation.app(secrets=False)
    added = subscriber_commands.add_subscriber(
        app, address, digests, language, confirmed and confirmed.strip()
    )
    then = "" if confirmed else "; `aggregator digest run` sends the message that asks for confirmation"
    click.echo(f"{added.address} is {added.state}{then}")


@subscriber.command("remove")
@address_argument
@click.pass_obj
def subscriber_remove(invocation: Invocation, address: str) -> None:
    """Unsubscribe ADDRESS.

    It stays known, so that no import brings it back.
    """
    from aggregator.digests import subscriber_commands

    removed = subscriber_commands.remove_subscriber(invocation.app(secrets=False), address)
    click.echo(f"{removed.address} is {removed.state}")


@subscriber.command("import")
@click.argument("file", type=FilePath(exists=True, dir_okay=False))
@click.option("--consent", required=True, metavar="TEXT", help="Where and when these people agreed.")
@digest_option
@language_option
@json_option
@click.pass_obj
def subscriber_import(
    invocation: Invocation,
    file: Path,
    consent: str,
    digests: tuple[str, ...],
    language: str | None,
    as_json: bool,
) -> None:
    """Subscribe the addresses of a CSV file.

    Its columns are address, digests and language.
    """
    from aggregator.digests import subscriber_commands

    app = invocation.app(secrets=False)
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be read: {error.strerror}", param_hint="FILE") from error
    report = subscriber_commands.import_file(app, raw, file.name, consent, digests, language)
    if as_json:
        print_json(report)
        return
    click.echo(f"{count_of(report.added, 'subscriber')} imported")
    skipped = (
        (report.known, "subscribed already"),
        (report.left, "left and have to sign up themselves"),
        (report.suppressed, "suppressed"),
        (report.erased, "were erased and have to sign up themselves"),
        (report.inactive, "not active in the file"),
    )
    for count, why in skipped:
        if count:
            click.echo(f"{count} not imported: {why}")


@subscriber.command("export")
@click.argument("address", required=False, type=address_type)
@click.option("--out", type=FilePath(dir_okay=False), help="File to write to.")
@click.pass_obj
def subscriber_export(invocation: Invocation, address: str | None, out: Path | None) -> None:
    """Write all subscribers as CSV, or all data of ADDRESS as JSON."""
    import json

    from aggregator.digests import subscriber_commands

    config = invocation.config()
    if address is None:
        text = subscriber_commands.export_all(config)
    else:
        stored = subscriber_commands.export_one(config, address)
        text = json.dumps(stored, ensure_ascii=False, indent=2) + "\n"
    if out is None:
        print_document(text)
        return
    from aggregator.gateways import files

    files.write_text(out, text, mode=0o600)
    click.echo(f"written to {out}, readable by its owner only")


@subscriber.command("erase")
@address_argument
@click.pass_obj
def subscriber_erase(invocation: Invocation, address: str) -> None:
    """Erase all that is stored about ADDRESS.

    A hash stays, so that no import brings it back.
    """
    from aggregator.digests import subscriber_commands

    subscriber_commands.erase_address(invocation.app(secrets=False), address)
    click.echo(f"all that is stored about {address} is erased")
