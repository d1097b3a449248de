"""An edition -> the letter: text laid out by hand, HTML with its styles inlined, both without tracking."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator.editions.message import travelling_size
from aggregator.model import Edition, Kind, Letter, Story

MAX_BYTES = 95_000
"""Of text and HTML as they travel; with its headers a letter stays below the 100 KB at which mail programs cut
it off (PB16)."""
WIDTH = 72

_SECTIONS = (
    ("news", (Kind.NEWS,)),
    ("events", (Kind.EVENT, Kind.COURSE)),
    ("calls", (Kind.CALL, Kind.JOB)),
    ("works", (Kind.PAPER, Kind.RELEASE)),
    ("letters", (Kind.NEWSLETTER,)),
)
_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
}
_WORDS = {
    "en": {
        "news": "News",
        "events": "Events and courses",
        "calls": "Calls and jobs",
        "works": "Papers and releases",
        "letters": "Newsletters",
        "revised": "Corrected since the last edition",
        "also": "also published by",
        "more": "and {n} more at",
        "count": "{n} new stories from {m} partners",
        "count_one": "{n} new stories from 1 partner",
        "one": "one new story",
        "why": "You get this because your address is on the list of “{title}”.",
        "stop": "To leave the list, write to",
        "date": "{day} {month} {year}",
    },
    "de": {
        "news": "Neuigkeiten",
        "events": "Veranstaltungen und Kurse",
        "calls": "Ausschreibungen und Stellen",
        "works": "Veröffentlichungen",
        "letters": "Rundbriefe",
        "revised": "Seit der letzten Ausgabe berichtigt",
        "also": "auch veröffentlicht von",
        "more": "und {n} weitere unter",
        "count": "{n} neue Meldungen von {m} Partnern",
        "count_one": "{n} neue Meldungen von 1 Partner",
        "one": "eine neue Meldung",
        "why": "Sie erhalten diese Mail, weil Ihre Adresse auf der Liste von „{title}“ steht.",
        "stop": "Zum Abbestellen schreiben Sie an",
        "date": "{day}. {month} {year}",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Stories under one heading."""

    title: str
    stories: tuple[Story, ...]


def compose(edition: Edition) -> Letter:
    """The letter of an edition, with as many stories as it may carry: the same edition gives the same bytes."""
    shown, revised = len(edition.stories), len(edition.revised)
    while True:
        letter = _letter(edition, shown, revised)
        size = travelling_size(letter.text) + travelling_size(letter.html)
        if size <= MAX_BYTES or shown + revised <= 1:
            return letter
        share = min(0.95, MAX_BYTES / size)
        shown, revised = int(shown * share), int(revised * share)


def _letter(edition: Edition, most: int, most_revised: int) -> Letter:
    words = _WORDS.get(edition.digest.language, _WORDS["en"])
    shown, revised = edition.stories[:most], edition.revised[:most_revised]
    hidden = len(edition.stories) - len(shown) + len(edition.revised) - len(revised)
    sections = _sections(shown, revised, words)
    return Letter(
        subject=_subject(edition, words),
        text=_text(edition, sections, hidden, words),
        html=_html(edition, sections, hidden, words),
    )


def _sections(shown: Sequence[Story], revised: Sequence[Story], words: dict[str, str]) -> list[Section]:
    sections = [
        Section(title=words[name], stories=tuple(story for story in shown if story.kind in kinds))
        for name, kinds in _SECTIONS
    ]
    sections.append(Section(title=words["revised"], stories=tuple(revised)))
    return [section for section in sections if section.stories]


def _subject(edition: Edition, words: dict[str, str]) -> str:
    # The day it is sent: a first edition, or one after downtime, closes a period that began earlier.
    today = edition.composed.astimezone(edition.digest.timezone).date()
    return f"{edition.digest.title}, {_day(today, edition.digest.language, words)}"


def _day(day: date, language: str, words: dict[str, str]) -> str:
    months = _MONTHS.get(language, _MONTHS["en"])
    return words["date"].format(day=day.day, month=months[day.month - 1], year=day.year)


def _summary(edition: Edition, words: dict[str, str]) -> str:
    count = len(edition.stories)
    partners = len({s.teller.id for story in edition.stories for s in story.sightings})
    if count == 1:
        return words["one"]
    return words["count" if partners > 1 else "count_one"].format(n=count, m=partners)


def _text(edition: Edition, sections: Sequence[Section], hidden: int, words: dict[str, str]) -> str:
    lines = [_subject(edition, words), _summary(edition, words), ""]
    for section in sections:
        lines += ["", section.title.upper(), "=" * len(section.title), ""]
        for story in section.stories:
            lines += [*_story_text(edition, story, words), ""]
    if hidden:
        lines += [f"… {words['more'].format(n=hidden)} {edition.site.url}", ""]
    lines += ["-- ", *textwrap.wrap(words["why"].format(title=edition.digest.title), WIDTH)]
    lines += [f"{words['stop']} {edition.site.contact}", edition.site.url]
    return "\n".join(lines) + "\n"


def _story_text(edition: Edition, story: Story, words: dict[str, str]) -> list[str]:
    day = story.published.astimezone(edition.digest.timezone).date()
    who = f"{story.teller.name}, {_day(day, edition.digest.language, words)}"
    lines = textwrap.wrap(f"* {story.lead.title}", WIDTH, subsequent_indent="  ", break_long_words=False)
    lines += textwrap.wrap(who, WIDTH, initial_indent="  ", subsequent_indent="  ")
    if story.also:
        others = ", ".join(sighting.teller.name for sighting in story.also)
        lines += textwrap.wrap(
            f"({words['also']} {others})", WIDTH, initial_indent="  ", subsequent_indent="  "
        )
    if story.lead.excerpt and story.lead.excerpt != story.lead.title:
        lines += textwrap.wrap(
            story.lead.excerpt, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False
        )
    if story.lead.link:
        lines.append(f"  {story.lead.link}")
    return lines


def _html(edition: Edition, sections: Sequence[Section], hidden: int, words: dict[str, str]) -> str:
    def day_of(story: Story) -> str:
        day = story.published.astimezone(edition.digest.timezone).date()
        return _day(day, edition.digest.language, words)

    page = (
        _environment()
        .get_template("digest.html.j2")
        .render(
            edition=edition,
            digest=edition.digest,
            site=edition.site,
            sections=sections,
            subject=_subject(edition, words),
            summary=_summary(edition, words),
            hidden=hidden,
            more=words["more"].format(n=hidden),
            words=words,
            why=words["why"].format(title=edition.digest.title),
            day_of=day_of,
        )
    )
    return _inliner().inline(page)


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    # The media query for dark mode must stay behind; nothing may be fetched.
    return css_inline.CSSInliner(keep_at_rules=True, keep_style_tags=False, load_remote_stylesheets=False)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("aggregator.editions"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
