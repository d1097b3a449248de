"""Map keys of Planet Venus to keys of feeds.yaml, or to reasons why they have none."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from aggregator.text import quoted


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of feeds.yaml that corresponds to a key of [Planet]."""

    key: str
    remark: str = ""
    to_yaml: Callable[[str], str] = quoted
    """Returns the value as YAML."""


def _seconds(value: str) -> str:
    number = re.match(r"\d{1,4}", value)
    return f"{number[0]}s" if number else quoted(value)


def _number(value: str) -> str:
    return value if re.fullmatch(r"\d{1,4}", value) else quoted(value)


SETTINGS = {
    "name": Setting("site.title"),
    "link": Setting("site.url", "  (the folder where `public` will be served)"),
    "owner_email": Setting("site.contact"),
    "owner_name": Setting("mail.from", "  (as the name before the address)"),
    "output_dir": Setting("paths.public", "  (choose a new folder)"),
    "cache_directory": Setting("paths.data", "  (choose a new folder; the cache itself is not read)"),
    "feed_timeout": Setting("fetch.timeout", to_yaml=_seconds),
    "spider_threads": Setting("fetch.concurrency", "  (hosts visited at the same time)", to_yaml=_number),
    "pubsubhubbub_hub": Setting("publish.hub"),
}

READ = frozenset({*SETTINGS, "filter", "exclude", "content_type"})
"""Keys that are imported and need no remark."""

_PAGES = "the front page shows the latest stories by day, and the archive all of them by month"
_TEMPLATES = "pages have one design; custom templates are not supported"
_REPAIRED = "faults of feeds are recognised and repaired without a setting"
_REASONS = {
    "items_per_page": f"a feed has at most 100 stories; {_PAGES}",
    "days_per_page": _PAGES,
    "new_feed_items": "a source's backlog never fills a feed: only items of its last seven days enter",
    "activity_threshold": "`aggregator status` lists sources as stale by their own usual interval",
    "cache_timeout": "intervals follow the source, between `fetch.every` and `fetch.slowest`",
    "cache_keep_entries": "all stories stay; `retention.texts` limits full texts",
    "log_level": "use the options -v and -vv, and `aggregator status`",
    "log_format": "logs are text on a terminal and JSON elsewhere",
    "locale": "set `site.language`; English and German are available",
    "encoding": "everything is published in UTF-8",
    "date_format": "dates are written in the language of the page",
    "new_date_format": "dates are written in the language of the page",
    "pubsubhubbub_feeds": "the hub is notified of every feed that changed",
    "feed": "the feed is atom.xml below `site.url`",
    "feedtype": "Atom, RSS and JSON Feed are always published",
    "filters": "scripts are not run; `only`, `drop` and `topics` select items",
    "filter_directories": "scripts are not run; `only`, `drop` and `topics` select items",
    "future_dates": "a date more than a day ahead is ignored until the item has a plausible one",
    "ignore_in_feed": _REPAIRED,
    "title_type": _REPAIRED,
    "summary_type": _REPAIRED,
    "name_type": _REPAIRED,
    "xml_base": _REPAIRED,
    "link": "the address of a partner's site is read from its feed",
    "http_cache_directory": "validators and documents are stored in the database",
    "cache_sources_directory": "validators and documents are stored in the database",
    "cache_lists_directory": "reading lists are not followed",
}


def reason_unused(key: str) -> str:
    """Return the reason why a key has no counterpart."""
    if re.match(r"output_theme|template|bill_of_materials|django_autoescape|generator", key):
        return _TEMPLATES
    return _REASONS.get(key, "a value for templates has no counterpart")
