"""Show what the next edition of each digest would contain."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from aggregator.containment import Containment
from aggregator.digests import draft
from aggregator.digests.account_messages import next_day
from aggregator.model.config import DigestPlan
from aggregator.web.editor_request import HEADERS, EditorRequest, Problem

SECONDS = 10.0
"""Seconds that composing an edition may read."""
MESSAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""A message has inline styles, runs no script, loads nothing and cannot read these pages."""


async def digests(asked: EditorRequest) -> Response:
    """List all digests with the day of their next edition."""
    config, now = asked.app.config, asked.app.clock()
    plans = [(plan, next_day(plan, asked.language, now)) for plan in config.digests]
    return await asked.page(
        "editor_digests.html.j2", title=asked.words["next_editions"], section="digests", plans=plans
    )


async def preview(asked: EditorRequest) -> Response:
    """Show subject and message of the edition that would go out now."""
    plan = _plan(asked)
    if plan is None:
        return asked.notice(Problem("unknown_digest", 404), "next_editions", _list(asked))
    made = await _draft(asked, plan)
    found = made.pending
    counts = asked.words["counts"].format(
        new=len(found.new), updates=len(found.updates), closing=len(found.closing)
    )
    return await asked.page(
        "editor_digest.html.j2",
        title=plan.title,
        section="digests",
        plan=plan,
        day_of_edition=next_day(plan, asked.language, asked.app.clock()),
        counts=counts,
        empty=made.is_empty,
        subject=made.body.subject,
        text=made.body.text,
    )


async def message(asked: EditorRequest) -> Response:
    """Return the HTML of that message alone, in a sandbox."""
    plan = _plan(asked)
    if plan is None:
        return asked.notice(Problem("unknown_digest", 404), "next_editions", _list(asked))
    made = await _draft(asked, plan)
    # Links open a page of their own: in the frame, other sites would be refused.
    html = made.body.html.replace("<head>", '<head><base target="_blank">', 1)
    allowed = {"content-security-policy": MESSAGE_POLICY, "x-frame-options": "SAMEORIGIN"}
    return HTMLResponse(html.encode("utf-8", "replace"), headers={**HEADERS, **allowed})


def _plan(asked: EditorRequest) -> DigestPlan | None:
    wanted = asked.request.path_params["id"]
    return next((plan for plan in asked.app.config.digests if plan.id == wanted), None)


def _list(asked: EditorRequest) -> tuple[str, str]:
    return "editor/digests", asked.words["next_editions"]


async def _draft(asked: EditorRequest, plan: DigestPlan) -> draft.Draft:
    config, now = asked.app.config, asked.app.clock()
    return await asked.queries.run(
        lambda store: draft.compose(store, config, plan, now, Containment(store)), SECONDS
    )
