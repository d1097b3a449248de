"""Reading a document, as it is done in isolation: little is imported, and only values go in and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aggregator.errors import UnreadableDocument
from aggregator.model import Failure, Harvest, Profile, Response, Source, TopicRule, Validators, Verdict


def harvest(
    source: Source,
    verdict: Verdict,
    response: Response,
    rules: Sequence[TopicRule],
    now: datetime,
    seen: frozenset[bytes] = frozenset(),
) -> Harvest | Failure:
    """Parse and normalise a document. The harvest has no body and no validators: they need not travel."""
    from aggregator.sources.parsers import PARSERS
    from aggregator.stories import identity, normalise

    try:
        reading = PARSERS[source.kind](response.body, response.url, response.headers, source, seen)
        items, verdict = normalise.items(reading, source, verdict, rules, now)
        notes = (*reading.notes, *normalise.capped(reading))
    except UnreadableDocument as error:
        return Failure(reason=str(error), status=response.status)
    except MemoryError:
        raise  # told by whoever set the limit
    except Exception as error:  # noqa: BLE001 - L2: a document that breaks a parser must not stop the run
        return Failure(
            reason=f"the document broke the parser ({type(error).__name__}: {str(error)[:200]})",
            status=response.status,
        )
    return Harvest(
        items=items,
        present=identity.present(reading.skipped, verdict),
        digests=reading.digests,
        validators=Validators(),
        url=response.url,
        status=response.status,
        body=b"",
        body_hash="",
        profile=Profile(
            title=reading.title,
            feed_id=reading.feed_id,
            site_link=reading.site_link,
            language=reading.language,
            rights=normalise.rights(reading.rights),
        ),
        verdict=verdict,
        hints=reading.hints,
        notes=notes,
    )


def may_read(robots_text: str | None, url: str, agent: str) -> bool:
    """Whether a robots.txt lets `agent` read `url`."""
    from aggregator.sources import robots

    return robots.allows(robots_text, url, agent)
