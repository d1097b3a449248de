"""The commands of digests: compose, deliver, preview, test, explain, and the mail queue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator import app
from aggregator.cli.options import FilePath, Invocation
from aggregator.cli.options import address as address_type
from aggregator.cli.output import json_option, print_json, table
from aggregator.counts import count_of
from aggregator.errors import AggregatorError

if TYPE_CHECKING:
    from datetime import datetime

    from aggregator.model.config import Config
    from aggregator.model.digests import MailQueue
    from aggregator.model.reports import DigestReport


@click.group()
def digest() -> None:
    """Compose, preview and deliver the e-mail digests."""


@digest.command("run")
@json_option
@click.pass_obj
def digest_run(invocation: Invocation, as_json: bool) -> None:
    """Compose digests that are due and deliver all queued messages."""
    from aggregator.store import idle_check

    file = invocation.config_file
    idle = None if idle_check.has_mailbox(file) else idle_check.queue_if_no_mail_due(file, app.clock()())
    if idle is not None and not as_json and not invocation.prints_summary:
        return
    report = _run(invocation) if idle is None else _idle(*idle)
    for notice in report.notices:
        click.echo(notice, err=True)
    if as_json:
        print_json(report)
    elif invocation.prints_summary:
        _print_report(report)
    if report.relay_error and report.owed and not report.sent:
        raise AggregatorError(
            f"no message could be delivered; {count_of(report.owed, 'message stays', 'messages stay')} queued"
        )


def _idle(messages: dict[str, int], waiting: datetime | None) -> DigestReport:
    from aggregator.model.reports import DigestReport

    return DigestReport(waiting=waiting).counted(messages)


def _run(invocation: Invocation) -> DigestReport:
    """Run the job; on SIGTERM or SIGINT it ends after the current message."""
    from dataclasses import replace

    from aggregator.cli.signals import until_signalled
    from aggregator.digests import run as job

    with until_signalled() as stopping:
        return job.run(replace(invocation.app(mail=True), stopping=stopping))


def _print_report(report: DigestReport) -> None:
    for edition in report.composed:
        click.echo(f"composed {edition}")
    for edition in report.empty:
        click.echo(f"{edition}: no stories, no message")
    if not report.composed and not report.empty:
        click.echo("no digest is due")
    counts = (
        (report.deferred, "of them deferred"),
        (report.unknown, "unknown"),
        (report.failed, "failed"),
    )
    more = "".join(f", {count} {word}" for count, word in counts if count)
    click.echo(f"{count_of(report.sent, 'message')} sent, {report.owed} queued{more}")
    if report.waiting:
        click.echo(f"the mail relay is paused until {report.waiting:%Y-%m-%d %H:%M} UTC")


@digest.command("preview")
@click.argument("digest_id", metavar="ID")
@click.option(
    "--at", "at", metavar="TIME", help="Time to compose for (ISO 8601; in the time zone of the site)."
)
@click.option(
    "--out",
    type=FilePath(file_okay=False),
    help="Folder to write to (default: `preview` in the data folder).",
)
@click.pass_obj
def digest_preview(invocation: Invocation, digest_id: str, at: str | None, out: Path | None) -> None:
    """Write .eml and .html of the edition that is due now.

    Nothing is recorded.
    """
    from aggregator.digests import preview

    app = invocation.app(secrets=False)
    moment = _moment(at, app.config) if at is not None else None
    report = preview.write(app, digest_id, moment, out)
    click.echo(report.summary)
    for file in report.files:
        click.echo(str(file))


def _moment(text: str, config: Config) -> datetime:
    try:
        return app.parse_moment(text, config.site.timezone)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is not a time such as 2026-10-05T08:00", param_hint="--at"
        ) from error


@digest.command("test")
@click.argument("digest_id", metavar="ID")
@click.option("--to", "address", required=True, type=address_type, metavar="ADDRESS", help="Recipient.")
@click.pass_obj
def digest_test(invocation: Invocation, digest_id: str, address: str) -> None:
    """Send the edition that is due now to one address.

    Nothing is recorded.
    """
    from aggregator.digests import preview

    app = invocation.app(mail=True)
    report = preview.send(app, digest_id, address)
    relay = app.config.mail.smtp
    where = f"{relay.host}:{relay.port}" if relay else app.config.data / "outbox"
    click.echo(f"sent to {address} through {where}: {report.summary}")


@digest.command("why")
@click.argument("story")
@click.argument("address", type=address_type)
@json_option
@click.pass_obj
def digest_why(invocation: Invocation, story: str, address: str, as_json: bool) -> None:
    """Explain why an address received a story or did not."""
    from aggregator.digests import explain

    report = explain.explain_digests(invocation.config(), story, address, app.clock()())
    if as_json:
        print_json(report)
        return
    merged = f" (given as {report.name})" if report.name != report.story else ""
    click.echo(f"{report.story}{merged} “{report.title}”")
    for each in report.digests:
        click.echo(f"{each.digest}: {each.explanation}")
    if not report.digests:
        click.echo("there are no digests")


@digest.command("queue")
@click.option("--addresses", "full_addresses", is_flag=True, help="Show whole addresses; --json always does.")
@json_option
@click.pass_obj
def digest_queue(invocation: Invocation, full_addresses: bool, as_json: bool) -> None:
    """List queued and parked messages, and suppressed addresses.

    Addresses are shortened, as in logs.
    """
    from aggregator.digests import queue

    queued = queue.read_queue(invocation.config())
    if as_json:
        print_json(queued)
    else:
        _print_queue(queued if full_addresses else _with_short_addresses(queued))


def _with_short_addresses(queue: MailQueue) -> MailQueue:
    """Return the queue with shortened addresses, also in the replies of relays (DP5)."""
    from dataclasses import replace

    from aggregator import addresses

    return replace(
        queue,
        messages=tuple(
            replace(
                message,
                address=addresses.shortened(message.address),
                reason=addresses.without_addresses(message.reason or ""),
            )
            for message in queue.messages
        ),
        suppressed=tuple(
            replace(
                suppression,
                address=addresses.shortened(suppression.address),
                reason=addresses.without_addresses(suppression.reason),
            )
            for suppression in queue.suppressed
        ),
        relay=queue.relay and replace(queue.relay, reason=addresses.without_addresses(queue.relay.reason)),
    )


def _print_queue(queue: MailQueue) -> None:
    if queue.relay:
        click.echo(f"the mail relay has failed since {queue.relay.since:%Y-%m-%d %H:%M} UTC,")
        click.echo(f"next attempt {queue.relay.until:%Y-%m-%d %H:%M} UTC: {queue.relay.reason}")
    rows: list[tuple[str, ...]] = [("edition", "address", "state", "attempts", "next attempt", "reason")]
    rows += [
        (
            message.edition,
            message.address,
            message.state,
            str(message.attempts),
            f"{message.next_attempt:%Y-%m-%d %H:%M}" if message.next_attempt else "",
            message.reason or "",
        )
        for message in queue.messages
    ]
    if queue.messages:
        table(rows)
    if any(message.state in ("unknown", "failed") for message in queue.messages):
        click.echo("To send failed or unknown messages again: aggregator digest retry ADDRESS")
        click.echo("To leave them as they are: aggregator digest acknowledge ADDRESS")
    for suppression in queue.suppressed:
        since = f"{suppression.since:%Y-%m-%d}"
        click.echo(f"{suppression.address} gets no more messages since {since}: {suppression.reason}")
    if queue.suppressed:
        click.echo("Remove such an address from feeds.yaml, or: aggregator digest retry ADDRESS")
    recipients = [message.address for message in queue.messages]
    recipients += [suppression.address for suppression in queue.suppressed]
    if any("***" in address for address in recipients):
        click.echo("To see whole addresses: aggregator digest queue --addresses")
    if not queue.messages and not queue.suppressed:
        click.echo("the mail queue is empty")


@digest.command("retry")
@click.argument("addresses", nargs=-1, type=address_type, metavar="[ADDRESS]...")
@click.pass_obj
def digest_retry(invocation: Invocation, addresses: tuple[str, ...]) -> None:
    """Queue failed messages of the last edition again.

    Unknown ones are queued only if their ADDRESS is named.
    """
    from aggregator.digests import queue

    count = queue.retry_messages(invocation.config(), addresses)
    then = f"; `aggregator digest run` sends {'it' if count == 1 else 'them'}" if count else ""
    click.echo(f"{count_of(count, 'message')} queued{then}")


@digest.command("acknowledge")
@click.argument("addresses", nargs=-1, type=address_type, metavar="[ADDRESS]...")
@click.pass_obj
def digest_acknowledge(invocation: Invocation, addresses: tuple[str, ...]) -> None:
    """Acknowledge failed and unknown messages.

    They are not reported again.
    """
    from aggregator.digests import queue

    count = queue.acknowledge_messages(invocation.config(), addresses)
    click.echo(f"{count_of(count, 'message')} acknowledged")
