"""The commands of the list of sources: found, looked over, in and out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli.output import Progress, json_option, print_json, table

if TYPE_CHECKING:
    from aggregator.cli.options import Invocation
    from aggregator.model.discovery import Discovery, Preview, TriedProposal


@click.group()
def source() -> None:
    """The list of sources: found, looked over, in and out."""


@source.command("list")
@click.pass_obj
def source_list(invocation: Invocation) -> None:
    """Every source of feeds.yaml."""
    rows: list[tuple[str, ...]] = [("source", "kind", "polled", "url")]
    for one in invocation.config().sources:
        rows.append((one.id, one.kind, "yes" if one.enabled else "no", one.url))
    table(rows)


@source.command("release")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def source_release(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Let through what was held at a source: a mass of unknown old entries, or a page that lost most of its items."""
    _decide_held(invocation, ids, release=True)


@source.command("discard")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def source_discard(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Discard what was held at a source: its entries become no news, now or later."""
    _decide_held(invocation, ids, release=False)


def _decide_held(invocation: Invocation, ids: tuple[str, ...], *, release: bool) -> None:
    from aggregator.polling import held_items

    word = "let through: the next run publishes them" if release else "discarded"
    for id_, count in held_items.decide(invocation.app(secrets=False), ids, release=release).items():
        none = "no items are held; if its page lost items, the next one is believed as it is"
        click.echo(f"{id_}: {f'{count} items {word}' if count else none}")


@source.command("discover")
@click.argument("url", metavar="URL")
@json_option
@click.pass_obj
def source_discover(invocation: Invocation, url: str, as_json: bool) -> None:
    """Find what can be polled at a partner's page; nothing is recorded."""
    from aggregator.discovery import discover as job
    from aggregator.discovery.preview import parse_url

    progress = Progress() if sys.stderr.isatty() else None
    found = job.run(invocation.app(secrets=False), parse_url(url), progress)
    if progress:
        progress.end()
    if as_json:
        print_json(job.as_json(found))
    else:
        _say_discovered(found)


def _say_discovered(found: Discovery) -> None:
    click.echo(f"{found.url}: {'a web page' if found.kind == 'page' else found.proposals[0].proposal.why}")
    if found.title:
        click.echo(f"  {found.title}")
    for note in found.notes:
        click.echo(f"  note: {note}")
    for offer in found.proposals:
        click.echo()
        _say_offer(offer)
    if not found.proposals:
        click.echo("nothing that could be polled was found")
    if found.sitemap and not any(offer.succeeded for offer in found.proposals):
        click.echo(f"The site names a sitemap, to look through by hand: {found.sitemap}")
    best = next((offer for offer in found.proposals if not offer.problem), None)
    for offer in found.proposals:
        if offer.succeeded and offer is not best:
            click.echo(f"\nOr, as {offer.proposal.kind}\n\n{offer.yaml}", nl=False)
    if best:
        click.echo(f"\nFor feeds.yaml, below `sources:`\n\n{best.yaml}", nl=False)


def _say_offer(offer: TriedProposal) -> None:
    proposal = offer.proposal
    sure = f"{min(proposal.score, 1.0):.0%} sure"
    click.echo(f"{proposal.kind}  {proposal.url}  ({proposal.why}; {sure})")
    if not offer.tried:
        click.echo("  not tried")
        return
    if offer.problem:
        click.echo(f"  tried in vain: {offer.problem}")
        return
    click.echo(f"  reads well: {offer.count} items")
    for glimpse in offer.first_items:
        date = f"{glimpse.date:%Y-%m-%d}" if glimpse.date else "no date   "
        click.echo(f"  {date}  {glimpse.title}  {glimpse.link or ''}".rstrip())


@source.command("preview")
@click.argument("name", metavar="URL|ID")
@click.option("--force", is_flag=True, help="Ask the server for the document of now, whatever is kept.")
@json_option
@click.pass_obj
def source_preview(invocation: Invocation, name: str, force: bool, as_json: bool) -> None:
    """Show the items of a source as they would be taken now; nothing is recorded."""
    from aggregator.discovery import preview as job

    progress = Progress() if sys.stderr.isatty() else None
    shown = job.run(invocation.app(), name, force=force, progress=progress)
    if progress:
        progress.end()
    if as_json:
        print_json(shown)
    else:
        _say_preview(shown)


def _say_preview(shown: Preview) -> None:
    how = "its kept document, read anew" if shown.kept else "asked just now"
    click.echo(f"{shown.url} ({shown.kind}; {how}): {len(shown.items)} items")
    for note in shown.notes:
        click.echo(f"  note: {note}")
    for item in shown.items:
        date = f"{item.date:%Y-%m-%d %H:%M}" if item.date else f"no date ({item.written or 'none written'})"
        topics = f"  [{', '.join(item.topics)}]" if item.topics else ""
        click.echo(f"{date}  {item.kind}  {item.title}{topics}")
        if item.link:
            click.echo(f"  {item.link}")
        if item.dropped:
            click.echo(f"  left out by `{item.dropped}`")
        if item.standing in ("waiting", "discarded"):
            click.echo("  waits for an editor" if item.standing == "waiting" else "  discarded by an editor")


@source.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE.opml")
@click.pass_obj
def source_import(invocation: Invocation, file: Path) -> None:
    """Add the feeds of an OPML file to feeds.yaml; all else in it stays as it is."""
    from aggregator.discovery import opml

    brought = opml.import_sources(invocation.config_file, file)
    click.echo(f"{len(brought.added)} sources added{': ' if brought.added else ''}{', '.join(brought.added)}")
    for words in brought.left_out:
        click.echo(f"not added: {words}", err=True)


@source.command("export")
@click.pass_obj
def source_export(invocation: Invocation) -> None:
    """Print the polled sources as OPML."""
    from aggregator.discovery import opml

    click.echo(opml.export_sources(invocation.config()).decode(), nl=False)
