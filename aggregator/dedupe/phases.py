"""Find the phase of an event that an item reports, and whether an edit changed it (EX7)."""

from __future__ import annotations

from aggregator.dedupe.vocabulary.phases import phases
from aggregator.dedupe.vocabulary.words import fold
from aggregator.model.items import Item, KnownItem

IN_TITLE = frozenset({"cancelled", "moved", "extended", "full", "closed", "programme", "over"})
"""Phases of an announcement that make a title a report of its own."""
IN_TEXT = frozenset({"cancelled", "moved", "extended"})
"""Phases that a text states at its beginning without the title."""
MAX_LEADING_CHARACTERS = 200
"""Maximum characters of a text that are read: later text may be about a cancellation policy."""


def reported_phases(title: str, text: str) -> frozenset[str]:
    """Return the phases that a title, or the beginning of a text, names."""
    return phases(fold(title)) & IN_TITLE | phases(fold(text[:MAX_LEADING_CHARACTERS])) & IN_TEXT


def changed_phases(before: KnownItem, after: Item) -> frozenset[str]:
    """Return the phases that an edit added or removed; in titles alone after retention (E1)."""
    texts = (before.text, after.text) if before.text else ("", "")
    return reported_phases(before.title, texts[0]) ^ reported_phases(after.title, texts[1])
