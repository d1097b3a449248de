"""The commands: read options, call one job, print its report. Results go to standard output."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aggregator import __version__, log, wiring
from aggregator.errors import AggregatorError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.model import (
        Config,
        Diagnosis,
        Diff,
        DigestReport,
        Discovery,
        DoubtfulPair,
        FetchReport,
        Manners,
        Offer,
        Preview,
        StatusReport,
    )
    from aggregator.seams import House

ALL_FAILED = 3  # L3: when all of at least so many due sources failed, the run failed


def main() -> None:
    """The console script."""
    try:
        cli()
    except AggregatorError as error:
        for notice in error.notices:
            click.echo(notice, err=True)
        # Editors take file:line: at the beginning of a line.
        click.echo(str(error) if isinstance(error, ConfigError) else f"aggregator: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stdout = None  # whoever read us has had enough
        sys.exit(1)
    except OSError as error:
        sys.stdout = None  # it would be flushed once more at the end, in vain
        click.echo(f"aggregator: the output cannot be written: {error.strerror}", err=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    default=Path("feeds.yaml"),
    show_default=True,
    help="The configuration file.",
)
@click.option(
    "-v", "--verbose", count=True, help="Say what was done also when nobody watches; -vv says each step."
)
@click.version_option(__version__, prog_name="aggregator")
@click.pass_context
def cli(context: click.Context, config_file: Path, verbose: int) -> None:
    """Poll partner sites, tell the same news once, publish one merged feed and a digest."""
    log.start(logging.INFO if verbose > 1 else logging.WARNING)
    context.obj = _Invocation(config_file, verbose > 0)


class _Invocation:
    """What every command is given."""

    def __init__(self, config_file: Path, verbose: bool) -> None:
        self.config_file = config_file
        self.verbose = verbose

    @property
    def watched(self) -> bool:
        """Whether somebody wants to read what was done: cron does not."""
        return self.verbose or sys.stdout.isatty()

    def house(self, *, secrets: bool = True) -> House:
        return wiring.build(self.config_file, secrets=secrets)

    def config(self) -> Config:
        from aggregator.config import load

        return load(self.config_file, secrets=False)


_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def _print_json(value: object) -> None:
    def plain(thing: object) -> object:
        if isinstance(thing, datetime):
            return thing.isoformat()
        return asdict(thing) if is_dataclass(thing) and not isinstance(thing, type) else str(thing)

    click.echo(json.dumps(value, default=plain, ensure_ascii=False, indent=2))


# --- check ---------------------------------------------------------------------------------------------


@cli.command()
@click.option("--live", is_flag=True, help="Also visit every source that is due, and say how to mend it.")
@_json_option
@click.pass_obj
def check(invocation: _Invocation, live: bool, as_json: bool) -> None:
    """Validate feeds.yaml and say every problem with its line."""
    from aggregator.jobs import look

    if as_json and not live:
        raise click.UsageError("--json goes with --live")
    if live:
        _check_live(invocation, as_json)
        return
    config = invocation.house().config
    look.check_authority(config)
    enabled = sum(source.enabled for source in config.sources)
    click.echo(
        f"{invocation.config_file} is right: {enabled} sources polled, {len(config.sources) - enabled} disabled;"
        f" {len(config.channels)} channels, {len(config.digests)} digests."
    )
    if config.placeholder:
        click.echo(
            f"site.{config.placeholder} is still the placeholder: `fetch` will not visit public servers"
            " until it is yours."
        )


def _check_live(invocation: _Invocation, as_json: bool) -> None:
    from aggregator.jobs import diagnose as job

    progress = _Progress() if sys.stderr.isatty() else None
    diagnoses = job.run(invocation.house(), progress)
    if progress:
        progress.end()
    if as_json:
        _print_json({"sources": diagnoses})
    else:
        _say_diagnoses(diagnoses)
    failing = [told for told in diagnoses if job.is_failing(told)]
    if len(failing) >= ALL_FAILED and len(failing) == len(diagnoses):
        raise AggregatorError(
            f"all {len(failing)} sources fail (first: {failing[0].id}: {failing[0].reason}); is the network up?"
        )


def _say_diagnoses(diagnoses: Sequence[Diagnosis]) -> None:
    for told in diagnoses:
        click.echo(f"{told.id}: {told.state}" + (f": {told.reason}" if told.reason else ""))
        if told.mend:
            click.echo(f"  to mend it: {told.mend}")
        if told.proposal:
            click.echo("".join(f"    {line}\n" for line in told.proposal.splitlines()), nl=False)
    well = sum(told.state == "well" for told in diagnoses)
    click.echo(f"{len(diagnoses)} sources, {well} of them well")


# --- fetch and publish ---------------------------------------------------------------------------------


@cli.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--force", is_flag=True, help="Visit also what is not due; a server's Retry-After still holds.")
@_json_option
@click.pass_obj
def fetch(invocation: _Invocation, sources: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Visit the sources that are due, place their items, publish what changed (the cron job)."""
    if not sources and not force:
        from aggregator.store import glance

        waiting = glance.idle(invocation.config_file, wiring.clock()())
        if waiting is not None:
            _say_idle(invocation, waiting, as_json)
            return
    from aggregator.jobs import fetch as job

    progress = _Progress() if sys.stderr.isatty() else None
    report = job.run(invocation.house(), ids=sources, force=force, progress=progress)
    if progress:
        progress.end()
    for notice in report.notices:
        click.echo(notice, err=True)
    if as_json:
        _print_json(report)
    elif invocation.watched:
        _say_fetched(report)
    if report.visited >= ALL_FAILED and report.failed == report.visited:
        first = report.sources[0]
        raise AggregatorError(
            f"all {report.failed} sources that were due failed (first: {first.id}: {first.reason}); is the network up?"
        )


def _say_idle(invocation: _Invocation, waiting: int, as_json: bool) -> None:
    if as_json:
        from aggregator.model import FetchReport

        _print_json(FetchReport(not_due=waiting))
    elif invocation.watched:
        click.echo(f"Nothing is due; {waiting} sources wait for their time.")


def _say_fetched(report: FetchReport) -> None:
    click.echo(
        f"{report.visited} sources visited: {report.changed} changed, {report.unchanged} unchanged,"
        f" {report.failed} failed; {report.not_due} not due"
        + (f", {report.held} held" if report.held else "")
        + f" ({report.seconds:.1f} s)"
    )
    click.echo(
        f"{report.new_items} new items, {report.updated_items} updated: {report.new_stories} new stories,"
        f" {report.joined_stories} items told a story already known"
    )
    for told in report.sources:
        if told.outcome == "failed":
            click.echo(f"  failed: {told.id}: {told.reason}")
        elif told.reason:
            click.echo(f"  note: {told.id}: {told.reason}")
    if report.documents_written:
        click.echo(
            f"{len(report.documents_written)} documents written: {', '.join(report.documents_written)}"
        )
    else:
        click.echo("no document changed")


class _Progress:
    """A line on the terminal that is written over."""

    def __call__(self, done: int, total: int, last: str) -> None:
        click.echo(f"\r\x1b[K{done}/{total} {last[:60]}", nl=False, err=True)

    def end(self) -> None:
        click.echo("\r\x1b[K", nl=False, err=True)


@cli.command()
@_json_option
@click.pass_obj
def publish(invocation: _Invocation, as_json: bool) -> None:
    """Render every channel again; files whose bytes are right are not touched."""
    from aggregator.jobs import publish as job

    report = job.run(invocation.house(secrets=False))
    if as_json:
        _print_json(report)
    elif invocation.watched:
        click.echo(f"{len(report.documents_written)} documents written, {report.unchanged} already right")


# --- digest --------------------------------------------------------------------------------------------


@cli.group()
def digest() -> None:
    """Compose, preview and deliver the e-mail digests."""


@digest.command("run")
@_json_option
@click.pass_obj
def digest_run(invocation: _Invocation, as_json: bool) -> None:
    """Compose every digest that is due and deliver all owed mail (cron)."""
    from aggregator.jobs import digest as job

    report = job.run(invocation.house())
    for notice in report.notices:
        click.echo(notice, err=True)
    if as_json:
        _print_json(report)
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
def digest_preview(invocation: _Invocation, digest_id: str, at: str | None, out: Path | None) -> None:
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


# --- looking -------------------------------------------------------------------------------------------


@cli.command()
@_json_option
@click.option(
    "--check", "checking", is_flag=True, help="For monitoring: say only what is wrong, exit with 1."
)
@click.option(
    "--textfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write Prometheus metrics to this file (node_exporter's textfile collector).",
)
@click.option(
    "--politeness", is_flag=True, help="How every partner's server was treated, replayed from the visit log."
)
@click.pass_obj
def status(
    invocation: _Invocation, as_json: bool, checking: bool, textfile: Path | None, politeness: bool
) -> None:
    """Health of every source, last runs, owed mail."""
    from aggregator.jobs import look

    if politeness:
        manners = look.manners(invocation.config())
        if as_json:
            _print_json({"sources": manners, "broken": sum(len(m.broken) for m in manners)})
        else:
            _say_manners(manners)
        return
    report = look.status(invocation.config())
    now = wiring.clock()()
    if textfile:
        look.write_metrics(report, textfile)
    if checking:
        if troubles := look.troubles(report, now):
            raise AggregatorError("; ".join(troubles))
        return
    if as_json:
        _print_json(report)
    elif not textfile:
        _say_status(report, now)


def _say_status(report: StatusReport, now: datetime) -> None:
    from aggregator.jobs import look

    rows: list[tuple[str, ...]] = [("source", "state", "last success", "next visit", "items", "reason")]
    for source in report.sources:
        rows.append(
            (
                source.id,
                source.state,
                look.ago(source.last_success, now),
                _next(source.next_visit, now),
                str(source.items),
                f"{source.reason}; {source.advice}" if source.reason else "",
            )
        )
    _table(rows)
    parked = "".join(f", {count} {state}" for state, count in sorted(report.parked.items()))
    click.echo(f"\n{report.stories} stories of {report.items} items; {report.owed} letters owed{parked}")
    for run in report.runs:
        click.echo(f"{run.job:8} {look.ago(run.started, now):>12}  {run.outcome}")
    if report.doubts:
        click.echo(
            "\nOne story or two? (aggregator story explain A B; then story merge A B, or story apart A B)"
        )
    for doubt in report.doubts:
        _say_doubt(doubt)


def _say_doubt(doubt: DoubtfulPair) -> None:
    click.echo(f"{doubt.story} {doubt.other}  “{doubt.title}” and “{doubt.other_title}”: {doubt.why}")


def _say_manners(manners: Sequence[Manners]) -> None:
    rows: list[tuple[str, ...]] = [
        ("source", "visits", "requests a day", "conditional", "304", "smallest gap", "wasted", "rules broken")
    ]
    for told in manners:
        gap = told.smallest_gap
        rows.append(
            (
                told.source_id,
                str(told.visits),
                f"{told.per_day:g}",
                f"{told.conditional:.0%}",
                f"{told.not_modified:.0%}",
                f"{gap / 60:.0f} min" if gap is not None else "",
                f"{told.wasted_bytes / 1000:.0f} kB",
                "; ".join(told.broken) or "none",
            )
        )
    _table(rows)
    broken = sum(bool(told.broken) for told in manners)
    click.echo(f"\n{len(manners)} sources visited; rules were broken at {broken or 'none'} of them")


def _next(moment: datetime | None, now: datetime) -> str:
    from aggregator.jobs import look

    return "now" if moment is None or moment <= now else look.ago(moment, now)


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


@cli.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@_json_option
@click.pass_obj
def search(invocation: _Invocation, query: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Full-text search over all stories."""
    from aggregator.jobs import look

    found = look.search(invocation.config(), " ".join(query), limit)
    if as_json:
        _print_json({"query": " ".join(query), "stories": [look.story_line(story) for story in found]})
        return
    for story in found:
        click.echo(f"{story.id}  {story.published:%Y-%m-%d}  {story.lead.title}  ({story.teller.name})")
    if not found:
        click.echo("nothing found", err=True)


@cli.group()
def story() -> None:
    """Look at single stories, and correct what was told together or apart."""


@story.command("show")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_json_option
@click.pass_obj
def story_show(invocation: _Invocation, ids: tuple[str, ...], as_json: bool) -> None:
    """Show stories with all the items that tell them."""
    from aggregator.jobs import look

    config = invocation.config()
    told = [look.story(config, id_) for id_ in ids]
    if as_json:
        _print_json({"stories": [look.story_json(one) for one in told]})
        return
    for n, one in enumerate(told):
        if n:
            click.echo()
        _say_story(look.story_json(one))


def _say_story(shown: dict[str, Any]) -> None:
    topics = f" · {', '.join(shown['topics'])}" if shown["topics"] else ""
    hidden = " · hidden" if shown["hidden"] else ""
    click.echo(f"{shown['title']}\n{shown['id']} · {shown['kind']}{topics}{hidden}")
    for word in ("announced", "published", "updated"):
        click.echo(f"  {word:10} {shown[word]:%Y-%m-%d %H:%M} UTC")
    for item in shown["items"]:
        mark = "told by" if item["lead"] else "also told by"
        click.echo(f"{mark} {item['source']}: {item['title']}")
        for word in ("link", "claimed", "first_seen", "why"):
            if item[word]:
                click.echo(f"  {word.replace('_', ' '):10} {item[word]}")
        if item["excerpt"]:
            click.echo(f"  {item['excerpt']}")
    for other in shown["related"]:
        click.echo(f"related: {other['story']} ({other['why']})")


@story.command("explain")
@click.argument("name", metavar="ID")
@click.argument("other", metavar="[OTHER]", required=False)
@_json_option
@click.pass_obj
def story_explain(invocation: _Invocation, name: str, other: str | None, as_json: bool) -> None:
    """Say why items are one story, and why other news are not; with two IDs, how these two compare."""
    from aggregator.jobs import explain

    config = invocation.config()
    told = explain.pair(config, name, other) if other else explain.story(config, name)
    if as_json:
        _print_json(told)
    elif other:
        _say_pair(told)
    else:
        _say_explained(told)


def _say_explained(told: dict[str, Any]) -> None:
    hidden = " (hidden)" if told["hidden"] else ""
    click.echo(f"{told['title']}\n{told['id']}{hidden}, told by {len(told['items'])} item(s)")
    for item in told["items"]:
        language = f", {item['language']}" if item["language"] else ""
        click.echo(
            f"\n{item['teller']}{language}: {item['title']}\n  {item['id']}  {item['link'] or 'no link'}"
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
            f"{side['teller']}: {side['title']}\n  {side['item']} of story {side['story']}  {side['link'] or ''}"
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
def story_merge(invocation: _Invocation, ids: tuple[str, ...]) -> None:
    """Make stories one; the oldest id stays, the others lead to it for ever."""
    from aggregator.jobs import edit

    kept, gone = edit.merge(invocation.house(secrets=False), ids, _who())
    click.echo(f"{', '.join(gone)} became part of {kept} {_FROM_NEXT_RUN}")


@story.command("split")
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@click.option(
    "--announce", is_flag=True, help="Feeds and digests carry the new story as news; else only the site does."
)
@click.pass_obj
def story_split(invocation: _Invocation, items: tuple[str, ...], announce: bool) -> None:
    """Take items out of their story; they found another, and never come back by themselves."""
    from aggregator.jobs import edit

    home, part = edit.split(invocation.house(secrets=False), items, _who(), announce=announce)
    click.echo(f"{part} was split off {home} {_FROM_NEXT_RUN}")


@story.command("apart")
@click.argument("one", metavar="ID")
@click.argument("other", metavar="ID")
@click.pass_obj
def story_apart(invocation: _Invocation, one: str, other: str) -> None:
    """Say that two stories are two; they leave the list of doubts and are never merged."""
    from aggregator.jobs import edit

    ids = edit.apart(invocation.house(secrets=False), one, other, _who())
    click.echo(f"{ids[0]} and {ids[1]} stay two")


@story.command("recluster")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@_json_option
@click.pass_obj
def story_recluster(invocation: _Invocation, dry_run: bool, as_json: bool) -> None:
    """Place everything again by the rules of today and say the difference; nothing is published or mailed by it."""
    from aggregator.jobs import recluster

    diff = recluster.run(invocation.house(secrets=False), dry_run=dry_run)
    if as_json:
        _print_json(diff)
    else:
        _say_diff(diff)


def _say_diff(diff: Diff) -> None:
    would = "" if diff.applied else "would "
    for leaving in diff.leaves:
        click.echo(
            f"{leaving.item} “{leaving.title}” ({leaving.source}) {would}leave{'s' * diff.applied} {leaving.story}"
        )
        click.echo(f"  {leaving.why}")
    for pair in diff.joins:
        _say_doubt(pair)
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
@click.pass_obj
def story_hide(invocation: _Invocation, ids: tuple[str, ...]) -> None:
    """Take stories out of everything that is published; the next run does it."""
    _set_hidden(invocation, ids, hidden=True)


@story.command("unhide")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def story_unhide(invocation: _Invocation, ids: tuple[str, ...]) -> None:
    """Show hidden stories again, under their old ids and times."""
    _set_hidden(invocation, ids, hidden=False)


def _set_hidden(invocation: _Invocation, ids: tuple[str, ...], *, hidden: bool) -> None:
    from aggregator.jobs import upkeep

    changed = upkeep.set_hidden(invocation.house(secrets=False), ids, _who(), hidden=hidden)
    word = "hidden" if hidden else "shown again"
    for id_ in changed:
        click.echo(f"{id_} is {word} from the next run on (or now: aggregator publish)")
    if not changed:
        click.echo(f"nothing to do: already {word}")


# --- upkeep ----------------------------------------------------------------------------------------------


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def backup(invocation: _Invocation, file: Path) -> None:
    """Write a consistent copy of the database while others use it."""
    from aggregator.jobs import upkeep

    size = upkeep.backup(invocation.config(), file)
    if invocation.watched:
        click.echo(f"{file}: {size} bytes")


@cli.command()
@click.pass_obj
def prune(invocation: _Invocation) -> None:
    """Take away visits, runs and long texts that are older than `retention` allows."""
    from aggregator.jobs import upkeep

    report = upkeep.prune(invocation.house(secrets=False))
    if invocation.watched:
        click.echo(
            f"{report.visits} visits, {report.runs} runs and the texts of {report.texts} items taken away"
        )


@cli.group()
def source() -> None:
    """The list of sources: found, looked over, in and out."""


@source.command("list")
@click.pass_obj
def source_list(invocation: _Invocation) -> None:
    """Every source of feeds.yaml."""
    rows: list[tuple[str, ...]] = [("source", "kind", "polled", "url")]
    for one in invocation.config().sources:
        rows.append((one.id, one.kind, "yes" if one.enabled else "no", one.url))
    _table(rows)


@source.command("release")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def source_release(invocation: _Invocation, ids: tuple[str, ...]) -> None:
    """Let through what was held at a source: a mass of unknown old entries, or a page that lost most of its items."""
    _decide_held(invocation, ids, release=True)


@source.command("discard")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def source_discard(invocation: _Invocation, ids: tuple[str, ...]) -> None:
    """Discard what was held at a source: its entries become no news, now or later."""
    _decide_held(invocation, ids, release=False)


def _decide_held(invocation: _Invocation, ids: tuple[str, ...], *, release: bool) -> None:
    from aggregator.jobs import upkeep

    word = "let through: the next run publishes them" if release else "discarded"
    for id_, count in upkeep.decide_held(invocation.house(secrets=False), ids, release=release).items():
        held = f"{count} items {word}" if count else "no items were held"
        click.echo(f"{id_}: {held}; its next document is believed as it is")


@source.command("discover")
@click.argument("url", metavar="URL")
@_json_option
@click.pass_obj
def source_discover(invocation: _Invocation, url: str, as_json: bool) -> None:
    """Find what can be polled at a partner's page; nothing is recorded."""
    from aggregator.jobs import discover as job
    from aggregator.jobs.preview import address

    progress = _Progress() if sys.stderr.isatty() else None
    found = job.run(invocation.house(secrets=False), address(url), progress)
    if progress:
        progress.end()
    if as_json:
        _print_json(job.as_json(found))
    else:
        _say_discovered(found)


def _say_discovered(found: Discovery) -> None:
    click.echo(f"{found.url}: {'a web page' if found.kind == 'page' else found.offers[0].proposal.why}")
    if found.title:
        click.echo(f"  {found.title}")
    for note in found.notes:
        click.echo(f"  note: {note}")
    for offer in found.offers:
        click.echo()
        _say_offer(offer)
    if not found.offers:
        click.echo("nothing that could be polled was found")
    if found.sitemap and not any(offer.well for offer in found.offers):
        click.echo(f"The site names a sitemap, to look through by hand: {found.sitemap}")
    best = next((offer for offer in found.offers if not offer.problem), None)
    for offer in found.offers:
        if offer.well and offer is not best:
            click.echo(f"\nOr, as {offer.proposal.kind}\n\n{offer.yaml}", nl=False)
    if best:
        click.echo(f"\nFor feeds.yaml, below `sources:`\n\n{best.yaml}", nl=False)


def _say_offer(offer: Offer) -> None:
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
    for glimpse in offer.first:
        date = f"{glimpse.date:%Y-%m-%d}" if glimpse.date else "no date   "
        click.echo(f"  {date}  {glimpse.title}  {glimpse.link or ''}".rstrip())


@source.command("preview")
@click.argument("name", metavar="URL|ID")
@click.option("--force", is_flag=True, help="Ask the server although it was asked a short time ago.")
@_json_option
@click.pass_obj
def source_preview(invocation: _Invocation, name: str, force: bool, as_json: bool) -> None:
    """Show the items of a source as they would be taken now; nothing is recorded."""
    from aggregator.jobs import preview as job

    progress = _Progress() if sys.stderr.isatty() else None
    shown = job.run(invocation.house(), name, force=force, progress=progress)
    if progress:
        progress.end()
    if as_json:
        _print_json(shown)
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


@source.command("letter")
@click.argument("id_", metavar="ID")
@click.pass_obj
def source_letter(invocation: _Invocation, id_: str) -> None:
    """Print a letter to the publisher of a source that makes trouble."""
    from aggregator.jobs import appeal

    letter = appeal.run(invocation.house(secrets=False), id_)
    click.echo(letter or f"{id_}: there is nothing to complain about\n", nl=False)


@source.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE.opml")
@click.pass_obj
def source_import(invocation: _Invocation, file: Path) -> None:
    """Add the feeds of an OPML file to feeds.yaml; all else in it stays as it is."""
    from aggregator.jobs import upkeep

    added = upkeep.import_sources(invocation.config_file, file)
    click.echo(f"{len(added)} sources added{': ' if added else ''}{', '.join(added)}")


@source.command("export")
@click.pass_obj
def source_export(invocation: _Invocation) -> None:
    """Print the polled sources as OPML."""
    from aggregator.jobs import upkeep

    click.echo(upkeep.export_sources(invocation.config()).decode(), nl=False)


# --- daemon ----------------------------------------------------------------------------------------------


@cli.command()
@click.pass_obj
def run(invocation: _Invocation) -> None:
    """Go on for ever: visit, publish and mail what is due, and serve the site."""
    from aggregator import daemon

    daemon.run(invocation.config_file, verbose=invocation.verbose)


@cli.command()
@click.pass_obj
def serve(invocation: _Invocation) -> None:
    """Only serve the site."""
    from aggregator import daemon

    daemon.serve(invocation.config_file, verbose=invocation.verbose)


# --- demo ----------------------------------------------------------------------------------------------


@cli.command()
@click.option("--serve", is_flag=True, help="Go on serving the site, so that it can be opened in a browser.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-run"),
    show_default=True,
    help="Folder for feeds.yaml, database and site of the demo; emptied first.",
)
def demo(serve: bool, out: Path) -> None:
    """Run everything once on a recorded community of partners, without any network."""
    from aggregator.demo import play

    play.run(out, serve=serve)
