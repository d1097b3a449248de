"""What an entry says of its own significant edits (E1), in the language of the site."""

from __future__ import annotations

from aggregator import wording
from aggregator.model import Site, Story


def note(story: Story, site: Site) -> str | None:
    """A sentence for readers, if the story was corrected since it was announced."""
    if story.correction is None:
        return None
    ours = wording.words(site.language)
    day = story.correction.at.astimezone(site.timezone).date()
    said = ours["corrected"].format(day=wording.day(day, site.language))
    if story.correction.title_before is None:
        return said
    return f"{said} {ours['before']} {ours['quote'].format(title=story.correction.title_before)}."


def summary(story: Story, site: Site) -> str:
    """A story in a few words (P3): what was corrected, then its excerpt, or its title where it has none."""
    words = story.lead.excerpt or story.lead.title
    said = note(story, site)
    return f"{said} {words}" if said else words
