"""What an entry says of its own significant edits (E1), in the language of the site."""

from __future__ import annotations

from datetime import date

from aggregator.model import Site, Story
from aggregator.text import line

MOST = 300
"""Characters of a story in a few words (P3)."""

_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
}
_WORDS = {
    "en": (
        "Corrected on {day} {month} {year}.",
        "Corrected on {day} {month} {year}; the title was “{title}”.",
    ),
    "de": (
        "Berichtigt am {day}. {month} {year}.",
        "Berichtigt am {day}. {month} {year}; der Titel war „{title}“.",
    ),
}


def note(story: Story, site: Site) -> str | None:
    """A sentence for readers, if the story was corrected since it was announced."""
    if story.correction is None:
        return None
    language = site.language.partition("-")[0]
    plain, with_title = _WORDS.get(language, _WORDS["en"])
    day: date = story.correction.at.astimezone(site.timezone).date()
    return (with_title if story.correction.title_before else plain).format(
        day=day.day,
        month=_MONTHS.get(language, _MONTHS["en"])[day.month - 1],
        year=day.year,
        title=line(story.correction.title_before, 100),
    )


def summary(story: Story, site: Site) -> str:
    """A story in a few words (P3): what was corrected, then its excerpt, or its title where it has none."""
    words = story.lead.excerpt or story.lead.title
    said = note(story, site)
    return _cut(f"{said} {words}") if said else words


def _cut(words: str) -> str:
    return words if len(words) <= MOST else words[: MOST - 1].rsplit(" ", 1)[0] + "…"
