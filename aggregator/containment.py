"""Set aside what breaks a step of a job, so that everything else continues.

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
from aggregator.model.reports import ContainedStep, SetAside
from aggregator.model.value_classes import dataclass
from aggregator.store import set_aside
from aggregator.store.connection import Store, is_database_error
from aggregator.text import line

_Result = TypeVar("_Result")

MAX_NOTICES = 5
"""Maximum number of things set aside that are named one by one; `status` lists all."""

logger = logging.getLogger("aggregator.contain")


@dataclass(frozen=True, slots=True)
class Broken:
    """An unexpected exception as a value."""

    error: Exception

    @property
    def reason(self) -> str:
        """The exception on one line."""
        return f"{type(self.error).__name__}: {line(str(self.error), 200) or 'no message'}"


def attempt(act: Callable[[], _Result]) -> _Result | Broken:
    """Return what `act` returns, or Broken if it raises an unexpected exception.

    Expected failures, errors of the database file or the machine, and a lack of memory are raised as they are.
    """
    try:
        return act()
    except (AggregatorError, OSError, MemoryError):
        raise
    except Exception as error:  # L2: one item, story or channel must not stop the others
        if is_database_error(error):
            raise
        logger.debug("contained", exc_info=error)
        return Broken(error)


def value_to_show(name: str, act: Callable[[], _Result]) -> _Result:
    """Return what `act` returns; raises NothingToShow if it raises an unexpected exception."""
    result = attempt(act)
    if isinstance(result, Broken):
        raise NothingToShow(
            f"{name} cannot be shown: {result.reason}; please report this as a bug of the program"
        )
    return result


@dataclass(slots=True)
class Containment:
    """What is set aside already and what one job sets aside; only `record` writes."""

    store: Store
    aside: dict[ContainedStep, frozenset[str]] = field(default_factory=dict)
    broken: dict[tuple[ContainedStep, str], str] = field(default_factory=dict)
    repaired: set[tuple[ContainedStep, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.aside = set_aside.names_by_step(self.store)

    def usable(self, step: ContainedStep, names: Iterable[str]) -> list[str]:
        """Return those of `names` that are not set aside in this step."""
        return [name for name in names if name not in self.aside[step] and (step, name) not in self.broken]

    def without_broken(
        self, step: ContainedStep, names: Iterable[str], act: Callable[[Sequence[str]], _Result]
    ) -> _Result:
        """Return what `act` makes of `names` without those that break it alone.

        Raises what `act` raises if no name is the cause: without any name, with no single one, or with each one.
        """
        usable = self.usable(step, names)
        result = attempt(lambda: act(usable))
        if not isinstance(result, Broken):
            return result
        if isinstance(attempt(lambda: act([])), Broken):
            raise result.error
        tried = {name: attempt(partial(act, [name])) for name in usable}
        broken = {name: each.reason for name, each in tried.items() if isinstance(each, Broken)}
        if not broken or len(broken) == len(usable) > 1:
            raise result.error
        self.broken |= {(step, name): reason for name, reason in broken.items()}
        return act(self.usable(step, usable))

    def succeeds(self, step: ContainedStep, name: str, act: Callable[[], object]) -> bool:
        """Return whether `act`, about one item or story, succeeds; if not, set that aside."""
        result = attempt(act)
        if isinstance(result, Broken):
            self.broken[step, name] = result.reason
        return not isinstance(result, Broken)

    def attempt_whole(self, step: ContainedStep, name: str, act: Callable[[], _Result]) -> _Result | None:
        """Return what `act` makes of many; None if it breaks, to be tried at the next run."""
        result = attempt(act)
        if isinstance(result, Broken):
            self.broken[step, name] = result.reason
            return None
        self.release(step, name)
        return result

    def release(self, step: ContainedStep, name: str) -> None:
        """End that something made of many is set aside."""
        if name in self.aside[step]:
            self.repaired.add((step, name))

    def record(self, now: datetime) -> tuple[str, ...]:
        """Write what was set aside; return a notice for what was not set aside before."""
        new = {key: reason for key, reason in self.broken.items() if key[1] not in self.aside[key[0]]}
        with self.store.in_transaction():
            for (step, name), reason in new.items():
                set_aside.add(self.store, step, name, reason, now)
            for step, name in self.repaired:
                set_aside.remove(self.store, step, [name])
        if not new:
            return ()
        listed = [each for each in set_aside.listed(self.store) if (each.step, each.name) in new]
        notices = [notice(each) for each in listed[:MAX_NOTICES]]
        if len(listed) > MAX_NOTICES:
            notices.append(f"{len(listed) - MAX_NOTICES} more were set aside: see `aggregator status`")
        return tuple(notices)


WHOLE_STEPS = frozenset({ContainedStep.CHANNEL, ContainedStep.EDITION, ContainedStep.COMPOSING})
"""Steps whose failure leaves a whole document or digest as it was."""

_STEPS = {
    ContainedStep.PLACING: ("compared with others", "left out until it changes or the program is upgraded"),
    ContainedStep.PUBLISHING: ("published", "left out until it changes or the program is upgraded"),
    ContainedStep.DIGEST: ("put into a digest", "left out until it changes or the program is upgraded"),
    ContainedStep.CHANNEL: ("published", "tried again at every run"),
    ContainedStep.EDITION: ("published", "tried again at every run"),
    ContainedStep.COMPOSING: ("composed", "tried again at every run"),
}


def notice(aside: SetAside) -> str:
    """Describe in one line what was set aside, why, and what follows."""
    done, then = _STEPS[aside.step]
    what = f"{aside.step} {aside.name}"
    if aside.title:
        what = f"{aside.source}: “{line(aside.title, 100)}” ({aside.name})"
    return f"{what} cannot be {done}: {aside.reason}; {then}; please report this as a bug of the program"
