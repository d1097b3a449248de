"""Refuse to visit public servers without a real contact, or under a simulated clock (V7)."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.errors import ContactMissing
from aggregator.gateways import ssrf
from aggregator.model.config import Config
from aggregator.ports import App


def may_visit_public(app: App) -> bool:
    """Return whether public servers may be visited at all."""
    return not app.config.placeholders and not app.simulated_clock


def may_request(app: App, url: str) -> bool:
    """Return whether `url` is private, or public servers may be visited at all."""
    return may_visit_public(app) or ssrf.is_private(url, app.config.fetch.allow_private)


def is_private(app: App, url: str) -> bool:
    """Return whether `url` is on a network that `fetch.allow_private` names."""
    return ssrf.is_private(url, app.config.fetch.allow_private)


def refuse_public(app: App, ids: Sequence[str] = ()) -> None:
    """Raise ContactMissing if a source (of `ids`, else any) is public and must not be visited."""
    if may_visit_public(app):
        return
    allowed = app.config.fetch.allow_private
    for source in app.config.sources:
        if not source.enabled or (ids and source.id not in ids):
            continue
        if ssrf.is_private(source.url, allowed):
            continue
        if app.simulated_clock:
            raise ContactMissing(f"the clock is simulated (AGGREGATOR_NOW): {source.url} is a public server")
        raise ContactMissing(
            f"{app.config.file.name}: {placeholders(app.config)}, so that partners can reach the operator and published"
            f" ids are yours permanently (first public source: {source.id})"
        )


def placeholders(config: Config) -> str:
    """Name the keys that still have the values of the shipped file, with what to do."""
    keys = " and ".join(f"site.{key}" for key in config.placeholders)
    are = "is still the placeholder" if len(config.placeholders) == 1 else "are still placeholders"
    return f"{keys} {are}; enter your own"
