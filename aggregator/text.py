"""Clean or quote foreign text, so that it breaks no XML, YAML, terminal or reader's view."""

from __future__ import annotations

import re

# All that XML 1.0 (5th ed., section 2.2) excludes; C1 controls, which terminals obey; bidi embeddings, overrides and
# isolates (U+202A-202E, U+2066-2069), which reverse the text behind them and for which "Unicode in XML" (3.2)
# recommends markup. Listing what is allowed instead takes ten times as long to compile.
_ILLEGAL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_ILLEGAL_LATIN_1 = bytes(code for code in range(256) if _ILLEGAL.match(chr(code)))


def legal(text: str) -> str:
    """Return `text` without characters that XML 1.0 forbids or terminals obey.

    Characters that reverse the text around them go as well. (feedgen refuses a whole feed for one such character.)
    """
    try:
        latin_1 = text.encode("latin-1")
    except UnicodeEncodeError:
        return _ILLEGAL.sub("", text)
    return latin_1.translate(None, _ILLEGAL_LATIN_1).decode("latin-1")  # five times as fast


# Zero-width characters and tags (U+E0000 …), which hide words in a title or make equal titles differ. The joiners
# U+200C and U+200D stay between characters beyond ASCII: Persian, Hindi and emoji are written with them.
_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
    r"|(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f\u200c\u200d])"
)


def visible(text: str) -> str:
    """Return `text` without characters that have no width and no meaning of their own."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def line(value: object, limit: int = 2_000) -> str | None:
    """Return a value as one line of at most `limit` characters.

    None for an empty text and for any other type.
    """
    if not isinstance(value, str):
        return None
    return " ".join(legal(value[: limit * 4]).split())[:limit].strip() or None


def block(value: object, limit: int = 1_000_000) -> str | None:
    """Return a value as text of at most `limit` characters.

    None for an empty text and for any other type.
    """
    if not isinstance(value, str):
        return None
    return legal(value[:limit]).strip() or None


def quoted(text: str) -> str:
    """Return `text`, which is a `line`, as a string of YAML in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


MAX_WORD_CHARACTERS = 300
"""Maximum length of a word of a message; addresses and paths are shorter."""
MAX_LINE_CHARACTERS = 1_000
"""Maximum length of a line of a message."""
_LONG_WORD = re.compile(rf"\S{{{MAX_WORD_CHARACTERS + 1},}}")


def without_long_words(message: str) -> str:
    """Return a message whose long words and lines lack their middle, which is a quoted input."""
    if len(message) <= MAX_WORD_CHARACTERS:
        return message
    words = _LONG_WORD.sub(lambda word: _without_middle(word[0], MAX_WORD_CHARACTERS), message)
    return "\n".join(_without_middle(line, MAX_LINE_CHARACTERS) for line in words.split("\n"))


def _without_middle(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 2 :]}"


_ALPHABETIC = re.compile(r"[^\W\d_]+")
_ASCII_ALPHABETIC = bytes(code if code > 127 or chr(code).isalpha() else 32 for code in range(256))
"""A table of bytes in which all of ASCII is blank but A to Z and a to z."""
_SIGNS = "’‘“”„«»–—…•·"
"""Usual signs beyond ASCII; a text with others takes as long as an expression does."""


def alphabetic_words(text: str) -> list[str]:
    """Return the runs of alphabetic characters in a text, in half the time of an expression."""
    blanked = (
        text.encode("utf-8", "surrogatepass").translate(_ASCII_ALPHABETIC).decode("utf-8", "surrogatepass")
    )
    if text.isascii():
        return blanked.split()
    for sign in _SIGNS:
        blanked = blanked.replace(sign, " ")
    runs = blanked.split()
    return runs if "".join(runs).isalpha() else _ALPHABETIC.findall(text)
