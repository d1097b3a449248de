"""Render the templates of pages with what all of them share: words, links, languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import lru_cache, partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from aggregator import publishing
from aggregator.i18n import formatting, phrases
from aggregator.model.config import Site
from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import paths, stylesheet

NAVIGATION = (
    ("home", "index.html"),
    ("events", paths.EVENTS),
    ("archive", paths.ARCHIVE_INDEX),
    ("topics", paths.TOPICS),
    ("partners", paths.PARTNERS),
)
"""Words and paths of the pages that every page links to."""
PIECES_IN_PART = 1_000
"""Pieces of text that a template yields and that become one part of a page."""
RIGHT_TO_LEFT = frozenset("ar arc ckb dv fa he ks ps sd syr ug ur yi".split())
"""Languages written from right to left."""
NO_LANGUAGE = re.compile(r"[^A-Za-z0-9-]")


def render(
    template: str, site: Site, path: str, *, web_url: str | None = None, **values: object
) -> PublishedDocument:
    """Render a page at `path`; its links are relative, so that it also works as a local file."""
    body = (
        environment().get_template(template).render(**context(site, path, site.language, web_url), **values)
    )
    return PublishedDocument(path=path, media_type=paths.HTML_TYPE, body=body.encode("utf-8"))


def parts(template: str, site: Site, path: str, *, web_url: str | None, **values: object) -> Iterator[bytes]:
    """Render a page in parts, while its values are read."""
    shared = context(site, path, site.language, web_url)
    stream = environment().get_template(template).stream(**shared, **values)
    stream.enable_buffering(PIECES_IN_PART)
    return (part.encode("utf-8") for part in stream)


def context(site: Site, path: str, language: str, web_url: str | None) -> dict[str, object]:
    """Return what all pages show and use, in a language; `web_url` serves search and status."""
    known = phrases.text_language(language)
    words = phrases.pages(language)

    def day(moment: datetime | date) -> str:
        local = moment.astimezone(site.timezone).date() if isinstance(moment, datetime) else moment
        return formatting.day(local, known)

    def language_name(code: str | None) -> str:
        name: str = words["language_names"].get(_primary(code), code or "")
        return name

    return {
        "site": site,
        "words": words,
        "language": known,
        "root": "../" * path.count("/"),
        "page": path,
        "web_url": web_url,
        "navigation": [(words[name], target) for name, target in NAVIGATION],
        "day": day,
        "language_name": language_name,
        "number": lambda count: formatting.number(count, known),
        "plural": lambda phrase, count: formatting.plural(phrase, count, known),
        "text_attributes": text_attributes_on(known),
        "story_page": paths.story_page,
    }


def text_attributes_on(page_language: str) -> Callable[[str | None], Markup]:
    """Return a function from the language of a text to its attributes `dir` and `lang`."""

    return partial(_text_attributes, page_language)


@lru_cache(maxsize=256)
def _text_attributes(page_language: str, code: str | None) -> Markup:
    return dir_attribute(code) + lang_attribute(code, page_language)


@lru_cache(maxsize=256)
def dir_attribute(code: str | None) -> Markup:
    """Return the attribute `dir` of a text: that of its language, or else `auto`."""
    return Markup(' dir="{}"').format("rtl" if _primary(code) in RIGHT_TO_LEFT else "auto")


@lru_cache(maxsize=256)
def lang_attribute(code: str | None, page_language: str) -> Markup:
    """Return the attribute `lang` of a text that is not in the language of the page, or nothing."""
    if _primary(code) in ("", page_language):
        return Markup()
    return Markup(' lang="{}"').format(NO_LANGUAGE.sub("", code or ""))


def _primary(code: str | None) -> str:
    return NO_LANGUAGE.sub("", code or "").partition("-")[0].lower()


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the template environment of pages."""
    found = Environment(
        loader=PackageLoader("aggregator.publishing"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=publishing.template_cache(),
    )
    found.globals["stylesheet"] = stylesheet.render().path
    return found
