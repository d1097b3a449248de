"""Search stories, and merge, split or hide one or set its event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from aggregator import addresses, story_view
from aggregator.dedupe import editor_commands, event_decisions
from aggregator.errors import UnknownName
from aggregator.model.events import Attendance, EventKind, EventStatus
from aggregator.model.search import SearchFilters
from aggregator.store import editor_lists, editorial, stories, story_search
from aggregator.store import event_decisions as event_store
from aggregator.store.connection import Store
from aggregator.text import legal, line
from aggregator.web import forms
from aggregator.web.editor_events import EventForm, change_of, form_of
from aggregator.web.editor_request import EditorRequest, RequestProblem, unknown_story
from aggregator.web.forms import Form, first_value

MAX_QUERY_CHARACTERS = 1000
MAX_HIDDEN = 20
"""Maximum number of hidden stories that are listed."""


async def search(request: EditorRequest) -> Response:
    """Show the search form, the stories that match words or an id, and hidden stories."""
    query = legal(request.http.query_params.get("q", "")).strip()[:MAX_QUERY_CHARACTERS]
    merge_with_id = request.http.query_params.get("with", "")

    def read(store: Store) -> Mapping[str, object]:
        story_id = story_search.resolve(store, query) if query else None
        if story_id:
            matches = stories.read(store, [story_id])
        elif query:
            matches = list(story_search.find(store, query, SearchFilters(), 1).stories)
        else:
            matches = []
        merge_with = stories.read(store, [merge_with_id]) if merge_with_id else []
        return {
            "matches": [story for story in matches if story.id != merge_with_id],
            "merge_with": merge_with[0] if merge_with else None,
            "hidden": editor_lists.last_hidden(store, MAX_HIDDEN),
        }

    return await request.page(
        "editor_stories.html.j2", title=request.words["stories"], section="stories", read=read, query=query
    )


async def story(request: EditorRequest) -> Response:
    """Show a story with all actions that it allows, or carry out one of them."""
    story_id = request.http.path_params["id"]
    try:
        current_id = await request.read(partial(story_search.resolve, name=story_id))
        if current_id is None:
            raise RequestProblem("unknown_story", 404, name=line(story_id, 80) or "")
        if request.http.method != "POST":
            if current_id != story_id:
                return request.redirect(_path(current_id))
            return await _page(request, story_id)
        if current_id != story_id:  # the story of the page was merged into another one
            raise RequestProblem("changed_meanwhile", 409)
    except RequestProblem as problem:
        return request.problem_page(problem, "stories", ("editor/stories", request.words["find_story"]))
    form = await forms.read_form(request.http)
    try:
        action = _ACTIONS.get(first_value(form, "action"))
        if action is None:
            raise RequestProblem("unknown_action")
        return await action(request, story_id, form)
    except RequestProblem as problem:
        return await _page(request, story_id, problem, form)


async def _page(
    request: EditorRequest, story_id: str, problem: RequestProblem | None = None, form: Form | None = None
) -> Response:
    zone = request.app.config.site.timezone

    def read(store: Store) -> Mapping[str, object]:
        view = story_view.read_from(store, story_id)
        event = view.story.event.event if view.story.event else None
        related = [other_id for other_id, _ in view.story.related]
        candidates = sorted(editorial.listed_with(store, story_id).difference(related))
        others = stories.read(store, [*related, *candidates])
        return {
            "story": view.story,
            "why": {id_: addresses.without_addresses(why) for id_, why in view.why.items()},
            "others": others,
            "event": event,
            "decided": event_store.decision(store, story_id)["decided"],
            "event_form": EventForm.parse(form)
            if form and first_value(form, "action") == "event"
            else form_of(event, zone),
            "decisions": editorial.decisions(store, story_id)[::-1],
        }

    fields = form or {}
    return await request.page(
        "editor_story.html.j2",
        title=request.words["stories"],
        section="stories",
        read=read,
        problem=problem,
        ticked=frozenset(fields.get("item", [])),
        other=first_value(fields, "other")[:MAX_QUERY_CHARACTERS],
        kinds=list(EventKind),
        states=list(EventStatus),
        attendances=list(Attendance),
    )


# --- actions -------------------------------------------------------------------------------------------


async def _merge(request: EditorRequest, story_id: str, form: Form) -> Response:
    """Merge the story with another one, named by its URL or id."""
    other = story_search.id_in(first_value(form, "other"))
    if not other:
        raise RequestProblem("name_story")
    try:
        merged_id, _ = await request.run_command(
            partial(
                editor_commands.merge, request.app, [story_id, other[:MAX_QUERY_CHARACTERS]], request.author
            )
        )
    except UnknownName as error:
        raise unknown_story(error, other) from error
    return request.redirect(_path(merged_id), "merged")


async def _split(request: EditorRequest, story_id: str, form: Form) -> Response:
    """Split off the ticked items."""
    items = list(dict.fromkeys(form.get("item", [])))
    if not items:
        raise RequestProblem("no_items")
    story_ids = await request.read(lambda store: stories.stories_of(store, items))
    if story_ids != {story_id}:
        raise RequestProblem("not_one_story")
    announce = first_value(form, "announce") == "yes"
    try:
        _, new_id = await request.run_command(
            partial(editor_commands.split, request.app, items, request.author, announce=announce)
        )
    except UnknownName as error:
        raise RequestProblem("not_one_story") from error
    return request.redirect(_path(new_id), "split")


async def _hide(request: EditorRequest, story_id: str, form: Form) -> Response:
    withdrawn = first_value(form, "withdrawn") == "yes"
    changed = await request.run_command(
        partial(editor_commands.hide, request.app, [story_id], request.author, withdrawn=withdrawn)
    )
    return request.redirect(_path(story_id), "hidden" if changed else "unchanged")


async def _unhide(request: EditorRequest, story_id: str, _: Form) -> Response:
    changed = await request.run_command(
        partial(editor_commands.unhide, request.app, [story_id], request.author)
    )
    return request.redirect(_path(story_id), "unhidden" if changed else "unchanged")


async def _event(request: EditorRequest, story_id: str, form: Form) -> Response:
    """Set the event of the story."""
    change = change_of(EventForm.parse(form))
    return await _change_event(request, story_id, partial(event_decisions.set_event, change=change), "event")


async def _no_event(request: EditorRequest, story_id: str, _: Form) -> Response:
    return await _change_event(request, story_id, event_decisions.remove_event, "no_event")


async def _auto_event(request: EditorRequest, story_id: str, _: Form) -> Response:
    return await _change_event(request, story_id, event_decisions.make_automatic, "auto_event")


async def _change_event(
    request: EditorRequest, story_id: str, command: Callable[..., Any], done: str
) -> Response:
    await request.run_command(partial(command, app=request.app, name=story_id, who=request.author))
    return request.redirect(_path(story_id), done)


def _path(story_id: str) -> str:
    return f"editor/stories/{quote(story_id)}"


_ACTIONS: Mapping[str, Callable[[EditorRequest, str, Form], Awaitable[Response]]] = {
    "merge": _merge,
    "split": _split,
    "hide": _hide,
    "unhide": _unhide,
    "event": _event,
    "no_event": _no_event,
    "auto_event": _auto_event,
}
"""Function for each button of the page, by the value of `action`."""
