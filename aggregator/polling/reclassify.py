"""Apply changed topics and filters of feeds.yaml to stored items, without a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aggregator.counts import count_of
from aggregator.errors import SandboxFailure
from aggregator.items import classify
from aggregator.model.config import Config
from aggregator.polling.round import Round
from aggregator.ports import Sandbox
from aggregator.publishing.channels import update_channels_quietly
from aggregator.store import channels, editions, reclassification
from aggregator.store.reclassification import StoredItem

MAX_ITEMS = 2_000
"""Maximum items of one round."""
BATCH_ITEMS = 100
"""Maximum items that are read together, and that keep what they have if that fails."""


def reclassify(work: Round, sandbox: Sandbox) -> None:
    """Apply topics and filters to the newest items without them; the next round continues.

    Expressions are searched in the sandbox, because they may take any time. If they take too long, the items keep what
    they have, and the round goes on without the others.
    """
    rules_hash = reclassification.classification_hash(work.config)
    until = work.app.clock() + work.config.fetch.timeout
    for _ in range(MAX_ITEMS // BATCH_ITEMS):
        reached = reclassification.position(work.store, rules_hash)
        items = reclassification.items_before(work.store, reached.before, BATCH_ITEMS)
        reached = replace(reached, before=items[-1].number if items else 0)
        try:
            classified = _classified(work.config, items, sandbox) if items else []
        except SandboxFailure as error:
            if not reached.has_failed:  # reported once (V8)
                work.notices.append(
                    f"topics and filters of {count_of(len(items), 'stored item')} cannot be found: {error};"
                    " simplify the expressions in feeds.yaml"
                )
            reclassification.record(work.store, rules_hash, replace(reached, has_failed=True))
            return
        with work.transaction():
            _save(work, items, classified)
            reclassification.record(work.store, rules_hash, reached)
        if not items or work.app.clock() > until:
            return


def _classified(config: Config, items: Sequence[StoredItem], sandbox: Sandbox) -> list[StoredItem]:
    """Return items with the topics and filters of feeds.yaml; raises SandboxFailure.

    Of an item without its text the topics of rules stay, and of a source that left feeds.yaml those of sources.
    """
    sources = {source.id: source for source in config.sources}
    by_rules = {rule.topic for rule in config.topics}
    by_sources = {topic for source in config.sources for topic in source.topics} - by_rules
    found = sandbox(
        classify.topics_and_filters,
        config.topics,
        [
            (sources.get(item.source_id), classify.words_of(item.title, item.categories, item.text))
            for item in items
        ],
        seconds=config.fetch.timeout.total_seconds(),
    )
    classified = []
    for item, (topics, dropped) in zip(items, found, strict=True):
        source = sources.get(item.source_id)
        unknown = (by_rules if item.is_pruned else set()) | (set() if source else by_sources)
        kept = [topic for topic in item.topics if topic in unknown]
        own = source.topics if source else ()
        is_decided = source is not None and not item.is_pruned and item.story_id is None
        classified.append(
            replace(
                item,
                topics=tuple(dict.fromkeys((*own, *topics, *kept))),
                dropped=dropped if is_decided else item.dropped,
            )
        )
    return classified


def _save(work: Round, before: Sequence[StoredItem], after: Sequence[StoredItem]) -> None:
    """Store what changed of items, and update the channels of their stories."""
    pairs = list(zip(before, after, strict=True))
    filtered = [new for old, new in pairs if new.dropped != old.dropped]
    moved = [new for old, new in pairs if set(new.topics) != set(old.topics)]
    reclassification.save_filters(work.store, filtered)
    reclassification.save_topics(work.store, moved)
    work.counts["updated_items"] += len({item.number for item in (*filtered, *moved)})
    if stories := {item.story_id for item in moved if item.story_id}:
        _move_stories(work, stories)


def _move_stories(work: Round, story_ids: set[str]) -> None:
    """Update the channels of stories; digests do not carry old ones as new (M1)."""
    before = channels.of_stories(work.store, story_ids)
    update_channels_quietly(work.store, work.config.channels, story_ids, work.now)
    after = channels.of_stories(work.store, story_ids)
    for plan in work.config.digests:
        record = editions.record(work.store, plan.id)
        if record is None:
            continue  # its first edition has a limit of its own (M2)
        entered = [
            id_
            for id_ in story_ids
            if before[id_].isdisjoint(plan.channels) and not after[id_].isdisjoint(plan.channels)
        ]
        editions.add_baseline(work.store, plan, entered, until=record.old_before(work.now))
