"""Values of bounces: what a mail to the bounce address says, and how many there are."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from aggregator.model.digests import Suppression
from aggregator.model.subscribers import Subscriber, SubscriberEvent
from aggregator.model.value_classes import dataclass


class MailKind(StrEnum):
    """What a mail to the bounce address is."""

    HARD = "hard"  # the mailbox does not exist any more
    SOFT = "soft"  # not delivered, for a reason that may pass
    REFUSED = "refused"  # because of the sender or the message: no fault of the address
    DELAYED = "delayed"  # not delivered yet, and tried again
    COMPLAINT = "complaint"  # a recipient reported the message as unwanted
    AUTOMATIC = "automatic"  # replies of absent people, receipts
    UNKNOWN = "unknown"  # not understood


BOUNCED = (MailKind.HARD, MailKind.SOFT, MailKind.REFUSED)
"""Kinds that say that a message was not delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailReading:
    """What a mail says. `tokens` are candidates, those of its header first."""

    kind: MailKind
    tokens: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMail:
    """What became of a mail: whose message it is about, and whether that address was suppressed.

    `address` is None for a mail without a valid token. `repeated`: it had been recorded before.
    """

    kind: MailKind
    address: str | None
    reason: str
    suppressed: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedMail:
    """A mail about a message to one address, as `subscriber show` lists it."""

    at: datetime
    kind: MailKind
    edition: str
    reason: str
    file: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceRates:
    """Bounces and complaints about the messages accepted in the last 30 days.

    `without_token` bounces name no message of ours, `unread` mails were not understood; `fault` says why the mailbox
    could not be read, since `fault_since`.
    """

    accepted: int = 0
    bounced: int = 0
    complaints: int = 0
    without_token: int = 0
    unread: int = 0
    fault: str | None = None
    fault_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRecord:
    """What is known about an address; it is a recipient of `digests` in feeds.yaml."""

    address: str
    subscriber: Subscriber | None
    history: tuple[SubscriberEvent, ...]
    digests: tuple[str, ...]
    suppression: Suppression | None
    mails: tuple[ReturnedMail, ...]
