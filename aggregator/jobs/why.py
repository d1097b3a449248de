"""Why somebody got a story in a digest, or did not."""

from __future__ import annotations

from datetime import datetime

from aggregator.editions import why
from aggregator.jobs.digest import BASELINE
from aggregator.jobs.look import told
from aggregator.model import Config, WhyReport
from aggregator.store.connection import opened
from aggregator.store.editions import REACH
from aggregator.store.tellings import tellings


def run(config: Config, name: str, address: str, now: datetime) -> WhyReport:
    """The answer for every digest; raises UnknownName for a story that is not known.

    `name` may be the id of one of its items, or of a story that was merged into it. Only looks.
    """
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        story = told(store, name).story
        facts = tellings(store, story.id, address, config.digests)
    return WhyReport(
        story=story.id,
        title=story.lead.title,
        asked=name,
        address=address,
        digests=tuple(why.why(each, baseline=BASELINE, reach=REACH, now=now) for each in facts),
    )
