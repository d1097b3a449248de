"""Files out: the lock of the data folder, documents that change only when their bytes do, letters."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from aggregator.errors import AnotherRunHolds, FilesError, MailError
from aggregator.model import Document
from aggregator.seams import Mailer


@contextmanager
def lock(data: Path) -> Iterator[None]:
    """One job at a time (L1). `flock` is released by the kernel when the process dies."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        handle = (data / "lock").open("w")
    except OSError as error:
        raise FilesError(f"{data} cannot be written: {error.strerror}") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AnotherRunHolds(f"another run is at work on {data}; nothing was done") from error
        yield


def write_document(public: Path, document: Document) -> bool:
    """Put a document and its `.gz` in place if its bytes differ from what is there; whether it did (PB13).

    The `.gz` goes first: a crash between the two renames leaves an old document, which the next run sees.
    """
    target = public / document.path
    packed = target.with_name(target.name + ".gz")
    zipped = gzip.compress(document.body, mtime=0)  # P4
    try:
        if target.read_bytes() == document.body and packed.read_bytes() == zipped:
            return False
    except OSError:
        pass
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(packed, zipped)
        _replace(target, document.body)
        _sync_folder(target.parent)
    except OSError as error:
        raise FilesError(f"{target} cannot be written: {error.strerror}") from error
    return True


def write_text(target: Path, text: str) -> None:
    """Put a text file in place, whole or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, text.encode("utf-8"))
        _sync_folder(target.parent)
    except OSError as error:
        raise FilesError(f"{target} cannot be written: {error.strerror}") from error


@contextmanager
def outbox(folder: Path) -> Iterator[Mailer]:
    """The embedded default for mail: every letter becomes a file. The same letter again is the same file."""

    def put(message: EmailMessage, address: str) -> None:
        edition = str(message["Message-ID"]).strip("<>").partition(".")[0]
        who = re.sub(r"[^A-Za-z0-9.@_+-]", "_", address)[:80]
        mark = hashlib.sha256(address.encode()).hexdigest()[:6]
        try:
            write_letter(folder, f"{edition}-{who}-{mark}.eml", message.as_bytes())
        except FilesError as error:
            raise MailError(f"{error}; every letter stays owed") from error

    yield put


def write_letter(outbox: Path, name: str, body: bytes) -> Path:
    """Put a letter into the outbox folder; the same letter again gives the same file."""
    target = outbox / name
    try:
        outbox.mkdir(parents=True, exist_ok=True)
        _replace(target, body)
        _sync_folder(outbox)
    except OSError as error:
        raise FilesError(f"{target} cannot be written: {error.strerror}") from error
    return target


def _replace(target: Path, body: bytes) -> None:
    """Whole or not at all, on disk before it is visible, readable as the umask says."""
    draft = target.with_name(f".{target.name}.draft")
    try:
        with draft.open("wb") as handle:
            handle.write(body)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
