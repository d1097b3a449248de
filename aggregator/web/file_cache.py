"""Published files as they are served: read once per change and kept in memory, within bounds."""

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

LARGE = 16 * 2**20
"""Bytes beyond which a file is not kept but read while it is sent: a tenth of a second, in which nobody is answered."""
ROOM = 64 * 2**20
"""Bytes kept at most, twins included."""

State = tuple[int, int, int, int]
"""Device, inode, size and time: another state is another document, since documents are only ever replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Bytes as they are sent, with the strong ETag of these very bytes: a packed twin has one of its own."""

    content: bytes
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A document in memory."""

    state: State
    last_modified: str
    plain: Body
    packed: Body | None

    @property
    def size(self) -> int:
        """What it takes."""
        return len(self.plain.content) + (len(self.packed.content) if self.packed else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """A file that is not kept: `file` is what was found, also when another takes its place; to be closed."""

    size: int
    last_modified: str
    file: BinaryIO


class Folder:
    """There is a folder where a file was asked for."""


class Shelf:
    """The files below `root`, the latest used in memory.

    Dot files, packed twins, special files and what symbolic links lead to are not there.
    """

    def __init__(self, root: Path, room: int = ROOM, large: int = LARGE) -> None:
        self.root, self.room, self.large = str(root), room, large
        self.taken = 0
        self._held: OrderedDict[str, Held] = OrderedDict()

    def find(self, path: str) -> Held | Large | Folder | None:
        """The file at `path` (relative, `/` between names) as it is now; None if there is none to be shown."""
        held = self._held.get(path)
        if held is None and not _shown(path):
            return None
        place = f"{self.root}/{path}"
        try:
            status = os.stat(place)  # noqa: PTH116 # of every request: `Path` costs five times as much
            if held and held.state == _state(status):
                self._held.move_to_end(path)
                return held
            self._drop(path)
            if stat.S_ISDIR(status.st_mode):
                return Folder()
            return self._read(path, place) if stat.S_ISREG(status.st_mode) else None
        except OSError:  # not there, not ours to read, or no name that a file could have
            self._drop(path)
            return None

    def _read(self, path: str, place: str) -> Held | Large | None:
        if os.path.realpath(place) != f"{os.path.realpath(self.root)}/{path}":
            return None
        file = _opened(place)
        status = os.fstat(file.fileno())
        last_modified = _http_date(status.st_mtime)
        if status.st_size > self.large:
            return Large(size=status.st_size, last_modified=last_modified, file=file)
        with file:
            content = file.read()
        packed = _twin(place + ".gz", content)
        held = Held(
            state=_state(status),
            last_modified=last_modified,
            plain=_body(content),
            packed=None if packed is None else _body(packed),
        )
        self._keep(path, held)
        return held

    def _keep(self, path: str, held: Held) -> None:
        self._held[path] = held
        self.taken += held.size
        while self.taken > self.room:
            self._drop(next(iter(self._held)))

    def _drop(self, path: str) -> None:
        if held := self._held.pop(path, None):
            self.taken -= held.size


def _shown(path: str) -> bool:
    names = path.split("/")
    return "\0" not in path and not path.endswith(".gz") and all(n and not n.startswith(".") for n in names)


def _state(status: os.stat_result) -> State:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _opened(place: str) -> BinaryIO:
    return open(place, "rb", opener=_opener)  # `Path.open` knows no opener


def _opener(place: str, flags: int) -> int:
    """What is no file (any more) is not waited for, and a link not followed."""
    return os.open(place, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _http_date(moment: float) -> str:
    """Never later than the answer's own `Date` (RFC 9110 8.8.2.1): the clock may have been put back."""
    return formatdate(min(moment, time.time()), usegmt=True)


def _body(content: bytes) -> Body:
    return Body(content=content, etag=f'"{hashlib.sha256(content).hexdigest()[:24]}"')


def _twin(place: str, content: bytes) -> bytes | None:
    """The packed twin if there is one: packed anew if it is of other bytes, as between the two renames (P4)."""
    try:
        with _opened(place) as file:
            packed = file.read(2 * len(content) + 1024)
    except OSError:
        return None
    unpacked = zlib.decompressobj(wbits=31)
    try:
        same = unpacked.decompress(packed, len(content) + 1) == content
    except zlib.error:
        same = False
    if same and unpacked.eof and not unpacked.unused_data:
        return packed
    return gzip.compress(content, compresslevel=1, mtime=0)  # quickly, since it will not stay
