"""Values of digests: editions, messages, deliveries."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from aggregator.model.config import DigestPlan
from aggregator.model.events import Event
from aggregator.model.stories import Story
from aggregator.model.subscribers import AccountMessage
from aggregator.model.value_classes import dataclass


class EntryReason(StrEnum):
    """Why an edition contains a story, as the ledger of its digest records it (M1)."""

    NEW = "new"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    CLOSING = "closing"
    BASELINE = "baseline"
    """In no edition: it was old when topics brought it into the channels of the digest."""


class UpdateKind(StrEnum):
    """How a story changed after an edition published it."""

    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    MOVED = "moved"
    EXTENDED = "extended"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryUpdate:
    """A story that changed at `at`, after an edition of the digest published it.

    `former_title` is the title in that edition; None if it is unknown or from another partner. `former_event` is the
    event in that edition, if its facts changed.
    """

    story: Story
    update_kind: UpdateKind
    at: datetime
    former_title: str | None = None
    former_event: Event | None = None

    @property
    def reason(self) -> EntryReason:
        """Return the reason to record in the ledger."""
        return EntryReason.WITHDRAWN if self.update_kind is UpdateKind.WITHDRAWN else EntryReason.UPDATED


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingStory:
    """A story whose deadline is near."""

    story: Story
    deadline: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingStories:
    """What the next edition of a digest has to contain, the latest announced first.

    `closing` are published stories whose deadlines are near, the nearest first.
    """

    new: tuple[Story, ...] = ()
    updates: tuple[StoryUpdate, ...] = ()
    closing: tuple[ClosingStory, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.updates or self.closing)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionEntry:
    """A story with the title and text that an edition published; later changes do not alter it.

    `item_id` is the item whose title and text these are. `section` is a heading of `i18n` or `topic:` with a topic.
    `day` is the local date of publication. `updated_on` is the local date of the update, `former_title` the title
    in an earlier edition. `event` and `former_event` say when and where something takes place. If `hidden`, an editor
    hid the story since then, and its text may not be shown.
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
    update_kind: UpdateKind | None = None
    updated_on: date | None = None
    former_title: str | None = None
    event: Event | None = None
    former_event: Event | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One issue of a digest for a local period; never changed after it was stored (M5).

    `title` is the title of the digest, `language` a language of `i18n`.
    """

    id: str
    digest_id: str
    title: str
    subject: str
    language: str
    period: date
    composed: datetime
    entries: tuple[EditionEntry, ...]

    @property
    def path(self) -> str:
        """Return the permanent path of its page below `public`."""
        return f"digests/{self.id}.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionSummary:
    """One line of the list of editions."""

    id: str
    subject: str
    language: str
    composed: datetime
    stories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBody:
    """Subject, text part and HTML part of an edition; the same for each recipient."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """The subscriber that a message is for; `nonce` is that of the link in it.

    `purpose` is that of a message without edition, None for an edition. `id` is None for an editor.
    """

    id: int | None
    language: str
    nonce: bytes
    purpose: AccountMessage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalPart:
    """What differs between subscribers in an edition: its last paragraph, and headers."""

    text: str
    html: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message due to one address.

    `subscriber` is None for a recipient of feeds.yaml. A message without edition has its purpose as `edition_id`, and
    its body is composed when it is sent.
    """

    id: int
    edition_id: str
    digest_id: str
    address: str
    message_id: str
    composed: datetime
    attempts: int
    body: MessageBody
    deferred_since: datetime | None = None
    subscriber: Addressee | None = None

    @property
    def purpose(self) -> AccountMessage | None:
        """Return the purpose of a message without edition, None for an edition."""
        return self.subscriber.purpose if self.subscriber else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPause:
    """A relay that has failed since `since` and is not used until `until`."""

    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that gets no more messages until an operator allows it."""

    address: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """A message that is not accepted yet, as `digest queue` lists it."""

    edition: str
    address: str
    state: str
    attempts: int
    next_attempt: datetime | None
    reason: str | None
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailQueue:
    """Messages not accepted yet, suppressed addresses, and the pause of the relay if it failed."""

    messages: tuple[QueuedMessage, ...]
    suppressed: tuple[Suppression, ...]
    relay: RelayPause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEntry:
    """A ledger entry of a story; `edition` is None for the baseline of the digest."""

    edition: str | None
    reason: str
    composed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDelivery:
    """The state of a message to an address since `last_attempt`."""

    edition: str
    state: str
    message_id: str
    last_attempt: datetime | None
    next_attempt: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFacts:
    """The facts that decide whether an address received a story in one digest.

    `plan` is None for a digest that is no longer configured; `since` and `last_composed` for one that never ran.
    """

    digest: str
    plan: DigestPlan | None
    address: str
    announced: datetime
    in_feeds: bool
    hidden: bool
    in_channels: bool
    of_kinds: bool
    since: datetime | None
    last_composed: datetime | None
    entries: tuple[PastEntry, ...]
    deliveries: tuple[PastDelivery, ...]
    suppressed: Suppression | None
    subscribed: bool | None = None
    """Whether the address gets this digest by its own decision; None if feeds.yaml decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestExplanation:
    """Why an address received a story in one digest or did not; `received` is None if unknown."""

    digest: str
    received: bool | None
    explanation: str
    editions: tuple[str, ...]
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationReport:
    """The explanations of all digests; `name` is the id that the user gave."""

    story: str
    title: str
    name: str
    address: str
    digests: tuple[DigestExplanation, ...]
