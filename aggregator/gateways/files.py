"""Write files: published documents, messages in the outbox, the lock of the data folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from aggregator import permissions
from aggregator.errors import AnotherRunHolds, FilesError, MailError
from aggregator.gateways.drafts import Drafts, sync_to_disk, write_draft
from aggregator.model.publishing import PublishedDocument
from aggregator.ports import Mailer

LOCK = "lock"
LINK_KEY = "link.key"
PRIVATE = ("aggregator.db*", "aggregator-before-migration-*.db", LOCK, LINK_KEY)
"""Files of the data folder that hold personal data."""
OUTBOX = "outbox"
RAW_MAIL = "bounces"
"""Folder in the data folder with the raw mails that came to the bounce address."""
RAW_MAIL_SPARE_SECONDS = 3600
"""Minimum age of a raw mail that is removed: its record may not be written yet."""
TEMPLATES = "compiled-templates"
"""Folder in the data folder with compiled templates."""
LINK_KEY_BYTES = 32
"""Length of the key of personal links, in bytes."""
PROBE_SECONDS = 0.05
"""Minimum time that a job waits for the lock, because `is_locked` may hold it briefly."""


def close_data(data: Path, public: Path) -> None:
    """Make the data folder, and close its personal data to other users, whatever the umask was.

    Web servers can still reach a `public` folder inside it. A folder that exists keeps its own rights, because other
    programs may use it.
    """
    try:
        if not data.is_dir():
            within = public.resolve().is_relative_to(data.resolve())
            permissions.make_folder(data, passable=within)
        for pattern in PRIVATE:
            for file in data.glob(pattern):
                permissions.close_file(file)
        for file in (data / TEMPLATES).glob("*"):
            with suppress(FileNotFoundError):  # another process replaces it
                if file.stat().st_mode & permissions.OTHERS:  # other users may have written this code
                    file.unlink()
        for name in (OUTBOX, RAW_MAIL, TEMPLATES):
            if (data / name).is_dir():
                permissions.make_folder(data / name)
    except OSError as error:
        problem = permissions.unwritable([data])
        raise FilesError(problem or f"{data} cannot be written: {error.strerror}") from error


def link_key(data: Path) -> bytes:
    """Return the key of personal links, from a file that only its owner may read (DP4).

    The first call makes the file. It is whole on disk before it gets its name, and is never replaced.
    """
    file = data / LINK_KEY
    draft = data / f".{LINK_KEY}.{os.getpid()}-{time.monotonic_ns()}"
    try:
        if not file.exists():
            permissions.make_file(draft)
            try:
                with draft.open("wb") as handle:
                    handle.write(os.urandom(LINK_KEY_BYTES))
                    handle.flush()
                    os.fsync(handle.fileno())
                with suppress(FileExistsError):  # another process was faster
                    file.hardlink_to(draft)
                sync_to_disk(data)
            finally:
                draft.unlink(missing_ok=True)
        permissions.close_file(file)
        key = file.read_bytes()
    except OSError as error:
        raise FilesError(f"{file} cannot be read or written: {error.strerror}") from error
    if len(key) != LINK_KEY_BYTES:
        raise FilesError(
            f"{file} is not a key of {LINK_KEY_BYTES} bytes: restore it from a backup, or remove it,"
            " which makes links in messages already sent invalid"
        )
    return key


def is_locked(data: Path) -> bool:
    """Return whether a job holds the lock of the data folder, in any process (L1)."""
    try:
        with (data / LOCK).open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def lock(data: Path, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock of the data folder (L1), waiting at most `wait_seconds` for it.

    The kernel frees a `flock` when its process ends. Raises AnotherRunHolds and FilesError.
    """
    try:
        if not data.is_dir():
            permissions.make_folder(data)
        permissions.make_file(data / LOCK)
        handle = (data / LOCK).open("w")
    except OSError as error:
        problem = permissions.unwritable([data, data / LOCK])
        raise FilesError(
            problem or f"{error.filename or data} cannot be written: {error.strerror}"
        ) from error
    with handle:
        end = time.monotonic() + max(wait_seconds, PROBE_SECONDS)
        try:
            while not _acquire(handle):
                if time.monotonic() >= end:
                    raise BlockingIOError
                time.sleep(0.2 if wait_seconds else 0.01)
        except OSError as error:
            raise AnotherRunHolds(f"another run holds the lock of {data}; nothing was done") from error
        yield


def _acquire(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_document(public: Path, document: PublishedDocument) -> bool:
    """Write a document and its `.gz` if their bytes changed; return whether they did (PB13)."""
    drafts = Drafts(public)
    changed = drafts.add(document)
    drafts.rename_all()
    return changed


def file_names(folder: Path, suffix: str) -> set[str]:
    """Return the names of the files with a suffix in a folder, without the suffix."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name.removesuffix(suffix) for entry in entries if entry.name.endswith(suffix)}
    except OSError:
        return set()


def remove_documents(public: Path, paths: Sequence[str]) -> None:
    """Remove documents of one folder, and the folder if it is then empty."""
    for path in paths:
        for target in (public / path, public / f"{path}.gz"):
            try:
                target.unlink(missing_ok=True)
            except OSError as error:
                raise FilesError(f"{target} cannot be removed: {error.strerror}") from error
    with suppress(OSError):
        (public / paths[0]).parent.rmdir()


def copy_link_key(data: Path, target: Path) -> bool:
    """Copy the key of personal links, for its owner only; return False where there is none yet.

    Raises FilesError instead of replacing a file that is no such key.
    """
    key = data / LINK_KEY
    try:
        if not key.exists():
            return False
        if target.exists() and (not target.is_file() or target.stat().st_size != LINK_KEY_BYTES):
            raise FilesError(f"{target} exists and is no key: it would be lost; name another file")
        _replace(target, key.read_bytes(), 0o600)
    except OSError as error:
        raise FilesError(f"{key} cannot be copied to {target}: {error.strerror}") from error
    return True


def write_text(target: Path, text: str, mode: int = 0o666) -> None:
    """Write a text file, whole or not at all, into an existing folder.

    Its permissions are `mode`, as far as the umask allows. The target of a symbolic link is written. A pipe, a device
    and a file that is a standard stream of this process, such as /dev/stdout, are not replaced.
    """
    if not target.name:
        raise FilesError("the file to write has no name; name a file")
    try:
        file = target.resolve()
    except RuntimeError as error:
        raise FilesError(f"{target} cannot be written: its links lead in a circle") from error
    folder = file.parent if target.is_symlink() else target.parent
    if not folder.is_dir():
        raise FilesError(f"{target} cannot be written: there is no folder {folder}")
    body, stream = text.encode("utf-8"), _standard_stream(target)
    if stream is None and (not target.exists() or target.is_file()):
        _replace(file, body, mode)
        return
    try:
        with open(target if stream is None else stream, "wb", closefd=stream is None) as output:
            output.write(body)
    except OSError as error:
        raise FilesError(f"{target} cannot be written: {error.strerror}") from error


def _standard_stream(target: Path) -> int | None:
    """Return the descriptor of the standard stream that writes to a file; None for any other."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if os.path.samestat(target.stat(), os.fstat(descriptor)):
                return descriptor
    return None


def write_new(target: Path, body: bytes) -> None:
    """Write a new file, and create its folder if it is missing; both or neither."""
    folder = target.parent
    is_new_folder = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as handle:
            try:
                handle.write(body)
                handle.flush()
                os.fsync(handle.fileno())
            except OSError:
                target.unlink(missing_ok=True)
                raise
    except FileExistsError as error:
        obstacle = target if folder.is_dir() else folder
        kind = "exists already" if obstacle is target else "is a file"
        raise FilesError(f"{obstacle} {kind}: nothing was written; name another folder") from error
    except OSError as error:
        if is_new_folder:
            with suppress(OSError):
                folder.rmdir()
        raise FilesError(f"{target} cannot be written: {error.strerror}; name another folder") from error


def replace_file(draft: Path, target: Path) -> None:
    """Replace `target` by `draft`, a file in its folder, keeping mode, owner and group."""
    try:
        old, new = target.stat(), draft.stat()
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            os.chown(draft, old.st_uid, old.st_gid)
        draft.chmod(old.st_mode & 0o7777)
        draft.replace(target)
        sync_to_disk(target.parent)
    except PermissionError as error:
        raise FilesError(
            f"{target} is not written, because its owner and group could not be kept: {error.strerror};"
            " run this as its owner or as root"
        ) from error
    except OSError as error:
        raise FilesError(f"{target} cannot be written: {error.strerror}") from error


@contextmanager
def outbox(folder: Path) -> Iterator[Mailer]:
    """Make a Mailer that writes each message as a file into the outbox folder.

    The same message again gives the same file. Names of files consist of the edition and a hash of Message-ID and
    address, never of the address itself.
    """

    def write(message: bytes, address: str, sender: str | None = None) -> None:
        message_id = re.search(rb"^Message-ID: <(([a-z0-9-]{,100})[^>]*)", message, re.MULTILINE)
        edition = message_id[2].decode() if message_id else "message"
        id_ = (message_id[1] if message_id else message) + b"\0" + address.encode("utf-8", "replace")
        if sender:  # as the last mail server records the envelope sender (RFC 5321 section 4.4)
            message = f"Return-Path: <{sender}>\r\n".encode() + message
        try:
            permissions.make_folder(folder)
            write_message(folder, f"{edition}-{hashlib.sha256(id_).hexdigest()[:24]}.eml", message)
        except FilesError as error:
            raise MailError(f"{error}; every message stays queued") from error
        except OSError as error:
            raise MailError(
                f"{folder} cannot be written: {error.strerror}; every message stays queued"
            ) from error

    yield write


def write_message(outbox: Path, name: str, body: bytes) -> Path:
    """Write a message into the outbox folder; the same message again gives the same file."""
    target = outbox / name
    _replace(target, body, mode=permissions.FILE_MODE)  # it names the subscriber
    return target


def write_raw_mail(data: Path, name: str, content: bytes) -> None:
    """Keep a mail that came to the bounce address; only the owner may read it."""
    _replace(data / RAW_MAIL / name, content, mode=permissions.FILE_MODE)


def remove_raw_mail(data: Path, unknown: Callable[[Sequence[str]], Sequence[str]]) -> None:
    """Remove the raw mails that `unknown` returns of all their names."""
    folder = data / RAW_MAIL
    if not folder.is_dir():
        return
    before = time.time() - RAW_MAIL_SPARE_SECONDS
    try:
        for name in unknown(sorted(path.name for path in folder.iterdir())):
            if (folder / name).stat().st_mtime < before:
                (folder / name).unlink()
    except OSError as error:
        raise FilesError(f"{folder} cannot be cleared: {error.strerror}") from error


def read_template(data: Path, name: str) -> bytes:
    """Return a compiled template, which is code; nothing unless this user alone can write it."""
    try:
        handle = os.open(data / TEMPLATES / name, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            # Of the opened file, because its name may lead to another one a moment later.
            status = os.fstat(handle)
            is_own = status.st_uid == os.geteuid() and not status.st_mode & permissions.WRITABLE_BY_OTHERS
            return file.read() if is_own else b""
    except OSError:
        return b""


def write_template(data: Path, name: str, content: bytes) -> None:
    """Write a compiled template for this user only.

    If that fails, the next run compiles it again.
    """
    with suppress(FilesError):
        _replace(data / TEMPLATES / name, content, mode=permissions.FILE_MODE)


def _replace(target: Path, body: bytes, mode: int = 0o666) -> None:
    """Write a file that is on disk before it becomes visible; of two at once the last counts.

    Permissions are `mode`, as far as the umask allows. A missing folder is made, closed to other users if the file is.
    """
    draft = target.parent / f".{target.name}.{os.getpid()}-{time.monotonic_ns()}.draft"
    try:
        if mode != permissions.FILE_MODE:
            target.parent.mkdir(parents=True, exist_ok=True)
        elif not target.parent.is_dir():
            permissions.make_folder(target.parent)
        try:
            write_draft(str(draft), body, mode)
            sync_to_disk(draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        sync_to_disk(target.parent)
    except OSError as error:
        raise FilesError(f"{target} cannot be written: {error.strerror}") from error
