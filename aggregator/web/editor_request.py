"""Identify the editor who sends a request, and render pages and redirects for that person."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any, TypeVar

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from aggregator import addresses
from aggregator.digests.editor_sign_in import is_editor, mails_links
from aggregator.errors import AggregatorError, StoreBusy, UnknownName, WrongDecision
from aggregator.i18n import dedupe_reasons, formatting, phrases
from aggregator.ports import App
from aggregator.publishing import page_template
from aggregator.store import editor_lists, editor_sessions
from aggregator.store.connection import Store, stamp
from aggregator.text import line
from aggregator.web import forms, headers, proxies
from aggregator.web.pages import environment
from aggregator.web.queries import Queries
from aggregator.web.responses import RETRY_SECONDS

COOKIE = "__Host-editor"
"""Name of the session cookie; its prefix binds it to this host (RFC 6265bis)."""
QUERY_SECONDS = 3.0
"""Maximum seconds for reading the database for a page."""
MAX_NAME_CHARACTERS = 254

logger = logging.getLogger("aggregator.web.editor")

_POLICY = headers.SECURITY_POLICY.replace("default-src 'none'", "default-src 'none'; frame-src 'self'")
HEADERS = {
    **{name.decode(): value.decode() for name, value in headers.SECURITY},
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",  # `no-referrer` would hide `Origin` from us as well
    "x-robots-tag": "noindex",
}

T = TypeVar("T")
Page = Callable[["EditorRequest", "RequestProblem | None"], Awaitable[Response]]
"""Returns the page of a request, with the problem of its form."""


class RequestProblem(Exception):
    """A request that cannot be carried out.

    `reason` is the key of its sentence in editor_words.json, `status` the status code of HTTP.
    """

    def __init__(self, reason: str, status: int = 400, **values: str) -> None:
        super().__init__(reason)
        self.reason, self.status, self.values = reason, status, values


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """The sender of a request: an address, or the name that a proxy states.

    `session` is the token of the cookie.
    """

    name: str
    session: str | None = None


@dataclass(frozen=True, kw_only=True)
class EditorRequest:
    """A request to the editors' pages, with the program and its database.

    `http` is the request as Starlette passes it on.
    """

    http: Request
    app: App
    queries: Queries
    editor: Editor | None = None

    @cached_property
    def language(self) -> str:
        """Return the language of the page."""
        return phrases.text_language(forms.page_language(self.http, self.app.config.site.language))

    @cached_property
    def words(self) -> Mapping[str, Any]:
        """Return the phrases of the page."""
        return {**phrases.pages(self.language), **phrases.editor_pages(self.language)}

    @property
    def root(self) -> str:
        """Return the relative address of the site, so that pages work below any prefix."""
        return "../" * (self.http.url.path.count("/") - 1) or "./"

    @property
    def author(self) -> str:
        """Return the name that decisions record as their author."""
        assert self.editor is not None
        return self.editor.name

    async def identify(self) -> Editor | None:
        """Return the editor who sends the request; None without a session. Raises RequestProblem."""
        config = self.app.config
        if config.web.editor_header:
            names = [name.strip() for name in self.http.headers.getlist(config.web.editor_header)]
            if any(names):
                return self._named_by_proxy([name for name in names if name])
        if not mails_links(config):
            raise RequestProblem("no_user", 403)
        session = self.http.cookies.get(COOKIE)
        if not session:
            return None
        now = self.app.clock()
        address = await self.read(lambda store: editor_sessions.session_address(store, session, now))
        if address is None or not is_editor(self.app, address):
            return None
        return Editor(name=address, session=session)

    def _named_by_proxy(self, names: list[str]) -> Editor:
        """Return the user whom a trusted proxy names (ED1)."""
        config = self.app.config
        if not proxies.is_from(self.http, config.web.trusted_proxies):
            raise RequestProblem("untrusted_proxy", 403)
        name = line(names[0], MAX_NAME_CHARACTERS) or ""
        if len(names) > 1 or not name or (config.editors and not is_editor(self.app, name)):
            raise RequestProblem("not_an_editor", 403)
        return Editor(name=name)

    async def respond(self, page: Page, decide: Callable[[EditorRequest], Awaitable[Response]]) -> Response:
        """Return a page, or carry out the form of a POST; a RequestProblem is shown on the page."""
        if self.http.method != "POST":
            return await page(self, None)
        try:
            return await decide(self)
        except RequestProblem as problem:
            return await page(self, problem)

    async def run_command(self, command: Callable[[], T]) -> T:
        """Run a command in a thread; raises RequestProblem if it is not possible."""
        try:
            return await run_in_threadpool(command)
        except WrongDecision as error:
            raise RequestProblem(error.reason or "unknown_action") from error

    async def read(self, query: Callable[[Store], T]) -> T:
        """Read the database for a page."""
        return await self.queries.run(query, QUERY_SECONDS)

    async def page(
        self,
        template: str,
        *,
        title: str,
        section: str = "",
        read: Callable[[Store], Mapping[str, Any]] | None = None,
        problem: RequestProblem | None = None,
        **values: object,
    ) -> Response:
        """Return a page; `read` returns values for its template, from one state of the database."""
        now = self.app.clock()

        def read_all(store: Store) -> Mapping[str, Any]:
            counts = editor_lists.review_counts(store, stamp(now) or "")
            return {**(read(store) if read else {}), "review_counts": counts}

        stored = await self.read(read_all) if self.editor else {}
        done = self.words.get(f"done_{self.http.query_params.get('done', '')}")
        shared = {"title": title, "section": section, "done": None if problem else done}
        return self.render(template, problem=problem, **{**shared, **stored, **values})

    def render(self, template: str, *, problem: RequestProblem | None = None, **values: object) -> Response:
        """Render a template that needs nothing from the database."""
        site = self.app.config.site
        shared = page_template.context(site, "", self.language, self.root) | {
            "words": self.words,
            "root": self.root,
            "editor": self.editor,
            "display_name": _display_name,
            "subjects": editor_lists.subjects_of,
            "problem": self._problem_sentence(problem) if problem else None,
            "moment": self._moment,
            "translated": partial(dedupe_reasons.translated, language=self.language),
            "reason_language": self._reason_language,
            "decimal": partial(formatting.decimal, language=self.language),
            "section": "",
            "done": None,
            "review_counts": None,
        }
        body = environment().get_template(template).render(**{**shared, **values})
        status = problem.status if problem else 200
        return HTMLResponse(body.encode("utf-8", "replace"), status, headers=HEADERS)

    def _reason_language(self, reason: str) -> Markup:
        """Return the attribute `lang` of a reason that stays in English."""
        is_known = dedupe_reasons.is_known(reason, self.language)
        return page_template.lang_attribute(self.language if is_known else "en", self.language)

    def _moment(self, at: datetime) -> str:
        """Return day and time of a moment in the zone of the site."""
        local = at.astimezone(self.app.config.site.timezone)
        text: str = self.words["moment"]
        return text.format(day=formatting.day(local.date(), self.language), time=f"{local:%H:%M}")

    def _problem_sentence(self, problem: RequestProblem) -> str:
        """Return the sentence that states a problem."""
        text: str = self.words.get(problem.reason) or self.words["unknown_action"]
        return text.format(site=self.app.config.site.title, **problem.values)

    def problem_page(
        self, problem: RequestProblem, title: str, link: tuple[str, str] | None = None
    ) -> Response:
        """Return a page that only states a problem; `link` is a path with its words."""
        page = self.render("editor_notice.html.j2", problem=problem, title=self.words[title], link=link)
        if problem.status == 503:
            page.headers["Retry-After"] = str(RETRY_SECONDS)
        return page

    def redirect(self, path: str, done: str = "") -> Response:
        """Redirect to a page of the site; `done` is the key of the sentence that it shows."""
        separator = "&" if "?" in path else "?"
        query = f"{separator}done={done}" if done else ""
        return RedirectResponse(f"{self.root}{path}{query}", 303, headers=HEADERS)

    def error_page(self, error: AggregatorError) -> Response:
        """Return the page of an error of the program, and log its reason without addresses."""
        if isinstance(error, StoreBusy):
            return self.problem_page(RequestProblem("busy_why", 503), "busy")
        logger.error("%s", addresses.without_addresses(str(error)))
        return self.problem_page(RequestProblem("failed_why", 503), "failed")


def has_editor_pages(app: App) -> bool:
    """Return whether feeds.yaml enables the editors' pages."""
    return bool(app.config.web.editor_header) or mails_links(app.config)


def unknown_story(error: UnknownName, name: str) -> RequestProblem:
    """Return the problem of a name that belongs to no story."""
    problem = RequestProblem("unknown_story", 404, name=line(name, 80) or "")
    problem.__cause__ = error
    return problem


def _display_name(author: str) -> str:
    """Return an author as pages show it: without the local part of an address (DP5)."""
    return addresses.shortened(author) if "@" in author else author
