"""Render the page of coming events and deadlines, which works without scripts (CA7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from aggregator import i18n
from aggregator.model.events import EventKind
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.publishing import paths
from aggregator.publishing.coming import ComingEvent, badge, coming
from aggregator.publishing.site import environment

MAX_LISTED = 300
"""Maximum events on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A choice of events: the fragment that shows only these, which is also their CSS class."""

    name: str
    title: str


def render(publication: Publication) -> PublishedDocument:
    """Render `events/index.html`: deadlines first, then what is coming by month."""
    site = publication.site
    words = i18n.words(site.language)
    listed = coming(publication)[:MAX_LISTED]
    months = [
        (
            i18n.month(
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
    body = (
        environment()
        .get_template("events.html.j2")
        .render(
            site=site,
            words=words,
            language=i18n.known(site.language),
            sections=[(words["deadlines"], deadlines), *months] if deadlines else months,
            kinds=_kinds(listed, words),
            partners=_partners(listed),
            classes=_classes,
            calendars=calendars,
            badge=lambda each: badge(each, site.language),
            editions=publication.editions,
        )
    )
    return PublishedDocument(path=paths.EVENTS, media_type=paths.HTML_TYPE, body=body.encode("utf-8"))


def _classes(event: ComingEvent) -> str:
    return " ".join([_of_kind(event.event.kind), *map(_of_partner, (each.id for each in event.partners))])


def _of_kind(kind: EventKind) -> str:
    return f"kind-{kind}"


def _of_partner(source_id: str) -> str:
    return "by-" + re.sub(r"[^a-z0-9-]", "-", source_id.lower())


def _kinds(listed: Iterable[ComingEvent], words: Mapping[str, str]) -> Sequence[Filter]:
    present = {each.event.kind for each in listed}
    return [Filter(name=_of_kind(kind), title=words[f"kind_{kind}"]) for kind in EventKind if kind in present]


def _partners(listed: Iterable[ComingEvent]) -> Sequence[Filter]:
    names = {_of_partner(each.id): each.name for event in listed for each in event.partners}
    return [
        Filter(name=name, title=title)
        for name, title in sorted(names.items(), key=lambda pair: pair[1].casefold())
    ]
