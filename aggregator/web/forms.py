"""Read forms, and the language in which a person reads pages."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request

from aggregator import addresses, subscriber_texts

MAX_FIELDS = 2000
"""Maximum number of fields of a form."""

Form = Mapping[str, list[str]]


async def read(request: Request) -> Form:
    """Read a form as browsers send it by default; anything else is an empty one."""
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        return {}
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return {}


def first(form: Form, name: str) -> str:
    """Return the first value of a field without spaces around it, or an empty text."""
    return form.get(name, [""])[0].strip()


def address(text: str) -> str | None:
    """Return a parsed address; None for a text that is none, or no public address.

    A local part beyond ASCII needs RFC 6531, and a domain without a dot is no public one.
    """
    try:
        parsed = addresses.parse(text)
    except ValueError:
        return None
    return parsed if parsed.isascii() and "." in parsed.rpartition("@")[2] else None


def language(request: Request, usual: str) -> str:
    """Return the language of a page: `?lang=`, the browser's, or the usual one."""
    named = known_language(request.query_params.get("lang", ""), "")
    if named:
        return named
    for choice in request.headers.get("accept-language", "").split(","):
        if accepted := known_language(choice.partition(";")[0].strip().partition("-")[0].lower(), ""):
            return accepted
    return usual


def known_language(text: str, otherwise: str) -> str:
    """Return a language of pages, or `otherwise` for any other text."""
    return text if text in subscriber_texts.LANGUAGES else otherwise
