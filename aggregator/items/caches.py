"""Cache results of pure functions for short arguments, until the end of a round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, TypeVar

MAX_WORD_CHARACTERS, MAX_ADDRESS_CHARACTERS, MAX_TEXT_CHARACTERS = 60, 500, 100_000
"""Maximum length of a word, an address, a text that is cached: longer ones fill the memory."""
DROPPED_DIVISOR = 8
"""A full cache drops one of this number of its entries at once."""
_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")
_CLEAR_CALLS: list[Callable[[], None]] = []


class _Cache(dict[_Argument, _Result]):
    """Keep results of a function; a result that is kept is found without a call of Python code."""

    def __init__(
        self,
        function: Callable[[_Argument], _Result],
        entries: int,
        characters: int,
        length: Callable[[_Argument], int],
    ) -> None:
        super().__init__()
        self._function, self._length = function, length
        self._entries, self._characters = entries, characters

    def __missing__(self, argument: _Argument) -> _Result:
        result = self._function(argument)
        if self._length(argument) <= self._characters:
            if len(self) >= self._entries:
                self._drop_oldest()
            self[argument] = result
        return result

    def _drop_oldest(self) -> None:
        """Drop the oldest results; another thread may be doing the same."""
        with suppress(RuntimeError):  # the other one changed the results while they were listed
            for old in [*islice(self, self._entries // DROPPED_DIVISOR + 1)]:
                self.pop(old, None)


def cached(
    entries: int, characters: int, length: Callable[[Any], int] = len
) -> Callable[[Callable[[_Argument], _Result]], Callable[[_Argument], _Result]]:
    """Cache at most `entries` results of a function, for arguments of at most `characters`.

    When they are too many, the oldest eighth is dropped.
    """

    def decorate(function: Callable[[_Argument], _Result]) -> Callable[[_Argument], _Result]:
        cache = _Cache(function, entries, characters, length)
        _CLEAR_CALLS.append(cache.clear)
        return cache.__getitem__

    return decorate


@contextmanager
def emptied() -> Iterator[None]:
    """Empty all caches at the end of a block."""
    try:
        yield
    finally:
        for clear in _CLEAR_CALLS:
            clear()
