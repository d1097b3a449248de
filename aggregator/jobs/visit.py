"""One visit, as a worker of the executor makes it: no store, no clock, expected failures are values."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.errors import UnreadableDocument
from aggregator.jobs.cadence import retry_after
from aggregator.model import (
    Failure,
    Harvest,
    Outcome,
    Profile,
    Request,
    Response,
    Source,
    TopicRule,
    Unchanged,
    Validators,
    Verdict,
)
from aggregator.seams import Fetcher, Stopping
from aggregator.text import line

_STATUS = {
    401: "it asks for a password (401)",
    403: "it does not let us in (403)",
    404: "not found (404)",
    410: "gone for good, the server says (410)",
    429: "too many requests, the server says (429)",
    503: "the server is overloaded or being mended (503)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostVisit:
    """All due requests of one host, in order: the unit of work, so that politeness needs no lock."""

    requests: tuple[Request, ...]
    rules: tuple[TopicRule, ...]
    now: datetime


def visit_host(work: HostVisit, fetcher: Fetcher, stopping: Stopping) -> tuple[Outcome, ...]:
    """Visit the sources of one host one after the other; those not yet asked when we stop are left out."""
    outcomes = []
    for request in work.requests:
        if stopping():
            break
        outcome = _visit(request, work.rules, work.now, fetcher)
        outcomes.append(outcome)
        if isinstance(outcome.result, Failure) and outcome.result.holds_host:
            break  # a 429 speaks for the whole host (CL8)
    return tuple(outcomes)


def _visit(request: Request, rules: Sequence[TopicRule], now: datetime, fetcher: Fetcher) -> Outcome:
    begun = time.perf_counter()
    answer = fetcher(request)
    result = answer if isinstance(answer, Failure) else _judge(request, answer, rules, now)
    if isinstance(result, Failure):  # servers' words get into logs, mails and terminals
        result = replace(result, reason=line(result.reason, 300) or "it failed without a word")
    validators = request.validators
    return Outcome(
        source_id=request.source.id,
        result=result,
        conditional=validators.etag is not None or validators.last_modified is not None,
        seconds=time.perf_counter() - begun,
    )


def _judge(
    request: Request, response: Response, rules: Sequence[TopicRule], now: datetime
) -> Harvest | Unchanged | Failure:
    if response.status == 304 and request.validators == Validators():
        return Failure(reason="it answered 304 although nothing was asked conditionally", status=304)
    if response.status == 304:
        return Unchanged(status=304, validators=_refreshed(request.validators, response))
    if response.status not in (200, 226):
        reason = _STATUS.get(response.status, f"the server answered {response.status}")
        return Failure(
            reason=reason,
            status=response.status,
            wait=retry_after(response.headers, now),
            holds_host=response.status == 429,
        )
    body_hash = hashlib.sha256(response.body).hexdigest()
    validators = Validators(
        etag=response.headers.get("etag"),
        last_modified=response.headers.get("last-modified"),
        url=response.url,
    )
    if body_hash == request.body_hash:
        if validators.etag is None and validators.last_modified is None:
            validators = request.validators  # CL3: an identical body keeps them
        return Unchanged(status=response.status, validators=validators, bytes_read=len(response.body))
    return harvest(
        request.source, request.verdict, response, validators, body_hash, rules, now, seen=request.seen
    )


def _refreshed(old: Validators, response: Response) -> Validators:
    """A 304 may carry newer validators (CL3, RFC 9110 15.4.5)."""
    return Validators(
        etag=response.headers.get("etag", old.etag),
        last_modified=response.headers.get("last-modified", old.last_modified),
        url=old.url,
    )


def harvest(
    source: Source,
    verdict: Verdict,
    response: Response,
    validators: Validators,
    body_hash: str,
    rules: Sequence[TopicRule],
    now: datetime,
    *,
    seen: frozenset[bytes] = frozenset(),
) -> Harvest | Failure:
    """Parse and normalise a document; the parsers are only imported where there is something to parse."""
    from aggregator.sources.parsers import PARSERS
    from aggregator.stories import identity, normalise

    try:
        reading = PARSERS[source.kind](response.body, response.url, response.headers, source, seen)
        items, verdict = normalise.items(reading, source, verdict, rules, now)
    except UnreadableDocument as error:
        return Failure(reason=str(error), status=response.status)
    except Exception as error:  # noqa: BLE001 - L2: a document that breaks a parser must not stop the run
        return Failure(
            reason=f"the document broke the parser ({type(error).__name__}: {str(error)[:200]})",
            status=response.status,
        )
    return Harvest(
        items=items,
        present=identity.present(reading.skipped, verdict),
        digests=reading.digests,
        validators=validators,
        url=response.url,
        status=response.status,
        body=response.body,
        body_hash=body_hash,
        profile=Profile(
            title=reading.title,
            feed_id=reading.feed_id,
            site_link=reading.site_link,
            language=reading.language,
            rights=normalise.rights(reading.rights),
        ),
        verdict=verdict,
        notes=reading.notes,
    )
