"""Run the functions that the sandbox calls, inside a limited process.

The kernel denies it more memory than allowed, writing files and new processes, and with Landlock files, programs and
TCP as well.

`sandbox` starts it and has the other end of the channel. A request is a pickle of function, arguments and seconds,
after its length in four bytes. An answer is one byte for its kind, four bytes of length, and its content.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import suppress
from enum import Enum
from typing import BinaryIO

from aggregator.gateways import landlock

SPARE_SECONDS = 2
"""Seconds after the deadline until the kernel ends a process without a caller."""
MAX_DESCRIPTORS = 32
"""Maximum number of open files; the process itself needs 5."""
MAX_REASON_BYTES = 2_000
"""Maximum size of the text of an error."""
READABLE = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/usr/share/zoneinfo"),
    *("/dev/null", "/dev/urandom"),
)
"""Readable paths beside Python's own: shared libraries, time zones, types of files."""


class Answer(Enum):
    """The kind of an answer."""

    READY = b"r"
    VALUE = b"v"  # as `typedjson` encodes it
    UNREADABLE = b"u"  # the text of an UnreadableDocument
    RAISED = b"e"  # name and text of any other exception
    OUT_OF_MEMORY = b"m"


def main() -> None:
    """Answer requests on standard input, a socket, until the caller closes it.

    Arguments: megabytes, `with` or `without` Landlock, and the module search path.
    """
    channel = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    limit_process(int(sys.argv[1]))
    if sys.argv[2] == "with":
        landlock.allow_only_reading(_readable())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller
    with suppress(OSError):  # the caller is gone
        answer_requests(os.fdopen(channel, "rb"), os.fdopen(channel, "wb"))
    os._exit(0)  # without exit handlers, which a document could have set


def limit_process(megabytes: int) -> None:
    """Limit memory, files and processes of this process, where the system can."""
    import resource

    size = megabytes * 1_000_000
    limits = {
        resource.RLIMIT_DATA: size,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,  # Python ignores SIGXFSZ: writing fails with EFBIG
        resource.RLIMIT_NOFILE: MAX_DESCRIPTORS,
        resource.RLIMIT_NPROC: 0,
    }
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or hard > most:
            resource.setrlimit(kind, (most, most))


def _readable() -> list[str]:
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    return [path for path in (*sys.path, f"{sys.base_prefix}/lib", *libraries, *READABLE) if path]


def answer_requests(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answer requests until there are no more, or memory was short."""
    _send(outgoing, Answer.READY, b"")
    while len(size := incoming.read(4)) == 4:
        answer, content = _answered(incoming, int.from_bytes(size, "big"))
        _send(outgoing, answer, content)
        if answer is Answer.OUT_OF_MEMORY:
            return


def _send(outgoing: BinaryIO, answer: Answer, content: bytes | bytearray) -> None:
    outgoing.write(answer.value + len(content).to_bytes(4, "big"))
    outgoing.write(content)
    outgoing.flush()


def _answered(incoming: BinaryIO, size: int) -> tuple[Answer, bytes | bytearray]:
    from aggregator.errors import UnreadableDocument
    from aggregator.gateways import typedjson

    try:
        function, args, seconds = pickle.loads(incoming.read(size))  # noqa: S301 - from the parent process
        # The caller kills a process at its deadline; if the caller is gone, the kernel does, also during C code.
        signal.setitimer(signal.ITIMER_REAL, seconds + SPARE_SECONDS)
        value = function(*args)
        return Answer.VALUE, typedjson.encode(value, typedjson.returned_by(function))
    except MemoryError:
        return Answer.OUT_OF_MEMORY, b""
    except UnreadableDocument as error:
        return Answer.UNREADABLE, _reason(str(error))
    except Exception as error:  # noqa: BLE001 - any exception of a parser is a failure of its document (L2)
        return Answer.RAISED, _reason(f"{type(error).__name__}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _reason(text: str) -> bytes:
    return text.encode("utf-8", "replace")[:MAX_REASON_BYTES]
