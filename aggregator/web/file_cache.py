"""Cache published files in memory with their compressed representations and validators."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import time
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO

MAX_FILE_BYTES = 16 * 2**20
"""Maximum size of a cached file: reading it blocks all requests for 0.1 s."""
MAX_CACHE_BYTES = 64 * 2**20
"""Maximum size of the cache, compressed representations included."""

FileVersion = tuple[int, int, int, int]
"""Device, inode, size and mtime, which differ after each replacement of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """The bytes of a response body and their strong ETag (RFC 9110 section 8.8.3)."""

    content: bytes
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedFile:
    """A file in memory, plain and, where a `.gz` exists, compressed."""

    version: FileVersion
    last_modified: str
    identity: Representation
    gzip: Representation | None

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return len(self.identity.content) + (len(self.gzip.content) if self.gzip else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFile:
    """An open file that is too large for the cache; the caller closes it.

    `file` keeps its content when the path is replaced.
    """

    size: int
    last_modified: str
    file: BinaryIO


def in_memory(content: bytes) -> CachedFile:
    """Return a file that has no path, last modified now."""
    return CachedFile(
        version=(0, 0, len(content), 0),
        last_modified=_http_date(time.time()),
        identity=_representation(content),
        gzip=_representation(gzip.compress(content, mtime=0)),
    )


class Folder:
    """Mark a path that is a folder."""


class FileCache:
    """Read the files below `root`, and keep the most recently used in memory.

    Dot files, `.gz` files, special files and targets of symbolic links count as missing.
    """

    def __init__(
        self, root: Path, max_bytes: int = MAX_CACHE_BYTES, max_file_bytes: int = MAX_FILE_BYTES
    ) -> None:
        self.root, self.max_bytes, self.max_file_bytes = str(root), max_bytes, max_file_bytes
        self.size = 0
        self._files: OrderedDict[str, CachedFile] = OrderedDict()

    def find(self, path: str) -> CachedFile | LargeFile | Folder | None:
        """Return the current file at `path`, relative to the root; None if there is none to serve."""
        cached = self._files.get(path)
        if cached is None and not _is_served(path):
            return None
        full_path = f"{self.root}/{path}"
        try:
            status = os.stat(full_path)  # noqa: PTH116 # runs at every request; `Path` takes five times as long
            if cached and cached.version == _version(status):
                self._files.move_to_end(path)
                return cached
            self._drop(path)
            if stat.S_ISDIR(status.st_mode):
                return Folder()
            return self._read(path, full_path) if stat.S_ISREG(status.st_mode) else None
        except OSError:  # missing, not readable, or not a valid file name
            self._drop(path)
            return None

    def _read(self, path: str, full_path: str) -> CachedFile | LargeFile | None:
        if os.path.realpath(full_path) != f"{os.path.realpath(self.root)}/{path}":
            return None
        file = _open(full_path)
        status = os.fstat(file.fileno())
        last_modified = _http_date(status.st_mtime)
        if status.st_size > self.max_file_bytes:
            return LargeFile(size=status.st_size, last_modified=last_modified, file=file)
        with file:
            content = file.read()
        compressed = _compressed(full_path + ".gz", content)
        cached = CachedFile(
            version=_version(status),
            last_modified=last_modified,
            identity=_representation(content),
            gzip=None if compressed is None else _representation(compressed),
        )
        self._store(path, cached)
        return cached

    def _store(self, path: str, cached: CachedFile) -> None:
        self._files[path] = cached
        self.size += cached.size
        while self.size > self.max_bytes:
            self._drop(next(iter(self._files)))

    def _drop(self, path: str) -> None:
        if cached := self._files.pop(path, None):
            self.size -= cached.size


def _is_served(path: str) -> bool:
    names = path.split("/")
    return (
        "\0" not in path
        and not path.endswith(".gz")
        and all(name and not name.startswith(".") for name in names)
    )


def _version(status: os.stat_result) -> FileVersion:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _open(full_path: str) -> BinaryIO:
    return open(full_path, "rb", opener=_opener)  # `Path.open` has no opener


def _opener(full_path: str, flags: int) -> int:
    """Open without waiting for a FIFO and without following a symbolic link."""
    return os.open(full_path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _http_date(moment: float) -> str:
    """Return a `Last-Modified` that is not later than `Date` (RFC 9110 section 8.8.2.1).

    An mtime is in the future after the clock was set back.
    """
    return formatdate(min(moment, time.time()), usegmt=True)


def _representation(content: bytes) -> Representation:
    return Representation(content=content, etag=f'"{hashlib.sha256(content).hexdigest()[:24]}"')


def _compressed(gz_path: str, content: bytes) -> bytes | None:
    """Return the `.gz` of a file if there is one, compressed again if it has other content.

    The two disagree between the renames of document and `.gz` (P4).
    """
    try:
        with _open(gz_path) as file:
            compressed = file.read(2 * len(content) + 1024)
    except OSError:
        return None
    decompressor = zlib.decompressobj(wbits=31)
    try:
        same = decompressor.decompress(compressed, len(content) + 1) == content
    except zlib.error:
        same = False
    if same and decompressor.eof and not decompressor.unused_data:
        return compressed
    return gzip.compress(content, compresslevel=1, mtime=0)  # fast, because it is soon replaced
