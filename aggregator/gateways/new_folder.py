"""Write a new folder, or a .zip file of it, atomically: it appears complete or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from aggregator.errors import FilesError
from aggregator.model.snapshots import SnapshotFile

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""Modification time of all files in a .zip: the earliest that the format has."""
CHUNK_BYTES = 1 << 20
"""Number of bytes copied into a .zip file at a time."""


class _HashedFile:
    """Count and hash the bytes that are written to a file."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append bytes to the file."""
        self._handle.write(chunk)
        self._hash.update(chunk)
        self.bytes += len(chunk)

    @property
    def sha256(self) -> str:
        """Return the hash of all bytes so far, in hexadecimal."""
        return self._hash.hexdigest()


@dataclass(slots=True)
class NewFolder:
    """Write files into a draft folder; `files` are the complete ones."""

    draft: Path
    files: dict[str, SnapshotFile] = field(default_factory=dict)

    @contextmanager
    def writing(self, name: str) -> Iterator[_HashedFile]:
        """Open a new file of the folder, and sync it to disk at the end of the block."""
        with (self.draft / name).open("xb") as handle:
            file = _HashedFile(handle)
            yield file
            handle.flush()
            os.fsync(handle.fileno())
        self.files[name] = SnapshotFile(path=name, bytes=file.bytes, sha256=file.sha256)

    def write(self, name: str, body: bytes) -> None:
        """Write a new file of the folder."""
        with self.writing(name) as file:
            file.write(body)


@contextmanager
def new_folder(target: Path) -> Iterator[NewFolder]:
    """Write the folder `target`, which does not exist or is empty.

    Its files appear after the block; if the block raises an exception, nothing remains. Raises FilesError.
    """
    if target.is_dir():
        _remove_abandoned(target, target.name)
    if target.exists() and (not target.is_dir() or any(_entries(target))):
        kind = "is not empty" if target.is_dir() else "is a file"
        raise FilesError(f"{target} {kind}: nothing was written; name a folder that does not exist")
    with _draft_folder(target) as folder:
        yield folder
        _publish(folder, target)


@contextmanager
def new_zip(target: Path) -> Iterator[NewFolder]:
    """Write the files of a block into the new .zip file `target`.

    Its bytes depend only on names and contents of the files, which are sorted. They are not compressed, because
    versions of zlib compress the same bytes differently. Raises FilesError.
    """
    if target.exists():
        raise FilesError(f"{target} exists already: nothing was written; name another file, or remove it")
    with _draft_folder(target) as folder:
        yield folder
        packed = folder.draft / ".zip"
        _pack(folder, packed)
        packed.rename(target)


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError as error:
        raise FilesError(f"{folder} cannot be read: {error.strerror}; name another folder") from error


@contextmanager
def _draft_folder(target: Path) -> Iterator[NewFolder]:
    """Create a draft folder beside `target`, or in it if it exists, and remove it at the end."""
    inside = target.is_dir()
    parent = target if inside else target.parent
    if not parent.is_dir():
        raise FilesError(f"{target} cannot be written: there is no folder {parent}")
    _remove_abandoned(parent, target.name)
    draft = parent / f"{_prefix(target.name)}{os.urandom(4).hex()}"
    try:
        draft.mkdir()
        lock = os.open(draft, os.O_RDONLY)
    except OSError as error:
        raise FilesError(f"{target} cannot be written: {error.strerror}; name another folder") from error
    try:
        _lock(lock)
        yield NewFolder(draft)
    except OSError as error:
        raise FilesError(f"{target} cannot be written: {error.strerror}; nothing is left of it") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        os.close(lock)


def _prefix(name: str) -> str:
    return f".{name or 'snapshot'}.draft-"


def _remove_abandoned(parent: Path, name: str) -> None:
    """Remove drafts whose run was killed; a run that goes on holds the lock of its draft."""
    for draft in [entry for entry in _entries(parent) if entry.name.startswith(_prefix(name))]:
        with suppress(OSError):
            lock = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(draft)
            finally:
                os.close(lock)


def _lock(folder: int) -> None:
    """Lock a draft; where the file system has no locks for folders, nobody removes it either."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return


def _publish(folder: NewFolder, target: Path) -> None:
    """Rename the draft to `target`; if that exists, only the files, as it may be a mount point."""
    if folder.draft.parent != target:
        folder.draft.rename(target)  # fails if another program made a folder with files meanwhile
        return
    moved: list[Path] = []
    try:
        for name in folder.files:
            moved.append(target / name)
            (folder.draft / name).rename(target / name)
    except BaseException:
        for path in moved:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _pack(folder: NewFolder, packed: Path) -> None:
    with zipfile.ZipFile(packed, "x", zipfile.ZIP_STORED) as archive:
        for name in sorted(folder.files):
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = 0o644 << 16
            entry.file_size = folder.files[name].bytes
            with (folder.draft / name).open("rb") as source, archive.open(entry, "w") as copied:
                shutil.copyfileobj(source, copied, CHUNK_BYTES)


def checksums(files: Mapping[str, SnapshotFile]) -> bytes:
    """Return the lines of SHA256SUMS, as `sha256sum --check` reads them."""
    return "".join(f"{files[name].sha256}  {name}\n" for name in sorted(files)).encode()
