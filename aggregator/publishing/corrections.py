"""What an entry says of its own significant edits (E1), in the language of the site."""

from __future__ import annotations

from aggregator import i18n
from aggregator.model.config import Site
from aggregator.model.stories import Story
from aggregator.text import line

MOST = 300
"""Characters of a story in a few words (P3)."""


def note(story: Story, site: Site) -> str | None:
    """A sentence for readers, if the story was corrected since it was announced."""
    if story.correction is None:
        return None
    ours = i18n.words(site.language)
    day = story.correction.at.astimezone(site.timezone).date()
    said = ours["corrected"].format(day=i18n.day(day, site.language))
    if story.correction.title_before is None:
        return said
    before = line(story.correction.title_before, 100)
    return f"{said} {ours['before']} {ours['quote'].format(title=before)}."


def summary(story: Story, site: Site) -> str:
    """A story in a few words (P3): what was corrected, then its excerpt, or its title where it has none."""
    words = story.lead.excerpt or story.lead.title
    said = note(story, site)
    return _cut(f"{said} {words}") if said else words


def _cut(words: str) -> str:
    return words if len(words) <= MOST else words[: MOST - 1].rsplit(" ", 1)[0] + "…"
