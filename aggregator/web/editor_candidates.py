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
from aggregator.web.editor_request import EditorRequest, RequestProblem

MAX_PAIRS = 8
"""Maximum number of pairs on a page."""
POSTPONED = timedelta(days=7)
"""Time for which "later" postpones a pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairWithEvidence:
    """Two stories with the evidence for and against one story, in words."""

    pair: CandidatePair
    sides: tuple[Story, ...]
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]
    score: float | None
    threshold: float | None


async def candidates(request: EditorRequest) -> Response:
    """Show pairs, or decide about one of them."""
    return await request.respond(_page, _decide)


async def _page(request: EditorRequest, problem: RequestProblem | None) -> Response:
    postponed = request.http.query_params.get("later") == "1"
    now = request.app.clock()

    def read(store: Store) -> Mapping[str, object]:
        read_pairs = editorial.postponed_candidates if postponed else editorial.open_candidates
        return {"pairs": [_with_evidence(store, pair) for pair in read_pairs(store, now, MAX_PAIRS)]}

    return await request.page(
        "editor_candidates.html.j2",
        title=request.words["candidates"],
        section="candidates",
        read=read,
        problem=problem,
        postponed=postponed,
    )


def _with_evidence(store: Store, pair: CandidatePair) -> PairWithEvidence:
    sides = tuple(stories.read(store, [pair.story, pair.other]))
    try:
        comparison: dict[str, Any] = explain.pair_from(store, pair.story, pair.other)
    except (NothingToShow, UnknownName):  # only the reason stored with the pair is known
        return PairWithEvidence(
            pair=pair, sides=sides, supporting=(pair.why,), opposing=(), score=None, threshold=None
        )
    evidence = sorted(comparison["evidence"], key=lambda observation: -observation["weight"])
    against = [observation["reason"] for observation in evidence if observation["weight"] < 0]
    return PairWithEvidence(
        pair=pair,
        sides=sides,
        supporting=tuple(observation["reason"] for observation in evidence if observation["weight"] >= 0),
        opposing=(*comparison["vetoes"], *against, *filter(None, [comparison["failed"]])),
        score=comparison["score"],
        threshold=comparison["threshold"],
    )


async def _decide(request: EditorRequest) -> Response:
    """Merge a pair, keep it apart, or postpone it. Raises RequestProblem."""
    form, app = await forms.read_form(request.http), request.app
    story, other, action = (forms.first_value(form, name) for name in ("story", "other", "action"))
    if action not in ("merge", "apart", "later") or not story or not other:
        raise RequestProblem("unknown_action")
    pair = await request.read(partial(editorial.candidate_pair, one=story, other=other))
    if pair is None:
        raise RequestProblem("changed_meanwhile", 409)
    list_path = "editor/candidates" + ("?later=1" if request.http.query_params.get("later") == "1" else "")
    if action == "later":
        await request.run_command(
            partial(editor_commands.postpone, app, story, other, app.clock() + POSTPONED)
        )
        return request.redirect(list_path, "later")
    if action == "apart":
        await request.run_command(partial(editor_commands.keep_apart, app, story, other, request.author))
        return request.redirect(list_path, "apart")
    await request.run_command(partial(editor_commands.merge, app, [story, other], request.author))
    return request.redirect(list_path, "merged")
