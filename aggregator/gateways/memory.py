"""Keep the memory of a round small, by settings of the C library."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h


def use_one_arena() -> None:
    """Let threads that are started later share one arena, so that later steps use what they free.

    glibc gives each thread an arena of its own, whose freed memory no other thread uses. The threads of visits mostly
    wait for the network, so that they hardly ever wait for each other here. Other C libraries have no such setting.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def return_free() -> None:
    """Return freed memory to the system; glibc keeps what is free between used blocks."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
