"""Errors that end a command, each named after the promise that was broken.

Expected failures of a source (a refused connection, an unreadable document) are values (`model.polling.Failure`),
not exceptions: one source's failure never stops another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from aggregator.text import without_long_words


class AggregatorError(Exception):
    """An error that ends a command with one message and `exit_code`."""

    exit_code = 1
    notices: tuple[str, ...] = ()
    """Notices of what happened before the error, to be reported as well (V8)."""

    def __str__(self) -> str:
        """Return the message, in which long input is shortened."""
        return without_long_words(super().__str__())


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem of a configuration file, with its file, line and key."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        """Return the problem on one line, in which long input is shortened."""
        where = f"{self.path}: " if self.path else ""
        text = f"{self.file}:{self.line}: {where}{self.message}"
        printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
        return without_long_words(printable)


class ConfigError(AggregatorError):
    """feeds.yaml is invalid; carries every problem (exit 78, EX_CONFIG of sysexits.h)."""

    exit_code = 78

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    def in_file(self, file: Path) -> ConfigError:
        """Return the same error with the path of the file instead of its name."""
        return ConfigError(
            tuple(replace(each, file=str(file)) if each.file == file.name else each for each in self.problems)
        )


class AuthorityChanged(AggregatorError):
    """`site.authority` is not the one of the published ids (V5, exit 78)."""

    exit_code = 78


class FutureAuthority(AggregatorError):
    """The date of a new `site.authority` is in the future (RFC 4151 section 2.1, exit 78)."""

    exit_code = 78


class DatabaseLost(AggregatorError):
    """`public` was written from a database that is missing; nothing was changed (exit 78)."""

    exit_code = 78  # another attempt would fail as well


class AnotherRunHolds(AggregatorError):
    """Another job holds the lock of the data folder (L1, exit 75, EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75


class UnknownName(AggregatorError):
    """A command names a source, story, digest or channel that does not exist (exit 2)."""

    exit_code = 2


class WrongDecision(AggregatorError):
    """An editor's command is not possible for these stories; nothing was changed (exit 2).

    `reason` names the cause for pages, which have words of their own.
    """

    exit_code = 2

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class ContactMissing(AggregatorError):
    """`site.contact` is a placeholder, so that public servers may not be visited (V7, exit 78)."""

    exit_code = 78


class StoreError(AggregatorError):
    """The database cannot be opened, read or written."""


class StoreBusy(StoreError):
    """Another process has been writing to the database for too long; nothing was changed."""


class NewerSchema(StoreError):
    """The database was written by a newer version; nothing was changed."""


class FilesError(AggregatorError):
    """A file below `public` or `data` cannot be written; its former content is unchanged."""


class MailError(AggregatorError):
    """The mail relay cannot be used; every message stays queued."""


class MailboxError(AggregatorError):
    """The mailbox of bounces cannot be read; its mails stay there."""


class BouncesNotConfigured(AggregatorError):
    """`mail.bounces` is missing, so that mail to its address has no meaning (exit 78)."""

    exit_code = 78


class ExecutorError(AggregatorError):
    """The executor of `fetch` cannot be reached, has no usable workers, or was lost."""


class ExecutorMissing(ExecutorError):
    """The executor of `fetch` needs a package that is not installed (exit 78)."""

    exit_code = 78


class NothingToShow(AggregatorError):
    """What a command should show does not exist, is forbidden, or cannot be polled."""


class UnreadableDocument(AggregatorError):
    """A body is not a document of the source's kind; becomes a Failure of the visit."""


class SandboxFailure(AggregatorError):
    """A document exceeded the sandbox's limits or made it fail; becomes a Failure."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message that proposes the known word nearest to `word`, or ""."""
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), list(known), n=1)
    return f', did you mean "{near[0]}"?' if near else ""
