"""Finding what can be polled at an address: one look at it, and the best few of what it offers tried (CL19)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aggregator import urls
from aggregator.config.additions import free_id
from aggregator.config.values import web_url, wordpress_posts
from aggregator.errors import NothingToShow, Spoiled
from aggregator.jobs import asking, surveying
from aggregator.jobs.asking import Asking
from aggregator.jobs.reading import harvest
from aggregator.model import Discovery, Failure, Harvest, Offer, Proposal, Request, Response, Source
from aggregator.seams import House, Progress
from aggregator.sources import discover
from aggregator.text import line

MOST_REQUESTS = 4
"""Requests made beyond that for the page itself."""


def run(house: House, url: str, progress: Progress | None = None) -> Discovery:
    """What can be polled at `url`; nothing is recorded. Raises NothingToShow and ContactMissing."""
    asking.refuse(house, url)
    with house.isolate(1) as isolate:
        asker = Asking(asking.terms(house), house.fetcher(), isolate, progress=progress)
        found = look(asker, stranger(url), url)
    if isinstance(found, Failure):
        hint = ""
        if "robots.txt forbids" in found.reason:
            hint = (
                "; a feed that you know of can be put into feeds.yaml as it is: feeds are made for programs"
            )
        raise NothingToShow(f"{url}: {line(found.reason, 300)}{hint}")
    return named(found, {source.id for source in house.config.sources})


def stranger(url: str) -> Source:
    """Nobody's source: the address alone."""
    return Source(id="discovery", name="discovery", url=url)


def look(asker: Asking, source: Source, url: str, most: int = MOST_REQUESTS) -> Discovery | Failure:
    """What the document at `url` is and offers, with at most `most` further requests."""
    answer = asker.document(source, url, ask_robots=True)
    if isinstance(answer, Failure):
        return answer
    asker.via = answer.url
    terms = asker.terms
    try:
        survey = asker.isolate(
            surveying.survey, answer, terms.rules, terms.zone, terms.now, seconds=terms.seconds
        )
    except Spoiled as error:
        return Failure(reason=str(error), status=answer.status)
    if isinstance(survey, Failure):
        return survey
    return Discovery(
        url=answer.url,
        kind=survey.kind,
        title=survey.title,
        language=survey.language,
        offers=_tried(asker, source, [offer for offer in survey.offers if _can_be_a_source(offer)], most),
        sitemap=survey.sitemap,
        notes=survey.notes,
    )


def _can_be_a_source(offer: Offer) -> bool:
    """Whether feeds.yaml could have the address: a page may name one with credentials in it."""
    try:
        web_url(offer.proposal.url.partition("#")[0])
    except ValueError:
        return False
    return True


def _tried(asker: Asking, source: Source, offers: Sequence[Offer], most: int) -> tuple[Offer, ...]:
    """The offers, what was read well first; no further one is tried once a declared one was."""
    begun, done = asker.requests, False
    found: list[Offer] = []
    for offer in offers:
        proposal = offer.proposal
        robots = proposal.score < discover.DECLARED
        cost = 1 + (robots and not asker.knows_robots(_address(proposal)))
        affordable = asker.requests - begun + cost <= most
        if not done and not offer.tried and affordable and _is_worth_it(proposal, found):
            offer = _try(asker, source, proposal, ask_robots=robots)
        found.append(offer)
        done = done or (offer.well and proposal.score >= discover.DECLARED)
    return tuple(sorted(found, key=_rank))


def _is_worth_it(proposal: Proposal, before: Iterable[Offer]) -> bool:
    """Whether an address is asked: declared, linked or likely; an API that is named only where no feed is read."""
    if proposal.kind == "wordpress":
        return not any(offer.well and not offer.proposal.page for offer in before)
    return proposal.score >= discover.LIKELY and not proposal.page


def _rank(offer: Offer) -> int:
    """Read well, by the order they had; then what was not tried; what failed comes last."""
    if offer.problem:
        return 2
    return 0 if offer.tried else 1


def _try(asker: Asking, source: Source, proposal: Proposal, *, ask_robots: bool) -> Offer:
    answer = asker.document(source, _address(proposal), ask_robots=ask_robots)
    read = answer if isinstance(answer, Failure) else _read(asker, proposal, answer)
    if isinstance(read, Failure):
        return Offer(proposal=proposal, tried=True, problem=line(read.reason, 300) or "it failed")
    if not read.items:
        return Offer(proposal=proposal, tried=True, problem="it is empty")
    title = proposal.title or read.profile.title
    return surveying.offer(replace(proposal, title=title), read.items)


def _read(asker: Asking, proposal: Proposal, answer: Response) -> Harvest | Failure:
    terms = asker.terms
    reader = replace(stranger(answer.url), kind=proposal.kind, timezone=terms.zone)
    try:
        return asker.isolate(
            harvest, Request(source=reader), answer, terms.rules, terms.now, seconds=terms.seconds
        )
    except Spoiled as error:
        return Failure(reason=str(error), status=answer.status)


def _address(proposal: Proposal) -> str:
    """What a visit would ask for."""
    return wordpress_posts(proposal.url) if proposal.kind == "wordpress" else proposal.url


def named(found: Discovery, taken: Iterable[str]) -> Discovery:
    """With each offer as feeds.yaml has it, under a name made of the page's title and an id that is free."""
    host = re.sub(r"^www\.", "", urls.host(found.url) or "source")
    name = line(found.title, 200) or host
    id_ = free_id(host, set(taken))
    return replace(found, offers=tuple(replace(o, yaml=as_yaml(o.proposal, id_, name)) for o in found.offers))


def as_yaml(proposal: Proposal, id_: str, name: str) -> str:
    """A source for feeds.yaml, without the fragment that no server is ever sent."""
    return discover.as_yaml(replace(proposal, url=proposal.url.partition("#")[0]), id_, name)


def as_json(found: Discovery) -> dict[str, object]:
    """A discovery as one JSON object."""
    return {
        "url": found.url,
        "kind": found.kind,
        "title": found.title,
        "sitemap": found.sitemap,
        "notes": found.notes,
        "proposals": [
            {
                "kind": offer.proposal.kind,
                "url": offer.proposal.url,
                "title": offer.proposal.title,
                "why": offer.proposal.why,
                "sure": round(min(offer.proposal.score, 1.0), 2),
                "tried": offer.tried,
                "problem": offer.problem,
                "items": offer.count,
                "first": [{"title": g.title, "date": g.date, "link": g.link} for g in offer.first],
                "yaml": offer.yaml,
            }
            for offer in found.offers
        ],
    }
