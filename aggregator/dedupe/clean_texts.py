"""Remove from titles and texts what sites add to them."""

from __future__ import annotations

import re
import unicodedata
from html import unescape

from aggregator.dedupe.vocabulary.words import WORD, fold
from aggregator.items.caches import MAX_TEXT_CHARACTERS, cached

CLEAN_TEXTS = 64
"""Number of texts that are cached: one item needs its text about ten times."""
_POSSESSIVE = re.compile(r"['’]s?(?!\w)")
_DECORATION = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]|\(?(?:re|fwd|aw|news|press release|pressemitteilung)\)?\s*[:|])\s*",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"(\s+(?:[|–—»«·•/-]|::|>)\s+|:\s+(?=\S))")
_REMARK = re.compile(r"\s*[(\[]([^()\[\]]{3,60})[)\]]\s*$")
_REMARK_WORDS = frozenset(
    "also on at the in crosspost crossposted cross post posted crossposting copy repost reposted republished original"
    " originally published at from our blog website forum here update updated english version deutsch auch im auf der"
    " englisch seite news x post external link video pdf".split()
)
_URL = re.compile(r"https?://(?:(?:dx\.|www\.)?doi\.org/(?=10\.)|\S+)", re.IGNORECASE)
"""An address, or what stands before the DOI in its address."""


def clean_title(title: str, publisher: str) -> str:
    """Return a title without what sites add: entities, "[Announcement] …", "Re: …", "… | Site"."""
    title = unescape(title) if "&" in title else title
    title = title if title.isascii() else unicodedata.normalize("NFKC", title)
    title = _DECORATION.sub("", title) or title
    title = _without_site(title, publisher)
    remark = _REMARK.search(title)
    words = frozenset(WORD.findall(fold(remark[1]))) if remark else frozenset()
    if remark and words and words <= _REMARK_WORDS:  # no words: an ellipsis
        title = title[: remark.start()]
    return _POSSESSIVE.sub("", title)


def _without_site(title: str, publisher: str) -> str:
    """Return a title without the name of its site before or after it."""
    known = frozenset(WORD.findall(fold(publisher)))
    joined = "".join(WORD.findall(fold(publisher)))
    parts = _SEPARATOR.split(title)
    for _ in range(len(parts) // 2):
        for end, rest in ((-1, slice(0, -2)), (0, slice(2, None))):
            words = WORD.findall(fold(parts[end]))
            if len(parts) > 2 and words and (known.issuperset(words) or "".join(words) in joined):
                parts = parts[rest]
    return "".join(parts)


_JOURNAL = re.compile(
    r"(?<!\w)(?:[Pp]ub(?:lished|li(?:é|és|ée|ées)|lica(?:do|da|n)?|blicat[oaie]|licerad(?:e|es|s)?|lisert|liceret|likován[aoy]?)"
    r"|[Pp]ar(?:u|us|ue|aît)|[Aa]ppear(?:s|ed)?|[Ee]rsch(?:eint|ien(?:en)?)|[Vv]eröffentlicht|[Gg]epubliceerd|[Vv]ersch(?:enen|een)"
    r"|[Ss]ai|[Jj]ulkaistu|[Oo]publikowan[aeoy]|[Uu]kazała się|[Vv]yšl[aoi]|[Mm]egjelent)"
    r"(?: (?:today|heute|aujourd’hui|hoy|hoje|oggi))? (?:in|en|dans|su|nella|w|i|na|v|no|on)"
    r"(?: (?:the|der|la|le|el|journal|revue|revista|rivista|tidskriften|tijdschrift|czasopiśmie|časopise"
    r"|Fachzeitschrift))*"
    r" [A-Z][\w&]*(?: (?:(?:of|and|in|for|und|et|y) )?[A-Z][\w&]*)*"
)
"""Where a paper was published, which it shares with other papers."""


@cached(CLEAN_TEXTS, MAX_TEXT_CHARACTERS)
def clean_text(text: str) -> str:
    """Return a text without addresses and possessive endings; the DOI of an address stays."""
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    text = _URL.sub(" ", text) if "http" in text else text
    text = _JOURNAL.sub(" ", text)
    return _POSSESSIVE.sub("", text) if "'" in text or "’" in text else text
