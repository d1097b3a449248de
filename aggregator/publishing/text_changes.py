"""Quote what an edit changed in a text, with a few words around it."""

from __future__ import annotations

MAX_QUOTED_CHARACTERS = 120
"""Maximum length of a quoted passage; excerpts are short where no licence permits more (P3)."""
CONTEXT_CHARACTERS = 40
"""Characters quoted before the first difference."""


def passages(before: str, after: str) -> tuple[str, str]:
    """Return the passages of two texts around their first difference; empty if they are equal."""
    if before == after:
        return "", ""
    start = _shared_length(before, after)
    tail = _shared_length(before[start:][::-1], after[start:][::-1])
    begin = _word_start(before, max(0, start - CONTEXT_CHARACTERS))
    return _quoted(before, begin, len(before) - tail), _quoted(after, begin, len(after) - tail)


def _shared_length(one: str, other: str) -> int:
    """Return the number of characters with which both texts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _word_start(text: str, position: int) -> int:
    """Return the beginning of the first word at or after a position."""
    if position == 0:
        return 0
    blank = text.find(" ", position, position + CONTEXT_CHARACTERS)
    return blank + 1 if blank >= 0 else position


def _quoted(text: str, begin: int, end: int) -> str:
    """Return a passage of whole words, to the one at `end`, with ellipses where text is cut."""
    end = _word_end(text, end)
    if end - begin > MAX_QUOTED_CHARACTERS:
        last_blank = text.rfind(" ", begin, begin + MAX_QUOTED_CHARACTERS + 1)
        end = last_blank if last_blank > begin else begin + MAX_QUOTED_CHARACTERS
    words = text[begin:end].strip()
    if not words:
        return "…"
    return ("… " if begin else "") + words + (" …" if end < len(text) else "")


def _word_end(text: str, position: int) -> int:
    """Return the end of the word at a position."""
    blank = text.find(" ", position)
    return blank if blank >= 0 else len(text)
