"""Values of WebSub: subscriptions to the hubs of sources, and what these push."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

CALLBACK_PATH = "websub/"
"""Path of callbacks below `web.url`, before the token."""


class Mode(StrEnum):
    """What a hub is asked for and verifies (WebSub sections 5.1 and 5.3)."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription of one source to one topic of one hub.

    `asked` is the last request, which the hub has not verified yet while `awaiting`. `attempts` counts failures in a
    row. Without `wanted` it is to be ended.
    """

    id: int
    source_id: str
    hub: str
    topic: str
    callback: str = field(repr=False)
    token: str = field(repr=False)
    secret: str | None = field(repr=False)
    wanted: bool
    due: datetime
    asked: Mode | None
    asked_at: datetime | None
    awaiting: bool
    attempts: int
    lease_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A body that the hub of a subscription sent and that was not read yet."""

    subscription_id: int
    source_id: str
    wanted: bool
    hash: str
    media_type: str
    body: bytes
