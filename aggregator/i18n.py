"""Texts that readers see in digests and on edition pages, in English and German."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from aggregator import calendar_names
from aggregator.model.digests import EditionEntry, UpdateKind

TOPIC = "topic:"
"""Prefix of a section that is named by a topic."""

_HEADINGS = {
    "en": {
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
        "withdrawn": "Withdrawn on {day}.",
        "text_only": "The title is unchanged; the text was revised.",
        "before": "Previous title:",
        "quote": "“{title}”",
        "hidden": "This story was withdrawn after the edition was sent.",
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
        "withdrawn": "Zurückgezogen am {day}.",
        "text_only": "Der Titel ist unverändert, der Text wurde überarbeitet.",
        "before": "Bisheriger Titel:",
        "quote": "„{title}“",
        "hidden": "Diese Meldung wurde nach dem Versand der Ausgabe zurückgezogen.",
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


def known(language: str) -> str:
    """Return the language used for `language`: its primary subtag, or English."""
    primary = language.partition("-")[0]
    return primary if primary in _WORDS else "en"


def words(language: str) -> Mapping[str, str]:
    """Return all phrases in a language."""
    return _WORDS[known(language)]


def day(when: date, language: str) -> str:
    """Format a date with the name of its month."""
    months = calendar_names.months(known(language))
    return words(language)["date"].format(day=when.day, month=months[when.month - 1], year=when.year)


def heading(section: str, language: str) -> str:
    """Return the heading of a section; a topic is its own heading."""
    if section.startswith(TOPIC):
        topic = section.removeprefix(TOPIC)
        return topic[:1].upper() + topic[1:]
    return _HEADINGS[known(language)][section]


def update_note(entry: EditionEntry, language: str) -> tuple[str, str]:
    """Describe the update of an entry: a sentence, and the former title in quotes.

    Both are empty for a new story. The former title is separate because it may be in another language.
    """
    phrases = words(language)
    if entry.update_kind is None or entry.updated_on is None:
        return "", ""
    note = phrases[entry.update_kind].format(day=day(entry.updated_on, language))
    if entry.former_title is None:
        return note, ""
    if entry.former_title == entry.title:
        return f"{note} {phrases['text_only']}", ""
    return f"{note} {phrases['before']}", phrases["quote"].format(title=entry.former_title)


def count(number: int, language: str) -> str:
    """Return a number of stories in words."""
    return words(language)["story"] if number == 1 else words(language)["stories"].format(n=number)


def summary(entries: Sequence[EditionEntry], language: str) -> str:
    """Summarise in one line how many stories an edition contains."""
    phrases = words(language)
    new = [entry for entry in entries if entry.update_kind is None]
    partners = {name for entry in new for name in (entry.publisher, *entry.also)}
    withdrawn = sum(entry.update_kind is UpdateKind.WITHDRAWN for entry in entries)
    parts = []
    if len(new) == 1:
        parts.append(phrases["one"])
    elif new:
        parts.append(
            phrases["count" if len(partners) > 1 else "count_one"].format(n=len(new), m=len(partners))
        )
    if updated := len(entries) - len(new) - withdrawn:
        parts.append(phrases["n_updated"].format(n=updated))
    if withdrawn:
        parts.append(phrases["n_withdrawn"].format(n=withdrawn))
    return ", ".join(parts)
