"""Commands that search, show, explain and correct stories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from aggregator.cli.output import json_option, print_candidate, print_json, user_name
from aggregator.counts import count_of

if TYPE_CHECKING:
    from aggregator.cli.options import Invocation
    from aggregator.dedupe.event_decisions import DecidedEvent
    from aggregator.model.stories import ReclusterDiff
    from aggregator.ports import App


@click.command()
@click.argument("query", nargs=-1, required=True)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Maximum number of stories."
)
@json_option
@click.pass_obj
def search(invocation: Invocation, query: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Search all stories for words in their titles and texts."""
    from aggregator import story_view

    if not " ".join(query).strip():
        raise click.UsageError("the query is empty: name at least one word")
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
    """Show, explain, merge, split, hide and recluster stories."""


@story.command("show")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option
@click.pass_obj
def story_show(invocation: Invocation, ids: tuple[str, ...], as_json: bool) -> None:
    """Show stories with all their items."""
    from aggregator import story_view

    config = invocation.config()
    shown = [story_view.as_json(story_view.read(config, id_)) for id_ in ids]
    if as_json:
        print_json({"stories": shown})
        return
    for n, story in enumerate(shown):
        if n:
            click.echo()
        _print_story(story)


def _print_story(shown: dict[str, Any]) -> None:
    topics = f" · {', '.join(shown['topics'])}" if shown["topics"] else ""
    hidden = " · hidden" if shown["hidden"] else ""
    click.echo(f"{shown['title']}\n{shown['id']} · {shown['kind']}{topics}{hidden}")
    for word in ("announced", "published", "updated"):
        click.echo(f"  {word:10} {shown[word]:%Y-%m-%d %H:%M} UTC")
    if event := shown["event"]:
        end = f" to {event['end']}" if event["end"] != event["start"] else ""
        place = f", {event['place']}" if event["place"] else ""
        click.echo(f"  {event['kind']:10} {event['start']}{end}{place}, {event['status']}")
    for item in shown["items"]:
        mark = "published by" if item["lead"] else "also published by"
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
    """Explain why items are one story and others are not.

    With two IDs, compare these two stories or items.
    """
    from aggregator.dedupe import explain

    config = invocation.config()
    explanation = explain.pair(config, name, other) if other else explain.story(config, name)
    if as_json:
        print_json(explanation)
    elif other:
        _print_pair(explanation)
    else:
        _print_explanation(explanation)


def _print_explanation(story: dict[str, Any]) -> None:
    hidden = " (hidden)" if story["hidden"] else ""
    click.echo(f"{story['title']}\n{story['id']}{hidden}, {count_of(len(story['items']), 'item')}")
    for item in story["items"]:
        language = f", {item['language']}" if item["language"] else ""
        click.echo(
            f"\n{item['publisher']}{language}: {item['title']}\n  {item['id']}  {item['link'] or 'no link'}"
        )
        if item["evidence"]:
            click.echo("  It is the same story as the lead, because")
            _print_comparison(item)
        elif item["lead"]:
            click.echo(f"  It leads the story: {item['why']}.")
        else:
            click.echo(f"  {item['why'].capitalize()}.")
    if story["related"]:
        click.echo("\nRelated, but separate stories:")
    for other in story["related"]:
        click.echo(f"  {other['story']} {other['title']}\n    {other['why']}")
    if story["near_misses"]:
        click.echo("\nAlso compared, and not the same:")
    for miss in story["near_misses"]:
        click.echo(f"  {miss['story']} {miss['title']} ({miss['source']})")
        click.echo(f"    {_reason_against(miss)}")
    for decision in story["decisions"]:
        click.echo(f"\n{decision['who']} decided on {decision['at']:%Y-%m-%d %H:%M} UTC: {decision['verb']}")


def _print_comparison(compared: dict[str, Any]) -> None:
    for piece in sorted(compared["evidence"], key=lambda piece: -piece["weight"]):
        click.echo(f"    {piece['weight']:+5.1f}  {piece['reason']}")
    click.echo(f"    {compared['score']:5.1f}  in total; {compared['threshold']:g} needed")
    for veto in compared["vetoes"]:
        click.echo(f"    veto: {veto}")
    if failed := compared.get("failed"):
        click.echo(f"    failed: {failed}")


def _reason_against(compared: dict[str, Any]) -> str:
    if reasons := [*compared["vetoes"], *filter(None, [compared["failed"]])]:
        return "; ".join(reasons)
    return f"the evidence has a score of {compared['score']:g}; {compared['threshold']:g} needed"


def _print_pair(pair: dict[str, Any]) -> None:
    for side in (pair["a"], pair["b"]):
        click.echo(
            f"{side['publisher']}: {side['title']}\n  {side['item']} of story {side['story']}  {side['link'] or ''}"
        )
    results = {"same": "They are the same.", "related": "They are related, but not proven to be the same."}
    click.echo(f"\n{results.get(pair['strength'], 'They are different.')}")
    _print_comparison(pair)
    click.echo("They are in one story." if pair["one_story"] else "They are in two stories.")
    if pair["editor"]:
        decided = "they are one story" if pair["editor"] == "must-link" else "they are two stories"
        click.echo(f"An editor decided that {decided}, which counts more than the evidence.")
    elif pair["strength"] == "same" and not pair["one_story"]:
        click.echo("The program merges no published stories; `aggregator story merge` does.")


@story.command("merge")
@click.argument("ids", nargs=-1, required=True, metavar="ID ID...")
@click.pass_obj
def story_merge(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Merge stories into one.

    The id that was announced first stays; the others lead to it permanently.
    """
    from aggregator.dedupe import editor_commands

    kept, gone = editor_commands.merge(invocation.app(secrets=False), ids, user_name())
    click.echo(f"{', '.join(gone)} became part of {kept} {_FROM_NEXT_RUN}")


@story.command("split")
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@click.option(
    "--announce", is_flag=True, help="Announce the new story in feeds and digests, not only on the site."
)
@click.pass_obj
def story_split(invocation: Invocation, items: tuple[str, ...], announce: bool) -> None:
    """Move items out of their story into a new one.

    They never rejoin it automatically.
    """
    from aggregator.dedupe import editor_commands

    kept, part = editor_commands.split(invocation.app(secrets=False), items, user_name(), announce=announce)
    click.echo(f"{part} was split off {kept} {_FROM_NEXT_RUN}")


@story.command("keep-apart")
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID")
@click.pass_obj
def story_keep_apart(invocation: Invocation, one: str, other: str) -> None:
    """Keep two stories apart.

    The program never merges them and no longer lists them as merge candidates. A later `story merge` overrides this.
    """
    from aggregator.dedupe import editor_commands

    ids = editor_commands.keep_apart(invocation.app(secrets=False), one, other, user_name())
    click.echo(f"{ids[0]} and {ids[1]} stay two stories")


@story.command("recluster")
@click.option("--dry-run", is_flag=True, help="Print the changes without applying them.")
@json_option
@click.pass_obj
def story_recluster(invocation: Invocation, dry_run: bool, as_json: bool) -> None:
    """Assign all items again by the current rules.

    The difference is printed. Nothing is published or sent by this command.
    """
    from aggregator.dedupe import recluster

    diff = recluster.run(invocation.app(secrets=False), dry_run=dry_run)
    if as_json:
        print_json(diff)
    else:
        _print_diff(diff)


def _print_diff(diff: ReclusterDiff) -> None:
    would = "" if diff.applied else "would "
    for leaving in diff.leaves:
        click.echo(
            f"{leaving.item} “{leaving.title}” ({leaving.source}) {would}leave{'s' * diff.applied} {leaving.story}"
        )
        click.echo(f"  {leaving.why}")
    for pair in diff.joins:
        print_candidate(pair)
    leave, become = ("left", "became") if diff.applied else ("would leave", "would become")
    click.echo(
        f"{count_of(diff.stories, 'story', 'stories')} compared: {count_of(len(diff.leaves), 'item')} {leave},"
        f" {count_of(len(diff.joins), 'pair')} {become} merge candidates"
    )


@story.command("decisions")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Maximum number of decisions.",
)
@json_option
@click.pass_obj
def story_decisions(invocation: Invocation, limit: int, as_json: bool) -> None:
    """List the last decisions of editors, the last one first."""
    from dataclasses import asdict

    from aggregator.dedupe import undo

    decisions = undo.last_decisions(invocation.config(), limit)
    if as_json:
        print_json({"decisions": [asdict(decision) for decision in decisions]})
        return
    for decision in decisions:
        subject = decision.source or ", ".join(decision.stories)
        undone = " (undone)" if decision.undone else ""
        click.echo(
            f"{decision.number}  {decision.at:%Y-%m-%d %H:%M} UTC  {decision.who}: {decision.verb} {subject}{undone}"
        )
    if not decisions:
        click.echo("no decisions yet", err=True)


@story.command("undo")
@click.argument("number", type=click.IntRange(1, 2**62), metavar="NUMBER")
@click.pass_obj
def story_undo(invocation: Invocation, number: int) -> None:
    """Undo a decision of an editor; `story decisions` lists them."""
    from aggregator.dedupe import undo

    decision = undo.undo_decision(invocation.app(secrets=False), number, user_name())
    click.echo(f"decision {decision.number} ({decision.verb}) is undone {_FROM_NEXT_RUN}")


_FROM_NEXT_RUN = "from the next run on (or now with `aggregator publish`)"


@story.command("hide")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--withdrawn", is_flag=True, help="Report the removal once in each digest that carried the story."
)
@click.pass_obj
def story_hide(invocation: Invocation, ids: tuple[str, ...], withdrawn: bool) -> None:
    """Remove stories from everything that is published.

    The next run removes them.
    """
    from aggregator.dedupe import editor_commands

    changed = editor_commands.hide(invocation.app(secrets=False), ids, user_name(), withdrawn=withdrawn)
    _print_changed(changed, "hidden")


@story.command("unhide")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def story_unhide(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Publish hidden stories again, with their old ids and times."""
    from aggregator.dedupe import editor_commands

    changed = editor_commands.unhide(invocation.app(secrets=False), ids, user_name())
    _print_changed(changed, "visible")


def _print_changed(changed: Sequence[str], state: str) -> None:
    for id_ in changed:
        click.echo(f"{id_} is {state} {_FROM_NEXT_RUN}")
    if not changed:
        click.echo(f"nothing to do: already {state}")


@story.command("event")
@click.argument("id_", metavar="ID")
@click.option("--start", metavar="TIME", help="Date, or time as in 2026-10-20T09:00.")
@click.option("--end", metavar="TIME", help="Last day, or time of the end.")
@click.option("--zone", metavar="ZONE", help="Time zone of times, such as Europe/Berlin.")
@click.option("--place", metavar="TEXT", help="Place; an empty text removes it.")
@click.option("--kind", type=click.Choice(["event", "course", "deadline"]), help="What the date means.")
@click.option(
    "--status",
    type=click.Choice(
        ["scheduled", "tentative", "cancelled", "postponed", "rescheduled", "moved-online", "extended"]
    ),
    metavar="STATUS",
    help="Whether it takes place as first announced: scheduled, tentative, cancelled, postponed, rescheduled,"
    " moved-online or extended.",
)
@click.option("--online/--on-site", default=None, help="Where people attend.")
@click.option("--none", "none", is_flag=True, help="The story has no event.")
@click.option("--auto", is_flag=True, help="Remove the setting; the event is derived from the items again.")
@click.pass_obj
def story_event(invocation: Invocation, /, id_: str, none: bool, auto: bool, **facts: Any) -> None:
    """Show or set the event of a story.

    The setting is permanent: later items of the story do not change it.
    """
    from aggregator.dedupe import event_decisions

    app = invocation.app(secrets=False)
    given = {name: value for name, value in facts.items() if value is not None}
    if none + auto + bool(given) > 1:
        raise click.UsageError("--none, --auto and facts of an event cannot be combined; nothing was changed")
    if not (none or auto or given):
        _print_event(app, event_decisions.read_event(app, id_), "")
    elif none:
        _print_event(app, event_decisions.remove_event(app, id_, user_name()), _FROM_NEXT_RUN)
    elif auto:
        _print_event(app, event_decisions.make_automatic(app, id_, user_name()), _FROM_NEXT_RUN)
    else:
        change = event_decisions.EventChange(**_typed(given))
        _print_event(app, event_decisions.set_event(app, id_, change, user_name()), _FROM_NEXT_RUN)


def _typed(facts: dict[str, Any]) -> dict[str, Any]:
    from aggregator.model.events import EventKind, EventStatus

    types = {"kind": EventKind, "status": EventStatus}
    return {name: types[name](value) if name in types else value for name, value in facts.items()}


def _print_event(app: App, decided: DecidedEvent, when: str) -> None:
    from aggregator.i18n import event_texts

    if decided.event is None:
        click.echo(f"{decided.story_id} has no event {when}".rstrip())
        return
    site, event = app.config.site, decided.event
    line = event_texts.event_line(event.event, event.former, "en", site.timezone)
    click.echo(f"{decided.story_id} {event.event.kind}: {line} {when}".rstrip())
    if event.entry_id != decided.story_id:
        click.echo(f"  shares the calendar entry of {event.entry_id}")
