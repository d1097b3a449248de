"""Find what can be polled at a URL: inspect its document and try the best proposals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aggregator import urls
from aggregator.config.new_sources import free_id
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

MAX_REQUESTS = 4
"""Maximum number of requests beyond the one for the page itself."""


def discover_sources(app: App, url: str, progress: Progress | None = None) -> Discovery:
    """Find what can be polled at `url`; record nothing. Raises NothingToShow and ContactMissing."""
    probe.refuse_public_url(app, url)
    with app.sandbox(1) as sandbox:
        client = Probe(probe.probe_settings(app), app.fetcher(), sandbox, progress=progress)
        discovery = examine(client, unconfigured_source(url), url)
    if isinstance(discovery, Failure):
        hint = ""
        if "robots.txt forbids" in discovery.reason:
            hint = (
                "; if you know a feed of this site, put it into feeds.yaml: robots.txt is not asked for feeds"
            )
        raise NothingToShow(f"{url}: {line(discovery.reason, 300)}{hint}")
    return with_yaml(discovery, {source.id for source in app.config.sources})


def unconfigured_source(url: str) -> Source:
    """Make a source of a URL that feeds.yaml does not have."""
    return Source(id="discovery", name="discovery", url=url)


def examine(client: Probe, source: Source, url: str, max_requests: int = MAX_REQUESTS) -> Discovery | Failure:
    """Inspect the document at `url` and try its proposals with few further requests."""
    response = client.document(source, url, obey_robots=True)
    if isinstance(response, Failure):
        return response
    client.via = response.url
    settings = client.settings
    try:
        inspection = client.sandbox(
            inspect_response.inspect,
            response,
            settings.topics,
            settings.zone,
            settings.now,
            seconds=settings.seconds,
        )
    except SandboxFailure as error:
        return Failure(reason=str(error), status=response.status)
    if isinstance(inspection, Failure):
        return inspection
    proposals = [tried for tried in inspection.proposals if _is_valid_url(tried.proposal.url)]
    return Discovery(
        url=response.url,
        kind=inspection.kind,
        title=inspection.title,
        language=inspection.language,
        proposals=_try_proposals(client, source, proposals, max_requests),
        sitemap=inspection.sitemap,
        notes=inspection.notes,
    )


def _is_valid_url(url: str) -> bool:
    """Return whether feeds.yaml accepts a URL of a page: it may hold credentials, for example."""
    try:
        web_url(url.partition("#")[0])
    except ValueError:
        return False
    return True


def _try_proposals(
    client: Probe, source: Source, proposals: Sequence[TriedProposal], max_requests: int
) -> tuple[TriedProposal, ...]:
    """Try proposals until a declared one succeeds; return all, the successful ones first."""
    requests_before, done = client.requests, False
    results: list[TriedProposal] = []
    for tried in proposals:
        proposal = tried.proposal
        # What a page declares is for programs; robots.txt holds for all that is only guessed (CL19).
        obey_robots = proposal.score < autodiscovery.DECLARED
        cost = 1 + (obey_robots and not client.has_robots(_request_url(proposal)))
        affordable = client.requests - requests_before + cost <= max_requests
        if not done and not tried.tried and affordable and _is_worth_a_request(proposal, results):
            tried = _try_proposal(client, source, proposal, obey_robots=obey_robots)
        results.append(tried)
        done = done or (tried.succeeded and proposal.score >= autodiscovery.DECLARED)
    return tuple(sorted(results, key=_rank))


def _is_worth_a_request(proposal: Proposal, before: Iterable[TriedProposal]) -> bool:
    """Return whether a proposal is likely enough; an API is tried only where no feed succeeded."""
    if proposal.kind == "wordpress":
        return not any(tried.succeeded and not tried.proposal.page for tried in before)
    return proposal.score >= autodiscovery.LIKELY and not proposal.page


def _rank(tried: TriedProposal) -> int:
    """Rank what succeeded before what was not tried, and failures last."""
    if tried.problem:
        return 2
    return 0 if tried.tried else 1


def _try_proposal(client: Probe, source: Source, proposal: Proposal, *, obey_robots: bool) -> TriedProposal:
    response = client.document(source, _request_url(proposal), obey_robots=obey_robots)
    parsed = response if isinstance(response, Failure) else _parse(client, proposal, response)
    if isinstance(parsed, Failure):
        problem = line(parsed.reason, 300) or "it failed without a reason"
        return TriedProposal(proposal=proposal, tried=True, problem=problem)
    if not parsed.items:
        return TriedProposal(proposal=proposal, tried=True, problem="it is empty")
    title = proposal.title or parsed.profile.title
    return inspect_response.tried_proposal(replace(proposal, title=title), parsed.items)


def _parse(client: Probe, proposal: Proposal, response: Response) -> ParsedVisit | Failure:
    settings = client.settings
    source = replace(unconfigured_source(response.url), kind=proposal.kind, timezone=settings.zone)
    try:
        return client.sandbox(
            parse_visit,
            ParseContext(source=source),
            response,
            settings.topics,
            settings.now,
            seconds=settings.seconds,
        )
    except SandboxFailure as error:
        return Failure(reason=str(error), status=response.status)


def _request_url(proposal: Proposal) -> str:
    """Return the URL that a visit would request."""
    return wordpress_posts(proposal.url) if proposal.kind == "wordpress" else proposal.url


def with_yaml(discovery: Discovery, used_ids: Iterable[str]) -> Discovery:
    """Add the YAML of each proposal, named by the page's title, with an id that is not used."""
    host = re.sub(r"^www\.", "", urls.host(discovery.url) or "source")
    name = line(discovery.title, 200) or host
    id_ = free_id(host, set(used_ids))
    proposals = (replace(tried, yaml=as_yaml(tried.proposal, id_, name)) for tried in discovery.proposals)
    return replace(discovery, proposals=tuple(proposals))


def as_yaml(proposal: Proposal, id_: str, name: str) -> str:
    """Write a proposal as a source of feeds.yaml, without the fragment of its URL."""
    return autodiscovery.as_yaml(replace(proposal, url=proposal.url.partition("#")[0]), id_, name)


def as_json(discovery: Discovery) -> dict[str, object]:
    """Make one JSON object of a discovery."""
    return {
        "url": discovery.url,
        "kind": discovery.kind,
        "title": discovery.title,
        "sitemap": discovery.sitemap,
        "notes": discovery.notes,
        "proposals": [
            {
                "kind": tried.proposal.kind,
                "url": tried.proposal.url,
                "title": tried.proposal.title,
                "why": tried.proposal.why,
                "sure": round(min(tried.proposal.score, 1.0), 2),
                "tried": tried.tried,
                "problem": tried.problem,
                "items": tried.count,
                "first": [
                    {"title": item.title, "date": item.date, "link": item.link} for item in tried.first_items
                ],
                "yaml": tried.yaml,
            }
            for tried in discovery.proposals
        ],
    }
