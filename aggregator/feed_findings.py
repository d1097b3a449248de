"""Find the faults of a feed and advice on it, from the facts about it.

The pages of partners, `check --live`, `status` and the operator's mail use this list. Its sentences are in
findings.json of `i18n`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from aggregator import urls
from aggregator.i18n import formatting, phrases
from aggregator.model.findings import EntryFacts, FeedFacts, Finding, FindingWords, Level
from aggregator.model.servers import MAX_CERTIFICATE_WARNING, MIN_SLOW_SECONDS
from aggregator.text import line

MAX_ENTRIES_READ = 50
"""Maximum number of entries of a document that are counted, from its top."""
WINDOW = timedelta(days=30)
"""Time before a report whose visits are counted."""
MIN_SLOW_VISITS, MIN_IGNORED_VALIDATORS = 3, 3
"""Minimum numbers of slow responses and of ignored validators in WINDOW that are reported."""
MIN_LARGE_BYTES = 1_000_000
"""Minimum size of a large document in bytes, decoded."""
CERTIFICATE_SHARE = 5
"""Divisor of the lifetime of a certificate for its warning; some are valid for six days."""
MIN_TRUNCATED_SHARE = 0.5
"""Minimum share of entries with truncated texts that is reported."""
MIN_EVENTS = 3
"""Minimum number of events in a feed at which a format for events is recommended."""
DOCUMENTS = ("feed", "jsonfeed", "ical")
"""Kinds whose servers should send validators; other documents are generated on request."""
FEEDS = ("feed", "jsonfeed")
MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {
    "xml": (
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "application/xml",
        "text/xml",
    ),
    "json": ("application/feed+json", "application/json"),
    "ical": ("text/calendar",),
}
MAX_QUOTED_CHARACTERS = 160
"""Maximum length of a quotation from a server or document."""

FAULTS = (Level.PROBLEM, Level.COST)
"""Levels of findings that a publisher should correct."""
Values = Mapping[str, str | int | date]


class FailureKind(NamedTuple):
    """A kind of failed visit: a pattern of the reason, and what the operator can do."""

    code: str
    pattern: str
    advice: str


FAILURES = (
    FailureKind(
        "held",
        r"wait for an editor",
        "view them with `aggregator source preview {id}`, then `aggregator source release {id}` or"
        " `aggregator source discard {id}`",
    ),
    FailureKind(
        "page_shrunk",
        r"items are left at once",
        "compare the page with `page`; if it is correct, `aggregator source release {id}`, or wait: after a"
        " week of the same size it is accepted",
    ),
    FailureKind(
        "scripts",
        r"filled in by scripts",
        "the page shows its news to browsers only: look for a feed or an API",
    ),
    FailureKind("moved", r"^moved for good", "put the new address into feeds.yaml as the source's `url`"),
    FailureKind(
        "quiet", r"^nothing new since", "look at the partner's site: has its news moved to another feed?"
    ),
    FailureKind(
        "our_fault",
        r"broke the (?:parser|program)|^the visit broke",
        "please report this as a bug of the program, with this line",
    ),
    FailureKind(
        "bot_wall", r"bot wall", "ask the partner to let our User-Agent through; it names your contact"
    ),
    FailureKind(
        "robots",
        r"robots\.txt",
        "the partner does not want this page to be read by programs: ask for a feed",
    ),
    FailureKind(
        "too_much",
        r"reading it",
        "the document is too much for one visit: report it to the partner, or disable the source",
    ),
    FailureKind(
        "not_found",
        r"\(404\)|\(410\)",
        "the feed has moved or is gone: look for it (`aggregator source discover`) and correct `url`",
    ),
    FailureKind("password", r"\(401\)", "the partner wants a password: ask for one, or for a public feed"),
    FailureKind("forbidden", r"\(403\)", "ask the partner to let our User-Agent in; it names your contact"),
    FailureKind("busy", r"\(429\)|\(503\)", "wait: it is visited again when the server allows it"),
    FailureKind(
        "web_page",
        r"web page, not a feed",
        "`url` leads to a page: find the feed (`aggregator source discover`), or use `kind: page`",
    ),
    FailureKind("not_a_feed", r"not a feed \(text/calendar\)", "this is a calendar: set `kind: ical`"),
    FailureKind(
        "not_a_feed",
        r"not a feed|no JSON Feed|not JSON",
        "open `url` in a browser: this is no feed any more",
    ),
    FailureKind(
        "layout",
        r"layout has probably changed",
        "compare `page` with the page as it is now and correct the selectors",
    ),
    FailureKind(
        "unknown_host",
        r"unknown \(DNS\)|name resolution",
        "is the host spelled right, and is the network up?",
    ),
    FailureKind(
        "bad_certificate", r"certificate", "the partner's certificate is wrong: report it to the partner"
    ),
    FailureKind("downgrade", r"https to http", "ask the partner for a feed over https"),
    FailureKind(
        "redirects",
        r"redirect",
        "open `url` in a browser and put the address it ends at into feeds.yaml",
    ),
    FailureKind(
        "private",
        r"which leads there",
        "a public server leads to a private one, which is refused: correct `url`, or report it to the partner",
    ),
    FailureKind(
        "private", r"private address", "if this host may be visited, name it in `fetch.allow_private`"
    ),
    FailureKind("too_large", r"max_bytes", "if the document is correct, raise `fetch.max_bytes`"),
    FailureKind(
        "unreachable",
        r"no complete (?:answer|response)|refused|reset|cut short|failed:|HTTP framing|interim (?:answers|responses)",
        "the partner's server has a fault: wait, then report it to the partner",
    ),
    FailureKind(
        "server_error",
        r"answered 5",
        "the partner's server has a fault: wait, then report it to the partner",
    ),
)
"""Kinds of failures; the first whose pattern is in the reason applies."""
UNREADABLE = FailureKind("unreadable", "", "look at `url` in a browser")
"""Any other failure."""


def failure_kind(reason: str) -> FailureKind:
    """Return the kind of a failure by its reason."""
    return next((kind for kind in FAILURES if re.search(kind.pattern, reason)), UNREADABLE)


NETWORK_CODES = frozenset({"unknown_host", "unreachable"})
"""Codes of failures that a broken network of this machine causes as well."""


def common_advice(reasons: Iterable[str | None]) -> str | None:
    """Return what to check on this machine if all sources fail for these reasons, or None."""
    codes = {failure_kind(reason or "").code for reason in reasons}
    if codes <= NETWORK_CODES:
        return "check the network connection"
    if codes == {"bad_certificate"}:
        return "check the clock and the trusted certificates of this machine"
    return None


def faults(codes: Iterable[str], *levels: Level) -> tuple[str, ...]:
    """Return the codes of RULES among `codes`, which excludes those of failed visits."""
    code_set = set(codes)
    return tuple(rule.code for rule in RULES if rule.level in (levels or FAULTS) and rule.code in code_set)


class Rule(NamedTuple):
    """A finding: `condition` returns the values of its sentence, None if it does not apply."""

    code: str
    level: Level
    condition: Callable[[FeedFacts], Values | None]


def find_findings(facts: FeedFacts, since: Mapping[str, date] | None = None) -> tuple[Finding, ...]:
    """Return the findings of a feed, problems first; `since` has the first days of known ones.

    The first day of a new finding is that of the last visit.
    """
    findings = [*_failing(facts)]
    if facts.as_of is not None:
        for rule in RULES:
            values = rule.condition(facts)
            if values is not None:
                findings.append(Finding(code=rule.code, level=rule.level, values=values))
    first_days = since or {}
    return tuple(replace(finding, since=first_days.get(finding.code, facts.as_of)) for finding in findings)


def _failing(facts: FeedFacts) -> Iterable[Finding]:
    """Yield the finding that the state of the source is a reason for, if any."""
    if not facts.reason:
        return
    code = failure_kind(facts.reason).code
    if code != "moved":  # the rule of this name states the new address
        yield Finding(code=code, level=Level.PROBLEM)


def in_words(finding: Finding, language: str) -> FindingWords:
    """Return a finding in a language; quotations from servers are plain text on one line."""
    words = phrases.findings(language)[finding.code]
    values = {name: _formatted(value, language) for name, value in finding.values.items()}
    return FindingWords(
        code=finding.code,
        level=finding.level,
        sentence=words["sentence"].format(**values),
        fix=words["fix"].format(**values),
    )


def as_reason(words: FindingWords) -> str:
    """Return the sentence of a finding in the form of a reason: without capital and full stop."""
    return f"{words.sentence[0].lower()}{words.sentence[1:].removesuffix('.')}"


def _formatted(value: str | int | date, language: str) -> str:
    if isinstance(value, int):
        return formatting.number(value, phrases.text_language(language))
    if isinstance(value, date):
        return formatting.day(value, phrases.text_language(language))
    return line(value, MAX_QUOTED_CHARACTERS) or ""


def public_address(url: str) -> str:
    """Return a URL without user, query and fragment, which may contain secrets."""
    parts = urls.parse(url)
    if parts is None:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")


# --- conditions -----------------------------------------------------------------------------------------


def _no_validators(facts: FeedFacts) -> Values | None:
    sends_none = facts.last_success is not None and not facts.validators
    return {} if sends_none and facts.kind in DOCUMENTS else None


def _ignored_validators(facts: FeedFacts) -> Values | None:
    visits = facts.visits
    if visits.ignored_validators < MIN_IGNORED_VALIDATORS:
        return None
    return {"n": visits.ignored_validators, "days": WINDOW.days, "size": _size(visits.unchanged_bytes)}


def _counted(count: Callable[[EntryFacts], int], share: float = 0.0) -> Callable[[FeedFacts], Values | None]:
    """Return a condition: entries of a kind exist and have a minimum share of all entries."""

    def condition(facts: FeedFacts) -> Values | None:
        n, total = count(facts.entries), facts.entries.total
        return {"n": n, "total": total} if n and n >= share * total else None

    return condition


def _of_feeds(condition: Callable[[FeedFacts], Values | None]) -> Callable[[FeedFacts], Values | None]:
    """Restrict a condition to feeds."""
    return lambda facts: condition(facts) if facts.kind in FEEDS else None


def _no_calendar(condition: Callable[[FeedFacts], Values | None]) -> Callable[[FeedFacts], Values | None]:
    """Exempt calendars from a condition, because their entries have dates of events."""
    return lambda facts: None if facts.kind == "ical" else condition(facts)


def _malformed(facts: FeedFacts) -> Values | None:
    """Quote the parser's message; expat calls a document without a name `<unknown>`."""
    return {"detail": facts.malformed.removeprefix("<unknown>:")} if facts.malformed else None


def _content_type(facts: FeedFacts) -> Values | None:
    """Compare the media type with those of the format (RFC 4287 section 7, RFC 5545 8.1)."""
    is_json = "JSON" in (facts.format or "")
    expected = MEDIA_TYPES.get(
        "ical" if facts.kind == "ical" else "json" if is_json else "xml" if facts.kind == "feed" else ""
    )
    if expected is None or not facts.content_type or facts.format is None:
        return None
    media_type = facts.content_type.partition(";")[0].strip().lower()
    if media_type in expected:
        return None
    usual = expected[1] if "Atom" in facts.format else expected[0]
    return {"sent": media_type, "expected": usual}


def _moved(facts: FeedFacts) -> Values | None:
    if facts.move is None or not facts.move.is_same_feed:
        return None
    return {"target": public_address(facts.move.url), "day": facts.move.since.astimezone(UTC).date()}


def _certificate(facts: FeedFacts) -> Values | None:
    """Check whether a certificate ends soon; one that has ended makes visits fail."""
    until, begin = facts.certificate_until, facts.certificate_from
    if until is None or begin is None or facts.as_of is None or facts.failures:
        return None
    warning = min(MAX_CERTIFICATE_WARNING, (until - begin) / CERTIFICATE_SHARE)
    end = until.astimezone(UTC).date()
    if datetime.combine(facts.as_of, datetime.min.time(), UTC) < until - warning:
        return None
    return {"day": end, "n": max((end - facts.as_of).days, 0)}


def _slow(facts: FeedFacts) -> Values | None:
    visits = facts.visits
    if visits.slow < MIN_SLOW_VISITS:
        return None
    return {"n": visits.slow, "total": visits.visits, "days": WINDOW.days, "seconds": int(MIN_SLOW_SECONDS)}


def _large(facts: FeedFacts) -> Values | None:
    size = facts.visits.last_bytes
    return {"size": _size(size)} if size >= MIN_LARGE_BYTES and facts.kind in DOCUMENTS else None


def _http(facts: FeedFacts) -> Values | None:
    return {} if facts.url.lower().startswith("http:") else None


def _no_licence(facts: FeedFacts) -> Values | None:
    has_licence = facts.licence or facts.rights or facts.entries.with_rights or facts.full_text
    return {} if facts.last_success and not has_licence else None


def _truncated_texts(facts: FeedFacts) -> Values | None:
    entries = facts.entries
    if not entries.truncated or entries.truncated < MIN_TRUNCATED_SHARE * entries.with_text:
        return None
    return {"n": entries.truncated, "total": entries.with_text}


def _no_categories(facts: FeedFacts) -> Values | None:
    entries = facts.entries
    return {} if entries.total and entries.without_categories == entries.total else None


def _no_language(facts: FeedFacts) -> Values | None:
    return {} if facts.last_success and not facts.language and facts.kind in (*FEEDS, "page") else None


def _event_fields(facts: FeedFacts) -> Values | None:
    events = facts.entries.events
    return {"n": events} if events >= MIN_EVENTS else None


def _no_feed(facts: FeedFacts) -> Values | None:
    return {} if facts.kind == "page" else None


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= MIN_LARGE_BYTES else f"{count / 1_000:.0f} kB"


RULES = (
    Rule("malformed", Level.PROBLEM, _malformed),
    Rule("moved", Level.PROBLEM, _moved),
    Rule("certificate_ends", Level.PROBLEM, _certificate),
    Rule("content_type", Level.PROBLEM, _content_type),
    Rule("undated", Level.PROBLEM, _no_calendar(_counted(lambda entries: entries.undated))),
    Rule("unreadable_dates", Level.PROBLEM, _no_calendar(_counted(lambda entries: entries.unreadable_dates))),
    Rule("future_dates", Level.PROBLEM, _no_calendar(_counted(lambda entries: entries.future_dates))),
    Rule("replaced_ids", Level.PROBLEM, _of_feeds(_counted(lambda entries: entries.replaced_ids))),
    Rule("repeated_ids", Level.PROBLEM, _of_feeds(_counted(lambda entries: entries.repeated_ids))),
    Rule("no_validators", Level.COST, _no_validators),
    Rule("ignored_validators", Level.COST, _ignored_validators),
    Rule("slow", Level.COST, _slow),
    Rule("large", Level.COST, _large),
    Rule("no_feed", Level.ADVICE, _no_feed),
    Rule("http", Level.ADVICE, _http),
    Rule("no_licence", Level.ADVICE, _no_licence),
    Rule("cut_texts", Level.ADVICE, _of_feeds(_truncated_texts)),
    Rule("no_links", Level.ADVICE, _of_feeds(_counted(lambda entries: entries.without_link))),
    Rule("no_categories", Level.ADVICE, _of_feeds(_no_categories)),
    Rule("no_language", Level.ADVICE, _no_language),
    Rule("event_fields", Level.ADVICE, _of_feeds(_event_fields)),
)
"""All findings except failed visits, in the order in which they are shown."""
CODES = tuple(dict.fromkeys((*(kind.code for kind in FAILURES), UNREADABLE.code, *(r.code for r in RULES))))
"""The codes of all findings."""
