"""Texts that readers see in digests and on pages, in English and German."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aggregator import calendar_names
from aggregator.model.events import Attendance, Event, EventKind, EventStatus, day_of

if TYPE_CHECKING:
    from aggregator.model.digests import EditionEntry

TOPIC = "topic:"
"""Prefix of a section that is named by a topic."""

_HEADINGS = {
    "en": {
        "closing": "Closing soon",
        "coming": "Coming up",
        "news": "News",
        "events": "Events and courses",
        "calls": "Calls and jobs",
        "works": "Papers and releases",
        "newsletters": "Newsletters",
        "other": "Other news",
        "updates": "Corrected or cancelled",
        "withdrawn": "Withdrawn",
    },
    "de": {
        "closing": "Bald endende Fristen",
        "coming": "Demnächst",
        "news": "Neuigkeiten",
        "events": "Veranstaltungen und Kurse",
        "calls": "Ausschreibungen und Stellen",
        "works": "Veröffentlichungen",
        "newsletters": "Newsletter",
        "other": "Weitere Neuigkeiten",
        "updates": "Berichtigt oder abgesagt",
        "withdrawn": "Zurückgezogen",
    },
}
_WORDS = {
    "en": {
        "date": "{day} {month} {year}",
        # What an edition contains
        "one": "one new story",
        "count": "{n} new stories from {m} partners",
        "count_one": "{n} new stories from 1 partner",
        "n_updated": "{n} corrected or cancelled",
        "n_withdrawn": "{n} withdrawn",
        "story": "1 story",
        "stories": "{n} stories",
        # A story and its update
        "also": "also published by",
        "corrected": "Corrected on {day}.",
        "cancelled": "Cancelled (as of {day}).",
        "moved": "Postponed or moved (as of {day}).",
        "extended": "Deadline extended (as of {day}).",
        "withdrawn": "Withdrawn on {day}.",
        "text_only": "The title is unchanged; the text was revised.",
        "before": "Previous title:",
        "quote": "“{title}”",
        "hidden": "This story was withdrawn after the edition was sent.",
        # When and where something takes place
        "days": "{first}–{last} {month} {year}",
        "time": "{start}",
        "times": "{start}–{end}",
        "online": "online",
        "also_online": "{place} and online",
        "deadline": "Deadline: {when}",
        "event_tentative": "Not yet confirmed: {when}",
        "event_cancelled": "Cancelled: {when}",
        "event_postponed": "Postponed: {when}",
        "event_rescheduled": "New date: {when}",
        "event_moved-online": "Moved online: {when}",
        "event_extended": "Deadline extended: {when}",
        "formerly": "{when} (previously {former})",
        "further_dates": "{when} and {n} further dates",
        "further_date": "{when} and 1 further date",
        "n_closing": "{n} deadlines closing soon",
        "one_closing": "one deadline closing soon",
        # The page of events
        "events": "Events and deadlines",
        "events_of": "What the partners of {title} announce, also for your calendar.",
        "deadlines": "Deadlines",
        "skip_events": "Skip to the events",
        "no_events": "Nothing is announced at present. What a partner announces with its date appears here.",
        "filter": "Show",
        "everything": "Everything",
        "partners": "Partners",
        "kind_event": "Events",
        "kind_course": "Courses",
        "kind_deadline": "Deadlines",
        "label_event": "event",
        "label_course": "course",
        "label_deadline": "deadline",
        "add": "Add to calendar",
        "calendar": "Calendar",
        "calendar_of_events": "Calendar of events",
        "calendar_of_deadlines": "Calendar of deadlines",
        "open_in_app": "open in a calendar app",
        "how": "The first link opens a calendar app, which then follows every change. Copy the second one for"
        " Google Calendar (“From URL”) or Outlook (“Subscribe from web”).",
        "all_events": "All events and deadlines",
        "past_stay": "Past events stay in the calendars for a year.",
        # The rest of a message
        "more": "… and {n} more in the full edition:",
        "whole": "Read in your browser",
        "why": "You are receiving this message because your address is on the mailing list “{title}”.",
        "stop": "To unsubscribe, write to",
        # The rest of the edition pages
        "skip": "Skip to the stories",
        "editions": "Editions",
        "all_editions": "All editions",
        "subscribe": "Subscribe: Atom feed",
        "stays": "An edition stays as it was sent; corrections appear in later editions.",
    },
    "de": {
        "date": "{day}. {month} {year}",
        "one": "eine neue Meldung",
        "count": "{n} neue Meldungen von {m} Partnern",
        "count_one": "{n} neue Meldungen von 1 Partner",
        "n_updated": "{n} berichtigt oder abgesagt",
        "n_withdrawn": "{n} zurückgezogen",
        "story": "1 Meldung",
        "stories": "{n} Meldungen",
        "also": "auch veröffentlicht von",
        "corrected": "Berichtigt am {day}.",
        "cancelled": "Abgesagt (Stand: {day}).",
        "moved": "Verschoben oder verlegt (Stand: {day}).",
        "extended": "Frist verlängert (Stand: {day}).",
        "withdrawn": "Zurückgezogen am {day}.",
        "text_only": "Der Titel ist unverändert, der Text wurde überarbeitet.",
        "before": "Bisheriger Titel:",
        "quote": "„{title}“",
        "hidden": "Diese Meldung wurde nach dem Versand der Ausgabe zurückgezogen.",
        "days": "{first}.–{last}. {month} {year}",
        "time": "{start} Uhr",
        "times": "{start}–{end} Uhr",
        "online": "online",
        "also_online": "{place} und online",
        "deadline": "Frist: {when}",
        "event_tentative": "Noch nicht bestätigt: {when}",
        "event_cancelled": "Abgesagt: {when}",
        "event_postponed": "Verschoben: {when}",
        "event_rescheduled": "Neuer Termin: {when}",
        "event_moved-online": "Findet online statt: {when}",
        "event_extended": "Frist verlängert: {when}",
        "formerly": "{when} (bisher {former})",
        "further_dates": "{when} und {n} weitere Termine",
        "further_date": "{when} und 1 weiterer Termin",
        "n_closing": "{n} bald endende Fristen",
        "one_closing": "eine bald endende Frist",
        "events": "Termine und Fristen",
        "events_of": "Was die Partner von {title} ankündigen, auch für Ihren Kalender.",
        "deadlines": "Fristen",
        "skip_events": "Zu den Terminen",
        "no_events": "Zurzeit ist nichts angekündigt. Hier steht, was ein Partner mit Datum ankündigt.",
        "filter": "Auswahl",
        "everything": "Alles",
        "partners": "Partner",
        "kind_event": "Veranstaltungen",
        "kind_course": "Kurse",
        "kind_deadline": "Fristen",
        "label_event": "Veranstaltung",
        "label_course": "Kurs",
        "label_deadline": "Frist",
        "add": "In den Kalender",
        "calendar": "Kalender",
        "calendar_of_events": "Kalender der Termine",
        "calendar_of_deadlines": "Kalender der Fristen",
        "open_in_app": "in der Kalender-App öffnen",
        "how": "Der erste Link öffnet die Kalender-App, die dann jeder Änderung folgt. Den zweiten kopieren Sie für"
        " Google Kalender („Per URL“) oder Outlook („Aus dem Internet abonnieren“).",
        "all_events": "Alle Termine und Fristen",
        "past_stay": "Vergangene Termine bleiben ein Jahr lang in den Kalendern.",
        "more": "… und {n} weitere in der vollständigen Ausgabe:",
        "whole": "Im Browser lesen",
        "why": "Sie erhalten diese E-Mail, weil Ihre Adresse im Verteiler „{title}“ steht.",
        "stop": "Zum Abbestellen schreiben Sie an",
        "skip": "Zu den Meldungen",
        "editions": "Ausgaben",
        "all_editions": "Alle Ausgaben",
        "subscribe": "Abonnieren: Atom-Feed",
        "stays": "Eine Ausgabe bleibt, wie sie verschickt wurde; Berichtigungen stehen in späteren Ausgaben.",
    },
}


def text_language(language: str) -> str:
    """Return the language used for `language`: its primary subtag, or English."""
    primary = language.partition("-")[0]
    return primary if primary in _WORDS else "en"


def digest_words(language: str) -> Mapping[str, str]:
    """Return all phrases in a language."""
    return _WORDS[text_language(language)]


def day(when: date, language: str) -> str:
    """Format a date with the name of its month."""
    months = calendar_names.months(text_language(language))
    return digest_words(language)["date"].format(day=when.day, month=months[when.month - 1], year=when.year)


def short_day(when: date, language: str) -> str:
    """Format a date with the shortened name of its month."""
    months = calendar_names.month_labels(text_language(language))
    return digest_words(language)["date"].format(day=when.day, month=months[when.month - 1], year=when.year)


def month(when: date, language: str) -> str:
    """Return month and year."""
    return f"{month_name(when.month, language)} {when.year}"


def month_name(month: int, language: str) -> str:
    """Return the name of a month."""
    return calendar_names.months(text_language(language))[month - 1]


def event_line(event: Event, former: Event | None, language: str, zone: ZoneInfo) -> str:
    """Describe when and where an event takes place, its status, and what it was before a change.

    `zone` is that of the site, for times whose source states no zone. Of a series, the next date is named.
    """
    phrases = digest_words(language)
    place = _event_place(event, language)
    when = _event_dates(event, event.dates[0], language, zone)
    line = f"{when}, {place}" if place else when
    if event.occurrences[1:]:
        more = len(event.occurrences) - 1
        line = phrases["further_dates" if more > 1 else "further_date"].format(when=line, n=more)
    if former:
        before = [_former_dates(event, former, language, zone), _event_place(former, language)]
        changed = [text for text, now in zip(before, (when, place), strict=True) if text and text != now]
        line = phrases["formerly"].format(when=line, former=", ".join(changed)) if changed else line
    if event.kind is EventKind.DEADLINE and event.status is not EventStatus.EXTENDED:
        line = phrases["deadline"].format(when=line)
    if event.status is EventStatus.SCHEDULED:
        return line
    return phrases[f"event_{event.status}"].format(when=line)


def _event_place(event: Event, language: str) -> str:
    phrases = digest_words(language)
    if event.attendance is Attendance.ONLINE:
        return phrases["online"]
    if event.attendance is Attendance.BOTH and event.place:
        return phrases["also_online"].format(place=event.place)
    return event.place or ""


def _former_dates(event: Event, former: Event, language: str, zone: ZoneInfo) -> str:
    """Return when an event was before a change, empty if its first date is the same.

    Of a series, that is its date nearest to the next one; empty if its known dates end before that.
    """
    first, former_first = (
        _event_dates(each, (each.start, each.end), language, zone) for each in (event, former)
    )
    start, end = event.dates[0]
    if first == former_first or (former.occurrences and day_of(former.occurrences[-1]) < day_of(start)):
        return ""
    nearest = min(
        former.dates, key=lambda dates: (abs(day_of(dates[0]) - day_of(start)), dates != (start, end))
    )
    return _event_dates(former, nearest, language, zone)


def _event_dates(
    event: Event, dates: tuple[date | datetime, date | datetime], language: str, zone: ZoneInfo
) -> str:
    """Format one of the dates of an event, with its times and the abbreviation of its zone."""
    here = replace(event, start=dates[0], end=dates[1]).local(zone)
    first, last = day_of(here.start), day_of(here.end)
    if event.month_only:
        return month(first, language)
    days = _days(first, last, language)
    if not isinstance(here.start, datetime) or not isinstance(here.end, datetime):
        return days
    start, end = f"{here.start:%H:%M}", f"{here.end:%H:%M}"
    form = "times" if last >= first and here.end > here.start else "time"
    return f"{days}, {digest_words(language)[form].format(start=start, end=end)} {here.start.tzname() or ''}".rstrip()


def _days(first: date, last: date, language: str) -> str:
    if last <= first:
        return day(first, language)
    if (first.year, first.month) == (last.year, last.month):
        return digest_words(language)["days"].format(
            first=first.day,
            last=last.day,
            month=calendar_names.months(text_language(language))[first.month - 1],
            year=first.year,
        )
    start = day(first, language)
    if first.year == last.year:
        start = start.removesuffix(f" {first.year}")
    return f"{start} – {day(last, language)}"


def heading(section: str, language: str) -> str:
    """Return the heading of a section; a topic is its own heading."""
    if section.startswith(TOPIC):
        topic = section.removeprefix(TOPIC)
        return topic[:1].upper() + topic[1:]
    return _HEADINGS[text_language(language)][section]


def update_note(entry: EditionEntry, language: str) -> tuple[str, str]:
    """Describe the update of an entry: a sentence, and the former title in quotes.

    Both are empty for a new story. The former title is separate because it may be in another language.
    """
    phrases = digest_words(language)
    if entry.update_kind is None or entry.updated_on is None:
        return "", ""
    note = phrases[entry.update_kind].format(day=day(entry.updated_on, language))
    if entry.former_title is None:
        return note, ""
    if entry.former_title == entry.title:
        return f"{note} {phrases['text_only']}", ""
    return f"{note} {phrases['before']}", phrases["quote"].format(title=entry.former_title)


def entry_event_line(entry: EditionEntry, language: str, zone: ZoneInfo) -> str:
    """Describe when and where the event of an entry takes place; empty without an event."""
    return event_line(entry.event, entry.former_event, language, zone) if entry.event else ""


def story_count(number: int, language: str) -> str:
    """Return a number of stories in words."""
    return (
        digest_words(language)["story"] if number == 1 else digest_words(language)["stories"].format(n=number)
    )


def summary(entries: Sequence[EditionEntry], language: str) -> str:
    """Summarise in one line how many stories an edition contains."""
    from aggregator.model.digests import EntryReason, UpdateKind  # no page but those of editions needs them

    phrases = digest_words(language)
    closing = sum(entry.reason is EntryReason.CLOSING for entry in entries)
    new = [
        entry for entry in entries if entry.update_kind is None and entry.reason is not EntryReason.CLOSING
    ]
    partners = {name for entry in new for name in (entry.publisher, *entry.also)}
    withdrawn = sum(entry.update_kind is UpdateKind.WITHDRAWN for entry in entries)
    parts = []
    if len(new) == 1:
        parts.append(phrases["one"])
    elif new:
        parts.append(
            phrases["count" if len(partners) > 1 else "count_one"].format(n=len(new), m=len(partners))
        )
    if closing:
        parts.append(phrases["n_closing" if closing > 1 else "one_closing"].format(n=closing))
    if updated := len(entries) - len(new) - closing - withdrawn:
        parts.append(phrases["n_updated"].format(n=updated))
    if withdrawn:
        parts.append(phrases["n_withdrawn"].format(n=withdrawn))
    return ", ".join(parts)


@cache
def page_words(language: str) -> Mapping[str, Any]:
    """Return the phrases of pages (page_words.json); those of errors by status."""
    phrases: dict[str, Any] = json.loads(Path(__file__).with_name("page_words.json").read_bytes())
    words = phrases[text_language(language)]
    return {**words, "errors": {int(status): tuple(texts) for status, texts in words["errors"].items()}}


@cache
def finding_words(language: str) -> Mapping[str, Mapping[str, str]]:
    """Return the sentence and the fix of each finding of a feed (finding_words.json), by code."""
    phrases: dict[str, dict[str, dict[str, str]]] = json.loads(
        Path(__file__).with_name("finding_words.json").read_bytes()
    )
    return phrases[text_language(language)]


def format_number(count: int, language: str) -> str:
    """Format a whole number with the separator of thousands."""
    return f"{count:,}" if text_language(language) == "en" else f"{count:,}".replace(",", ".")


def format_decimal(value: float, language: str) -> str:
    """Format a number with one decimal."""
    return f"{value:.1f}" if text_language(language) == "en" else f"{value:.1f}".replace(".", ",")


def plural(phrase: str, count: int, language: str) -> str:
    """Return a phrase of pages that depends on a number; English and German have two forms."""
    forms = page_words(language)[phrase]
    text: str = forms["one" if count == 1 else "other"]
    return text.format(n=format_number(count, language))
