"""Explain why an address received a story in a digest or did not."""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator import addresses
from aggregator.counts import count_of
from aggregator.database import existing_store
from aggregator.model.config import Config
from aggregator.model.digests import (
    DeliveryFacts,
    DigestExplanation,
    ExplanationReport,
    PastDelivery,
    PastEntry,
)
from aggregator.store.digest_history import delivery_facts
from aggregator.store.editions import MAX_FIRST_AGE, MAX_PENDING_AGE
from aggregator.story_view import read_from


def explain_digests(config: Config, name: str, address: str, now: datetime) -> ExplanationReport:
    """Explain for each digest what happened to a story; only reads.

    `name` is the id of the story, of one of its items, or of a story merged into it. Raises UnknownName.
    """
    with existing_store(config) as store, store.snapshot():
        story = read_from(store, name).story
        facts = delivery_facts(store, story.id, address, config.digests)
    return ExplanationReport(
        story=story.id,
        title=story.lead.title,
        name=name,
        address=address,
        digests=tuple(
            explain(each, max_first_age=MAX_FIRST_AGE, max_pending_age=MAX_PENDING_AGE, now=now)
            for each in facts
        ),
    )


def explain(
    facts: DeliveryFacts, *, max_first_age: timedelta, max_pending_age: timedelta, now: datetime
) -> DigestExplanation:
    """Turn the facts about one digest into sentences.

    `max_first_age` is the maximum age of a story in a first edition, `max_pending_age` that in a later one.
    """
    editions = tuple(entry.edition for entry in facts.entries if entry.edition)
    deliveries = {delivery.edition: delivery for delivery in facts.deliveries}
    messages = [deliveries[edition] for edition in editions if edition in deliveries]
    sentences = [_entry(entry, deliveries, facts) for entry in facts.entries]
    if not sentences:
        sentences = [_no_entry(facts, max_first_age, max_pending_age, now)]
        if not _is_recipient(facts):
            sentences.append(f"{facts.address} is not a recipient.")
    if facts.suppressed:
        since = _day(facts.suppressed.since)
        sentences.append(f"{facts.address} gets no more messages since {since}: {facts.suppressed.reason}.")
    return DigestExplanation(
        digest=facts.digest,
        received=_received(messages),
        explanation=" ".join(sentences),
        editions=editions,
        message_ids=tuple(message.message_id for message in messages),
    )


def _received(messages: list[PastDelivery]) -> bool | None:
    states = {message.state for message in messages}
    if "accepted" in states:
        return True
    return None if states & {"unknown", "sending"} else False


# --- stories with an entry -----------------------------------------------------------------------------

_REASONS = {
    "new": "as new",
    "updated": "as corrected",
    "withdrawn": "as withdrawn",
    "closing": "because its deadline is near",
}


def _entry(entry: PastEntry, deliveries: dict[str, PastDelivery], facts: DeliveryFacts) -> str:
    if entry.edition is None:
        return "Not included: it was already old when a change of feeds.yaml brought it into the digest."
    reason = _REASONS.get(entry.reason, f"as {entry.reason}")
    when = f", composed {_moment(entry.composed)}" if entry.composed else ""
    included = f"Included {reason} in {entry.edition}{when}; "
    delivery = deliveries.get(entry.edition)
    if delivery is None:
        return included + f"{facts.address} was not a recipient then."
    return included + f"the message to {facts.address} {_state(delivery)}."


def _state(delivery: PastDelivery) -> str:
    reason = f": {delivery.reason}" if delivery.reason else ""
    tried = f" {_moment(delivery.last_attempt)}" if delivery.last_attempt else ""
    match delivery.state:
        case "accepted":
            return f"was accepted by the relay{tried} (Message-ID {delivery.message_id})"
        case "queued":
            return "is queued" + reason
        case "sending":
            return "is being sent, or sending was interrupted; the next run will show which"
        case "deferred":
            until = f", next attempt {_moment(delivery.next_attempt)}" if delivery.next_attempt else ""
            return f"was refused temporarily{tried}{until}{reason}"
        case "unknown":
            interrupted = "was interrupted twice while it was sent and may have arrived or not"
            return f"{interrupted} (Message-ID {delivery.message_id})"
        case _:
            return f"was not delivered{reason}"


# --- stories without an entry --------------------------------------------------------------------------


def _no_entry(
    facts: DeliveryFacts, max_first_age: timedelta, max_pending_age: timedelta, now: datetime
) -> str:
    announced = _moment(facts.announced)
    if facts.plan is None:
        return "Not included, and the digest is no longer configured."
    if facts.hidden:
        return "Not included: an editor has hidden it."
    if not facts.in_channels:
        return f"Not included: it is in none of the channels ({', '.join(facts.plan.channels)})."
    if not facts.of_kinds:
        return f"Not included: it is of none of the kinds ({', '.join(facts.plan.kinds)})."
    if not facts.in_feeds:
        return (
            "Not included: it was not announced, because it was old when its source was added,"
            " or was split off without announcement."
        )
    since = facts.since or now - max_first_age
    if facts.announced < since:
        began = (
            f"at {_moment(since)}"
            if facts.since
            else f"with stories of at most {count_of(max_first_age.days, 'day')}"
        )
        return f"Not included: it was announced {announced}, and the digest begins {began}."
    last = facts.last_composed
    if last is None:
        return "Not included yet: the first edition is still to come."
    if facts.announced < last - max_pending_age:
        return f"Not included: it was announced {announced} and came into the channels long after that."
    if facts.announced > last:
        return f"Not included yet: it was announced {announced}, after the last edition ({_moment(last)})."
    return f"Not included yet: it came into the channels after the last edition ({_moment(last)})."


def _is_recipient(facts: DeliveryFacts) -> bool:
    """Return whether the address gets the digest now, by subscription or by feeds.yaml."""
    address = addresses.key(facts.address)
    listed = facts.plan is not None and address in map(addresses.key, facts.plan.recipients)
    return facts.subscribed if facts.subscribed is not None else listed


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
