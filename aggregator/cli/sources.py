"""Commands that list, find, preview, review, import and export sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli.options import FilePath, Invocation
from aggregator.cli.output import json_option, print_document, print_json, progress_line, table, user_name
from aggregator.counts import count_of

if TYPE_CHECKING:
    from aggregator.model.discovery import Discovery, SourcePreview, TriedProposal


_NONE_HELD = "no items are held back"


@click.group()
def source() -> None:
    """List, find, preview, review, import and export sources."""


@source.command("list")
@click.pass_obj
def source_list(invocation: Invocation) -> None:
    """List every source of feeds.yaml."""
    rows: list[tuple[str, ...]] = [("source", "kind", "enabled", "url")]
    for source in invocation.config().sources:
        rows.append((source.id, source.kind, "yes" if source.enabled else "no", source.url))
    table(rows)


@source.command("release")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def source_release(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Release the held items of a source, or accept its shrunken page.

    This is either a flood of unknown old entries, or the smaller document of a page that lost most of its items.
    """
    from aggregator.polling import held_items

    for id_, count in held_items.release(invocation.app(secrets=False), ids, user_name()).items():
        if count:
            result = (
                f"{count_of(count, 'item')} released: the next run publishes {'it' if count == 1 else 'them'}"
            )
        else:
            result = f"{_NONE_HELD}; if its page lost items, the next visit accepts the page"
        click.echo(f"{id_}: {result}")


@source.command("discard")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def source_discard(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Discard the held items of a source.

    These are unknown old entries that came at once. They are never published.
    """
    from aggregator.polling import held_items

    for id_, count in held_items.discard(invocation.app(secrets=False), ids, user_name()).items():
        click.echo(f"{id_}: {count_of(count, 'item')} discarded" if count else f"{id_}: {_NONE_HELD}")


@source.command("discover")
@click.argument("url", metavar="URL")
@json_option
@click.pass_obj
def source_discover(invocation: Invocation, url: str, as_json: bool) -> None:
    """Find feeds, APIs, calendars or selectors at URL.

    Nothing is recorded.
    """
    from aggregator.discovery import discover
    from aggregator.discovery.preview import parse_url

    with progress_line() as progress:
        found = discover.discover_sources(invocation.app(secrets=False), parse_url(url), progress)
    if as_json:
        print_json(discover.as_json(found))
    else:
        _print_discovery(found)


def _print_discovery(found: Discovery) -> None:
    click.echo(f"{found.url}: {'a web page' if found.kind == 'page' else found.proposals[0].proposal.why}")
    if found.title:
        click.echo(f"  {found.title}")
    for note in found.notes:
        click.echo(f"  note: {note}")
    for offer in found.proposals:
        click.echo()
        _print_offer(offer)
    if not found.proposals:
        click.echo("nothing found that can be polled")
    if found.sitemap and not any(offer.succeeded for offer in found.proposals):
        click.echo(f"The site has a sitemap; look through it for a news page: {found.sitemap}")
    best = next((offer for offer in found.proposals if not offer.problem), None)
    for offer in found.proposals:
        if offer.succeeded and offer is not best:
            click.echo(f"\nOr, as {offer.proposal.kind}\n\n{offer.yaml}", nl=False)
    if best:
        click.echo(f"\nFor feeds.yaml, below `sources:`\n\n{best.yaml}", nl=False)


def _print_offer(offer: TriedProposal) -> None:
    proposal = offer.proposal
    confidence = f"{min(proposal.score, 1.0):.0%} sure"
    click.echo(f"{proposal.kind}  {proposal.url}  ({proposal.why}; {confidence})")
    if not offer.tried:
        click.echo("  not tried")
        return
    if offer.problem:
        click.echo(f"  tried without success: {offer.problem}")
        return
    click.echo(f"  readable: {count_of(offer.count, 'item')}")
    for item in offer.first_items:
        date = f"{item.date:%Y-%m-%d}" if item.date else "no date   "
        click.echo(f"  {date}  {item.title}  {item.link or ''}".rstrip())


@source.command("preview")
@click.argument("name", metavar="URL|ID")
@click.option("--force", is_flag=True, help="Request the document again, even if a stored one exists.")
@json_option
@click.pass_obj
def source_preview(invocation: Invocation, name: str, force: bool, as_json: bool) -> None:
    """Show the items that a visit would store now.

    The argument is the id of a source in feeds.yaml, or any URL. Nothing is recorded.
    """
    from aggregator.discovery.preview import preview_source

    with progress_line() as progress:
        preview = preview_source(invocation.app(), name, force=force, progress=progress)
    if as_json:
        print_json(preview)
    else:
        _print_preview(preview)


def _print_preview(preview: SourcePreview) -> None:
    origin = "stored document, parsed again" if preview.kept else "requested just now"
    click.echo(f"{preview.url} ({preview.kind}; {origin}): {count_of(len(preview.items), 'item')}")
    for note in preview.notes:
        click.echo(f"  note: {note}")
    for item in preview.items:
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
@click.argument("file", type=FilePath(dir_okay=False, exists=True), metavar="FILE")
@click.pass_obj
def source_import(invocation: Invocation, file: Path) -> None:
    """Add the feeds of an OPML file or a Planet Venus config.ini.

    Only sources are added. Settings of Planet are printed with the keys of feeds.yaml that they correspond to.
    """
    from aggregator.discovery import opml

    result = opml.import_sources(invocation.config_file, file)
    added = f": {', '.join(result.added)}" if result.added else ""
    if not result.added and not result.left_out:
        added = ": the file has no feed that is not in feeds.yaml already"
    click.echo(f"{count_of(len(result.added), 'source')} added{added}")
    if result.settings:
        click.echo("settings to enter in feeds.yaml:")
    for setting in result.settings:
        click.echo(f"  {setting}")
    for reason in result.left_out:
        click.echo(f"not added: {reason}", err=True)
    for reason in result.unused:
        click.echo(f"no counterpart: {reason}", err=True)


@source.command("export")
@click.pass_obj
def source_export(invocation: Invocation) -> None:
    """Print the enabled sources as OPML."""
    from aggregator.discovery import opml

    print_document(opml.export_sources(invocation.config()).decode())
