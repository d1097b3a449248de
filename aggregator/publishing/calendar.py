"""Render events as calendars (RFC 5545, RFC 7986) that widespread clients read (CA2-CA6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Timezone
from icalendar import Event as Component
from icalendar.prop import vDatetime, vDuration, vInt, vText, vUri

from aggregator import __version__
from aggregator.i18n import phrases
from aggregator.model.config import Site
from aggregator.model.events import Attendance, Event, EventKind, EventStatus, StoryEvent, day_of, known_zone
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.stories import Story
from aggregator.publishing import paths
from aggregator.publishing.upcoming_events import own_entries
from aggregator.text import block, line

REFRESH_INTERVAL = timedelta(hours=12)
"""Interval after which clients should read a calendar again."""
COLOUR = "teal"
"""A CSS colour name, as RFC 7986 section 5.9 requires."""
ZONE_YEARS = range(1970, 2100)
"""Years in which times are written in their zone; others are in UTC, as no rules are known."""
MAX_TITLE_CHARACTERS = 300
_STATUS = {
    EventStatus.CANCELLED: "CANCELLED",
    EventStatus.POSTPONED: "TENTATIVE",
    EventStatus.TENTATIVE: "TENTATIVE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What a calendar states about itself."""

    path: str
    title: str
    description: str
    page: str


def render(publication: Publication) -> list[PublishedDocument]:
    """Render the calendar of a channel; that of `all` without deadlines, which have their own."""
    site, channel = publication.site, publication.channel
    if publication.events is None:
        return []
    words = phrases.events(site.language)
    page = paths.url(site, channel, "index.html")
    entries = _own_entries(publication.events)
    if channel.id != "all":
        title = f"{site.title}: {channel.title}"
        head = _Head(path=paths.path(channel, paths.CALENDAR), title=title, description=title, page=page)
        return [_document(site, head, entries)]
    page = site.url + paths.EVENTS.removesuffix("index.html")
    deadlines = [each for each in entries if each[1].event.kind is EventKind.DEADLINE]
    others = [each for each in entries if each[1].event.kind is not EventKind.DEADLINE]
    return [
        _document(
            site,
            _Head(
                path=path,
                title=f"{site.title}: {words[name]}",
                description=words["events_of"].format(title=site.title),
                page=page,
            ),
            chosen,
        )
        for path, name, chosen in (
            (paths.CALENDAR, "calendar_of_events", others),
            (paths.DEADLINES, "calendar_of_deadlines", deadlines),
        )
    ]


def render_story(story: Story, site: Site) -> PublishedDocument:
    """Render the calendar file of one story (CA6)."""
    page = site.url + paths.EVENTS.removesuffix("index.html")
    title = _title(story)
    head = _Head(path=paths.story_calendar(story.id), title=title, description=title, page=page)
    return _document(site, head, _own_entries([story]))


def render_month(
    site: Site, month: str, path: str, stories: Callable[[], Iterable[Story]]
) -> Iterator[bytes]:
    """Render the calendar of the events that were announced in a month (`yyyy-mm`), in parts.

    `stories` is called twice and returns the same stories in the order of the entries, because the zones come first.
    """
    title = f"{site.title}: {month}"
    page = site.url + paths.month_page(month)
    head = _Head(path=path, title=title, description=title, page=page)
    years: dict[ZoneInfo, set[int]] = {}
    for story in stories():
        _add_years(years, _components_of(story, site))
    calendar = _calendar(site, head)
    for zone in _zones(years):
        calendar.add_component(zone)
    yield calendar.to_ical(sorted=False).removesuffix(_END)
    for story in stories():
        yield from (component.to_ical(sorted=False) for component in _components_of(story, site))
    yield _END


_END = b"END:VCALENDAR\r\n"


def _components_of(story: Story, site: Site) -> list[Component]:
    return [component for _, event in _own_entries([story]) for component in _components(story, event, site)]


def first_day(story: Story) -> str | None:
    """Return the first day of a story's calendar entries in ISO 8601; None without an entry."""
    return next((_day(story_event.event) for _, story_event in _own_entries([story])), None)


_Entries = Sequence[tuple[Story, StoryEvent]]


def _own_entries(stories: Iterable[Story]) -> _Entries:
    """Return the events of stories that have a day and a calendar entry of their own, by start."""
    entries = [pair for pair in own_entries(stories) if not pair[1].event.month_only]
    return sorted(entries, key=lambda pair: (_day(pair[1].event), pair[0].id, pair[1].part))


def _day(event: Event) -> str:
    return day_of(event.start).isoformat()


def _document(site: Site, head: _Head, entries: _Entries) -> PublishedDocument:
    calendar = _calendar(site, head)
    components = [component for story, event in entries for component in _components(story, event, site)]
    years: dict[ZoneInfo, set[int]] = {}
    _add_years(years, components)
    for component in (*_zones(years), *components):
        calendar.add_component(component)
    return PublishedDocument(
        path=head.path, media_type=paths.CALENDAR_TYPE, body=calendar.to_ical(sorted=False)
    )


def _calendar(site: Site, head: _Head) -> Calendar:
    """Return a calendar without entries."""
    calendar = Calendar()
    for name, value in (
        ("PRODID", f"-//aggregator//{__version__}//EN"),
        ("VERSION", "2.0"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
        ("NAME", head.title),
        ("X-WR-CALNAME", head.title),
        ("DESCRIPTION", head.description),
        ("X-WR-CALDESC", head.description),
        ("COLOR", COLOUR),
        ("X-PUBLISHED-TTL", "PT12H"),
    ):
        calendar[name] = vText(line(value) or site.url)
    calendar["REFRESH-INTERVAL"] = vDuration(REFRESH_INTERVAL, params={"VALUE": "DURATION"})
    calendar["SOURCE"] = vUri(site.url + head.path, params={"VALUE": "URI"})
    calendar["URL"] = vUri(head.page)
    return calendar


def _components(story: Story, story_event: StoryEvent, site: Site) -> list[Component]:
    """Return the components of an event: one, or one for each date of a series."""
    event = story_event.event
    uid = f"{story.id}-{story_event.part}" if story_event.part else story.id
    if not event.occurrences:
        return [_component(uid, event.start, event.end, story, story_event, site)]
    return [
        _component(f"{uid}-{_date_key(start)}", start, end, story, story_event, site)
        for start, end in story_event.whole.dates
    ]


def _date_key(start: date | datetime) -> str:
    return f"{start:%Y%m%dT%H%M}" if isinstance(start, datetime) else f"{start:%Y%m%d}"


def _component(
    uid: str, start: date | datetime, end: date | datetime, story: Story, story_event: StoryEvent, site: Site
) -> Component:
    event = story_event.event
    component = Component()
    component["UID"] = vText(f"{uid}@{site.authority}")
    component["SEQUENCE"] = vInt(story_event.sequence)
    component["DTSTAMP"] = vDatetime(story_event.changed.astimezone(UTC))
    component["LAST-MODIFIED"] = vDatetime(story_event.changed.astimezone(UTC))
    _add_times(component, event, start, end)
    component["SUMMARY"] = vText(_summary(story, event, site))
    component["DESCRIPTION"] = vText(_description(story))
    if place := _location(event, site):
        component["LOCATION"] = vText(place)
    component["URL"] = vUri(line(story.lead.link) or site.url + paths.EVENTS.removesuffix("index.html"))
    component.add("CATEGORIES", [line(word) or "" for word in (event.kind.value, *story.topics)])
    component["STATUS"] = vText(_STATUS.get(event.status, "CONFIRMED"))
    component["TRANSP"] = vText(
        "TRANSPARENT" if event.all_day or event.kind is EventKind.DEADLINE else "OPAQUE"
    )
    return component


def _summary(story: Story, event: Event, site: Site) -> str:
    """Return the title; that of a deadline differs from the title of the event itself."""
    title = _title(story)
    if event.kind is not EventKind.DEADLINE:
        return title
    label = phrases.events(site.language)["deadline"]
    return title if label.partition(":")[0].casefold() in title.casefold() else label.format(when=title)


def _title(story: Story) -> str:
    return line(story.lead.title, MAX_TITLE_CHARACTERS) or story.id


def _description(story: Story) -> str:
    """Return excerpt, publisher and link, since not all clients show the property URL."""
    parts = (story.lead.excerpt, story.publisher.name, story.lead.link)
    return "\n\n".join(text for part in parts if (text := block(part)))


def _location(event: Event, site: Site) -> str | None:
    if place := line(event.place):
        return place
    return phrases.events(site.language)["online"] if event.attendance is Attendance.ONLINE else None


# --- times ---------------------------------------------------------------------------------------------


def _add_times(component: Component, event: Event, start: date | datetime, end: date | datetime) -> None:
    """Add start and end: dates with an exclusive end, or times in a zone or in UTC (CA4)."""
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        first, last = day_of(start), max(day_of(start), day_of(end))
        component.add("DTSTART", first)
        if last < date.max:
            component.add("DTEND", last + timedelta(days=1))
        return
    zone = known_zone(event.zone)
    moments = (start, end) if end > start else (start,)
    written = [_written(moment, zone) for moment in moments]
    if any(moment.fold for moment in written):
        # A time of day that comes twice means the first one (RFC 5545 section 3.3.5).
        written = [moment.astimezone(UTC) for moment in moments]
    for name, moment in zip(("DTSTART", "DTEND"), written, strict=False):
        component.add(name, moment)


def _written(moment: datetime, zone: ZoneInfo | None) -> datetime:
    """Return a moment in its zone; in UTC if that is unknown or its rules are."""
    if zone is None or zone.key in ("UTC", "Etc/UTC", "GMT") or moment.year not in ZONE_YEARS:
        return moment.astimezone(UTC)
    return moment.astimezone(zone)


def _add_years(years: dict[ZoneInfo, set[int]], components: Iterable[Component]) -> None:
    """Add the years in which times of components are, by their zone."""
    for component in components:
        for name in ("DTSTART", "DTEND"):
            moment = component.decoded(name, None)
            if isinstance(moment, datetime) and isinstance(moment.tzinfo, ZoneInfo):
                years.setdefault(moment.tzinfo, set()).add(moment.year)


def _zones(years: Mapping[ZoneInfo, set[int]]) -> list[Timezone]:
    """Return a definition of each zone for its years."""
    return [
        Timezone.from_tzinfo(zone, first_date=date(min(held), 1, 1), last_date=date(max(held) + 1, 1, 1))
        for zone, held in sorted(years.items(), key=lambda pair: pair[0].key)
    ]
