"""Show pairs of stories that may be one, with their evidence, and take decisions on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.responses import Response

from aggregator.dedupe import editor_commands, explain
from aggregator.errors import NothingToShow, UnknownName
from aggregator.model.stories import CandidatePair, Story
from aggregator.store import editorial, stories
from aggregator.store.connection import Store
from aggregator.web import forms
from aggregator.web.editor_request import EditorRequest, Problem

MAX_PAIRS = 8
"""Maximum number of pairs on a page."""
POSTPONED = timedelta(days=7)
"""Time for which "later" puts a pair off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPair:
    """Two stories with the evidence for and against one story, in words."""

    pair: CandidatePair
    sides: tuple[Story, ...]
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]
    score: float | None
    threshold: float | None


async def candidates(asked: EditorRequest) -> Response:
    """Show pairs, or decide about one of them."""
    if asked.request.method != "POST":
        return await _page(asked)
    try:
        return await _decide(asked)
    except Problem as problem:
        return await _page(asked, problem)


async def _page(asked: EditorRequest, problem: Problem | None = None) -> Response:
    postponed = asked.request.query_params.get("later") == "1"
    now = asked.app.clock()

    def read(store: Store) -> Mapping[str, object]:
        listed = editorial.postponed_candidates if postponed else editorial.open_candidates
        return {"pairs": [_shown(store, pair) for pair in listed(store, now, MAX_PAIRS)]}

    return await asked.page(
        "editor_candidates.html.j2",
        title=asked.words["candidates"],
        section="candidates",
        read=read,
        problem=problem,
        postponed=postponed,
    )


def _shown(store: Store, pair: CandidatePair) -> ShownPair:
    sides = tuple(stories.read(store, [pair.story, pair.other]))
    try:
        compared: dict[str, Any] = explain.pair_from(store, pair.story, pair.other)
    except (NothingToShow, UnknownName):  # it cannot be compared now; the reason for the list is known
        return ShownPair(
            pair=pair, sides=sides, supporting=(pair.why,), opposing=(), score=None, threshold=None
        )
    evidence = sorted(compared["evidence"], key=lambda piece: -piece["weight"])
    against = [piece["reason"] for piece in evidence if piece["weight"] < 0]
    return ShownPair(
        pair=pair,
        sides=sides,
        supporting=tuple(piece["reason"] for piece in evidence if piece["weight"] >= 0),
        opposing=(*compared["vetoes"], *against, *filter(None, [compared["failed"]])),
        score=compared["score"],
        threshold=compared["threshold"],
    )


async def _decide(asked: EditorRequest) -> Response:
    """Merge a pair, keep it apart, or put it off. Raises Problem."""
    form, app = await forms.read(asked.request), asked.app
    one, other, action = (forms.first(form, name) for name in ("story", "other", "action"))
    if action not in ("merge", "apart", "later") or not one or not other:
        raise Problem("unknown_action")
    pair = await asked.read(partial(editorial.candidate_pair, one=one, other=other))
    if pair is None:
        raise Problem("changed_meanwhile", 409)
    back = "editor/candidates" + ("?later=1" if asked.request.query_params.get("later") == "1" else "")
    if action == "later":
        await asked.act(partial(editor_commands.postpone, app, one, other, app.clock() + POSTPONED))
        return asked.redirect(back, "later")
    if action == "apart":
        await asked.act(partial(editor_commands.keep_apart, app, one, other, asked.who))
        return asked.redirect(back, "apart")
    await asked.act(partial(editor_commands.merge, app, [one, other], asked.who))
    return asked.redirect(back, "merged")
