"""Sign editors in by mailed links, and out again (ED2, ED3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from aggregator.digests import editor_sign_in
from aggregator.i18n import phrases
from aggregator.store.editor_sessions import SESSION_LIFETIME
from aggregator.web import forms
from aggregator.web.background import process_requests
from aggregator.web.editor_request import COOKIE, EditorRequest, RequestProblem
from aggregator.web.request_limit import WINDOW_SECONDS, RequestLimit, network


def redirect_to_sign_in(request: EditorRequest) -> Response:
    """Redirect a GET without a session to the sign-in form; refuse a POST."""
    if request.http.method in ("GET", "HEAD"):
        # Browsers send no SameSite=Strict cookie when they follow a link of another site, such as webmail.
        cross_site = request.http.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        return request.redirect("editor/sign-in" + ("?from=link" if cross_site else ""))
    link = ("editor/sign-in", request.words["sign_in"])
    return request.problem_page(RequestProblem("not_signed_in_why", 403), "not_signed_in", link)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Accept addresses and sign-in links, and begin and end sessions."""

    limit: RequestLimit

    async def form(self, request: EditorRequest) -> Response:
        """Show the form, or accept an address; the response is the same for every address."""
        if not editor_sign_in.mails_links(request.app.config):
            return request.problem_page(RequestProblem("no_user", 403), "not_signed_in")
        if request.http.method != "POST":
            return _form(request)
        form = await forms.read_form(request.http)
        address = forms.parse_address(forms.first_value(form, "address"))
        if address is None:
            return _form(request, RequestProblem("no_address"), forms.first_value(form, "address")[:254])
        client = request.http.client
        if not self.limit.allows(network(client.host if client else "")):
            refusal = request.problem_page(RequestProblem("too_many_why", 429), "too_many")
            refusal.headers["Retry-After"] = str(int(WINDOW_SECONDS))
            return refusal
        language = phrases.text_language(request.language)
        await run_in_threadpool(editor_sign_in.request_link, request.app, address, language)
        page = request.render("editor_sent.html.j2", title=request.words["link_sent"])
        # After the response, so that its duration does not show whether the address is listed (ED2).
        page.background = BackgroundTask(process_requests, request.app)
        return page

    async def link(self, request: EditorRequest) -> Response:
        """Show a button, or sign in.

        A GET changes nothing, because programs that scan mail follow links.
        """
        token = request.http.path_params["token"]
        if not editor_sign_in.mails_links(request.app.config):
            return request.problem_page(RequestProblem("no_user", 403), "not_signed_in")
        if request.http.method != "POST":
            if not await run_in_threadpool(editor_sign_in.is_valid, request.app, token):
                return _invalid(request)
            return request.render("editor_link.html.j2", title=request.words["sign_in"])
        session = await run_in_threadpool(editor_sign_in.sign_in, request.app, token)
        if session is None:
            return _invalid(request)
        response = request.redirect("editor", "signed_in")
        _set_cookie(response, session, int(SESSION_LIFETIME.total_seconds()))
        return response

    async def sign_out(self, request: EditorRequest) -> Response:
        """End the session of the cookie."""
        if session := request.http.cookies.get(COOKIE):
            await run_in_threadpool(partial(editor_sign_in.sign_out, request.app, session))
        response = request.redirect("editor/sign-in")
        _set_cookie(response, "", 0)
        return response


def _form(request: EditorRequest, problem: RequestProblem | None = None, address: str = "") -> Response:
    return request.render(
        "editor_sign_in.html.j2",
        problem=problem,
        title=request.words["sign_in"],
        address=address,
        from_link=request.http.query_params.get("from") == "link",
    )


def _invalid(request: EditorRequest) -> Response:
    """Return the same page for unknown, used and expired links."""
    link = ("editor/sign-in", request.words["another_link"])
    return request.problem_page(RequestProblem("link_invalid_why", 404), "link_invalid", link)


def _set_cookie(response: Response, session: str, seconds: int) -> None:
    response.set_cookie(
        COOKIE, session, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict"
    )
