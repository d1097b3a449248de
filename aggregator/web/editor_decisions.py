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
from aggregator.web.editor_request import EditorRequest, Problem

PAGE_DECISIONS = 30
"""Number of decisions on a page."""
MAX_NUMBER = 2**62


async def decisions(asked: EditorRequest) -> Response:
    """Show decisions, or undo one."""
    if asked.request.method != "POST":
        return await _page(asked)
    try:
        form = await forms.read(asked.request)
        number = _number(forms.first(form, "number"))
        if forms.first(form, "action") != "undo" or number is None:
            raise Problem("unknown_action")
        try:
            await asked.act(partial(undo.decision, asked.app, number, asked.who))
        except UnknownName as error:
            raise Problem("unknown_decision", 404) from error
    except Problem as problem:
        return await _page(asked, problem)
    return asked.redirect("editor/decisions", "undone")


def _number(text: str) -> int | None:
    """Return the number of a decision; None for any other text."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    return number if 0 < number <= MAX_NUMBER else None


async def _page(asked: EditorRequest, problem: Problem | None = None) -> Response:
    below = _number(asked.request.query_params.get("before", ""))

    def read(store: Store) -> Mapping[str, object]:
        made = editorial.last_decisions(store, below, PAGE_DECISIONS + 1)
        shown = made[:PAGE_DECISIONS]
        return {
            "decisions": shown,
            "titles": editor_lists.titles(store, shown),
            "older": shown[-1].number if len(made) > PAGE_DECISIONS else None,
        }

    return await asked.page(
        "editor_decisions.html.j2",
        title=asked.words["log"],
        section="decisions",
        read=read,
        problem=problem,
        below=below,
    )
