"""Deny this process files, programs and TCP by Landlock (Linux 5.13 and newer).

The system calls have no wrapper in the C library, and their numbers are the same on all architectures that Python
supports. Numbers and structures are those of linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS

_READ_FILE, _READ_DIRECTORY = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""Number of rights to files by the version of Landlock that introduced them."""
_TCP_RIGHTS = {4: 2}
_SCOPES = {6: 2}
"""Rights to signals and abstract sockets of unrestricted processes."""


def allow_only_reading(readable: Iterable[str]) -> bool:
    """Allow only reading below the paths `readable`, permanently; return whether it works."""
    system_call = ctypes.CDLL(None, use_errno=True).syscall
    version = system_call(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        return False
    handled = [_all(table, version) for table in (_FILE_RIGHTS, _TCP_RIGHTS, _SCOPES)]
    attributes = struct.pack("=3Q", *handled)
    # Older kernels accept a longer structure if the rest is zero.
    rules = system_call(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return False
    for path in readable:
        with suppress(OSError):
            _allow(system_call, rules, path)
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    restricted: bool = system_call(_RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return restricted


def _all(rights: dict[int, int], version: int) -> int:
    return max(((1 << count) - 1 for since, count in rights.items() if since <= version), default=0)


def _allow(system_call: ctypes._NamedFuncPointer, rules: int, path: str) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = _READ_FILE | _READ_DIRECTORY if os.path.isdir(path) else _READ_FILE  # noqa: PTH112
        system_call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)
