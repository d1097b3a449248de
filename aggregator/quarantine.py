"""Quarantine what raises an exception in a step of a job, so that everything else continues.

It is reported once. Items and stories stay out of the step until they change or another version of the program runs.
What is made of many (a channel, a month, an edition) is tried at every run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from datetime import datetime
from functools import partial
from typing import TypeVar

from aggregator.errors import AggregatorError, NothingToShow
from aggregator.model.reports import QuarantineRecord, QuarantineStep
from aggregator.model.value_classes import dataclass
from aggregator.store import quarantined
from aggregator.store.connection import Store, is_database_error
from aggregator.text import line

_Result = TypeVar("_Result")

MAX_NOTICES = 5
"""Maximum number of notices about single items, stories or documents; `status` lists all."""

logger = logging.getLogger("aggregator.quarantine")


@dataclass(frozen=True, slots=True)
class CaughtError:
    """An unexpected exception as a value."""

    error: Exception

    @property
    def reason(self) -> str:
        """The exception on one line."""
        return f"{type(self.error).__name__}: {line(str(self.error), 200) or 'no message'}"


def catch_unexpected(act: Callable[[], _Result]) -> _Result | CaughtError:
    """Return what `act` returns, or CaughtError if it raises an unexpected exception.

    Expected failures, errors of the database file or the machine, and a lack of memory are raised as they are.
    """
    try:
        return act()
    except (AggregatorError, OSError, MemoryError):
        raise
    except Exception as error:  # L2: one item, story or channel must not stop the others
        if is_database_error(error):
            raise
        logger.debug("quarantined", exc_info=error)
        return CaughtError(error)


def value_or_nothing_to_show(name: str, act: Callable[[], _Result]) -> _Result:
    """Return what `act` returns; raises NothingToShow if it raises an unexpected exception."""
    result = catch_unexpected(act)
    if isinstance(result, CaughtError):
        raise NothingToShow(
            f"{name} cannot be shown: {result.reason}; please report this as a bug of the program"
        )
    return result


@dataclass(slots=True)
class Quarantine:
    """The quarantined names, and those that one job adds and releases; `record` writes."""

    store: Store
    stored: dict[QuarantineStep, frozenset[str]] = field(default_factory=dict)
    added: dict[tuple[QuarantineStep, str], str] = field(default_factory=dict)
    released: set[tuple[QuarantineStep, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.stored = quarantined.names_by_step(self.store)

    def not_quarantined(self, step: QuarantineStep, names: Iterable[str]) -> list[str]:
        """Return those of `names` that are not quarantined in this step."""
        return [name for name in names if name not in self.stored[step] and (step, name) not in self.added]

    def apply_without_failing(
        self, step: QuarantineStep, names: Iterable[str], act: Callable[[Sequence[str]], _Result]
    ) -> _Result:
        """Return what `act` makes of `names`, and quarantine those for which alone it fails.

        Raises what `act` raises if no name is the cause: without any name, with no single one, or with each one.
        """
        usable = self.not_quarantined(step, names)
        result = catch_unexpected(lambda: act(usable))
        if not isinstance(result, CaughtError):
            return result
        if isinstance(catch_unexpected(lambda: act([])), CaughtError):
            raise result.error
        tried = {name: catch_unexpected(partial(act, [name])) for name in usable}
        failed = {name: each.reason for name, each in tried.items() if isinstance(each, CaughtError)}
        if not failed or len(failed) == len(usable) > 1:
            raise result.error
        self.added |= {(step, name): reason for name, reason in failed.items()}
        return act(self.not_quarantined(step, usable))

    def try_one(self, step: QuarantineStep, name: str, act: Callable[[], object]) -> bool:
        """Return whether `act`, about one item or story, succeeds; quarantine that if not."""
        result = catch_unexpected(act)
        if isinstance(result, CaughtError):
            self.added[step, name] = result.reason
        return not isinstance(result, CaughtError)

    def try_document(self, step: QuarantineStep, name: str, act: Callable[[], _Result]) -> _Result | None:
        """Return what `act` makes of a channel, month or edition; None if it fails."""
        result = catch_unexpected(act)
        if isinstance(result, CaughtError):
            self.added[step, name] = result.reason
            return None
        self.release(step, name)
        return result

    def release(self, step: QuarantineStep, name: str) -> None:
        """Release a channel, month or edition that succeeded again."""
        if name in self.stored[step]:
            self.released.add((step, name))

    def record(self, now: datetime) -> tuple[str, ...]:
        """Write additions and releases; return notices of names that are newly quarantined."""
        new = {key: reason for key, reason in self.added.items() if key[1] not in self.stored[key[0]]}
        with self.store.in_transaction():
            for (step, name), reason in new.items():
                quarantined.add(self.store, step, name, reason, now)
            for step, name in self.released:
                quarantined.remove(self.store, step, [name])
        if not new:
            return ()
        listed = [each for each in quarantined.listed(self.store) if (each.step, each.name) in new]
        notices = [notice(each) for each in listed[:MAX_NOTICES]]
        if len(listed) > MAX_NOTICES:
            notices.append(f"{len(listed) - MAX_NOTICES} more were quarantined: see `aggregator status`")
        return tuple(notices)


DOCUMENT_STEPS = frozenset({QuarantineStep.CHANNEL, QuarantineStep.EDITION, QuarantineStep.COMPOSING})
"""Steps whose failure leaves a whole document or digest as it was."""

_STEPS = {
    QuarantineStep.PLACING: ("compared with others", "left out until it changes or the program is upgraded"),
    QuarantineStep.PUBLISHING: ("published", "left out until it changes or the program is upgraded"),
    QuarantineStep.DIGEST: ("put into a digest", "left out until it changes or the program is upgraded"),
    QuarantineStep.CHANNEL: ("published", "tried again at every run"),
    QuarantineStep.EDITION: ("published", "tried again at every run"),
    QuarantineStep.COMPOSING: ("composed", "tried again at every run"),
}


def notice(record: QuarantineRecord) -> str:
    """Describe a quarantine in one line: its name, reason and end."""
    done, then = _STEPS[record.step]
    subject = f"{record.step} {record.name}"
    if record.title:
        subject = f"{record.source}: “{line(record.title, 100)}” ({record.name})"
    return f"{subject} cannot be {done}: {record.reason}; {then}; please report this as a bug of the program"
