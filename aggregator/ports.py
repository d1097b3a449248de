"""Interfaces of the parts that tests and `app` exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, TypeVar

from aggregator.model.config import Config
from aggregator.model.polling import Failure, Request, Response
from aggregator.model.value_classes import dataclass

Result = TypeVar("Result")

Clock = Callable[[], datetime]
"""Returns now, aware, in UTC. Only `app` has the real clock."""

Fetcher = Callable[[Request], Response | Failure]
"""Sends one request, follows redirects, and keeps to the limits of time and size.

Expected failures are returned, never raised. Picklable if the executor's workers are processes.
"""

Hub = Callable[[str, str], Failure | None]
"""Notifies the hub (first) that a feed (second) changed; returns the failure, if any."""

HubRequest = Callable[[str, Mapping[str, str], str], Failure | None]
"""Sends a form to a hub (first) that a source (last, its URL) names; returns the failure."""

MakeExecutor = Callable[[int], Executor]
"""Makes an executor with this number of workers; by default they are threads."""


class Mailer(Protocol):
    """Sends one message to one address; raises MailRefused, MailInterrupted or MailError."""

    def __call__(self, message: bytes, address: str, sender: str | None = None) -> None:
        """Send a message with the envelope sender `sender`; by default that of `mail.from`."""
        ...


class Mailbox(Protocol):
    """Holds mails by name, each of which is read and then removed or left."""

    id: str
    """Identifies the mailbox; together with a name, one mail in it."""

    def names(self) -> Sequence[str]:
        """Return the names of all mails, oldest first."""
        ...

    def read(self, name: str, max_bytes: int) -> bytes | None:
        """Return at most `max_bytes` from the beginning of a mail; None if it is gone."""
        ...

    def remove(self, name: str) -> None:
        """Remove a mail."""
        ...


class Sandbox(Protocol):
    """Runs `function(*args)` in at most `seconds` and with bounded memory.

    Arguments are picklable and hold no secrets. The result is of the type that the function declares
    (`gateways.typedjson`). Raises SandboxFailure, and UnreadableDocument where the function does.
    """

    def __call__(self, function: Callable[..., Result], *args: Any, seconds: float) -> Result:
        """Return what the function returns."""
        ...


def call_in_process(function: Callable[..., Result], *args: Any, seconds: float) -> Result:  # noqa: ARG001
    """Call a function without a sandbox, for documents of this program's own."""
    return function(*args)


Stopping = Callable[[], bool]
"""Whether the process was asked to end; work in progress is then finished, none is begun.

It is passed to workers: where these are processes, it must be picklable.
"""


def never_stop() -> bool:
    """Never ask to stop."""
    return False


class Flag:
    """A flag that signal handlers set.

    It takes no lock, as `threading.Event` does: a signal during the handler of another one would wait for it
    without end.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Set the flag."""
        self._is_set = True

    def clear(self) -> None:
        """Clear the flag."""
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether the flag is set."""
        return self._is_set


Progress = Callable[[int, int, str], None]
"""Called during long work: the number done, the number of all, the last thing done."""


def no_hub() -> Hub:
    """Return a hub that nothing is sent to."""
    return lambda _hub, _url: None


def no_hub_request() -> HubRequest:
    """Return a request to hubs of sources that is never sent."""
    return lambda _hub, _form, _source_url: None


class MailRefused(Exception):
    """The relay refused a message.

    `permanent`: another attempt will fail as well. `no_mailbox`: the address does not exist (5.1.1 and similar).
    `not_about_address`: the reason is this program or the message, not the address. `connection_lost`: the relay ended
    the connection.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool,
        no_mailbox: bool = False,
        not_about_address: bool = False,
        connection_lost: bool = False,
    ) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.no_mailbox = no_mailbox
        self.not_about_address = not_about_address
        self.connection_lost = connection_lost


class MailInterrupted(Exception):
    """No reply came after DATA began; the relay may have accepted the message (M4).

    `connection_lost`: the relay ended the connection, it did not merely take too long.
    """

    def __init__(self, reason: str, *, connection_lost: bool = True) -> None:
        super().__init__(reason)
        self.connection_lost = connection_lost


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The parts of a job: real ones from `app`, others in tests.

    `fetcher`, `sandbox` and `mailer` make their part when it is needed, so that a run without work imports none of
    them; `sandbox` takes the maximum number of documents. `simulated_clock`: `clock` is not the real one, so that
    public servers are not visited.
    """

    config: Config
    clock: Clock
    fetcher: Callable[[], Fetcher]
    sandbox: Callable[[int], AbstractContextManager[Sandbox]]
    make_executor: MakeExecutor
    mailer: Callable[[], AbstractContextManager[Mailer]]
    link_key: Callable[[], bytes]
    """Returns the secret key that the tokens of personal links are made with (SU2)."""
    random_bytes: Callable[[int], bytes]
    """Returns this number of random bytes."""
    mailbox: Callable[[], AbstractContextManager[Mailbox]] | None = None
    """Opens the mailbox of bounces; None where none is configured."""
    hub: Callable[[], Hub] = no_hub
    hub_request: Callable[[], HubRequest] = no_hub_request
    simulated_clock: bool = False
    stopping: Stopping = never_stop
    host_gap: float = 0.0
    """Seconds between two requests to one host (V2, CL11)."""
