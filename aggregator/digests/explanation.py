"""Why an address got a story in a digest, or did not: facts -> one sentence."""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator.model.digests import DeliveryFacts, DigestExplanation, PastDelivery, PastEntry


def why(telling: DeliveryFacts, *, baseline: timedelta, reach: timedelta, now: datetime) -> DigestExplanation:
    """The answer for one digest; `baseline` and `reach` are how far back a first and a later edition look."""
    editions = tuple(told.edition for told in telling.told if told.edition)
    letters = {letter.edition: letter for letter in telling.letters}
    carried = [letters[edition] for edition in editions if edition in letters]
    sentences = [_told(told, letters, telling) for told in telling.told]
    if not sentences:
        sentences = [_untold(telling, baseline, reach, now)]
        if not _is_recipient(telling):
            sentences.append(f"{telling.address} is no recipient of it.")
    if telling.suppressed:
        since = _day(telling.suppressed.since)
        sentences.append(
            f"{telling.address} gets no more letters since {since}: {telling.suppressed.reason}."
        )
    return DigestExplanation(
        digest=telling.digest,
        got=_got(carried),
        why=" ".join(sentences),
        editions=editions,
        message_ids=tuple(letter.message_id for letter in carried),
    )


def _got(carried: list[PastDelivery]) -> bool | None:
    states = {letter.state for letter in carried}
    if "accepted" in states:
        return True
    return None if states & {"unknown", "sending"} else False


# --- told ----------------------------------------------------------------------------------------------

_REASONS = {
    "new": "as new",
    "updated": "as corrected",
    "withdrawn": "as withdrawn",
    "closing": "because its deadline is near",
}


def _told(told: PastEntry, letters: dict[str, PastDelivery], telling: DeliveryFacts) -> str:
    if told.edition is None:
        return "It counted as told when the digest began."
    reason = _REASONS.get(told.reason, f"as {told.reason}")
    when = f", composed {_moment(told.composed)}" if told.composed else ""
    said = f"Told {reason} in {told.edition}{when}; "
    letter = letters.get(told.edition)
    if letter is None:
        return said + f"{telling.address} was no recipient then."
    return said + f"the letter to {telling.address} {_stands(letter)}."


def _stands(letter: PastDelivery) -> str:
    reason = f": {letter.reason}" if letter.reason else ""
    tried = f" {_moment(letter.last_attempt)}" if letter.last_attempt else ""
    match letter.state:
        case "accepted":
            return f"was accepted by the relay{tried} (Message-ID {letter.message_id})"
        case "queued":
            return "is still to be sent" + reason
        case "sending":
            return "is being sent, or its sending was cut off; the next run knows"
        case "deferred":
            until = f", next attempt {_moment(letter.next_attempt)}" if letter.next_attempt else ""
            return f"was refused for now{tried}{until}{reason}"
        case "unknown":
            said = "broke off twice while it was sent, nobody knows whether it arrived"
            return f"{said} (Message-ID {letter.message_id})"
        case _:
            return f"was not delivered{reason}"


# --- not told ------------------------------------------------------------------------------------------


def _untold(telling: DeliveryFacts, baseline: timedelta, reach: timedelta, now: datetime) -> str:
    announced = _moment(telling.announced)
    if telling.plan is None:
        return "Not told, and the digest is not configured any more."
    if telling.hidden:
        return "Not told: an editor has hidden it."
    if not telling.in_channels:
        return f"Not told: it is in none of its channels ({', '.join(telling.plan.channels)})."
    if not telling.of_kinds:
        return f"Not told: it is none of its kinds ({', '.join(telling.plan.kinds)})."
    if not telling.fed:
        return "Not told: it is no news for feeds and digests (old when its source was new, or split off quietly)."
    since = telling.since or now - baseline
    if telling.announced < since:
        began = f"on {_day(since)}" if telling.since else "with what is at most a week old"
        return f"Not told: it was announced {announced}, and the digest begins {began}."
    last = telling.last_composed
    if last is None:
        return "Not told yet: the first edition is still to come."
    if telling.announced < last - reach:
        return f"Not told: it was announced {announced} and came into the channels long after."
    if telling.announced > last:
        return f"Not told yet: it was announced {announced}, after the last edition ({_moment(last)})."
    return f"Not told yet: it came into the channels after the last edition ({_moment(last)})."


def _is_recipient(telling: DeliveryFacts) -> bool:
    wanted = telling.address.lower()
    return telling.plan is not None and wanted in {a.lower() for a in telling.plan.recipients}


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
