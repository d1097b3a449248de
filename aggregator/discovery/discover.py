"""Finding what can be polled at an address: one look at it, and the best few of what it offers tried (CL19)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aggregator import urls
from aggregator.config.opml_import import free_id
from aggregator.config.values import web_url, wordpress_posts
from aggregator.discovery import inspect_response, probe
from aggregator.discovery.probe import Probe
from aggregator.errors import NothingToShow, SandboxFailure
from aggregator.formats import autodiscovery
from aggregator.model.config import Source
from aggregator.model.discovery import Discovery, Proposal, TriedProposal
from aggregator.model.polling import Failure, ParseContext, ParsedVisit, Response
from aggregator.polling.parse import parse_visit
from aggregator.ports import App, Progress
from aggregator.text import line

MOST_REQUESTS = 4
"""Requests made beyond that for the page itself."""


def run(app: App, url: str, progress: Progress | None = None) -> Discovery:
    """What can be polled at `url`; nothing is recorded. Raises NothingToShow and ContactMissing."""
    probe.refuse(app, url)
    with app.sandbox(1) as sandbox:
        asker = Probe(probe.probe_rules(app), app.fetcher(), sandbox, progress=progress)
        found = look(asker, stranger(url), url)
    if isinstance(found, Failure):
        hint = ""
        if "robots.txt forbids" in found.reason:
            hint = (
                "; a feed that you know of can be put into feeds.yaml as it is: feeds are made for programs"
            )
        raise NothingToShow(f"{url}: {line(found.reason, 300)}{hint}")
    return named(found, {source.id for source in app.config.sources})


def stranger(url: str) -> Source:
    """Nobody's source: the address alone."""
    return Source(id="discovery", name="discovery", url=url)


def look(asker: Probe, source: Source, url: str, most: int = MOST_REQUESTS) -> Discovery | Failure:
    """What the document at `url` is and offers, with at most `most` further requests."""
    answer = asker.document(source, url, ask_robots=True)
    if isinstance(answer, Failure):
        return answer
    asker.via = answer.url
    terms = asker.terms
    try:
        survey = asker.sandbox(
            inspect_response.inspect, answer, terms.rules, terms.zone, terms.now, seconds=terms.seconds
        )
    except SandboxFailure as error:
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


def _can_be_a_source(offer: TriedProposal) -> bool:
    """Whether feeds.yaml could have the address: a page may name one with credentials in it."""
    try:
        web_url(offer.proposal.url.partition("#")[0])
    except ValueError:
        return False
    return True


def _tried(
    asker: Probe, source: Source, offers: Sequence[TriedProposal], most: int
) -> tuple[TriedProposal, ...]:
    """The offers, what was read well first; no further one is tried once a declared one was."""
    begun, done = asker.requests, False
    found: list[TriedProposal] = []
    for offer in offers:
        proposal = offer.proposal
        robots = proposal.score < autodiscovery.DECLARED
        cost = 1 + (robots and not asker.knows_robots(_address(proposal)))
        affordable = asker.requests - begun + cost <= most
        if not done and not offer.tried and affordable and _is_worth_it(proposal, found):
            offer = _try(asker, source, proposal, ask_robots=robots)
        found.append(offer)
        done = done or (offer.well and proposal.score >= autodiscovery.DECLARED)
    return tuple(sorted(found, key=_rank))


def _is_worth_it(proposal: Proposal, before: Iterable[TriedProposal]) -> bool:
    """Whether an address is asked: declared, linked or likely; an API that is named only where no feed is read."""
    if proposal.kind == "wordpress":
        return not any(offer.well and not offer.proposal.page for offer in before)
    return proposal.score >= autodiscovery.LIKELY and not proposal.page


def _rank(offer: TriedProposal) -> int:
    """Read well, by the order they had; then what was not tried; what failed comes last."""
    if offer.problem:
        return 2
    return 0 if offer.tried else 1


def _try(asker: Probe, source: Source, proposal: Proposal, *, ask_robots: bool) -> TriedProposal:
    answer = asker.document(source, _address(proposal), ask_robots=ask_robots)
    read = answer if isinstance(answer, Failure) else _read(asker, proposal, answer)
    if isinstance(read, Failure):
        return TriedProposal(proposal=proposal, tried=True, problem=line(read.reason, 300) or "it failed")
    if not read.items:
        return TriedProposal(proposal=proposal, tried=True, problem="it is empty")
    title = proposal.title or read.profile.title
    return inspect_response.offer(replace(proposal, title=title), read.items)


def _read(asker: Probe, proposal: Proposal, answer: Response) -> ParsedVisit | Failure:
    terms = asker.terms
    reader = replace(stranger(answer.url), kind=proposal.kind, timezone=terms.zone)
    try:
        return asker.sandbox(
            parse_visit, ParseContext(source=reader), answer, terms.rules, terms.now, seconds=terms.seconds
        )
    except SandboxFailure as error:
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
    return autodiscovery.as_yaml(replace(proposal, url=proposal.url.partition("#")[0]), id_, name)


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
