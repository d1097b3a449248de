"""The commands of the e-mail digests: compose, deliver, preview, test, why, and what is owed."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING

import click

from aggregator import app as wiring
from aggregator.cli.output import json_option, print_json, table
from aggregator.errors import AggregatorError

if TYPE_CHECKING:
    from datetime import datetime

    from aggregator.cli.options import Invocation
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
    """Compose every digest that is due and deliver all owed mail (cron)."""
    from aggregator.store import idle_check

    idle = idle_check.no_mail_due(invocation.config_file, wiring.clock()())
    if idle is not None and not as_json and not invocation.watched:
        return
    report = _run(invocation) if idle is None else _idle(*idle)
    for notice in report.notices:
        click.echo(notice, err=True)
    if as_json:
        print_json(report)
    elif invocation.watched:
        _say_digested(report)
    if report.relay_error and not report.sent:
        raise AggregatorError(f"no letter could be delivered; {report.owed} stay owed")


def _idle(letters: dict[str, int], waiting: datetime | None) -> DigestReport:
    from aggregator.model.reports import DigestReport

    return DigestReport(waiting=waiting).counted(letters)


def _run(invocation: Invocation) -> DigestReport:
    """The job; asked to end, it finishes the letter in hand, which would else be one in doubt."""
    from dataclasses import replace

    from aggregator.digests import run as job

    stop = threading.Event()
    usual = {number: signal.signal(number, lambda *_: stop.set()) for number in (SIGTERM, SIGINT)}
    try:
        return job.run(replace(invocation.app(mail=True), stopping=stop.is_set))
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def _say_digested(report: DigestReport) -> None:
    for edition in report.composed:
        click.echo(f"composed {edition}")
    for edition in report.empty:
        click.echo(f"{edition}: nothing to tell, no mail")
    if not report.composed and not report.empty:
        click.echo("no digest is due")
    counts = (
        (report.deferred, "of them put off"),
        (report.unknown, "unknown"),
        (report.failed, "failed"),
    )
    more = "".join(f", {count} {word}" for count, word in counts if count)
    click.echo(f"{report.sent} letters sent, {report.owed} owed{more}")
    if report.waiting:
        click.echo(f"the mail relay is left alone until {report.waiting:%Y-%m-%d %H:%M} UTC")


@digest.command("preview")
@click.argument("digest_id", metavar="ID")
@click.option("--at", "at", metavar="TIME", help="As if it were this moment (ISO 8601; the site's zone).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@click.pass_obj
def digest_preview(invocation: Invocation, digest_id: str, at: str | None, out: Path | None) -> None:
    """Write .eml and .html of what would go out now; nothing is recorded."""
    from aggregator.digests import run as job

    app = invocation.app(secrets=False)
    moment = _moment(at, app.config) if at else None
    report = job.preview(app, digest_id, moment, out)
    click.echo(report.told)
    for file in report.files:
        click.echo(str(file))


def _moment(text: str, config: Config) -> datetime:
    try:
        return wiring.moment(text, config.site.timezone)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no moment such as 2026-10-05T08:00", param_hint="--at"
        ) from error


@digest.command("test")
@click.argument("digest_id", metavar="ID")
@click.option("--to", "address", required=True, metavar="ADDRESS", help="Who gets it.")
@click.pass_obj
def digest_test(invocation: Invocation, digest_id: str, address: str) -> None:
    """Send what would go out now to one address; nothing is recorded."""
    from aggregator.digests import run as job

    app = invocation.app(mail=True)
    report = job.test(app, digest_id, _address(address))
    relay = app.config.mail.smtp
    where = f"{relay.host}:{relay.port}" if relay else app.config.data / "outbox"
    click.echo(f"sent to {address} through {where}: {report.told}")


def _address(text: str) -> str:
    from aggregator.config import values

    try:
        return values.address(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--to") from error


@digest.command("why")
@click.argument("story")
@click.argument("address")
@json_option
@click.pass_obj
def digest_why(invocation: Invocation, story: str, address: str, as_json: bool) -> None:
    """Why somebody got a story in a digest, or did not."""
    from aggregator.digests import explain

    report = explain.run(invocation.config(), story, address, wiring.clock()())
    if as_json:
        print_json(report)
        return
    merged = f" (asked as {report.asked})" if report.asked != report.story else ""
    click.echo(f"{report.story}{merged} “{report.title}”")
    for answer in report.digests:
        click.echo(f"{answer.digest}: {answer.why}")
    if not report.digests:
        click.echo("there are no digests")


@digest.command("owed")
@json_option
@click.pass_obj
def digest_owed(invocation: Invocation, as_json: bool) -> None:
    """List the letters that are owed or parked, and the addresses that get no more."""
    from aggregator.digests import deliver

    outbox = deliver.outbox(invocation.config())
    if as_json:
        print_json(outbox)
    else:
        _say_owed(outbox)


def _say_owed(outbox: MailQueue) -> None:
    if outbox.relay:
        click.echo(f"the mail relay is in trouble since {outbox.relay.since:%Y-%m-%d %H:%M} UTC,")
        click.echo(f"next attempt {outbox.relay.until:%Y-%m-%d %H:%M} UTC: {outbox.relay.reason}")
    rows: list[tuple[str, ...]] = [("edition", "address", "state", "attempts", "next attempt", "reason")]
    rows += [
        (
            letter.edition,
            letter.address,
            letter.state,
            str(letter.attempts),
            f"{letter.next_attempt:%Y-%m-%d %H:%M}" if letter.next_attempt else "",
            letter.reason or "",
        )
        for letter in outbox.letters
    ]
    if outbox.letters:
        table(rows)
    if any(letter.state in ("unknown", "failed") for letter in outbox.letters):
        click.echo("To send failed or unknown ones again: aggregator digest retry ADDRESS")
        click.echo("To leave them as they are: aggregator digest dismiss ADDRESS")
    for gone in outbox.suppressed:
        click.echo(f"{gone.address} gets no more letters since {gone.since:%Y-%m-%d}: {gone.reason}")
    if outbox.suppressed:
        click.echo("Take such an address out of feeds.yaml, or: aggregator digest retry ADDRESS")
    if not outbox.letters and not outbox.suppressed:
        click.echo("no letter is owed")


@digest.command("retry")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.pass_obj
def digest_retry(invocation: Invocation, addresses: tuple[str, ...]) -> None:
    """Owe failed letters of the last edition again; letters in doubt only to an ADDRESS that is named."""
    from aggregator.digests import deliver

    count = deliver.retry(invocation.config(), addresses)
    click.echo(f"{count} letters are to be sent now; `aggregator digest run` does it")


@digest.command("dismiss")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.pass_obj
def digest_dismiss(invocation: Invocation, addresses: tuple[str, ...]) -> None:
    """Leave parked letters as they are, and say no more of them."""
    from aggregator.digests import deliver

    count = deliver.acknowledge(invocation.config(), addresses)
    click.echo(f"{count} parked letters are left as they are")
