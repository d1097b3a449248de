"""State significant edits of a story in its entry, in the language of the site (E1)."""

from __future__ import annotations

from aggregator import i18n
from aggregator.model.config import Site
from aggregator.model.stories import Story
from aggregator.text import line

MAX_SUMMARY_CHARACTERS = 300
"""Maximum length of a summary (P3)."""


def note(story: Story, site: Site) -> str | None:
    """Return a sentence about the correction of a story since its announcement, None without one."""
    if story.correction is None:
        return None
    words = i18n.words(site.language)
    day = story.correction.at.astimezone(site.timezone).date()
    sentence = words["corrected"].format(day=i18n.day(day, site.language))
    if story.correction.title_before is None:
        return sentence
    before = line(story.correction.title_before, 100)
    return f"{sentence} {words['before']} {words['quote'].format(title=before)}."


def summary(story: Story, site: Site) -> str:
    """Return the note of a correction, if any, followed by the excerpt, or by the title without one."""
    text = story.lead.excerpt or story.lead.title
    correction = note(story, site)
    return _shorten(f"{correction} {text}") if correction else text


def _shorten(text: str) -> str:
    if len(text) <= MAX_SUMMARY_CHARACTERS:
        return text
    return text[: MAX_SUMMARY_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"
