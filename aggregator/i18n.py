"""Our own words of the digests in the languages we write: the partners' words stay in theirs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from aggregator import calendar_names
from aggregator.model.digests import EditionEntry, UpdateKind

TOPIC = "topic:"
"""Begins the name of a section that is a topic."""

_WORDS = {
    "en": {
        "news": "News",
        "events": "Events and courses",
        "calls": "Calls and jobs",
        "works": "Papers and releases",
        "letters": "Newsletters",
        "other": "Other news",
        "turned": "Corrected or cancelled",
        "gone": "Withdrawn",
        "also": "also published by",
        "corrected": "Corrected on {day}.",
        "cancelled": "Cancelled, as of {day}.",
        "moved": "Postponed or moved, as of {day}.",
        "withdrawn": "Withdrawn on {day}.",
        "text_only": "The title is the same, the text was changed.",
        "before": "Told before as",
        "quote": "“{title}”",
        "hidden": "This story was withdrawn after the edition was sent.",
        "more": "… and {n} more in the whole edition:",
        "whole": "Read in the browser",
        "one": "one new story",
        "count": "{n} new stories from {m} partners",
        "count_one": "{n} new stories from 1 partner",
        "n_turned": "{n} corrected",
        "n_gone": "{n} withdrawn",
        "why": "You get this because your address is on the list of “{title}”.",
        "stop": "To leave the list, write to",
        "date": "{day} {month} {year}",
        "skip": "Skip to the news",
        "editions": "Editions",
        "all_editions": "All editions",
        "subscribe": "Subscribe: Atom feed",
        "stays": "An edition stays as it was sent; later editions tell what was corrected since.",
        "story": "1 story",
        "stories": "{n} stories",
    },
    "de": {
        "news": "Neuigkeiten",
        "events": "Veranstaltungen und Kurse",
        "calls": "Ausschreibungen und Stellen",
        "works": "Veröffentlichungen",
        "letters": "Rundbriefe",
        "other": "Weitere Neuigkeiten",
        "turned": "Berichtigt oder abgesagt",
        "gone": "Zurückgezogen",
        "also": "auch veröffentlicht von",
        "corrected": "Berichtigt am {day}.",
        "cancelled": "Abgesagt, Stand {day}.",
        "moved": "Verschoben oder verlegt, Stand {day}.",
        "withdrawn": "Zurückgezogen am {day}.",
        "text_only": "Der Titel ist derselbe, der Text wurde geändert.",
        "before": "Bisher gemeldet als",
        "quote": "„{title}“",
        "hidden": "Diese Meldung wurde zurückgezogen, nachdem die Ausgabe verschickt war.",
        "more": "… und {n} weitere in der ganzen Ausgabe:",
        "whole": "Im Browser lesen",
        "one": "eine neue Meldung",
        "count": "{n} neue Meldungen von {m} Partnern",
        "count_one": "{n} neue Meldungen von 1 Partner",
        "n_turned": "{n} berichtigt",
        "n_gone": "{n} zurückgezogen",
        "why": "Sie erhalten diese Mail, weil Ihre Adresse auf der Liste von „{title}“ steht.",
        "stop": "Zum Abbestellen schreiben Sie an",
        "date": "{day}. {month} {year}",
        "skip": "Zu den Meldungen",
        "editions": "Ausgaben",
        "all_editions": "Alle Ausgaben",
        "subscribe": "Abonnieren: Atom-Feed",
        "stays": "Eine Ausgabe bleibt, wie sie verschickt wurde; was seitdem berichtigt wurde, melden spätere.",
        "story": "1 Meldung",
        "stories": "{n} Meldungen",
    },
}


def known(language: str) -> str:
    """The language we write in where `language` is asked for."""
    primary = language.partition("-")[0]
    return primary if primary in _WORDS else "en"


def words(language: str) -> Mapping[str, str]:
    """Every word of ours in a language."""
    return _WORDS[known(language)]


def day(when: date, language: str) -> str:
    """A date in words."""
    months = calendar_names.months(known(language))
    return words(language)["date"].format(day=when.day, month=months[when.month - 1], year=when.year)


def heading(section: str, language: str) -> str:
    """What stands above a section; a topic is its own heading."""
    if section.startswith(TOPIC):
        topic = section.removeprefix(TOPIC)
        return topic[:1].upper() + topic[1:]
    return words(language)[section]


def turn(told: EditionEntry, language: str) -> tuple[str, str]:
    """What became of a story that was told before, and the title it had then, quoted; empty for a new one."""
    ours = words(language)
    if told.turn is None or told.turned is None:
        return "", ""
    said = ours[told.turn].format(day=day(told.turned, language))
    if told.before is None:
        return said, ""
    if told.before == told.title:
        return f"{said} {ours['text_only']}", ""
    return f"{said} {ours['before']}", ours["quote"].format(title=told.before)


def count(number: int, language: str) -> str:
    """How many stories."""
    return words(language)["story"] if number == 1 else words(language)["stories"].format(n=number)


def summary(told: tuple[EditionEntry, ...], language: str) -> str:
    """What an edition holds, in one line."""
    ours = words(language)
    new = [one for one in told if one.turn is None]
    partners = {name for one in new for name in (one.publisher, *one.also)}
    withdrawn = sum(one.turn is UpdateKind.WITHDRAWN for one in told)
    parts = []
    if len(new) == 1:
        parts.append(ours["one"])
    elif new:
        parts.append(ours["count" if len(partners) > 1 else "count_one"].format(n=len(new), m=len(partners)))
    if turned := len(told) - len(new) - withdrawn:
        parts.append(ours["n_turned"].format(n=turned))
    if withdrawn:
        parts.append(ours["n_gone"].format(n=withdrawn))
    return ", ".join(parts)
