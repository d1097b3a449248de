"""Route the editors' pages, and let only editors in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.errors import AggregatorError
from aggregator.ports import App
from aggregator.store import editor_lists, editorial
from aggregator.store.connection import Store
from aggregator.web import (
    editor_candidates,
    editor_decisions,
    editor_digests,
    editor_held,
    editor_sign_in,
    editor_stories,
)
from aggregator.web.editor_request import EditorRequest, RequestProblem, has_editor_pages
from aggregator.web.queries import Queries
from aggregator.web.request_limit import RequestLimit
from aggregator.web.static import StaticFiles, StaticResponse

MAX_LAST_DECISIONS = 5
"""Maximum number of decisions on the first page."""

Endpoint = Callable[[EditorRequest], Awaitable[Response]]


async def start(request: EditorRequest) -> Response:
    """Show the numbers of reviews to do, and the last decisions."""

    def read(store: Store) -> Mapping[str, object]:
        decisions = editorial.last_decisions(store, None, MAX_LAST_DECISIONS)
        return {"decisions": decisions, "titles": editor_lists.titles_of_subjects(store, decisions)}

    return await request.page(
        "editor_start.html.j2", title=request.words["editor"], section="start", read=read
    )


async def redirect_to_start(request: EditorRequest) -> Response:
    """Redirect `/editor/` to `/editor`."""
    return request.redirect("editor")


PAGES: Mapping[str, Endpoint] = {
    "/editor": start,
    "/editor/": redirect_to_start,
    "/editor/candidates": editor_candidates.candidates,
    "/editor/stories": editor_stories.search,
    "/editor/stories/{id}": editor_stories.story,
    "/editor/held": editor_held.held,
    "/editor/digests": editor_digests.digests,
    "/editor/digests/{id}": editor_digests.preview,
    "/editor/digests/{id}/message": editor_digests.message,
    "/editor/decisions": editor_decisions.decisions,
}
"""Pages for editors who are signed in."""
ACTIONS = frozenset(
    {"/editor/candidates", "/editor/stories/{id}", "/editor/held", "/editor/decisions"},
)
"""Those of these pages that accept forms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorPages:
    """The editors' pages; `app` returns the program with the current feeds.yaml.

    They exist with `web.editor_header`, or with `editors` and `web.url`; otherwise they respond as unknown paths do.
    """

    app: Callable[[], App]
    static: StaticFiles
    queries: Queries
    limit: RequestLimit = field(default_factory=RequestLimit)

    def routes(self) -> list[Route]:
        """Return the routes of all pages; GET changes nothing."""
        sign_in = editor_sign_in.SignIn(limit=self.limit)
        return [
            Route("/editor/sign-in", self._if_enabled(sign_in.form), methods=["GET", "POST"]),
            Route("/editor/sign-in/{token}", self._if_enabled(sign_in.link), methods=["GET", "POST"]),
            Route("/editor/sign-out", self._if_enabled(sign_in.sign_out), methods=["POST"]),
            *(
                Route(
                    path,
                    self._if_enabled(_for_editors(endpoint)),
                    methods=["GET", "POST"] if path in ACTIONS else ["GET"],
                )
                for path, endpoint in PAGES.items()
            ),
        ]

    def _if_enabled(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Respond 404 where there are no editors' pages, 503 where the database cannot be used."""

        async def respond(request: Request) -> Response:
            app = self.app()
            if not has_editor_pages(app):
                return StaticResponse(self.static)
            editor_request = EditorRequest(http=request, app=app, queries=self.queries)
            try:
                return await endpoint(editor_request)
            except AggregatorError as error:
                return editor_request.error_page(error)

        return respond


def _for_editors(endpoint: Endpoint) -> Endpoint:
    """Pass on requests of editors; redirect other clients to the sign-in form."""

    async def respond(request: EditorRequest) -> Response:
        try:
            editor = await request.identify()
        except RequestProblem as problem:
            return request.problem_page(problem, "not_signed_in")
        if editor is None:
            return editor_sign_in.redirect_to_sign_in(request)
        return await endpoint(replace(request, editor=editor))

    return respond
