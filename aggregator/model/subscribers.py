"""Values of subscribers: people who subscribed, their requests, links and history."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from aggregator.model.value_classes import dataclass

FORM_VERSION = "2026-11-30"
"""Version of the text that the sign-up form agrees to; change it with that text (DP1)."""


class SubscriberState(StrEnum):
    """Whether a subscriber gets messages.

    `suppressed` is never stored: it follows from an entry for the address in `suppressions`. The stored state holds
    again when the suppression ends.
    """

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


class AccountMessage(StrEnum):
    """The messages to a subscriber that are no editions, and the sign-in links of editors."""

    CONFIRM = "confirm"
    WELCOME = "welcome"
    LINK = "link"
    SIGN_IN = "sign-in"


class LinkPurpose(StrEnum):
    """What the link with a token may do; one that confirmed only shows that."""

    CONFIRM = "confirm"
    CONFIRMED = "confirmed"
    MANAGE = "manage"
    UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """How somebody agreed: `how` is form, import or command.

    `evidence` is the version of the form's text, or where and when consent was given otherwise (DP1).
    """

    how: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A person who subscribed, or was asked to confirm; `since` is the time of the state."""

    id: int
    address: str
    language: str
    state: SubscriberState
    reason: str | None
    since: datetime
    created: datetime
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberEvent:
    """What happened to a subscription, and how: the proof of consent and the states before."""

    at: datetime
    event: str
    how: str
    evidence: str | None
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscriber:
    """A valid line of an import."""

    address: str
    language: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberImportReport:
    """How many addresses of a file were subscribed, and how many were not, by reason."""

    added: int
    known: int
    left: int
    suppressed: int
    erased: int
    inactive: int
