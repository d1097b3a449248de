"""How letters are laid out: text in 72 columns, HTML of a template with its styles inlined; nothing is fetched."""

from __future__ import annotations

import textwrap
from functools import lru_cache

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined

WIDTH = 72


def wrapped(text: str, *, first: str = "", rest: str = "") -> list[str]:
    """Lines of the text part, each with what it begins with; a word that is too long stays whole."""
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False)


def html(template: str, **values: object) -> str:
    """The HTML part."""
    return _inliner().inline(_environment().get_template(template).render(values))


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    # The media query for dark mode must stay behind; nothing may be fetched.
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
