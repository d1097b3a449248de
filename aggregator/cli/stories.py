"""The commands that find single stories, explain them, and correct what was told together or apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aggregator.cli.output import json_option, print_candidate, print_json

if TYPE_CHECKING:
    from aggregator.cli.options import Invocation
    from aggregator.model.stories import ReclusterDiff


@click.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
@click.pass_obj
def search(invocation: Invocation, query: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Full-text search over all stories."""
    from aggregator import story_view

    found = story_view.search(invocation.config(), " ".join(query), limit)
    if as_json:
        print_json({"query": " ".join(query), "stories": [story_view.as_result(story) for story in found]})
        return
    for story in found:
        click.echo(f"{story.id}  {story.published:%Y-%m-%d}  {story.lead.title}  ({story.publisher.name})")
    if not found:
        click.echo("nothing found", err=True)


@click.group()
def story() -> None:
    """Look at single stories, and correct what was told together or apart."""


@story.command("show")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option
@click.pass_obj
def story_show(invocation: Invocation, ids: tuple[str, ...], as_json: bool) -> None:
    """Show stories with all the items that tell them."""
    from aggregator import story_view

    config = invocation.config()
    told = [story_view.read(config, id_) for id_ in ids]
    if as_json:
        print_json({"stories": [story_view.as_json(one) for one in told]})
        return
    for n, one in enumerate(told):
        if n:
            click.echo()
        _say_story(story_view.as_json(one))


def _say_story(shown: dict[str, Any]) -> None:
    topics = f" · {', '.join(shown['topics'])}" if shown["topics"] else ""
    hidden = " · hidden" if shown["hidden"] else ""
    click.echo(f"{shown['title']}\n{shown['id']} · {shown['kind']}{topics}{hidden}")
    for word in ("announced", "published", "updated"):
        click.echo(f"  {word:10} {shown[word]:%Y-%m-%d %H:%M} UTC")
    for item in shown["items"]:
        mark = "told by" if item["lead"] else "also told by"
        click.echo(f"{mark} {item['source']}: {item['title']}")
        for word in ("id", "link", "claimed", "first_seen", "why"):
            if item[word]:
                click.echo(f"  {word.replace('_', ' '):10} {item[word]}")
        if item["excerpt"]:
            click.echo(f"  {item['excerpt']}")
    for other in shown["related"]:
        click.echo(f"related: {other['story']} ({other['why']})")


@story.command("explain")
@click.argument("name", metavar="ID")
@click.argument("other", metavar="[OTHER]", required=False)
@json_option
@click.pass_obj
def story_explain(invocation: Invocation, name: str, other: str | None, as_json: bool) -> None:
    """Say why items are one story, and why other news are not; with two IDs, how these two compare."""
    from aggregator.dedupe import explain

    config = invocation.config()
    told = explain.pair(config, name, other) if other else explain.story(config, name)
    if as_json:
        print_json(told)
    elif other:
        _say_pair(told)
    else:
        _say_explained(told)


def _say_explained(told: dict[str, Any]) -> None:
    hidden = " (hidden)" if told["hidden"] else ""
    click.echo(f"{told['title']}\n{told['id']}{hidden}, told by {len(told['items'])} items")
    for item in told["items"]:
        language = f", {item['language']}" if item["language"] else ""
        click.echo(
            f"\n{item['publisher']}{language}: {item['title']}\n  {item['id']}  {item['link'] or 'no link'}"
        )
        if item["evidence"]:
            click.echo("  It tells the same news as the story's lead, because")
            _say_comparison(item)
        elif item["lead"]:
            click.echo(f"  It leads the story: {item['why']}.")
        else:
            click.echo(f"  {item['why'].capitalize()}.")
    if told["related"]:
        click.echo("\nRelated, but news of their own:")
    for other in told["related"]:
        click.echo(f"  {other['story']} {other['title']}\n    {other['why']}")
    if told["near_misses"]:
        click.echo("\nLooked at as well, and not the same:")
    for miss in told["near_misses"]:
        click.echo(f"  {miss['story']} {miss['title']} ({miss['source']})")
        click.echo(f"    {_against(miss)}")
    for decision in told["decisions"]:
        click.echo(f"\n{decision['who']} decided on {decision['at']:%Y-%m-%d %H:%M} UTC: {decision['verb']}")


def _say_comparison(compared: dict[str, Any]) -> None:
    for piece in sorted(compared["evidence"], key=lambda piece: -piece["weight"]):
        click.echo(f"    {piece['weight']:+5.1f}  {piece['reason']}")
    click.echo(f"    {compared['score']:5.1f}  together; {compared['threshold']:g} are needed")
    for veto in compared["vetoes"]:
        click.echo(f"    against it: {veto}")


def _against(compared: dict[str, Any]) -> str:
    if compared["vetoes"]:
        return "; ".join(compared["vetoes"])
    return (
        f"what they have in common is worth {compared['score']:g}, and {compared['threshold']:g} are needed"
    )


def _say_pair(told: dict[str, Any]) -> None:
    for side in (told["a"], told["b"]):
        click.echo(
            f"{side['publisher']}: {side['title']}\n  {side['item']} of story {side['story']}  {side['link'] or ''}"
        )
    words = {
        "same": "They tell the same news.",
        "related": "They are related, but not proven to be one news.",
    }
    click.echo(f"\n{words.get(told['strength'], 'They are different news.')}")
    _say_comparison(told)
    if told["editor"]:
        click.echo(f"An editor said: {told['editor']}.")
    click.echo("They are in one story." if told["one_story"] else "They are in two stories.")


@story.command("merge")
@click.argument("ids", nargs=-1, required=True, metavar="ID ID...")
@click.pass_obj
def story_merge(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Make stories one; the oldest id stays, the others lead to it for ever."""
    from aggregator.dedupe import editor_decisions

    kept, gone = editor_decisions.merge(invocation.app(secrets=False), ids, _who())
    click.echo(f"{', '.join(gone)} became part of {kept} {_FROM_NEXT_RUN}")


@story.command("split")
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@click.option(
    "--announce", is_flag=True, help="Feeds and digests carry the new story as news; else only the site does."
)
@click.pass_obj
def story_split(invocation: Invocation, items: tuple[str, ...], announce: bool) -> None:
    """Take items out of their story; they found another, and never come back by themselves."""
    from aggregator.dedupe import editor_decisions

    home, part = editor_decisions.split(invocation.app(secrets=False), items, _who(), announce=announce)
    click.echo(f"{part} was split off {home} {_FROM_NEXT_RUN}")


@story.command("keep-apart")
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID")
@click.pass_obj
def story_keep_apart(invocation: Invocation, one: str, other: str) -> None:
    """Say that two stories are two; they leave the list of doubts and are never merged."""
    from aggregator.dedupe import editor_decisions

    ids = editor_decisions.keep_apart(invocation.app(secrets=False), one, other, _who())
    click.echo(f"{ids[0]} and {ids[1]} stay two")


@story.command("recluster")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@json_option
@click.pass_obj
def story_recluster(invocation: Invocation, dry_run: bool, as_json: bool) -> None:
    """Place everything again by the rules of today and say the difference; nothing is published or mailed by it."""
    from aggregator.dedupe import recluster

    diff = recluster.run(invocation.app(secrets=False), dry_run=dry_run)
    if as_json:
        print_json(diff)
    else:
        _say_diff(diff)


def _say_diff(diff: ReclusterDiff) -> None:
    would = "" if diff.applied else "would "
    for leaving in diff.leaves:
        click.echo(
            f"{leaving.item} “{leaving.title}” ({leaving.source}) {would}leave{'s' * diff.applied} {leaving.story}"
        )
        click.echo(f"  {leaving.why}")
    for pair in diff.joins:
        print_candidate(pair)
    joins = "are on the editors' list" if diff.applied else "would go on the editors' list"
    click.echo(
        f"{diff.stories} stories looked at: {len(diff.leaves)} items {would}leave, {len(diff.joins)} pairs {joins}"
    )


_FROM_NEXT_RUN = "from the next run on (or now: aggregator publish)"


def _who() -> str:
    import getpass

    return getpass.getuser()


@story.command("hide")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--withdrawn", is_flag=True, help="Digests that told them say once that they were withdrawn.")
@click.pass_obj
def story_hide(invocation: Invocation, ids: tuple[str, ...], withdrawn: bool) -> None:
    """Take stories out of everything that is published; the next run does it."""
    _set_hidden(invocation, ids, hidden=True, withdrawn=withdrawn)


@story.command("unhide")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def story_unhide(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Show hidden stories again, under their old ids and times."""
    _set_hidden(invocation, ids, hidden=False)


def _set_hidden(
    invocation: Invocation, ids: tuple[str, ...], *, hidden: bool, withdrawn: bool = False
) -> None:
    from aggregator.dedupe import editor_decisions

    app = invocation.app(secrets=False)
    changed = editor_decisions.set_hidden(app, ids, _who(), hidden=hidden, withdrawn=withdrawn)
    word = "hidden" if hidden else "shown again"
    for id_ in changed:
        click.echo(f"{id_} is {word} from the next run on (or now: aggregator publish)")
    if not changed:
        click.echo(f"nothing to do: already {word}")
