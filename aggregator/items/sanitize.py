"""Foreign HTML -> clean HTML with absolute links, and plain text. nh3 does the cleaning; guards stand before it."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

import nh3

from aggregator import urls
from aggregator.text import legal, visible

MAX_CHARACTERS = 512_000
MAX_DEPTH = 100  # nh3 is quadratic on nested tags: 1 MB of <div> took 106 s
EXCERPT = 300  # P3

TAGS = set(
    "a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure"
    " h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary sup table"
    " tbody td tfoot th thead time tr u ul var".split()
)
ATTRIBUTES = {
    "*": {"lang", "dir", "title"},
    "a": {"href", "hreflang"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "time": {"datetime"},
}
SCHEMES = {"http", "https", "mailto"}

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# Void elements nest nothing; the others are closed by what follows them (HTML, "optional tags").
_NOT_NESTING = set(
    "area base br col embed hr img input link meta source track wbr"
    " p li dt dd tr td th tbody thead tfoot option".split()
)
_TAME = set(
    "a b blockquote br code div em figcaption figure h1 h2 h3 h4 h5 h6 i img li ol p span strong ul".split()
)
_SILENT = re.compile(r"<(script|style|template|noscript)\b.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_INLINE = (
    "a abbr b cite code del dfn em font i ins kbd mark q s samp small span strong sub sup time u var".split()
)


def _tag_named(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile(r"</?(?:" + "|".join(names) + r")(?:\s[^<>]*|/)?>", re.IGNORECASE)


_INLINE_TAG = _tag_named(_INLINE)
_OTHER_TAG = _tag_named(
    [*sorted(TAGS - set(_INLINE)), "script", "style", "iframe", "center", "svg", "object", "form"]
)
_INLINE_PAIR = re.compile(rf"<({'|'.join(_INLINE)})(?:\s[^<>]*)?>([^<>]*)</\1>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|$)", re.DOTALL)
_QUOTED = re.compile(r"=\s*(?:\"[^\"]*\"|'[^']*')")  # a tag in an attribute is none
_USERINFO = re.compile(r"(<(?:a|img)\b[^<>]*\b(?:href|src)=\"https?:[/\\]*)[^/\\?#\"<>]*@")
_PIXEL = re.compile(r"<img(?=[^>]*\bwidth=\"[01]\")(?=[^>]*\bheight=\"[01]\")[^>]*>")
_BREAK = re.compile(r"<(?:br|hr)[^>]*>")
_BLOCK_END = re.compile(
    r"</(?:p|div|h[1-6]|blockquote|pre|ul|ol|dl|table|figure|figcaption|details|summary)>"
)
_BLOCK_START = re.compile(r"<(?:p|div|h[1-6]|blockquote|pre|ul|ol|dl|table|figure|details)(?:\s[^>]*)?>")
_PRE = re.compile(r"(<pre(?:\s[^>]*)?>.*?</pre>)", re.DOTALL)
_LIST_ITEM = re.compile(r"<li[^>]*>")
_LINE_END = re.compile(r"</(?:li|tr|dt|dd|caption)>")
_CELL_END = re.compile(r"</t[dh]>")
_ANY_TAG = re.compile(r"<[^<>]*>")  # not past the next <: that would be quadratic
_BARE_AMPERSAND = re.compile(r"&(?!#?\w{1,31};)")


def fragment(text: str, base: str) -> str:
    """`text` as HTML without anything that runs, styles or points elsewhere than http(s) and mailto.

    Relative links are resolved against `base`. Markup nested too deeply is kept as text.
    Cleaning what is clean changes nothing.
    """
    text = text[:MAX_CHARACTERS]
    if text.count("&") > 5_000:
        text = _BARE_AMPERSAND.sub("&amp;", text)  # nh3 is quadratic in references that never end
    if is_deep(text):
        return _as_text(text)
    names = _shape(text)[1]
    cleaned = _cleaned(text, base)
    for _ in range(3 if names - _TAME else 0):
        # What nh3 writes of some markup (a <pre> that begins with a line break, links inside tables) reads
        # differently; clean it until it stays.
        again = _cleaned(cleaned, base)
        if again == cleaned:
            break
        cleaned = again
    if len(cleaned) > 4 * len(text) + 10_000:  # formatting that is never closed multiplies
        return _as_text(text)
    if "@" in cleaned:
        cleaned = _USERINFO.sub(r"\1", cleaned)
    # `&#27;` comes out of nh3 as the character itself, which XML cannot have.
    return legal(_PIXEL.sub("", cleaned)).strip()


def is_deep(text: str) -> bool:
    """Whether markup is nested so deeply that only its words can be kept."""
    return text.count("<") > MAX_DEPTH and _shape(text)[0] > MAX_DEPTH


def _as_text(text: str) -> str:
    """Markup that cannot be kept, as one paragraph of its words."""
    words = legal(html.unescape(_ANY_TAG.sub(" ", _SILENT.sub(" ", text)))).split()
    return paragraphs(" ".join(words))


def _cleaned(text: str, base: str) -> str:
    def cleaned(relative: Literal["deny"] | tuple[Literal["rewrite_with_base"], str]) -> str:
        return nh3.clean(
            text,
            tags=TAGS,
            attributes=ATTRIBUTES,
            url_schemes=SCHEMES,
            link_rel="noopener noreferrer",
            url_relative=relative,
        )

    try:
        return cleaned(("rewrite_with_base", base) if urls.web_link(base) else "deny")
    except ValueError:  # a base that nh3 cannot read costs relative links only
        return cleaned("deny")


def paragraphs(text: str) -> str:
    """Plain text as clean HTML: blank lines part paragraphs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    return "".join(f"<p>{_escaped(part).replace(chr(10), '<br>')}</p>" for part in parts)


def _escaped(text: str) -> str:
    """As nh3 writes it, so that cleaning it changes nothing."""
    return html.escape(text, quote=False).replace("\xa0", "&nbsp;")


def _shape(text: str) -> tuple[int, set[str]]:
    """The deepest nesting of tags and the names of them all, in one pass."""
    depth = deepest = 0
    opened: Counter[str] = Counter()
    for close, written in _TAG.findall(_QUOTED.sub("", _COMMENT.sub("", text))):
        name = written.lower()
        if name in _NOT_NESTING:
            opened[name] += 0
        elif not close:
            opened[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif opened[name]:  # a tag that closes nothing does not lessen the depth
            opened[name] -= 1
            depth -= 1
    return deepest, set(opened)


def plain(cleaned: str) -> str:
    """The text of clean HTML: one blank line between blocks, one line a list item or table row."""
    parts = _PRE.split(cleaned) if "<pre" in cleaned else [cleaned]
    text = "".join(part if n % 2 else re.sub(r"[ \t\r\n\f]+", " ", part) for n, part in enumerate(parts))
    text = _BREAK.sub("\n", text)
    text = _BLOCK_END.sub("\n\n", text)
    text = _BLOCK_START.sub("\n\n", text)
    text = _LIST_ITEM.sub("• ", text)
    text = _LINE_END.sub("\n", text)
    text = _CELL_END.sub(" ", text)
    text = legal(html.unescape(_ANY_TAG.sub("", text))).replace("\xa0", " ")
    text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def title(text: str, *, is_html: bool) -> str:
    """A title as one line of plain text: what a browser would show of it.

    Only known tags go: "<T> in generics" keeps its <T>, and CO<sub>2</sub> stays one word.
    """
    if is_html:
        text = _OTHER_TAG.sub(" ", _INLINE_TAG.sub("", _SILENT.sub(" ", text)))
        # Many publishers escape twice; but "the <script> element" is meant as it stands.
        text = _INLINE_PAIR.sub(r"\2", html.unescape(text))
    return " ".join(visible(legal(text)).split())[:500].rstrip()


_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_TAGS_AT_THE_END = re.compile(r"(?:\s*(?<![\w&])#\w+)+\s*$")
_TO_SOMEBODY = re.compile(r"^(?:(?:RT\s+)?@[\w.@-]+:?(?:\s+|$))+")
_SENTENCE = re.compile(r".{15,}?[.!?…](?=\s+[^\W\d_a-zß-öø-ÿ]|\s*$)")


def headline(text: str, limit: int = 100) -> str:
    """What a text without a title is called: its first sentence, without addresses, greetings and a tail of tags."""
    for paragraph in text[:5_000].split("\n"):
        said = _TAGS_AT_THE_END.sub("", _TO_SOMEBODY.sub("", _ADDRESS.sub("", paragraph).strip()))
        said = re.sub(r"(?<![\w&])#(?=\w)", "", " ".join(said.split())).strip(" :–-")
        if re.search(r"\w", said):
            first = _SENTENCE.match(said)
            return excerpt(first[0] if first and len(first[0]) <= limit else said, limit)
    return excerpt(text, limit)


def excerpt(text: str, limit: int = EXCERPT) -> str:
    """At most `limit` characters of `text` in one line, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    space = cut.rfind(" ")
    if space > limit * 2 // 3:
        cut = cut[:space]
    return cut.rstrip(" .,;:-–—•(") + "…"
