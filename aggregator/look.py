"""Jobs that only look: status, search, one story. They take no lock and change nothing."""

from __future__ import annotations

import logging
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from aggregator import containment
from aggregator.digests import deliver
from aggregator.errors import UnknownName
from aggregator.gateways import files
from aggregator.model.config import Config
from aggregator.model.polling import PolitenessReport, SourceState
from aggregator.model.reports import ContainedStep, FailingJob, SourceHealth, StatusReport
from aggregator.model.stories import Story
from aggregator.polling import politeness
from aggregator.store import channels, deliveries, editorial, runs, set_aside, sources, stories, websub_state
from aggregator.store.connection import Store, moment, opened
from aggregator.text import legal
from aggregator.working import RELEASED, refuse_lost, same_authority

said = logging.getLogger("aggregator.look")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryView:
    """A story with why each of its items is in it."""

    story: Story
    why: dict[str, str]


def status(config: Config) -> StatusReport:
    """How every source is doing, what ran last, what mail is owed."""
    if config.data.is_dir():
        files.close_data(config.data, config.public)
    with _store(config) as store:
        return condition(store, config)


def condition(store: Store, config: Config) -> StatusReport:
    """The same, from a store that is open."""
    count, items = stories.counts(store)
    unplaced, since = stories.oldest_unplaced(store)
    released = moment(runs.get(store, RELEASED))
    unsent = deliveries.counts(store)
    return StatusReport(
        sources=tuple(replace(s, advice=advice(s)) for s in sources.health(store)),
        stories=count,
        items=items,
        subscribers=len({address for digest in config.digests for address in digest.recipients}),
        owed=sum(unsent.pop(state, 0) for state in ("queued", "sending", "deferred")),
        oldest_owed=deliveries.oldest_owed(store),
        parked=unsent,
        runs=tuple(runs.last(store, 5)),
        merge_candidates=tuple(editorial.candidates(store, DOUBTS)),
        relay=deliver.relay_trouble(store, config),
        suppressed=tuple(deliveries.suppressions(store)),
        hub=websub_state.trouble(store) if config.hub else None,
        set_aside=tuple(set_aside.listed(store)),
        unplaced=unplaced,
        unplaced_since=max(since, released) if since and released else since,
        unwritten=channels.unwritten(store),
        failing=tuple(runs.failing(store, at_work=files.is_locked(config.data))),
    )


def politeness_report(config: Config) -> tuple[PolitenessReport, ...]:
    """How every source was treated, replayed from the visit log (CL20)."""
    with _store(config) as store:
        found = {m.source_id: m for m in politeness.replay(sources.visit_log(store))}
    return tuple(found[source.id] for source in config.sources if source.id in found)


_ADVICE = (
    (
        r"wait for an editor",
        "look at them with `aggregator source preview {id}`, then `aggregator source release {id}` or"
        " `aggregator source discard {id}`",
    ),
    (
        r"items are left at once",
        "compare the page with `page`; if it is right as it is, `aggregator source release {id}`",
    ),
    (r"filled in by scripts", "the page shows its news to browsers only: look for a feed or an API"),
    (r"^moved for good", "put the new address into feeds.yaml as the source's `url`"),
    (r"^nothing new since", "look at the partner's site: has its news moved to another feed?"),
    (r"broke the (?:parser|program)", "please report this as a bug of the program, with this line"),
    (r"bot wall", "ask the partner to let our User-Agent through; it names your contact"),
    (r"robots\.txt", "the partner does not want this page to be read by programs: ask for a feed"),
    (r"reading it", "the document is too much for one visit: tell the partner, or disable the source"),
    (
        r"\(404\)|\(410\)",
        "the feed has moved or is gone: look for it (`aggregator source discover`) and mend `url`",
    ),
    (r"\(401\)", "the partner wants a password: ask for one, or for a public feed"),
    (r"\(403\)", "ask the partner to let our User-Agent in; it names your contact"),
    (r"\(429\)|\(503\)", "wait: it is visited again when the server allows it"),
    (
        r"web page, not a feed",
        "`url` leads to a page: find the feed (`aggregator source discover`), or use `kind: page`",
    ),
    (r"not a feed|no JSON Feed|not JSON", "open `url` in a browser: this is no feed any more"),
    (r"layout has probably changed", "compare `page` with the page as it is now and mend the selectors"),
    (r"unknown \(DNS\)|name resolution", "is the host spelled right, and is the network up?"),
    (r"certificate", "the partner's certificate is wrong: tell them"),
    (r"https to http", "ask the partner for a feed over https"),
    (r"redirect", "open `url` in a browser and put the address it ends at into feeds.yaml"),
    (
        r"which leads there",
        "a public server leads to a private one, which is refused: correct `url`, or tell the partner",
    ),
    (r"private address", "if this host is really yours, name it in `fetch.allow_private`"),
    (r"max_bytes", "if the document is right, raise `fetch.max_bytes`"),
    (
        r"no complete answer|refused|reset|cut short|failed:|HTTP framing|interim answers",
        "the partner's server has trouble: wait, then tell them",
    ),
    (r"answered 5", "the partner's server has trouble: wait, then tell them"),
)


def advice(source: SourceHealth) -> str | None:
    """What to do about a source that is not well."""
    if not source.reason:
        return None
    for pattern, words in _ADVICE:
        if re.search(pattern, source.reason):
            return words.replace("{id}", source.id)
    return "look at `url` in a browser"


DOUBTS = 20
"""So many doubtful pairs are listed at most."""
LATE = timedelta(hours=2)
MAIL_LATE = timedelta(days=1)
UNWRITTEN_LATE = timedelta(hours=1)
MIN_FAILED_RUNS = 2
"""Minimum number of runs of a job in a row that did not end well: a single one is mended by the next."""


def troubles(report: StatusReport, now: datetime) -> list[str]:
    """What monitoring should wake somebody for: freshness, not liveness. Empty when all is well."""
    found = []
    if count := overdue(report, now):
        found.append(
            f"{count} of {len(report.sources)} sources were not visited in time: is cron or the daemon running?"
        )
    failing = [s for s in report.sources if s.state in (SourceState.FAILING, SourceState.GONE)]
    if len(failing) * 2 > len(report.sources):
        found.append(f"{len(failing)} of {len(report.sources)} sources are failing")
    if since := unplaced_since(report, now):
        found.append(f"{report.unplaced} items have no story, the oldest since {_minute(since)}")
    if behind := unwritten(report, now):
        found.append(
            f"{len(behind)} channels are not written, the oldest since {_minute(min(behind.values()))}:"
            f" {', '.join(sorted(behind))}"
        )
    found += [
        f"the last {job.runs} runs of {job.job} did not end well, the first at {_minute(job.since)}: {job.reason}"
        for job in failing_jobs(report)
    ]
    if report.oldest_owed and report.oldest_owed < now - MAIL_LATE:
        found.append(f"{report.owed} letters are owed, the oldest since {_minute(report.oldest_owed)}")
    if report.relay and report.relay.since < now - LATE:
        found.append(f"no letter got out since {_minute(report.relay.since)}: {report.relay.reason}")
    found += [containment.said_of(one) for one in report.set_aside if one.step in containment.WHOLE]
    if report.parked:
        parked = ", ".join(f"{count} {state}" for state, count in sorted(report.parked.items()))
        found.append(f"letters wait for a person: {parked}; see `digest owed`")
    return found


def unplaced_since(report: StatusReport, now: datetime) -> datetime | None:
    """Since when an item waits for its story, if that is too long."""
    since = report.unplaced_since
    return since if since and since < now - LATE else None


def unwritten(report: StatusReport, now: datetime) -> dict[str, datetime]:
    """The channels whose files are behind for too long, and since when."""
    return {id_: since for id_, since in report.unwritten.items() if since < now - UNWRITTEN_LATE}


def failing_jobs(report: StatusReport) -> list[FailingJob]:
    """The jobs whose last runs did not end well."""
    return [job for job in report.failing if job.runs >= MIN_FAILED_RUNS]


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def overdue(report: StatusReport, now: datetime) -> int:
    """How many sources nobody visited in time."""
    return sum(source.next_visit is None or source.next_visit < now - LATE for source in report.sources)


def write_metrics(report: StatusReport, target: Path) -> None:
    """The report as Prometheus metrics, for the textfile collector; replaced whole."""
    from aggregator.publishing import metrics

    files.write_text(target, metrics.render(report).decode())


def check_authority(config: Config) -> None:
    """Raise AuthorityChanged if ids were published under another authority (V5); DatabaseLost (see `working`)."""
    refuse_lost(config)
    if (config.data / "aggregator.db").exists():
        with _store(config) as store:
            refuse_lost(config, store)
            same_authority(store, config)


def search(config: Config, query: str, limit: int) -> list[Story]:
    """Stories that contain all words of `query`, best first."""
    with _store(config) as store, store.snapshot():
        contained = containment.Containment(store)
        found = contained.without_broken(
            ContainedStep.SHOWING, stories.search(store, legal(query), limit), partial(stories.read, store)
        )
    for (_, name), reason in contained.broken.items():
        said.warning("the story %s cannot be read (%s)", name, reason)
    return found


def story(config: Config, name: str) -> StoryView:
    """One story, by its id, the beginning of it, or the id of one of its items."""
    with _store(config) as store, store.snapshot():
        return told(store, name)


def told(store: Store, name: str) -> StoryView:
    """The same, in a snapshot of the caller."""
    found = stories.resolve(store, name)
    read = containment.shown(found, lambda: stories.read(store, [found], texts=True)) if found else []
    if not read:
        raise UnknownName(f"no story {name!r}; `aggregator search` finds stories and shows their ids")
    return StoryView(story=read[0], why=stories.why(store, read[0].id))


def _store(config: Config) -> AbstractContextManager[Store]:
    return opened(config.data / "aggregator.db", create=False)


def story_json(told: StoryView) -> dict[str, Any]:
    """A story as one JSON object."""
    shown = told.story
    return {
        "id": shown.id,
        "title": shown.lead.title,
        "kind": shown.kind,
        "topics": shown.topics,
        "hidden": shown.hidden,
        "announced": shown.announced,
        "published": shown.published,
        "updated": shown.updated,
        "items": [
            {
                "id": s.item.id,
                "source": s.publisher.id,
                "lead": s.item.id == shown.lead.id,
                "title": s.item.title,
                "link": s.item.link,
                "guid": s.item.guid,
                "claimed": s.item.claimed,
                "first_seen": s.item.first_seen,
                "language": s.item.language,
                "excerpt": s.item.excerpt,
                "why": told.why.get(s.item.id, ""),
            }
            for s in shown.items
        ],
        "related": [{"story": other, "why": why} for other, why in shown.related],
    }


def story_line(shown: Story) -> dict[str, Any]:
    """A story as one search result."""
    return {
        "story": shown.id,
        "title": shown.lead.title,
        "published": shown.published,
        "source": shown.publisher.id,
        "also": [s.publisher.id for s in shown.also],
        "link": shown.lead.link,
    }


def ago(moment: datetime | None, now: datetime) -> str:
    """How far away a moment is, in words as short as a table needs."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    for limit, unit, worth in (
        (90, "s", 1),
        (5400, "min", 60),
        (172800, "h", 3600),
        (float("inf"), "d", 86400),
    ):
        if size < limit:
            words = f"{round(size / worth)} {unit}"
            return f"{words} ago" if seconds >= 0 else f"in {words}"
    return ""
