"""Memory that is free goes back to the system."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from aggregator import memory

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the settings of glibc")
BLOCKS, BLOCK_BYTES = 2_000, 40_000
"""80 MB in blocks that malloc does not map singly."""


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_freed_memory_between_used_blocks_is_returned() -> None:
    """Freed blocks go back to the system although blocks that lie between them are in use."""
    blocks = [bytes([1]) * BLOCK_BYTES for _ in range(BLOCKS)]
    used = blocks[::20]
    filled = _resident_bytes()
    blocks.clear()
    memory.return_free_memory()
    assert filled - _resident_bytes() > BLOCKS * BLOCK_BYTES / 2
    assert len(used) == BLOCKS / 20


def test_one_arena_is_accepted() -> None:
    """The setting of the C library exists under the number that is used."""
    assert memory.use_one_arena()
