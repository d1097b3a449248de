"""Values of digests: editions, messages, deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from aggregator.model.config import DigestPlan
from aggregator.model.stories import Story


class EntryReason(StrEnum):
    """Why a digest tells a story, as its ledger says (M1)."""

    NEW = "new"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"


class UpdateKind(StrEnum):
    """What became of a story since a digest told it."""

    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    MOVED = "moved"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryUpdate:
    """A story that a digest told and has to come back to, because of what happened at `at`.

    `before` is the title it was told under, None where nobody knows it or it is another partner's.
    """

    story: Story
    turn: UpdateKind
    at: datetime
    before: str | None = None

    @property
    def reason(self) -> EntryReason:
        """What goes on the ledger."""
        return EntryReason.WITHDRAWN if self.turn is UpdateKind.WITHDRAWN else EntryReason.UPDATED


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingStories:
    """What a digest has not told yet: newest announced first."""

    new: tuple[Story, ...] = ()
    retold: tuple[StoryUpdate, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.retold)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionEntry:
    """A story in the words that an edition tells it in; they stay, whatever becomes of the story.

    `item_id` is whose words these are; `section` a word of `wording` or `topic:` and a topic; `day` the local day it
    was published. `turn` happened on the day `turned`; `before` it was told by that title. `gone`: hidden since, its
    words are not to be shown any more.
    """

    story_id: str
    item_id: str
    reason: EntryReason
    section: str
    title: str
    publisher: str
    day: date
    link: str | None = None
    language: str | None = None
    also: tuple[str, ...] = ()
    excerpt: str = ""
    turn: UpdateKind | None = None
    turned: date | None = None
    before: str | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One digest that was composed: an immutable record of what it tells, for a local period (M5).

    `title` is the digest's, `language` one that we have words in.
    """

    id: str
    digest_id: str
    title: str
    subject: str
    language: str
    period: date
    composed: datetime
    told: tuple[EditionEntry, ...]

    @property
    def path(self) -> str:
        """Its page below `public`, for ever."""
        return f"digests/{self.id}.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionSummary:
    """An edition in the list of all."""

    id: str
    subject: str
    language: str
    composed: datetime
    stories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBody:
    """An edition in mail's terms, the same for every recipient."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One letter owed to one address."""

    id: int
    edition_id: str
    digest_id: str
    address: str
    message_id: str
    composed: datetime
    attempts: int
    letter: MessageBody
    deferred_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPause:
    """A relay could not be used since `since`; it is left alone until `until`."""

    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that gets no more letters until a person says so."""

    address: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """A letter that is owed or parked, as a person looks at it."""

    edition: str
    address: str
    state: str
    attempts: int
    next_attempt: datetime | None
    reason: str | None
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailQueue:
    """What is owed or parked, who gets no more letters, and the relay's trouble if there is one."""

    letters: tuple[QueuedMessage, ...]
    suppressed: tuple[Suppression, ...]
    relay: RelayPause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEntry:
    """What of a story a digest told, in which edition; `edition` is None for what counts as told since it began."""

    edition: str | None
    reason: str
    composed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDelivery:
    """A letter to an address: where it stands, since `last_attempt`."""

    edition: str
    state: str
    message_id: str
    last_attempt: datetime | None
    next_attempt: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFacts:
    """All that decides whether an address got a story in a digest.

    `plan` is None for a digest that is not configured any more, `since` and `last_composed` for one that never ran.
    """

    digest: str
    plan: DigestPlan | None
    address: str
    announced: datetime
    fed: bool
    hidden: bool
    in_channels: bool
    of_kinds: bool
    since: datetime | None
    last_composed: datetime | None
    told: tuple[PastEntry, ...]
    letters: tuple[PastDelivery, ...]
    suppressed: Suppression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestExplanation:
    """Why an address got a story in one digest, or did not; `got` is None where nobody can know."""

    digest: str
    got: bool | None
    why: str
    editions: tuple[str, ...]
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationReport:
    """The same for all digests; `asked` is the name the story was asked by."""

    story: str
    title: str
    asked: str
    address: str
    digests: tuple[DigestExplanation, ...]
