"""Show the log of decisions, and undo one of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.responses import Response

from aggregator.dedupe import undo
from aggregator.errors import UnknownName
from aggregator.store import editor_lists, editorial
from aggregator.store.connection import Store
from aggregator.web import forms
from aggregator.web.editor_request import EditorRequest, RequestProblem

PAGE_DECISIONS = 30
"""Number of decisions on a page."""
MAX_NUMBER = 2**62


async def decisions(request: EditorRequest) -> Response:
    """Show decisions, or undo one."""
    return await request.respond(_page, _undo)


async def _undo(request: EditorRequest) -> Response:
    """Undo the decision whose number the form has. Raises RequestProblem."""
    form = await forms.read_form(request.http)
    number = _number(forms.first_value(form, "number"))
    if forms.first_value(form, "action") != "undo" or number is None:
        raise RequestProblem("unknown_action")
    try:
        await request.run_command(partial(undo.undo_decision, request.app, number, request.author))
    except UnknownName as error:
        raise RequestProblem("unknown_decision", 404) from error
    return request.redirect("editor/decisions", "undone")


def _number(text: str) -> int | None:
    """Return the number of a decision; None for any other text."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    return number if 0 < number <= MAX_NUMBER else None


async def _page(request: EditorRequest, problem: RequestProblem | None) -> Response:
    before = _number(request.http.query_params.get("before", ""))

    def read(store: Store) -> Mapping[str, object]:
        # One more than the page has, to know whether there are older decisions.
        newest = editorial.last_decisions(store, before, PAGE_DECISIONS + 1)
        page = newest[:PAGE_DECISIONS]
        return {
            "decisions": page,
            "titles": editor_lists.titles_of_subjects(store, page),
            "older": page[-1].number if len(newest) > PAGE_DECISIONS else None,
        }

    return await request.page(
        "editor_decisions.html.j2",
        title=request.words["log"],
        section="decisions",
        read=read,
        problem=problem,
        before=before,
    )
