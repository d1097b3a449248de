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
from aggregator.web.client_network import NetworkLimit
from aggregator.web.editor_request import EditorRequest, Problem, is_offered
from aggregator.web.queries import Queries
from aggregator.web.static import AsStatic, StaticFiles

MAX_LAST_DECISIONS = 5
"""Maximum number of decisions on the first page."""

Endpoint = Callable[[EditorRequest], Awaitable[Response]]


async def start(asked: EditorRequest) -> Response:
    """Show how much waits, and the last decisions."""

    def read(store: Store) -> Mapping[str, object]:
        decisions = editorial.last_decisions(store, None, MAX_LAST_DECISIONS)
        return {"decisions": decisions, "titles": editor_lists.titles(store, decisions)}

    return await asked.page("editor_start.html.j2", title=asked.words["editor"], section="start", read=read)


async def without_slash(asked: EditorRequest) -> Response:
    """Lead on from `/editor/`."""
    return asked.redirect("editor")


PAGES: Mapping[str, Endpoint] = {
    "/editor": start,
    "/editor/": without_slash,
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
"""Those of them that take forms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorPages:
    """The editors' pages; `app` returns the program with the present feeds.yaml.

    Without `web.editor_header`, and without `editors` or `web.url`, they respond as to any unknown path.
    """

    app: Callable[[], App]
    static: StaticFiles
    queries: Queries
    limit: NetworkLimit = field(default_factory=NetworkLimit)

    def routes(self) -> list[Route]:
        """Return the routes of all pages; GET changes nothing."""
        signing = editor_sign_in.SignIn(limit=self.limit)
        return [
            Route("/editor/sign-in", self._offered(signing.form), methods=["GET", "POST"]),
            Route("/editor/sign-in/{token}", self._offered(signing.link), methods=["GET", "POST"]),
            Route("/editor/sign-out", self._offered(signing.out), methods=["POST"]),
            *(
                Route(
                    path,
                    self._offered(_for_editors(endpoint)),
                    methods=["GET", "POST"] if path in ACTIONS else ["GET"],
                )
                for path, endpoint in PAGES.items()
            ),
        ]

    def _offered(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Respond 404 where there are no editors' pages, 503 where the database cannot be used."""

        async def respond(request: Request) -> Response:
            app = self.app()
            if not is_offered(app):
                return AsStatic(self.static)
            asked = EditorRequest(request=request, app=app, queries=self.queries)
            try:
                return await endpoint(asked)
            except AggregatorError as error:
                return asked.failure(error)

        return respond


def _for_editors(endpoint: Endpoint) -> Endpoint:
    """Pass requests of editors on; lead others to the form that signs them in."""

    async def respond(asked: EditorRequest) -> Response:
        try:
            editor = await asked.identify()
        except Problem as problem:
            return asked.notice(problem, "not_signed_in")
        if editor is None:
            return editor_sign_in.required(asked)
        return await endpoint(replace(asked, editor=editor))

    return respond
