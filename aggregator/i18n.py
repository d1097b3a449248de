"""Texts that readers see in digests and on pages, in English and German."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

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


_PAGE_WORDS = {
    "en": {
        "skip_to_content": "Skip to the content",
        "pages": "Pages",
        "contact": "Contact",
        "news": "News",
        "search": "Search",
        "status": "Status",
        "to_news": "To the news",
        # Search
        "search_for": "Search: {query}",
        "search_label": "Words in titles and texts",
        "search_button": "Search",
        "search_hint": "Stories with all words are found. Put phrases in “quotation marks”, a minus before words to"
        " exclude, and an asterisk behind the beginning of a word: imag*.",
        "search_filters": "Filters",
        "search_feed": "Subscribe to this search",
        "search_nothing": "No story matches. Try fewer or other words.",
        "search_shortened": "The query is too long: only its first words were searched.",
        "search_bad_date": "“{text}” is not a date and was ignored: write it as 2026-10-05.",
        "found_one": "1 story",
        "found": "{n} stories",
        "found_more": "more than {n} stories; the newest are shown",
        "any": "any",
        "topic": "Topic",
        "partner": "Partner",
        "kind": "Kind",
        "lang": "Language",
        "from_day": "From",
        "to_day": "To",
        "remove_filter": "Remove filter",
        "also_by": "Also published by",
        "result_pages": "Pages of results",
        "previous_page": "Newer",
        "next_page": "More",
        "page_of": "Page {page} of {pages}",
        "kinds": {
            "news": "News",
            "event": "Event",
            "course": "Course",
            "job": "Job",
            "call": "Call",
            "paper": "Paper",
            "newsletter": "Newsletter",
            "release": "Release",
        },
        "languages": {
            "en": "English",
            "de": "German",
            "fr": "French",
            "es": "Spanish",
            "it": "Italian",
            "nl": "Dutch",
            "pt": "Portuguese",
        },
        # Status
        "fresh": "Everything is up to date.",
        "not_fresh": "News may be late: something needs attention.",
        "status_summary": "{stories} stories of {sources} sources. {visit}",
        "last_visit": "The last successful visit was on {moment}.",
        "no_visit": "No source was visited yet.",
        "status_hint": "Each line shows the last {days} days of a source.",
        "sources": "Sources",
        "no_sources": "No sources yet.",
        "day_well": "well",
        "day_mixed": "partly failed",
        "day_failed": "failed",
        "day_none": "not visited",
        "strip": "Last {days} days: {well} well, {mixed} partly failed, {failed} failed, {none} not visited.",
        "stories_a_month": "Stories a month",
        "messages_a_month": "Digest messages a month",
        "bar": "{month}: {n}",
        "last_success": "last read {moment}",
        "never_read": "not read yet",
        "moment": "{day}, {time}",
        "states": {
            "new": "new",
            "ok": "well",
            "failing": "failing",
            "rate_limited": "waiting",
            "needs_review": "under review",
            "moved": "moved",
            "gone": "gone",
            "stale": "quiet",
        },
        "reasons": {
            "rate_limited": "its server asked for fewer visits",
            "needs_review": "new items wait for an editor",
            "moved": "it has a new address",
            "gone": "it was removed at its address",
            "stale": "nothing new for a long time",
            "status": "its server responds with an error ({status})",
            "wall": "its server turns programs away",
            "unreachable": "its server cannot be reached",
            "unreadable": "it cannot be read at present",
        },
        # Errors: heading and explanation
        "errors": {
            301: ("Moved", "This page has another address."),
            400: ("Bad request", "The server did not understand this request."),
            403: ("Not allowed", "This page is not for your network."),
            404: ("Not found", "There is no page at this address."),
            405: ("Method not allowed", "This page can only be read."),
            410: ("No longer published", "This story was withdrawn by its publisher or an editor."),
            413: ("Too large", "The request is larger than this server accepts."),
            500: ("Server error", "Something failed here. It was recorded; please try again later."),
            503: ("Not available at present", "This page cannot be shown now. Please try again in a minute."),
        },
        "too_general": "This search takes too long. Add a word, or write words in full.",
    },
    "de": {
        "skip_to_content": "Zum Inhalt",
        "pages": "Seiten",
        "contact": "Kontakt",
        "news": "Neuigkeiten",
        "search": "Suche",
        "status": "Zustand",
        "to_news": "Zu den Neuigkeiten",
        "search_for": "Suche: {query}",
        "search_label": "Wörter in Titeln und Texten",
        "search_button": "Suchen",
        "search_hint": "Gefunden werden Meldungen mit allen Wörtern. Wendungen in „Anführungszeichen“ setzen, ein Minus"
        " vor Wörter, die nicht vorkommen sollen, ein Sternchen hinter einen Wortanfang: bild*.",
        "search_filters": "Filter",
        "search_feed": "Diese Suche abonnieren",
        "search_nothing": "Keine Meldung passt. Versuchen Sie es mit weniger oder anderen Wörtern.",
        "search_shortened": "Die Anfrage ist zu lang: Nur ihre ersten Wörter wurden gesucht.",
        "search_bad_date": "„{text}“ ist kein Datum und wurde nicht beachtet: Schreiben Sie es als 2026-10-05.",
        "found_one": "1 Meldung",
        "found": "{n} Meldungen",
        "found_more": "mehr als {n} Meldungen; die neuesten sind zu sehen",
        "any": "alle",
        "topic": "Thema",
        "partner": "Partner",
        "kind": "Art",
        "lang": "Sprache",
        "from_day": "Von",
        "to_day": "Bis",
        "remove_filter": "Filter entfernen",
        "also_by": "Auch veröffentlicht von",
        "result_pages": "Ergebnisseiten",
        "previous_page": "Neuere",
        "next_page": "Weitere",
        "page_of": "Seite {page} von {pages}",
        "kinds": {
            "news": "Nachricht",
            "event": "Veranstaltung",
            "course": "Kurs",
            "job": "Stelle",
            "call": "Ausschreibung",
            "paper": "Veröffentlichung",
            "newsletter": "Newsletter",
            "release": "Software-Version",
        },
        "languages": {
            "en": "Englisch",
            "de": "Deutsch",
            "fr": "Französisch",
            "es": "Spanisch",
            "it": "Italienisch",
            "nl": "Niederländisch",
            "pt": "Portugiesisch",
        },
        "fresh": "Alles ist auf dem neuesten Stand.",
        "not_fresh": "Meldungen können sich verspäten: Etwas braucht Aufmerksamkeit.",
        "status_summary": "{stories} Meldungen aus {sources} Quellen. {visit}",
        "last_visit": "Der letzte erfolgreiche Besuch war am {moment}.",
        "no_visit": "Noch keine Quelle wurde besucht.",
        "status_hint": "Jede Zeile zeigt die letzten {days} Tage einer Quelle.",
        "sources": "Quellen",
        "no_sources": "Noch keine Quellen.",
        "day_well": "gut",
        "day_mixed": "teils fehlgeschlagen",
        "day_failed": "fehlgeschlagen",
        "day_none": "nicht besucht",
        "strip": "Letzte {days} Tage: {well} gut, {mixed} teils fehlgeschlagen, {failed} fehlgeschlagen,"
        " {none} nicht besucht.",
        "stories_a_month": "Meldungen im Monat",
        "messages_a_month": "Versandte Newsletter im Monat",
        "bar": "{month}: {n}",
        "last_success": "zuletzt gelesen {moment}",
        "never_read": "noch nicht gelesen",
        "moment": "{day}, {time}",
        "states": {
            "new": "neu",
            "ok": "in Ordnung",
            "failing": "gestört",
            "rate_limited": "wartet",
            "needs_review": "in Prüfung",
            "moved": "umgezogen",
            "gone": "verschwunden",
            "stale": "still",
        },
        "reasons": {
            "rate_limited": "ihr Server bittet um weniger Besuche",
            "needs_review": "neue Beiträge warten auf die Redaktion",
            "moved": "sie hat eine neue Adresse",
            "gone": "unter ihrer Adresse ist nichts mehr",
            "stale": "lange nichts Neues",
            "status": "ihr Server antwortet mit einem Fehler ({status})",
            "wall": "ihr Server weist Programme ab",
            "unreachable": "ihr Server ist nicht zu erreichen",
            "unreadable": "sie ist zurzeit nicht zu lesen",
        },
        "errors": {
            301: ("Umgezogen", "Diese Seite hat eine andere Adresse."),
            400: ("Fehlerhafte Anfrage", "Der Server hat diese Anfrage nicht verstanden."),
            403: ("Nicht erlaubt", "Diese Seite ist nicht für Ihr Netz bestimmt."),
            404: ("Nicht gefunden", "Unter dieser Adresse gibt es keine Seite."),
            405: ("Methode nicht erlaubt", "Diese Seite kann nur gelesen werden."),
            410: (
                "Nicht mehr veröffentlicht",
                "Diese Meldung wurde vom Herausgeber oder der Redaktion zurückgezogen.",
            ),
            413: ("Zu groß", "Die Anfrage ist größer, als dieser Server annimmt."),
            500: (
                "Fehler des Servers",
                "Hier ist etwas fehlgeschlagen und vermerkt. Bitte versuchen Sie es später.",
            ),
            503: (
                "Zurzeit nicht verfügbar",
                "Diese Seite fehlt gerade. Bitte versuchen Sie es in einer Minute.",
            ),
        },
        "too_general": "Diese Suche dauert zu lange. Fügen Sie ein Wort hinzu, oder schreiben Sie Wörter aus.",
    },
}


def page_words(language: str) -> Mapping[str, Any]:
    """Return the phrases of the pages of search, status and errors."""
    return _PAGE_WORDS[known(language)]
