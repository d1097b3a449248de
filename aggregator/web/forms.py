"""Read forms, and choose the language of a page."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request

from aggregator import addresses
from aggregator.i18n import phrases
from aggregator.web.conditional import weighted

MAX_FIELDS = 2000
"""Maximum number of fields of a form."""

Form = Mapping[str, list[str]]


async def read_form(request: Request) -> Form:
    """Read a form in the default encoding of browsers; return an empty form for others."""
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        return {}
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return {}


def first_value(form: Form, name: str) -> str:
    """Return the first value of a field, stripped, or an empty text."""
    return form.get(name, [""])[0].strip()


def parse_address(text: str) -> str | None:
    """Parse a mail address; return None for other text and for addresses that are not public.

    A local part with characters outside ASCII needs RFC 6531, and a public domain has a dot.
    """
    try:
        parsed = addresses.parse(text)
    except ValueError:
        return None
    return parsed if parsed.isascii() and "." in parsed.rpartition("@")[2] else None


def page_language(request: Request, default: str) -> str:
    """Return the language of a page: `?lang=`, the browser's, or the default."""
    chosen = known_language(request.query_params.get("lang", ""), "")
    if chosen:
        return chosen
    weights: dict[str, float] = {}
    for name, weight in weighted(request.headers.get("accept-language", "")):
        if weight and (language := known_language(name.partition("-")[0], "")):
            weights.setdefault(language, weight)
    return max(weights, key=weights.__getitem__, default=default)


def known_language(text: str, default: str) -> str:
    """Return the text if it is a language of pages, otherwise `default`."""
    return text if text in phrases.LANGUAGES else default
