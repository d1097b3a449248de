"""The commands of the e-mail digests: compose, deliver, preview."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator import wiring
from aggregator.cli.shown import json_option, print_json
from aggregator.errors import AggregatorError

if TYPE_CHECKING:
    from datetime import datetime

    from aggregator.cli.invocation import Invocation
    from aggregator.model import Config, DigestReport


@click.group()
def digest() -> None:
    """Compose, preview and deliver the e-mail digests."""


@digest.command("run")
@json_option
@click.pass_obj
def digest_run(invocation: Invocation, as_json: bool) -> None:
    """Compose every digest that is due and deliver all owed mail (cron)."""
    from aggregator.jobs import digest as job

    report = job.run(invocation.house())
    for notice in report.notices:
        click.echo(notice, err=True)
    if as_json:
        print_json(report)
    elif invocation.watched:
        _say_digested(report)
    if report.owed and not report.sent:
        raise AggregatorError(f"no letter could be delivered; {report.owed} stay owed")


def _say_digested(report: DigestReport) -> None:
    for edition in report.composed:
        click.echo(f"composed {edition}")
    for edition in report.empty:
        click.echo(f"{edition}: nothing to tell, no mail")
    if not report.composed and not report.empty:
        click.echo("no digest is due")
    parked = "".join(
        f", {count} {word}"
        for count, word in ((report.unknown, "unknown"), (report.failed, "failed"))
        if count
    )
    click.echo(f"{report.sent} letters sent, {report.owed} owed{parked}")


@digest.command("preview")
@click.argument("digest_id", metavar="ID")
@click.option("--at", "at", metavar="TIME", help="As if it were this moment (ISO 8601; the site's zone).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@click.pass_obj
def digest_preview(invocation: Invocation, digest_id: str, at: str | None, out: Path | None) -> None:
    """Write .eml and .html of what would go out now; nothing is recorded."""
    from aggregator.jobs import digest as job

    house = invocation.house(secrets=False)
    moment = _moment(at, house.config) if at else None
    report = job.preview(house, digest_id, moment, out)
    click.echo(f"{report.stories} new stories, {report.revised} corrected")
    for file in report.files:
        click.echo(str(file))


def _moment(text: str, config: Config) -> datetime:
    try:
        return wiring.moment(text, config.site.timezone)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no moment such as 2026-10-05T08:00", param_hint="--at"
        ) from error
