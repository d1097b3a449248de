"""Clean foreign HTML with nh3, within limits on size and depth, and make plain text of it."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import nh3

from aggregator import urls
from aggregator.items import lazy_images
from aggregator.items.caches import MAX_TEXT_CHARACTERS, cached
from aggregator.text import legal, visible

MAX_CHARACTERS = 512_000
"""Maximum length of a text; the rest is cut off."""
MAX_DEPTH = 100
"""Maximum nesting of tags: nh3 is quadratic in it, and 1 MB of <div> took 106 s."""
MAX_PASSES = 9
"""Maximum number of further cleanings; markup that they still change becomes text."""
MAX_EXCERPT_CHARACTERS = 300
"""Maximum length of an excerpt (P3)."""

TAGS = set(
    "a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure"
    " h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary sup table"
    " tbody td tfoot th thead time tr u ul var".split()
)
ATTRIBUTES = {
    "*": {"lang", "dir", "title"},
    "a": {"href", "hreflang"},
    "img": {"src", "alt", "width", "height", *lazy_images.ATTRIBUTES},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "time": {"datetime"},
}
_WITHOUT_WORDS = {"script", "style", "noscript"}
"""Elements removed with their content; <noscript> repeats what scripts load."""
SCHEMES = {"http", "https", "mailto"}

_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*)")
# Void elements contain nothing; the next tag closes the others (HTML, section "Optional tags").
_NOT_NESTING = set(
    "area base br col embed hr img input link meta source track wbr"
    " p li dt dd tr td th tbody thead tfoot option".split()
)
# Parsed alike wherever they stand, if each is closed in the element that it was opened in.
_STABLE = frozenset(
    "a b blockquote br code div em figcaption figure h1 h2 h3 h4 h5 h6 i img li ol p span strong ul".split()
)
_PRE_BEGINS = re.compile(r"(<pre\b[^<>]*>)\n+")
_INVISIBLE = re.compile(r"<(script|style|template|noscript)\b.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_INLINE = (
    "a abbr b cite code del dfn em font i ins kbd mark q s samp small span strong sub sup time u var".split()
)


def _tag_named(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile(r"</?(?:" + "|".join(names) + r")(?:\s[^<>]*|/)?>", re.IGNORECASE)


_MATH = (
    "math mi mn mo ms mtext mspace mrow mfrac msqrt mroot mstyle merror mpadded mphantom mfenced menclose msub msup"
    " msubsup munder mover munderover mmultiscripts mprescripts mtable mtr mlabeledtr mtd semantics"
).split()
_MATH_TAG = _tag_named([*_MATH, *(f"\\w+:{name}" for name in _MATH)])
_MATH_ANNOTATION = re.compile(r"<(annotation(?:-xml)?)\b[^<>]*>.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
"""The same formula in another language, such as TeX."""
_INLINE_TAG = _tag_named(_INLINE)
_OTHER_TAG = _tag_named(
    [*sorted(TAGS - set(_INLINE)), "script", "style", "iframe", "center", "svg", "object", "form"]
)
_INLINE_PAIR = re.compile(rf"<({'|'.join(_INLINE)})(?:\s[^<>]*)?>([^<>]*)</\1>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|$)", re.DOTALL)
_QUOTED = re.compile(r"=\s*(?:\"[^\"]*\"|'[^']*')")  # text in an attribute that looks like a tag
_USERINFO = re.compile(r"(<(?:a|img)\b[^<>]*\b(?:href|src)=\"https?:[/\\]*)[^/\\?#\"<>]*@")
_NO_IMAGE = re.compile(r"<img(?:(?=[^>]*\bwidth=\"[01]\")(?=[^>]*\bheight=\"[01]\")|(?![^>]*\ssrc=\"))[^>]*>")
"""Images that count readers, and those whose address was removed."""
_ELEMENT = re.compile(r"<(/?[a-z0-9]++)[^<>]*>")
_BLOCKS = "p div h1 h2 h3 h4 h5 h6 blockquote pre ul ol dl table figure details".split()
_SPACING = {
    **dict.fromkeys(("br", "hr", "/li", "/tr", "/dt", "/dd", "/caption"), "\n"),
    **dict.fromkeys((*_BLOCKS, *(f"/{name}" for name in (*_BLOCKS, "figcaption", "summary"))), "\n\n"),
    **dict.fromkeys(("/td", "/th"), " "),
    "li": "• ",
}
"""What stands for a tag in plain text."""
_PRE = re.compile(r"(<pre(?:\s[^>]*)?>.*?</pre>)", re.DOTALL)
_ANY_TAG = re.compile(r"<[^<>]*>")  # ends before the next <, since the search would be quadratic
_NOT_PLAIN = re.compile("[<>&\\r\\0\\xa0\\ufeff\\ud800-\\udfff]")  # what nh3 may change
_BARE_AMPERSAND = re.compile(r"&(?!#?\w{1,31};)")


def fragment(text: str, base: str) -> str:
    """Return HTML without scripts, styles and links other than http(s) and mailto.

    Relative links are resolved against `base`. If markup is nested too deeply, only its text is kept. Cleaning clean
    HTML of at most `MAX_CHARACTERS` changes nothing.
    """
    text = text[:MAX_CHARACTERS]
    if not _NOT_PLAIN.search(text):
        return legal(text).strip()
    if text.count("&") > 5_000:
        text = _BARE_AMPERSAND.sub("&amp;", text)  # nh3 is quadratic in unterminated references
    text = _without_math(text)
    deep, tags = _depth_and_tags(text)
    if deep:
        return _as_text(text)
    cleaned = _cleaned(text, base)
    if not _is_stable(tags, cleaned):
        # nh3's output of some markup (links inside tables, headings in headings) is parsed differently; clean it until
        # it does not change any more. A parser drops the first line break of a <pre>, so that each pass would take one.
        cleaned = _PRE_BEGINS.sub(r"\1", cleaned)
        for _ in range(MAX_PASSES):
            again = _cleaned(cleaned, base)
            if again == cleaned:
                break
            cleaned = again
        else:
            return _as_text(text)
    if len(cleaned) > 4 * len(text) + 10_000:  # unclosed formatting elements multiply
        return _as_text(text)
    if "@" in cleaned:
        cleaned = _USERINFO.sub(r"\1", cleaned)
    if "<img" in cleaned:
        if lazy_images.has_any(cleaned):
            cleaned = _cleaned(lazy_images.with_sources(cleaned, base), base)
        cleaned = _NO_IMAGE.sub("", cleaned)
    # nh3 turns `&#27;` into the character itself, which XML 1.0 excludes.
    return legal(cleaned).strip()


def _without_math(text: str) -> str:
    """Return HTML in which formulas of MathML are text; nh3 would remove them as a whole."""
    return _MATH_TAG.sub("", _MATH_ANNOTATION.sub("", text)) if "math" in text else text


def _is_stable(tags: str, cleaned: str) -> bool:
    """Return whether cleaning changed no tag, so that a parser makes the same of the output."""
    return _STABLE.issuperset(tags.replace("/", "").split()) and tags == _tags(cleaned)


def is_deep(text: str) -> bool:
    """Return whether markup is nested too deeply, so that only its words are kept."""
    return text.count("<") > MAX_DEPTH and _depth_and_tags(text)[0]


def _as_text(text: str) -> str:
    """Return the words of markup as one paragraph."""
    words = legal(html.unescape(_ANY_TAG.sub(" ", _INVISIBLE.sub(" ", text)))).split()
    return paragraphs(" ".join(words))


def _cleaned(text: str, base: str) -> str:
    return _cleaner(base).clean(text)


@lru_cache(maxsize=16)
def _cleaner(base: str) -> nh3.Cleaner:
    """Return a cleaner for texts of one base; creating one takes as long as cleaning a text."""

    def create(relative: Literal["deny"] | tuple[Literal["rewrite_with_base"], str]) -> nh3.Cleaner:
        return nh3.Cleaner(
            tags=TAGS,
            clean_content_tags=_WITHOUT_WORDS,
            attributes=ATTRIBUTES,
            url_schemes=SCHEMES,
            link_rel="noopener noreferrer",
            url_relative=relative,
        )

    try:
        return create(("rewrite_with_base", base) if urls.web_link(base) else "deny")
    except ValueError:  # nh3 cannot read the base: relative links are removed
        return create("deny")


def paragraphs(text: str) -> str:
    """Return plain text as clean HTML; blank lines separate paragraphs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    return "".join(f"<p>{_escaped(part).replace(chr(10), '<br>')}</p>" for part in parts)


def _escaped(text: str) -> str:
    """Escape text as nh3 does, so that cleaning it changes nothing."""
    return html.escape(text, quote=False).replace("\xa0", "&nbsp;")


@cached(64, MAX_TEXT_CHARACTERS)
def _depth_and_tags(text: str) -> tuple[bool, str]:
    """Return whether markup is nested too deeply, and its tags."""
    tags = _tags(text)
    return tags.count(" ") >= MAX_DEPTH and _are_nested_deeply(tags.split()), tags


def _tags(text: str) -> str:
    """Return the names of all tags in lower case and in their order, end tags with a slash."""
    if "<!--" in text:
        text = _COMMENT.sub("", text)
    return " ".join(_TAG.findall(_QUOTED.sub("", text))).lower()


def _are_nested_deeply(tags: Iterable[str]) -> bool:
    """Return whether tags, end tags with a slash, are nested too deeply."""
    depth = 0
    opened: Counter[str] = Counter()
    for tag in tags:
        name = tag.removeprefix("/")
        if name in _NOT_NESTING:
            continue
        if name == tag:
            opened[name] += 1
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif opened[name]:  # an end tag without a start tag does not reduce the depth
            opened[name] -= 1
            depth -= 1
    return False


def plain(cleaned: str) -> str:
    """Return the text of clean HTML: blank lines between blocks, a line for each list item."""
    parts = _PRE.split(cleaned) if "<pre" in cleaned else [cleaned]
    text = "".join(
        part if n % 2 else part.replace("\n", " ").replace("\f", " ") for n, part in enumerate(parts)
    )
    texts_and_tags = _ELEMENT.split(text)
    texts_and_tags[1::2] = [_SPACING.get(name, "") for name in texts_and_tags[1::2]]
    text = "".join(texts_and_tags)
    text = legal(html.unescape(text)).replace("\xa0", " ")
    text = "\n".join([" ".join(line.split()) for line in text.split("\n")])
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def title(text: str, *, is_html: bool) -> str:
    """Return a title as one line of plain text, as a browser shows it.

    Only known tags are removed: "<T> in generics" keeps its <T>, and CO<sub>2</sub> stays one word.
    """
    if is_html:
        text = _INVISIBLE.sub(lambda part: " " if part[2] else part[0], text)  # unclosed: "the <script> tag"
        text = _without_math(_COMMENT.sub(_unless_closed, text))
        text = _OTHER_TAG.sub(" ", _INLINE_TAG.sub("", text))
        # Many publishers escape twice; "the <script> element" is kept as it is.
        text = _INLINE_PAIR.sub(r"\2", html.unescape(text))
    return " ".join(visible(legal(text)).split())[:500].rstrip()


def _unless_closed(comment: re.Match[str]) -> str:
    return "" if comment[0].endswith("-->") else comment[0]


_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_TAGS_AT_THE_END = re.compile(r"(?:\s*(?<![\w&])#\w+)+\s*$")
_MENTIONS = re.compile(r"^(?:(?:RT\s+)?@[\w.@-]+:?(?:\s+|$))+")
_SENTENCE = re.compile(r".{15,}?[.!?…](?=\s+[^\W\d_a-zß-öø-ÿ]|\s*$)")


def headline(text: str, limit: int = 100) -> str:
    """Return a title for a text without one: its first sentence, without addresses and hashtags."""
    for paragraph in text[:5_000].split("\n"):
        line = _TAGS_AT_THE_END.sub("", _MENTIONS.sub("", _ADDRESS.sub("", paragraph).strip()))
        line = re.sub(r"(?<![\w&])#(?=\w)", "", " ".join(line.split())).strip(" :–-")
        if re.search(r"\w", line):
            sentence = _SENTENCE.match(line)
            return excerpt(sentence[0] if sentence and len(sentence[0]) <= limit else line, limit)
    return excerpt(text, limit)


def excerpt(text: str, limit: int = MAX_EXCERPT_CHARACTERS) -> str:
    """Return at most `limit` characters of `text` in one line, cut at a word."""
    line = " ".join(text[: 4 * limit].split())
    if len(line) <= limit:
        line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    space = cut.rfind(" ")
    if space > limit * 2 // 3:
        cut = cut[:space]
    return cut.rstrip(" .,;:-–—•(") + "…"
