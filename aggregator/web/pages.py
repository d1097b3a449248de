"""Render the dynamic pages and the pages of errors in the language of the site."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from aggregator.i18n import phrases
from aggregator.model.config import Site
from aggregator.publishing import page_template, stylesheet

MAX_DEPTH = 20
"""Maximum folders of a path from which pages link relatively.

Pages of errors have any path: links from one with thousands of slashes would be far longer than the request.
"""


def render(template: str, site: Site, path: str, **values: object) -> bytes:
    """Render a template for the URL path `path`, from which it links relatively.

    So the pages work below any prefix at which a proxy serves them.
    """
    depth = path.count("/") - 1
    root = site.url if depth > MAX_DEPTH else "../" * depth or "./"
    shared = page_template.context(site, path, site.language, root) | {"root": root}
    body = environment().get_template(template).render(**{**shared, "page": "", **values})
    return body.encode("utf-8", "replace")


def render_error(site: Site, path: str, status: int, explanation: str | None = None) -> bytes:
    """Render the page of an error; `explanation` replaces the usual one."""
    errors = phrases.pages(site.language)["errors"]
    heading, usual = errors.get(status, errors[400 if status < 500 else 500])
    return render(
        "error.html.j2", site, path, status=status, heading=heading, explanation=explanation or usual
    )


@cache
def environment() -> Environment:
    """Return the template environment of dynamic pages, with the templates of published ones."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader("aggregator.web"), PackageLoader("aggregator.publishing")]),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["stylesheet"] = stylesheet.render().path
    return found
