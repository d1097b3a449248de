"""What one round of `fetch` gathers: records, counts, notices and reports of its sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from datetime import datetime

from aggregator.model.config import Config
from aggregator.model.polling import SourceRecord
from aggregator.model.reports import FetchReport, SourceReport
from aggregator.model.value_classes import dataclass
from aggregator.ports import App
from aggregator.publishing import channels
from aggregator.store import runs
from aggregator.store.connection import Store


@dataclass(slots=True)
class Round:
    """The state of one round, which began at `now`."""

    app: App
    store: Store
    now: datetime
    records: dict[str, SourceRecord] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    reports: list[SourceReport] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    run_id: int = 0
    deferred: int = 0
    ids_by_host: dict[str, list[str]] = field(default_factory=dict)
    """The sources of each host; filled when the first visit of the round fails."""

    @property
    def config(self) -> Config:
        """Return the configuration."""
        return self.app.config

    def begin_run(self) -> int:
        """Return the id of the run; begin it at the first call, so that an idle round leaves no run."""
        self.run_id = self.run_id or runs.begin(self.store, "fetch", self.now)
        return self.run_id

    def report(self, **more: object) -> FetchReport:
        """Return the report of the round, its sources in the order of feeds.yaml."""
        order = {source.id: n for n, source in enumerate(self.config.sources)}
        reports = tuple(sorted(self.reports, key=lambda report: order[report.id]))
        values = {**self.counts, **more, "sources": reports, "notices": tuple(sorted(self.notices))}
        return FetchReport(**values)  # type: ignore[arg-type]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction, or a part of the caller's; a rollback restores counts and notices."""
        counts, notices = Counter(self.counts), list(self.notices)
        try:
            with self.store.savepoint() if self.store.db.in_transaction else self.store.transaction():
                yield
        except BaseException:
            self.counts, self.notices = counts, notices
            raise

    def update_channels(self, story_ids: set[str]) -> None:
        """Update the channels of changed stories, in the transaction of the change (P1)."""
        if story_ids:
            channels.update_channels(self.store, self.config.channels, story_ids, self.now)
