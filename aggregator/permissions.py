"""Close files and folders that hold personal data to other users, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
OTHERS = 0o077
WRITABLE_BY_OTHERS = 0o022


def make_folder(path: Path, *, passable: bool = False) -> None:
    """Make a folder that only its owner may list.

    Other users may pass through a `passable` folder. Raises OSError.
    """
    mode = 0o711 if passable else FOLDER_MODE
    try:
        path.mkdir(mode=mode, parents=True)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        path.chmod(mode)  # mkdir applied the umask
    _remove_rights(path, OTHERS & ~mode)


def make_file(path: Path) -> None:
    """Make an empty file that only its owner may read.

    A file that exists is closed to other users. Raises OSError.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except FileExistsError:
        close_file(path)
        return
    try:
        os.fchmod(handle, FILE_MODE)
    finally:
        os.close(handle)


def close_file(path: Path) -> None:
    """Remove the rights of other users from a file, if there is one."""
    with suppress(FileNotFoundError):
        _remove_rights(path, OTHERS)


def unwritable(paths: Iterable[Path]) -> str | None:
    """Describe the first path that this user may not write, with what to do; None without one."""
    for path in paths:
        if os.path.exists(path) and not _may_write(path):  # noqa: PTH110 - Path.exists raises PermissionError
            if path.stat().st_uid == os.geteuid():
                return f"{path} cannot be written: check its mode, and whether its file system is read-only"
            return (
                f"{path} belongs to {_owner(path)} and cannot be written: run all commands as one user, who owns all"
                " files of the folder"
            )
    return None


def _may_write(path: Path) -> bool:
    rights = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    return os.access(path, rights, effective_ids=True)


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return "another user"


def _remove_rights(path: Path, rights: int) -> None:
    mode = path.stat().st_mode & 0o7777
    if mode & rights:
        with suppress(OSError):  # it belongs to another user, or its file system has no modes
            path.chmod(mode & ~rights)
