"""Show held items by source, and release or discard them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.responses import Response

from aggregator.errors import UnknownName
from aggregator.polling import held_items
from aggregator.store import editor_lists
from aggregator.store.connection import Store
from aggregator.text import line
from aggregator.web import forms
from aggregator.web.editor_request import EditorRequest, RequestProblem

MAX_ITEMS = 20
"""Maximum number of items of a source that are shown."""


async def held(request: EditorRequest) -> Response:
    """Show the sources with held items, or decide about one of them."""
    return await request.respond(_page, _decide)


async def _page(request: EditorRequest, problem: RequestProblem | None) -> Response:
    def read(store: Store) -> Mapping[str, object]:
        return {"sources": editor_lists.held_sources(store, MAX_ITEMS)}

    return await request.page(
        "editor_held.html.j2", title=request.words["held"], section="held", read=read, problem=problem
    )


async def _decide(request: EditorRequest) -> Response:
    """Release or discard the held items of a source, or accept its page. Raises RequestProblem."""
    form = await forms.read_form(request.http)
    source_id, action = forms.first_value(form, "source"), forms.first_value(form, "action")
    if action not in ("release", "discard", "accept") or not source_id:
        raise RequestProblem("unknown_action")
    try:
        request.app.config.source(source_id)
    except UnknownName as error:
        raise RequestProblem("unknown_source", 404, name=line(source_id, 80) or "") from error
    sources = await request.read(partial(editor_lists.held_sources, max_items=0))
    source = next((source for source in sources if source.id == source_id), None)
    if source is None:
        raise RequestProblem("none_held", 409)
    if (action == "accept") == bool(source.count):  # a page is accepted where no items are held
        raise RequestProblem("changed_meanwhile", 409)
    if forms.first_value(form, "count") not in (
        "",
        str(source.count),
    ):  # a round has held further items since
        raise RequestProblem("changed_meanwhile", 409)
    decide = held_items.discard if action == "discard" else held_items.release
    await request.run_command(partial(decide, request.app, [source_id], request.author))
    done = {"release": "released", "discard": "discarded", "accept": "accepted"}[action]
    return request.redirect("editor/held", done)
