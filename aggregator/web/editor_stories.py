"""Find any story, and merge, split, hide or date it."""

from __future__ import annotations

import re
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
from aggregator.model.stories import Story
from aggregator.store import editor_lists, editorial, stories, story_search
from aggregator.store import event_decisions as event_words
from aggregator.store.connection import Store
from aggregator.text import legal, line
from aggregator.web import forms
from aggregator.web.editor_events import EventForm, change_of, form_of
from aggregator.web.editor_request import EditorRequest, Problem, unknown_story
from aggregator.web.forms import Form, first

MAX_QUERY_CHARACTERS = 1000
MAX_HIDDEN = 20
"""Maximum number of hidden stories that are listed."""
STORY_PAGE = re.compile(r"stories/([a-z2-7]{16})(?:\.html)?(?:[?#].*)?$")
"""The end of the address of a story's page, public or for editors."""


async def search(asked: EditorRequest) -> Response:
    """Show the form, the stories that contain words or have an id, and hidden stories."""
    words = legal(asked.request.query_params.get("q", "")).strip()[:MAX_QUERY_CHARACTERS]
    partner = asked.request.query_params.get("with", "")

    def read(store: Store) -> Mapping[str, object]:
        named = story_search.resolve(store, name_in(words)) if words else None
        if named:
            found = stories.read(store, [named])
        elif words:
            found = list(story_search.find(store, words, SearchFilters(), 1).stories)
        else:
            found = []
        other = _exact(store, partner)
        return {
            "found": [story for story in found if story.id != partner],
            "partner": other[0] if other else None,
            "hidden": editor_lists.last_hidden(store, MAX_HIDDEN),
        }

    return await asked.page(
        "editor_stories.html.j2", title=asked.words["stories"], section="stories", read=read, query=words
    )


async def story(asked: EditorRequest) -> Response:
    """Show a story with all that may be done, or do it."""
    name = asked.request.path_params["id"]
    try:
        found = await asked.read(partial(story_search.resolve, name=name))
        if found is None:
            raise Problem("unknown_story", 404, name=line(name, 80) or "")
        if asked.request.method != "POST":
            return asked.redirect(f"editor/stories/{found}") if found != name else await _page(asked, name)
        if found != name:  # what the page showed is part of another story by now
            raise Problem("changed_meanwhile", 409)
    except Problem as problem:
        return asked.notice(problem, "stories", ("editor/stories", asked.words["find_story"]))
    form = await forms.read(asked.request)
    try:
        act = _ACTIONS.get(first(form, "action"))
        if act is None:
            raise Problem("unknown_action")
        return await act(asked, name, form)
    except Problem as problem:
        return await _page(asked, name, problem, form)


async def _page(
    asked: EditorRequest, story_id: str, problem: Problem | None = None, form: Form | None = None
) -> Response:
    zone = asked.app.config.site.timezone

    def read(store: Store) -> Mapping[str, object]:
        view = story_view.read_from(store, story_id)
        shown = view.story
        event = shown.event.event if shown.event else None
        listed = sorted(editorial.listed_with(store, story_id) - {other for other, _ in shown.related})
        others = stories.read(store, [*(other for other, _ in shown.related), *listed])
        return {
            "story": shown,
            "why": {id_: addresses.without_addresses(why) for id_, why in view.why.items()},
            "others": others,
            "event": event,
            "decided": event_words.decision(store, story_id)["decided"],
            "event_form": EventForm.sent(form)
            if form and first(form, "action") == "event"
            else form_of(event, zone),
            "decisions": editorial.decisions(store, story_id)[::-1],
        }

    sent = form or {}
    return await asked.page(
        "editor_story.html.j2",
        title=asked.words["stories"],
        section="stories",
        read=read,
        problem=problem,
        ticked=frozenset(sent.get("item", [])),
        other=first(sent, "other")[:MAX_QUERY_CHARACTERS],
        kinds=list(EventKind),
        states=list(EventStatus),
        attendances=list(Attendance),
    )


def name_in(text: str) -> str:
    """Return the id in the address of a story's page; any other text as it is."""
    found = STORY_PAGE.search(text)
    return found[1] if found else text


def _exact(store: Store, story_id: str) -> list[Story]:
    return stories.read(store, [story_id]) if story_id else []


# --- actions -------------------------------------------------------------------------------------------


async def _merge(asked: EditorRequest, name: str, form: Form) -> Response:
    """Merge the story with another one, named by its address or id."""
    other = name_in(first(form, "other"))
    if not other:
        raise Problem("name_story")
    try:
        kept, _ = await asked.act(
            partial(editor_commands.merge, asked.app, [name, other[:MAX_QUERY_CHARACTERS]], asked.who)
        )
    except UnknownName as error:
        raise unknown_story(error, other) from error
    return asked.redirect(_address(kept), "merged")


async def _split(asked: EditorRequest, name: str, form: Form) -> Response:
    """Split the ticked items off."""
    items = list(dict.fromkeys(form.get("item", [])))
    if not items:
        raise Problem("no_items")
    homes = await asked.read(lambda store: stories.stories_of(store, items))
    if homes != {name}:
        raise Problem("not_one_story")
    announce = first(form, "announce") == "yes"
    try:
        _, part = await asked.act(
            partial(editor_commands.split, asked.app, items, asked.who, announce=announce)
        )
    except UnknownName as error:
        raise Problem("not_one_story") from error
    return asked.redirect(_address(part), "split")


async def _hide(asked: EditorRequest, name: str, form: Form) -> Response:
    withdrawn = first(form, "withdrawn") == "yes"
    return await _set_hidden(asked, name, hidden=True, withdrawn=withdrawn)


async def _unhide(asked: EditorRequest, name: str, _: Form) -> Response:
    return await _set_hidden(asked, name, hidden=False, withdrawn=False)


async def _set_hidden(asked: EditorRequest, name: str, *, hidden: bool, withdrawn: bool) -> Response:
    command = partial(
        editor_commands.set_hidden, asked.app, [name], asked.who, hidden=hidden, withdrawn=withdrawn
    )
    changed = await asked.act(command)
    done = ("hidden" if hidden else "unhidden") if changed else "unchanged"
    return asked.redirect(_address(name), done)


async def _event(asked: EditorRequest, name: str, form: Form) -> Response:
    """Set the event of the story."""
    change = change_of(EventForm.sent(form))
    return await _about_event(asked, name, partial(event_decisions.set_event, change=change), "event")


async def _no_event(asked: EditorRequest, name: str, _: Form) -> Response:
    return await _about_event(asked, name, event_decisions.remove, "no_event")


async def _auto_event(asked: EditorRequest, name: str, _: Form) -> Response:
    return await _about_event(asked, name, event_decisions.undo, "auto_event")


async def _about_event(asked: EditorRequest, name: str, command: Callable[..., Any], done: str) -> Response:
    await asked.act(partial(command, app=asked.app, name=name, who=asked.who))
    return asked.redirect(_address(name), done)


def _address(story_id: str) -> str:
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
"""What the buttons of the page do."""
