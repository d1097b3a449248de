"""Cut out the sentence around a date, in which reasons for an event are searched (EX5)."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.model.value_classes import dataclass

MAX_REASON_CHARACTERS = 200
"""Maximum number of characters of a sentence before and after a date that are searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a date stands.

    Its sentence up to other dates, as written and folded; the date and its whole sentence, folded; the text up to the
    next date; the title. `is_alone`: no date stands before it. `is_last`: none follows in its sentence.
    """

    before: str
    after: str
    low_before: str
    low_date: str
    low_after: str
    whole: str
    following: str
    title: str
    is_alone: bool
    is_last: bool

    @property
    def sentence(self) -> str:
        """Return the folded sentence without the date."""
        return f"{self.low_before} | {self.low_after}"


def context_of(
    text: str,
    low: str,
    title: str,
    bounds: Sequence[int],
    date: tuple[int, int],
    last_end: int,
    next_start: int,
) -> Context:
    """Cut out the sentence around a date, up to the dates beside it.

    `date` is its first and last character; `low` and `title` are folded.
    """
    start, stop = date
    begin = max(bound for bound in bounds if bound <= start)
    end = min((bound for bound in bounds if bound >= stop), default=len(text))
    begin, end = max(begin, start - MAX_REASON_CHARACTERS), min(end, stop + MAX_REASON_CHARACTERS)
    whole, is_last = low[begin:end], end <= next_start
    begin, end = max(begin, last_end), min(end, next_start)
    return Context(
        before=text[begin:start],
        after=text[stop:end],
        low_before=low[begin:start],
        low_date=low[start:stop],
        low_after=low[stop:end],
        following=text[stop:next_start],
        whole=whole,
        title=title,
        is_alone=last_end == 0,
        is_last=is_last,
    )
