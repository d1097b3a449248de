"""Keep the memory of a round small, by settings of the C library."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h


def use_one_arena() -> bool:
    """Let threads started later share one arena; return whether the C library can.

    So later steps use what these threads free. glibc gives each thread an arena of its own, whose freed memory no other
    thread uses. The threads of visits mostly wait for the network, so that they hardly ever wait for each other here.
    Other C libraries have no such setting.
    """
    with suppress(AttributeError):
        return bool(ctypes.CDLL(None).mallopt(_ARENA_MAX, 1))
    return False


def return_free_memory() -> None:
    """Return freed memory to the system; glibc keeps what is free between used blocks."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
