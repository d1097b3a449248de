"""The error tree: each class names the promise that was broken; the command line turns it into one message.

Expected failures of a source (a refused connection, an unreadable document) are values (`model.Failure`),
not exceptions: one source's failure never stops another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class AggregatorError(Exception):
    """Anything that ends a command with one clear message; `exit_code` is the command's."""

    exit_code = 1
    notices: tuple[str, ...] = ()
    """What happened before and is to be told all the same (V8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a configuration file, with the place to look."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        text = f"{self.file}:{self.line}: {where}{self.message}"
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class ConfigError(AggregatorError):
    """feeds.yaml is wrong; carries every problem found (exit 78, EX_CONFIG of sysexits.h)."""

    exit_code = 78

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class AuthorityChanged(AggregatorError):
    """`site.authority` differs from the one every published id was made with (V5, exit 78)."""

    exit_code = 78


class DatabaseLost(AggregatorError):
    """`public` was written from a database that is not there any more; nothing was touched (exit 78)."""

    exit_code = 78  # trying again mends nothing


class AnotherRunHolds(AggregatorError):
    """Another job holds the lock of the data folder (L1, exit 75, EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75


class UnknownName(AggregatorError):
    """A source, story, digest or channel that does not exist was named on the command line (exit 2)."""

    exit_code = 2


class WrongDecision(AggregatorError):
    """An editor's command makes no sense for the stories named; nothing was changed (exit 2)."""

    exit_code = 2


class ContactMissing(AggregatorError):
    """Public servers may not be visited before `site.contact` says who we are (V7, exit 78)."""

    exit_code = 78


class StoreError(AggregatorError):
    """The database cannot be opened, read or written."""


class NewerSchema(StoreError):
    """The database was written by a newer version of this program; nothing was touched."""


class FilesError(AggregatorError):
    """A file below `public` or `data` cannot be written; what was there before still stands."""


class MailError(AggregatorError):
    """The mail relay cannot be used; every letter stays owed."""


class NothingToShow(AggregatorError):
    """What a person asked to look at cannot be had, may not be read, or is nothing that can be polled."""


class UnreadableDocument(AggregatorError):
    """A body is not a document of the kind the source declares; becomes a `Failure` of the visit."""


class SandboxFailure(AggregatorError):
    """A document took its reader down, or more time or memory than it may; becomes a `Failure` of the visit."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message that proposes the known word most like `word`; empty if none is."""
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), list(known), n=1)
    return f', did you mean "{near[0]}"?' if near else ""
