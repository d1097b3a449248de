"""Render the page of upcoming events and deadlines, which works without scripts (CA7)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from aggregator.i18n import formatting, phrases
from aggregator.model.events import EventKind
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.publishing import page_template, paths
from aggregator.publishing.page_template import environment
from aggregator.publishing.upcoming_events import UpcomingEvent, badge, upcoming

MAX_LISTED = 300
"""Maximum events on the page."""
CHOICES = "events/choices.css"
"""The rules that show only chosen events, which depend on the partners of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A choice of events: the fragment that shows only these, which is also their CSS class."""

    name: str
    title: str


def render(publication: Publication) -> list[PublishedDocument]:
    """Render `events/index.html` and its stylesheet: deadlines first, then events by month."""
    site = publication.site
    words = phrases.events(site.language)
    listed = upcoming(publication)[:MAX_LISTED]
    months = [
        (
            formatting.month(
                events[0].first if events[0].first > publication.today else publication.today, site.language
            ),
            events,
        )
        for _, group in groupby(
            (each for each in listed if not each.is_deadline),
            key=lambda each: max(each.first, publication.today).replace(day=1),
        )
        if (events := list(group))
    ]
    deadlines = [each for each in listed if each.is_deadline]
    calendars = [
        (words[name], paths.webcal(site.url + path), site.url + path)
        for path, name in (
            (paths.CALENDAR, "calendar_of_events"),
            (paths.DEADLINES, "calendar_of_deadlines"),
        )
    ]
    choices = [*_kinds(listed, words), *_partners(listed)]
    stylesheet = _stylesheet(choices)
    shared = page_template.context(site, paths.EVENTS, site.language, publication.web_url)
    body = (
        environment()
        .get_template("events.html.j2")
        .render(
            **{**shared, "words": {**phrases.pages(site.language), **words}},
            sections=[(words["deadlines"], deadlines), *months] if deadlines else months,
            kinds=_kinds(listed, words),
            partners=_partners(listed),
            classes=_classes,
            calendars=calendars,
            badge=lambda each: badge(each, site.language),
            editions=publication.editions,
            choices_url=f"{CHOICES.rpartition('/')[2]}?{hashlib.sha256(stylesheet.body).hexdigest()[:12]}",
        )
    )
    page = PublishedDocument(path=paths.EVENTS, media_type=paths.HTML_TYPE, body=body.encode("utf-8"))
    return [page, stylesheet]


def _stylesheet(choices: Iterable[Filter]) -> PublishedDocument:
    """Render the rules that show only chosen events; names are safe in CSS (`_of_partner`)."""
    rules = [
        f"#{name}:target ~ section article:not(.{name}), #{name}:target ~ section:not(:has(.{name}))"
        f" {{ display: none; }}\n#{name}:target ~ .filter a[href='#{name}']"
        " { background: var(--accent); color: var(--paper); border-color: var(--accent); }\n"
        for name in (choice.name for choice in choices)
    ]
    return PublishedDocument(
        path=CHOICES,
        media_type=paths.CSS_TYPE,
        body="".join(["/* Show only chosen events. */\n", *rules]).encode(),
    )


def _classes(event: UpcomingEvent) -> str:
    return " ".join([_of_kind(event.event.kind), *map(_of_partner, (each.id for each in event.partners))])


def _of_kind(kind: EventKind) -> str:
    return f"kind-{kind}"


def _of_partner(source_id: str) -> str:
    return "by-" + re.sub(r"[^a-z0-9-]", "-", source_id.lower())


def _kinds(listed: Iterable[UpcomingEvent], words: Mapping[str, str]) -> Sequence[Filter]:
    present = {each.event.kind for each in listed}
    return [Filter(name=_of_kind(kind), title=words[f"kind_{kind}"]) for kind in EventKind if kind in present]


def _partners(listed: Iterable[UpcomingEvent]) -> Sequence[Filter]:
    names = {_of_partner(each.id): each.name for event in listed for each in event.partners}
    return [
        Filter(name=name, title=title)
        for name, title in sorted(names.items(), key=lambda pair: pair[1].casefold())
    ]
