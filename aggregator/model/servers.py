"""Facts about a server that its responses contain, and limits for them."""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator.model.value_classes import dataclass

MIN_SLOW_SECONDS = 5.0
"""Minimum seconds of a slow response."""
MAX_CERTIFICATE_WARNING = timedelta(days=14)
"""Maximum time before the end of a certificate at which it is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """Facts about a server from one response, for the partner report.

    `content_type` is None where a response has no document, such as a 304, and empty where it is missing.
    """

    content_type: str | None = None
    certificate_from: datetime | None = None
    certificate_until: datetime | None = None
