"""Why somebody got a story in a digest, or did not."""

from __future__ import annotations

from datetime import datetime

from aggregator.digests import explanation
from aggregator.digests.run import BASELINE
from aggregator.model.config import Config
from aggregator.model.digests import ExplanationReport
from aggregator.store.connection import opened
from aggregator.store.digest_history import delivery_facts
from aggregator.store.editions import REACH
from aggregator.story_view import read_from


def run(config: Config, name: str, address: str, now: datetime) -> ExplanationReport:
    """The answer for every digest; raises UnknownName for a story that is not known.

    `name` may be the id of one of its items, or of a story that was merged into it. Only looks.
    """
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        story = read_from(store, name).story
        facts = delivery_facts(store, story.id, address, config.digests)
    return ExplanationReport(
        story=story.id,
        title=story.lead.title,
        asked=name,
        address=address,
        digests=tuple(explanation.why(each, baseline=BASELINE, reach=REACH, now=now) for each in facts),
    )
