"""Write documents beside their targets and make them visible together.

A first run writes thousands of files. Their names are strings, because handling them by `pathlib` and looking at each
folder and draft again took half of the time of writing.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import field
from itertools import chain
from pathlib import Path
from typing import Any

from zlib_ng import zlib_ng

from aggregator.errors import FilesError
from aggregator.model.publishing import PublishedDocument
from aggregator.model.value_classes import dataclass

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
"""Flags of a file that must not exist yet, also not as a link to another one."""
COMPRESSION_LEVEL = 6
"""Level of gzip: level 9 takes twice the time for 1 % less.

zlib-ng takes half of zlib's time for the same size.
"""
GZIP_WINDOW_BITS = 31
"""Window and format of zlib: gzip, without a time."""
MAX_SYNCED_SINGLY = 200
"""Maximum files that are synced one by one; one `sync` of all is faster for more."""
BLOCK_BYTES = 256 * 1024
"""Bytes of a file that are read at once."""


@dataclass(slots=True)
class Drafts:
    """Write the documents of a run beside their targets, and make them visible together (P4).

    All are on disk before the first is renamed. A document and its `.gz` disagree only between two renames. A crash
    between these leaves a pair that the next run replaces.
    """

    public: Path
    compressed: bool = True
    """Whether documents get a `.gz`; images do not."""
    _drafts: dict[str, str] = field(default_factory=dict)
    """Targets and their drafts."""
    _folders: set[str] = field(default_factory=set)
    """Folders with a draft, which nobody removes while they have it."""

    def add(self, document: PublishedDocument) -> bool:
        """Write the drafts of a document and its `.gz`; return whether their bytes changed."""
        target = os.path.join(self.public, document.path)
        packed = f"{target}.gz" if self.compressed else None
        if _has_bytes(target, packed, document.body):
            return False
        try:
            self._make_folder(os.path.dirname(target))
            if packed:
                self._write(
                    packed, zlib_ng.compress(document.body, COMPRESSION_LEVEL, wbits=GZIP_WINDOW_BITS)
                )
            self._write(target, document.body)
        except OSError as error:
            self._discard()
            raise FilesError(f"{target} cannot be written: {error.strerror}") from error
        return True

    def add_parts(self, path: str, parts: Iterable[bytes]) -> tuple[bool, bytes]:
        """Write the drafts of a document and its `.gz` from its parts, without holding it.

        Return whether their bytes changed, and the SHA-256 hash of the document.
        """
        target = os.path.join(self.public, path)
        rest, digest = iter(parts), hashlib.sha256()
        equal_bytes, different = _skip_equal(target, rest, digest)
        if different is None and _unpacked_hash(f"{target}.gz") == digest.digest():
            return False, digest.digest()
        begun = chain(_blocks(target, equal_bytes), [different or b""])
        try:
            self._make_folder(os.path.dirname(target))
            self._write_parts(target, chain(begun, _hashed(rest, digest)))
        except OSError as error:
            self._discard()
            raise FilesError(f"{target} cannot be written: {error.strerror}") from error
        return True, digest.digest()

    def _write_parts(self, target: str, parts: Iterable[bytes]) -> None:
        packed, packer = f"{target}.gz", zlib_ng.compressobj(COMPRESSION_LEVEL, wbits=GZIP_WINDOW_BITS)
        drafts = {packed: draft_of(packed), target: draft_of(target)}
        try:
            with (
                open(drafts[target], "wb", opener=_new) as plain,
                open(drafts[packed], "wb", opener=_new) as zipped,
            ):
                for part in parts:
                    plain.write(part)
                    zipped.write(packer.compress(part))
                zipped.write(packer.flush())
        except BaseException:
            for draft in drafts.values():
                with suppress(OSError):
                    os.unlink(draft)
            raise
        self._drafts |= drafts

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)

    def _write(self, target: str, body: bytes) -> None:
        self._drafts[target] = draft_of(target)
        write_draft(self._drafts[target], body, 0o666)

    def rename_all(self) -> None:
        """Sync all drafts to disk, then rename them."""
        target = os.fspath(self.public)
        try:
            if len(self._drafts) > MAX_SYNCED_SINGLY:
                os.sync()
            else:
                for target in self._drafts:
                    sync_to_disk(self._drafts[target])
            for target, draft in self._drafts.items():
                os.replace(draft, target)
            for target in dict.fromkeys(os.path.dirname(target) for target in self._drafts):
                sync_to_disk(target)
        except OSError as error:
            self._discard()
            raise FilesError(f"{target} cannot be written: {error.strerror}") from error
        self._drafts.clear()
        self._folders.clear()

    def _discard(self) -> None:
        for draft in self._drafts.values():
            with suppress(OSError):
                os.unlink(draft)
        self._drafts.clear()


def _has_bytes(target: str, packed: str | None, body: bytes) -> bool:
    """Return whether a document and its `.gz`, if it has one, have these bytes."""
    try:
        if os.stat(target).st_size != len(body) or Path(target).read_bytes() != body:
            return False
        # Decompressed, because another version of zlib compresses the same bytes differently.
        return packed is None or gzip.decompress(Path(packed).read_bytes()) == body
    except (OSError, EOFError, zlib.error):
        return False


def _skip_equal(target: str, parts: Iterator[bytes], digest: Any) -> tuple[int, bytes | None]:
    """Take the parts with which a file begins; return their size and the first other part.

    The part is None if the file consists of the parts.
    """
    try:
        written = open(target, "rb")  # noqa: SIM115 # closed below, so that errors of `parts` are not caught here
    except OSError:
        return 0, b""
    equal_bytes = 0
    with written:
        for part in _hashed(parts, digest):
            if written.read(len(part)) != part:
                return equal_bytes, part
            equal_bytes += len(part)
        return equal_bytes, b"" if written.read(1) else None


def _hashed(parts: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    for part in parts:
        digest.update(part)
        yield part


def _blocks(file: str, size: int) -> Iterator[bytes]:
    """Read the first bytes of a file in blocks."""
    if size:
        with open(file, "rb") as handle:
            while size and (block := handle.read(min(size, BLOCK_BYTES))):
                size -= len(block)
                yield block


def _unpacked_hash(packed: str) -> bytes | None:
    """Return the SHA-256 hash of the content of a `.gz`; None if it is lost or broken."""
    try:
        with gzip.open(packed) as handle:
            return hashlib.file_digest(handle, "sha256").digest()
    except (OSError, EOFError, zlib.error):
        return None


def draft_of(target: str | Path) -> str:
    """Return the path of the draft of a file, in its folder."""
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name}.draft")


def write_draft(draft: str, body: bytes, mode: int) -> None:
    """Write a new file."""
    handle = _new(draft, NEW_FILE, mode)
    try:
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(handle, rest) :]
    finally:
        os.close(handle)


def _new(draft: str, _flags: int, mode: int = 0o666) -> int:
    """Open a new file for writing; a draft that an ended process left is removed."""
    try:
        return os.open(draft, NEW_FILE, mode)
    except FileExistsError:
        os.unlink(draft)
        return os.open(draft, NEW_FILE, mode)


def sync_to_disk(path: str | Path) -> None:
    """Wait until a file or the names in a folder are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
