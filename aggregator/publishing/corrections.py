"""State significant edits of a story in its entry, in the language of the site (E1)."""

from __future__ import annotations

from aggregator.i18n import event_texts, formatting, phrases
from aggregator.model.config import Site
from aggregator.model.stories import Story
from aggregator.text import line

MAX_SUMMARY_CHARACTERS = 300
"""Maximum length of a summary (P3)."""


def correction_note(story: Story, site: Site, language: str | None = None) -> str | None:
    """Return a sentence about the correction of a story, None if there is none.

    It is in the language of the site if no other one is given.
    """
    if story.correction is None:
        return None
    language = language or site.language
    words = phrases.digests(language)
    day = story.correction.at.astimezone(site.timezone).date()
    sentence = words["corrected"].format(day=formatting.day(day, language))
    if story.correction.title_before is None:
        return sentence
    before = line(story.correction.title_before, 100)
    return f"{sentence} {words['before']} {words['quote'].format(title=before)}."


def event_line(story: Story, site: Site, language: str | None = None) -> str | None:
    """Return when and where the event of a story takes place; None if it has none."""
    if story.event is None:
        return None
    return event_texts.event_line(
        story.event.event, story.event.former, language or site.language, site.timezone
    )


def summary(story: Story, site: Site) -> str:
    """Return event and correction, if any, followed by the excerpt or else the title (CA8)."""
    event = event_line(story, site)
    parts = (
        f"{event}." if event else None,
        correction_note(story, site),
        story.lead.excerpt or story.lead.title,
    )
    text = " ".join(part for part in parts if part)
    return _shorten(text) if event or story.correction else text


def _shorten(text: str) -> str:
    if len(text) <= MAX_SUMMARY_CHARACTERS:
        return text
    return text[: MAX_SUMMARY_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"
