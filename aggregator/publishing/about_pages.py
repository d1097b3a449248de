"""Render the pages and files that depend on feeds.yaml alone: about, bot, 404, robots.txt."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from aggregator.i18n import formatting, phrases
from aggregator.model.config import Config
from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import TEMPLATES, page_template, paths

MAX_SHORT_NAME = 16
"""Maximum length of the name in an OpenSearch description (OpenSearch 1.1)."""
BINARY = {"icon.png": "image/png", "favicon.ico": "image/vnd.microsoft.icon"}
DYNAMIC = ("search", "status", "subscribe", "confirm", "subscription", "unsubscribe", "editor")
"""Routes of the web app that crawlers are asked to leave out."""


def documents(config: Config, user_agent: str) -> list[PublishedDocument]:
    """Render all of them; `opensearch.xml` only where the web app serves the search."""
    found = [
        _about_page(config),
        _bot_page(config, user_agent),
        _not_found_page(config),
        _robots_txt(config),
        _manifest(config),
    ]
    found.append(_packaged("icon.svg", "image/svg+xml; charset=utf-8"))
    if config.web.url:
        found.append(_opensearch(config, config.web.url))
    return found


def icons() -> list[PublishedDocument]:
    """Return the icons in formats that are compressed already."""
    return [_packaged(name, media_type) for name, media_type in BINARY.items()]


def _about_page(config: Config) -> PublishedDocument:
    enabled = sum(source.enabled for source in config.sources)
    return page_template.render(
        "about.html.j2",
        config.site,
        "about.html",
        web_url=config.web.url,
        sign_up_url=config.sign_up_url,
        partners=formatting.plural("n_partners", enabled, config.site.language),
    )


def _bot_page(config: Config, user_agent: str) -> PublishedDocument:
    return page_template.render(
        "bot.html.j2",
        config.site,
        "bot.html",
        web_url=config.web.url,
        user_agent=user_agent,
        every=_duration(config.fetch.every, config.site.language),
        limit=f"{config.fetch.max_bytes // 1_000_000 or 1}\N{NO-BREAK SPACE}MB",
    )


def _duration(interval: timedelta, language: str) -> str:
    minutes = max(round(interval.total_seconds() / 60), 1)
    if minutes % 60:
        return formatting.plural("n_minutes", minutes, language)
    return formatting.plural("n_hours", minutes // 60, language)


def _not_found_page(config: Config) -> PublishedDocument:
    """Render `404.html` for other web servers, which send it at any address.

    Therefore its links are absolute.
    """
    site = config.site
    shared = page_template.context(site, "404.html", site.language, config.web.url)
    values = shared | {"root": urlsplit(site.url).path}
    body = page_template.environment().get_template("missing.html.j2").render(**values)
    return PublishedDocument(path="404.html", media_type=paths.HTML_TYPE, body=body.encode("utf-8"))


def _robots_txt(config: Config) -> PublishedDocument:
    prefix = urlsplit(config.site.url).path
    lines = ["User-agent: *", *(f"Disallow: {prefix}{route}" for route in DYNAMIC)]
    text = "\n".join([*lines, "Allow: /", "", f"Sitemap: {config.site.url}sitemap.xml", ""])
    return PublishedDocument(path="robots.txt", media_type="text/plain; charset=utf-8", body=text.encode())


def _manifest(config: Config) -> PublishedDocument:
    site = config.site
    manifest = {
        "name": site.title,
        "short_name": site.title[:30],
        "lang": phrases.text_language(site.language),
        "start_url": "./",
        "scope": "./",
        "display": "browser",
        "background_color": "#fbfaf7",
        "theme_color": "#00566b",
        "icons": [
            {"src": "icon.svg", "type": "image/svg+xml", "sizes": "any"},
            {"src": "icon.png", "type": "image/png", "sizes": "180x180"},
        ],
    }
    body = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    return PublishedDocument(
        path="site.webmanifest", media_type="application/manifest+json", body=body.encode("utf-8")
    )


def _opensearch(config: Config, url: str) -> PublishedDocument:
    title = escape(config.site.title)
    words = phrases.pages(config.site.language)
    base = escape(url, {'"': "&quot;"})
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/">\n'
        f"<ShortName>{escape(config.site.title[:MAX_SHORT_NAME])}</ShortName>\n"
        f"<Description>{words['search_of'].format(title=title)}</Description>\n"
        f'<Url type="text/html" template="{base}search?q={{searchTerms}}"/>\n'
        f'<Url type="application/atom+xml" template="{base}search.atom?q={{searchTerms}}"/>\n'
        "<InputEncoding>UTF-8</InputEncoding>\n"
        "</OpenSearchDescription>\n"
    )
    return PublishedDocument(
        path="opensearch.xml",
        media_type="application/opensearchdescription+xml; charset=utf-8",
        body=body.encode("utf-8"),
    )


def _packaged(name: str, media_type: str) -> PublishedDocument:
    body = (TEMPLATES / name).read_bytes()
    return PublishedDocument(path=name, media_type=media_type, body=body)
