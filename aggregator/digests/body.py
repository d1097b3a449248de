"""An edition -> the letter: text laid out by hand, HTML with its styles inlined, both without tracking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from aggregator import i18n
from aggregator.digests import layout
from aggregator.digests.layout import WIDTH, wrapped
from aggregator.digests.mime import encoded_size
from aggregator.model.config import Site
from aggregator.model.digests import Edition, EditionEntry, MessageBody

MAX_BYTES = 95_000
"""Of text and HTML as they travel; with its headers a letter stays below the 100 KB at which mail programs cut
it off (PB16)."""
LEAST = 400
"""No story takes fewer bytes: what cannot fit in any case is not laid out to find that out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Stories under one heading."""

    title: str
    told: tuple[EditionEntry, ...]


def compose(edition: Edition, site: Site) -> MessageBody:
    """The letter of an edition, with as many stories as it may carry: the same edition gives the same bytes."""
    most = min(len(edition.told), MAX_BYTES // LEAST)
    while True:
        letter = _letter(edition, site, most)
        size = encoded_size(letter.text) + encoded_size(letter.html)
        if size <= MAX_BYTES or most <= 1:
            return letter
        most = int(most * min(0.95, MAX_BYTES / size))


def _letter(edition: Edition, site: Site, most: int) -> MessageBody:
    shown = _first(edition.told, most)
    sections = [
        Section(title=i18n.heading(name, edition.language), told=tuple(told))
        for name, told in groupby(shown, key=lambda told: told.section)
    ]
    more = len(edition.told) - len(shown)
    return MessageBody(
        subject=edition.subject,
        text=_text(edition, site, sections, more),
        html=_html(edition, site, sections, more),
    )


def _first(told: tuple[EditionEntry, ...], most: int) -> list[EditionEntry]:
    """The first `most`, a fair share of each section."""
    shares = []
    for _, section in groupby(enumerate(told), key=lambda numbered: numbered[1].section):
        positions = [n for n, _ in section]
        shares += [((rank + 0.5) / len(positions), n) for rank, n in enumerate(positions)]
    return [told[n] for n in sorted(n for _, n in sorted(shares)[:most])]


def _page(edition: Edition, site: Site) -> str:
    return site.url + edition.path


# --- the text part -------------------------------------------------------------------------------------


def _text(edition: Edition, site: Site, sections: Iterable[Section], more: int) -> str:
    words = i18n.words(edition.language)
    lines = [
        *wrapped(edition.subject, rest="  "),
        *wrapped(i18n.summary(edition.told, edition.language)),
    ]
    lines += ["", f"{words['whole']}:", _page(edition, site), ""]
    for section in sections:
        lines += ["", section.title.upper(), "=" * min(len(section.title), WIDTH), ""]
        for told in section.told:
            lines += [*_story_text(edition, told), ""]
    if more:
        lines += ["", words["more"].format(n=more), _page(edition, site), ""]
    lines += ["-- ", *wrapped(words["why"].format(title=edition.title))]
    lines += [words["stop"], site.contact, site.url]
    return "\n".join(lines) + "\n"


def _story_text(edition: Edition, told: EditionEntry) -> list[str]:
    words = i18n.words(edition.language)
    lines = wrapped(f"* {told.title}", rest="  ")
    lines += wrapped(f"{told.publisher}, {i18n.day(told.day, edition.language)}", first="  ", rest="  ")
    if told.also:
        lines += wrapped(f"({words['also']} {', '.join(told.also)})", first="  ", rest="  ")
    lines += wrapped(" ".join(i18n.turn(told, edition.language)), first="  ", rest="  ")
    lines += wrapped(told.excerpt, first="  ", rest="  ")
    if told.link:
        lines.append(f"  {told.link}")
    return lines


# --- the HTML part -------------------------------------------------------------------------------------


def _html(edition: Edition, site: Site, sections: Iterable[Section], more: int) -> str:
    words: Mapping[str, str] = i18n.words(edition.language)
    return layout.html(
        "digest.html.j2",
        edition=edition,
        site=site,
        page=_page(edition, site),
        sections=sections,
        summary=i18n.summary(edition.told, edition.language),
        more=words["more"].format(n=more) if more else "",
        words=words,
        why=words["why"].format(title=edition.title),
        day=lambda told: i18n.day(told.day, edition.language),
        turn=lambda told: i18n.turn(told, edition.language),
    )
