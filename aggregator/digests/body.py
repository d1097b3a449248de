"""Compose the text part and the HTML part of an edition."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator.digests.mime import encoded_size
from aggregator.i18n import edition_texts, formatting, phrases
from aggregator.model.config import Site
from aggregator.model.digests import Edition, EditionEntry, MessageBody

MAX_BYTES = 95_000
"""Maximum size of both parts as encoded for mail, in bytes.

With headers a message stays below 100 KB, where mail programs cut it off (PB16).
"""
MIN_ENTRY_BYTES = 400
"""Minimum size of an entry in both parts, in bytes; limits the entries of the first attempt."""
LINE_CHARACTERS = 72
"""Maximum length of a line of the text part, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Entries under one heading."""

    title: str
    entries: tuple[EditionEntry, ...]


def compose_body(edition: Edition, site: Site) -> MessageBody:
    """Compose the message body of an edition, with as many entries as fit.

    The same edition gives the same bytes.
    """
    limit = min(len(edition.entries), MAX_BYTES // MIN_ENTRY_BYTES)
    while True:
        body = _compose(edition, site, limit)
        size = size_of(body)
        if size <= MAX_BYTES or limit <= 1:
            return body
        limit = int(limit * min(0.95, MAX_BYTES / size))


def size_of(body: MessageBody) -> int:
    """Return the size of both parts as encoded for mail, in bytes."""
    return encoded_size(body.text) + encoded_size(body.html)


def _compose(edition: Edition, site: Site, limit: int) -> MessageBody:
    shown = _first(edition.entries, limit)
    sections = [
        Section(title=edition_texts.heading(name, edition.language), entries=tuple(entries))
        for name, entries in groupby(shown, key=lambda entry: entry.section)
    ]
    omitted = len(edition.entries) - len(shown)
    return MessageBody(
        subject=edition.subject,
        text=_text(edition, site, sections, omitted),
        html=_html(edition, site, sections, omitted),
    )


def _first(entries: tuple[EditionEntry, ...], limit: int) -> list[EditionEntry]:
    """Return the first entries of each section, in proportion to its size."""
    shares = []
    for _, section in groupby(enumerate(entries), key=lambda numbered: numbered[1].section):
        positions = [n for n, _ in section]
        shares += [((rank + 0.5) / len(positions), n) for rank, n in enumerate(positions)]
    return [entries[n] for n in sorted(n for _, n in sorted(shares)[:limit])]


def _page_url(edition: Edition, site: Site) -> str:
    return site.url + edition.path


# --- the text part -------------------------------------------------------------------------------------


def _text(edition: Edition, site: Site, sections: Iterable[Section], omitted: int) -> str:
    words = phrases.digests(edition.language)
    lines = [
        *wrapped(edition.subject, rest="  "),
        *wrapped(edition_texts.summary(edition.entries, edition.language)),
    ]
    lines += ["", f"{words['whole']}:", _page_url(edition, site), ""]
    for section in sections:
        lines += [*text_heading(section.title)]
        for entry in section.entries:
            lines += [*_entry_text(edition, entry, site), ""]
    if omitted:
        lines += ["", words["more"].format(n=omitted), _page_url(edition, site), ""]
    lines += ["-- ", *wrapped(words["why"].format(title=edition.title))]
    lines += [words["stop"], site.contact, site.url]
    return "\n".join(lines) + "\n"


def _entry_text(edition: Edition, entry: EditionEntry, site: Site) -> list[str]:
    lines = wrapped(f"* {entry.title}", rest="  ")
    lines += wrapped(
        edition_texts.entry_event_line(entry, edition.language, site.timezone), first="  ", rest="  "
    )
    lines += wrapped(
        f"{entry.publisher}, {formatting.day(entry.day, edition.language)}", first="  ", rest="  "
    )
    if entry.also:
        lines += wrapped(
            f"({phrases.pages(edition.language)['also']} {', '.join(entry.also)})", first="  ", rest="  "
        )
    lines += wrapped(" ".join(edition_texts.update_note(entry, edition.language)), first="  ", rest="  ")
    lines += wrapped(entry.excerpt, first="  ", rest="  ")
    if entry.link:
        lines.append(f"  {entry.link}")
    return lines


def text_heading(title: str) -> list[str]:
    """Return the lines of a heading in the text part."""
    return ["", title.upper(), "=" * min(len(title), LINE_CHARACTERS), ""]


def wrapped(text: str, *, first: str = "", rest: str = "") -> list[str]:
    """Wrap text, with a prefix of the first line and one of the rest; long words stay whole."""
    return textwrap.wrap(
        text, LINE_CHARACTERS, initial_indent=first, subsequent_indent=rest, break_long_words=False
    )


# --- the HTML part -------------------------------------------------------------------------------------


def _html(edition: Edition, site: Site, sections: Iterable[Section], omitted: int) -> str:
    words = phrases.digests(edition.language)
    return render_html(
        "digest.html.j2",
        edition=edition,
        site=site,
        page=_page_url(edition, site),
        sections=sections,
        summary=edition_texts.summary(edition.entries, edition.language),
        more=words["more"].format(n=omitted) if omitted else "",
        words={**phrases.pages(edition.language), **words},
        why=words["why"].format(title=edition.title),
        day=lambda entry: formatting.day(entry.day, edition.language),
        update_note=lambda entry: edition_texts.update_note(entry, edition.language),
        when=lambda entry: edition_texts.entry_event_line(entry, edition.language, site.timezone),
    )


def render_html(template: str, **values: object) -> str:
    """Render a template of this package, with its styles inlined."""
    return _inliner().inline(_environment().get_template(template).render(values))


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    # Only a style sheet can have the media query for dark mode; a message must not load anything.
    return css_inline.CSSInliner(keep_at_rules=True, keep_style_tags=False, load_remote_stylesheets=False)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("aggregator.digests"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
