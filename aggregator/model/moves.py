"""The value of a permanent redirect of a source."""

from __future__ import annotations

from datetime import datetime

from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A permanent redirect and since when it was met; `learned` once the new URL is used (CL14).

    While `visits` is 0, the redirect led to no entry that the source had until `since`, its last visit before. It is -1
    after a document without the redirect.
    """

    url: str
    since: datetime
    visits: int = 1
    learned: bool = False

    @property
    def is_same_feed(self) -> bool:
        """Return whether the redirect leads to entries that the source had before."""
        return self.visits > 0

    @property
    def is_over(self) -> bool:
        """Return whether the last document came without the redirect, which led elsewhere."""
        return self.visits < 0
