"""Facts about a server that its responses contain."""

from __future__ import annotations

from datetime import datetime

from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """Facts about a server from one response, for the partner report.

    `content_type` is None where a response has no document, such as a 304, and empty where it is missing.
    """

    content_type: str | None = None
    certificate_from: datetime | None = None
    certificate_until: datetime | None = None
