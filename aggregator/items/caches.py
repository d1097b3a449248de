"""Cache results of pure functions for short arguments, until the end of a round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import Any, TypeVar

WORD_CHARACTERS, ADDRESS_CHARACTERS = 60, 500
"""Maximum length of a word and of an address that is cached: longer ones fill the memory."""
_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")
_CLEAR: list[Callable[[], None]] = []


def cached(
    entries: int, characters: int, length: Callable[[Any], int] = len
) -> Callable[[Callable[[_Argument], _Result]], Callable[[_Argument], _Result]]:
    """Cache the last `entries` results of a function, for arguments of at most `characters`."""

    def decorate(function: Callable[[_Argument], _Result]) -> Callable[[_Argument], _Result]:
        kept: Callable[[Any], _Result] = (cache := lru_cache(maxsize=entries)(function))
        _CLEAR.append(cache.cache_clear)

        @wraps(function)
        def call(argument: _Argument) -> _Result:
            return kept(argument) if length(argument) <= characters else function(argument)

        return call

    return decorate


@contextmanager
def emptied() -> Iterator[None]:
    """Empty all caches at the end of a block."""
    try:
        yield
    finally:
        for clear in _CLEAR:
            clear()
