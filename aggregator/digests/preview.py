"""Write or send the edition that is due now as a preview; nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aggregator.database import existing_store
from aggregator.digests import draft, mime
from aggregator.digests.draft import Draft
from aggregator.errors import AggregatorError, UnknownName, did_you_mean
from aggregator.gateways import files
from aggregator.model.config import OPERATOR_ID, Config, DigestPlan
from aggregator.model.digests import Delivery, Edition, MessageBody
from aggregator.ports import App, MailInterrupted, MailRefused
from aggregator.quarantine import Quarantine


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionPreview:
    """A summary of the edition, and the files that were written."""

    summary: str
    files: tuple[Path, ...] = ()


def write(app: App, digest_id: str, at: datetime | None, folder: Path | None) -> EditionPreview:
    """Write `.eml` and `.html` of the edition that is due at `at` (default: now).

    Raises UnknownName if there is no such digest.
    """
    config = app.config
    plan = _plan(config, digest_id)
    edition_draft = _draft(config, plan, at or app.clock())
    address = plan.recipients[0] if plan.recipients else config.site.contact
    message_id = mime.message_id(edition_draft.edition.id, address, config.site)
    message = _message(config, plan, edition_draft.edition, address, edition_draft.body, message_id)
    folder = folder or config.data / "preview"
    return EditionPreview(
        summary=_summary(edition_draft),
        files=(
            files.write_message(folder, f"{edition_draft.edition.id}.eml", message),
            files.write_message(
                folder, f"{edition_draft.edition.id}.html", edition_draft.body.html.encode("utf-8")
            ),
        ),
    )


def send(app: App, digest_id: str, address: str) -> EditionPreview:
    """Send the edition that is due now to one address, through the configured relay.

    Raises UnknownName if there is no such digest, AggregatorError if the relay does not accept the message.
    """
    config, now = app.config, app.clock()
    plan = _plan(config, digest_id)
    edition_draft = _draft(config, plan, now)
    # Mail programs drop a second message with a known Message-ID, and the real one is still to come.
    message_id = mime.message_id(
        f"test-{edition_draft.edition.id}", f"{address} {now.isoformat()}", config.site
    )
    marked = replace(edition_draft.body, subject=f"[Test] {edition_draft.body.subject}")
    message = _message(config, plan, edition_draft.edition, address, marked, message_id)
    try:
        with app.mailer() as mailer:
            mailer(message, address)
    except (MailRefused, MailInterrupted) as error:
        raise AggregatorError(f"the message to {address} was not accepted: {error}") from error
    return EditionPreview(summary=_summary(edition_draft))


def _summary(edition_draft: Draft) -> str:
    """Return the summary of an edition, and a note if it is empty, because it is not sent (M2).

    The operator's report needs no note: its summary states that there are no tasks.
    """
    if not edition_draft.is_empty or edition_draft.edition.digest_id == OPERATOR_ID:
        return edition_draft.summary
    return f"{edition_draft.summary}: the edition would be empty, so that `aggregator digest run` would send no message"


def _draft(config: Config, plan: DigestPlan, now: datetime) -> Draft:
    with existing_store(config) as store, store.snapshot():
        return draft.compose_draft(store, config, plan, now, Quarantine(store))


def _message(
    config: Config, plan: DigestPlan, edition: Edition, address: str, body: MessageBody, message_id: str
) -> bytes:
    delivery = Delivery(
        id=0,
        edition_id=edition.id,
        digest_id=edition.digest_id,
        address=address,
        message_id=message_id,
        composed=edition.composed,
        attempts=0,
        body=body,
    )
    return mime.build_message(delivery, config.mail.sender, plan.title, config.site)


def _plan(config: Config, digest_id: str) -> DigestPlan:
    plans = {plan.id: plan for plan in config.mailings}
    if digest_id == OPERATOR_ID and digest_id not in plans:
        raise UnknownName(
            f"there is no operator's report: add `operator: {{to: ADDRESS}}` to {config.file.name}"
        )
    if digest_id not in plans:
        known = ", ".join(sorted(plans)) or "none"
        hint = did_you_mean(digest_id, plans) or f" (there are: {known})"
        raise UnknownName(f"no digest {digest_id!r} in {config.file.name}{hint}")
    return plans[digest_id]
