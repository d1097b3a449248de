"""Cache the hash of the program's files in the data folder, while these are the same."""

from __future__ import annotations

from pathlib import Path

from aggregator import program_files
from aggregator.gateways import files

NAME = "program"
"""Name of the file with the hash, beside compiled templates."""


def cached_hash(data: Path | None) -> str:
    """Return the hash of the contents; they are read only if other files were listed before."""
    if data is None:
        return program_files.content_hash()
    listed = program_files.listed_hash()
    match files.read_template(data, NAME).decode("ascii", "replace").split():
        case [kept_for, kept] if kept_for == listed:
            return kept
    content = program_files.content_hash()
    files.write_template(data, NAME, f"{listed} {content}".encode())
    return content
