"""Hash the files of the program that decide about the bytes of published documents (P1)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from aggregator import __version__

FOLDER = str(Path(__file__).parent)
NOT_PUBLISHING = frozenset(
    ("__pycache__", "bounces", "cli", "dedupe", "demo", "digests", "discovery", "polling", "web")
)
"""Folders that `publishing` cannot import, by the import contracts in pyproject.toml."""


def listed_hash() -> str:
    """Return a hash of names, sizes and times of the files, in 1 ms."""
    return _hash([repr(_files()).encode()])


def content_hash() -> str:
    """Return a hash of the contents of the files, in 5 ms; every copy has the same."""
    return _hash(name.encode() + _read(name) for name, _, _ in _files())


def _hash(parts: Iterable[bytes]) -> str:
    whole = hashlib.sha256(__version__.encode())
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def _files() -> list[tuple[str, int, int]]:
    """Return path, size and time in ns of each file."""
    found = []
    folders = [FOLDER]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders += [entry.path] if entry.name not in NOT_PUBLISHING else []
                elif entry.is_file():  # no dangling link of an editor that locks a file
                    status = entry.stat()
                    found.append((entry.path[len(FOLDER) :], status.st_size, status.st_mtime_ns))
    return sorted(found)


def _read(name: str) -> bytes:
    return Path(FOLDER + name).read_bytes()
