"""Describe an edition: headings of sections, notes on updates, a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aggregator.i18n import event_texts, formatting, phrases

if TYPE_CHECKING:
    from aggregator.model.digests import EditionEntry

TOPIC = "topic:"
"""Prefix of a section that is named by a topic."""


def heading(section: str, language: str) -> str:
    """Return the heading of a section; a topic is its own heading."""
    if section.startswith(TOPIC):
        topic = section.removeprefix(TOPIC)
        return topic[:1].upper() + topic[1:]
    return phrases.headings(language)[section]


def update_note(entry: EditionEntry, language: str) -> tuple[str, str]:
    """Describe the update of an entry: a sentence, and the former title in quotes.

    Both are empty for a new story. The former title is separate because it may be in another language.
    """
    words = phrases.digests(language)
    if entry.update_kind is None or entry.updated_on is None:
        return "", ""
    note = words[entry.update_kind].format(day=formatting.day(entry.updated_on, language))
    if entry.former_title is None:
        return note, ""
    if entry.former_title == entry.title:
        return f"{note} {words['text_only']}", ""
    return f"{note} {words['before']}", words["quote"].format(title=entry.former_title)


def entry_event_line(entry: EditionEntry, language: str, zone: ZoneInfo) -> str:
    """Describe when and where the event of an entry takes place; empty without an event."""
    return event_texts.event_line(entry.event, entry.former_event, language, zone) if entry.event else ""


def summary(entries: Sequence[EditionEntry], language: str) -> str:
    """Summarise in one line how many stories an edition contains."""
    from aggregator.model.digests import EntryReason, UpdateKind  # no page but those of editions needs them

    words = phrases.digests(language)
    closing = sum(entry.reason is EntryReason.CLOSING for entry in entries)
    new = [
        entry for entry in entries if entry.update_kind is None and entry.reason is not EntryReason.CLOSING
    ]
    partners = {name for entry in new for name in (entry.publisher, *entry.also)}
    withdrawn = sum(entry.update_kind is UpdateKind.WITHDRAWN for entry in entries)
    parts = []
    if len(new) == 1:
        parts.append(words["one"])
    elif new:
        parts.append(words["count" if len(partners) > 1 else "count_one"].format(n=len(new), m=len(partners)))
    if closing:
        parts.append(words["n_closing" if closing > 1 else "one_closing"].format(n=closing))
    if updated := len(entries) - len(new) - closing - withdrawn:
        parts.append(words["n_updated"].format(n=updated))
    if withdrawn:
        parts.append(words["n_withdrawn"].format(n=withdrawn))
    return ", ".join(parts)
