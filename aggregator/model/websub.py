"""Values of WebSub: subscriptions to the hubs of sources, and pushes."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from aggregator.model.value_classes import dataclass

CALLBACK_PATH = "websub/"
"""Path of callbacks below `web.url`, before the token."""


class Mode(StrEnum):
    """Mode of a request to a hub and of its verification (WebSub sections 5.1 and 5.3)."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription of one source to one topic of one hub.

    `requested_mode` is that of the last request, which the hub has not verified yet while `awaiting`. `attempts`
    counts failures in a row. A subscription that is not `wanted` is to be ended.
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
    requested_mode: Mode | None
    requested_at: datetime | None
    awaiting: bool
    attempts: int
    lease_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A body that the hub of a subscription sent and that was not parsed yet."""

    subscription_id: int
    source_id: str
    wanted: bool
    hash: str
    media_type: str
    body: bytes
