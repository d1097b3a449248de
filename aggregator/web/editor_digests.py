"""Show what the next edition of each digest would contain."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from aggregator.digests import draft
from aggregator.digests.account_messages import next_day
from aggregator.model.config import DigestPlan
from aggregator.quarantine import Quarantine
from aggregator.web.editor_request import HEADERS, EditorRequest, RequestProblem

QUERY_SECONDS = 10.0
"""Maximum seconds for reading the database for an edition."""
MESSAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""A message has inline styles, runs no script, loads nothing and cannot read these pages."""


async def digests(request: EditorRequest) -> Response:
    """List all digests with the day of their next edition."""
    config, now = request.app.config, request.app.clock()
    plans = [(plan, next_day(plan, request.language, now)) for plan in config.digests]
    return await request.page(
        "editor_digests.html.j2", title=request.words["next_editions"], section="digests", plans=plans
    )


async def preview(request: EditorRequest) -> Response:
    """Show subject and message of the edition that would be sent now."""
    plan = _plan(request)
    if plan is None:
        return request.problem_page(
            RequestProblem("unknown_digest", 404), "next_editions", _list_link(request)
        )
    edition_draft = await _draft(request, plan)
    pending = edition_draft.pending
    counts = request.words["counts"].format(
        new=len(pending.new), updates=len(pending.updates), closing=len(pending.closing)
    )
    return await request.page(
        "editor_digest.html.j2",
        title=plan.title,
        section="digests",
        plan=plan,
        day_of_edition=next_day(plan, request.language, request.app.clock()),
        counts=counts,
        empty=edition_draft.is_empty,
        subject=edition_draft.body.subject,
        text=edition_draft.body.text,
    )


async def message(request: EditorRequest) -> Response:
    """Return the HTML of the previewed message alone, in a sandbox."""
    plan = _plan(request)
    if plan is None:
        return request.problem_page(
            RequestProblem("unknown_digest", 404), "next_editions", _list_link(request)
        )
    edition_draft = await _draft(request, plan)
    # Links open a new tab: the policy of the frame refuses other sites.
    html = edition_draft.body.html.replace("<head>", '<head><base target="_blank">', 1)
    policy = {"content-security-policy": MESSAGE_POLICY, "x-frame-options": "SAMEORIGIN"}
    return HTMLResponse(html.encode("utf-8", "replace"), headers={**HEADERS, **policy})


def _plan(request: EditorRequest) -> DigestPlan | None:
    digest_id = request.http.path_params["id"]
    return next((plan for plan in request.app.config.digests if plan.id == digest_id), None)


def _list_link(request: EditorRequest) -> tuple[str, str]:
    return "editor/digests", request.words["next_editions"]


async def _draft(request: EditorRequest, plan: DigestPlan) -> draft.Draft:
    config, now = request.app.config, request.app.clock()
    return await request.queries.run(
        lambda store: draft.compose_draft(store, config, plan, now, Quarantine(store)), QUERY_SECONDS
    )
