"""Show items that are held back, by source, and release or discard them."""

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
from aggregator.web.editor_request import EditorRequest, Problem

MAX_ITEMS = 20
"""Maximum number of items of a source that are shown."""


async def held(asked: EditorRequest) -> Response:
    """Show what is held, or decide about a source."""
    if asked.request.method != "POST":
        return await _page(asked)
    try:
        return await _decide(asked)
    except Problem as problem:
        return await _page(asked, problem)


async def _page(asked: EditorRequest, problem: Problem | None = None) -> Response:
    def read(store: Store) -> Mapping[str, object]:
        return {"sources": editor_lists.held_sources(store, MAX_ITEMS)}

    return await asked.page(
        "editor_held.html.j2", title=asked.words["held"], section="held", read=read, problem=problem
    )


async def _decide(asked: EditorRequest) -> Response:
    """Release or discard the held items of a source, or accept its page. Raises Problem."""
    form = await forms.read(asked.request)
    source, action = forms.first(form, "source"), forms.first(form, "action")
    if action not in ("release", "discard", "accept") or not source:
        raise Problem("unknown_action")
    try:
        asked.app.config.source(source)
    except UnknownName as error:
        raise Problem("unknown_source", 404, name=line(source, 80) or "") from error
    sources = await asked.read(partial(editor_lists.held_sources, max_items=0))
    present = next((each for each in sources if each.id == source), None)
    if present is None:
        raise Problem("none_held", 409)
    if (action == "accept") == bool(present.count):  # a page is accepted where no items are held
        raise Problem("changed_meanwhile", 409)
    if forms.first(form, "count") not in ("", str(present.count)):  # a round held more than the page showed
        raise Problem("changed_meanwhile", 409)
    release = action != "discard"
    await asked.act(partial(held_items.decide, asked.app, [source], asked.who, release=release))
    done = {"release": "released", "discard": "discarded", "accept": "accepted"}[action]
    return asked.redirect("editor/held", done)
