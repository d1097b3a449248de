"""Decide from status codes and replies of servers what a bounce says about its address."""

from __future__ import annotations

import re

from aggregator.model.bounces import MailKind

_ENHANCED = re.compile(r"(?<![\d.])([45]\.[0-7]\.\d{1,3})(?![\d.]*\d)")
"""An enhanced status code (RFC 3463), and no IP address or version."""
_AFTER_REPLY = re.compile(r"\b[45]\d\d[ -]{1,3}#?([45]\.[0-7]\.\d{1,3})(?!\.?\d)")
_REPLY = re.compile(r"(?<![\d.:/-])([45][0-5]\d)(?=[ -]\D|$)")
"""A reply code of SMTP (RFC 5321 section 4.2)."""

# Phrases are sought in 300 to 16,000 characters and have no nested repetition.
_NO_MAILBOX = re.compile(
    r"\b(?:user|mailbox|recipient|account|address|addressee|person|name|alias|inbox)s?\W{1,3}(?:[\w<>@.+'\"-]{1,80}\s)?"
    r"(?:is |was |has been |been |are |here |you tried to reach )?(?:currently )?"
    r"(?:unknown|unavailable to|not (?:be )?(?:found|known|exist|listed|valid|recognized|local|active|here)"
    r"|does(?: not|n['’]t) exist|disabled|inactive|invalid|deactivated|suspended|terminated|discontinued|closed)"
    r"|\b(?:unknown|no such|invalid|nonexistent|non-existent|bad|not (?:a |our )?(?:known|valid)|unrouteable|unroutable"
    r"|undeliverable|illegal|inactive|disabled) (?:local )?(?:virtual )?"
    r"(?:user|mailbox|recipient|account|address|addressee|person|domain|host|alias|destination)"
    r"|no mailbox (?:here )?by that name|isn't a valid|no longer (?:valid|available|in use|accepts|works?|employed)"
    r"|host or domain name not found|name or service not known|couldn't find any host|domain (?:name )?not found"
    r"|doesn't have a .{1,40} account|not listed in|mailbox not found|user not found|recipient not found"
    r"|did not find any|wasn't found at|couldn't be found|could not be found|nullmx|null mx"
    r"|recipient address rejected: access denied",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"over ?quota|quota (?:is |has been )?exceed|exceed\w* (?:\w+ ){0,4}(?:quota|storage|limit)"
    r"|(?:mailbox|inbox|mail ?box|account|folder) (?:is |size )?(?:full|too large|over|exceeded)"
    r"|insufficient (?:\w+ )?(?:disk |system )?storage|out of (?:disk )?space|disk full|storage (?:is )?full",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"\bspam\b|spamming|block ?list|black ?list|blocked|\bdmarc\b|\bspf\b|\bdkim\b|policy|reputation|\brbl\b|spamhaus"
    r"|virus|malware|not authori[sz]ed|authentication required|relay(?:ing)? (?:access )?(?:denied|not permitted)"
    r"|unable to relay|message (?:is )?too (?:large|big)|message size exceeds|content rejected|unsolicited"
    r"|reverse dns|ptr record|greylist|rate limit",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"(?:temporar|try again|tried again|timed? ?out|will (?:continue|keep) (?:to )?(?:try|be tried)|too many)",
    re.IGNORECASE,
)

_STILL_TRYING = re.compile(
    r"not (?:yet )?been delivered|delivery (?:has been |is |was )?delayed|delayed delivery|no action (?:is )?required"
    r"|(?:will|shall) (?:continue to|keep|be) (?:try|retr|attempt)|still (?:being )?(?:trying|attempted|queued)"
    r"|only a warning|warning (?:message )?only",
    re.IGNORECASE,
)

# RFC 3463: subject and detail of x.y.z, for a permanent failure.
_HARD_DETAILS = {
    "1": {"0", "1", "2", "3", "4", "5", "6", "9", "10"},  # address
    "2": {"1"},  # the mailbox is disabled
    "4": {"4", "310"},  # there is no such domain; 310 is Exchange Online's code for it
}
_OF_SENDER = {("1", "7"), ("1", "8"), ("2", "3"), ("3", "4")}
"""Details that concern the sender's address or the size of the message."""
_UNSPECIFIC = {"0", "3", "5"}
"""Subjects that say little: other, mail system, protocol."""


def kind_of(status: str | None, words: str) -> MailKind:
    """Return what a failed delivery says about its address.

    `status` is the field of that name (RFC 3464 section 2.3.4), `words` the reply of the server. An enhanced code in
    the reply is more precise than a status of x.0.0, which many servers send for everything.
    """
    code = _normal(status)
    if code is None or code.endswith(".0.0"):
        code = stated_code(words) or code
    if code is None:
        return by_words(words, reply_code(words))
    class_, subject, detail = code.split(".")
    if class_ == "4":
        return MailKind.REFUSED if subject == "7" else MailKind.SOFT
    if _FULL.search(words) or (subject, detail) == ("2", "2"):
        return MailKind.SOFT
    if (subject, detail) in _OF_SENDER or subject == "6":
        return MailKind.REFUSED
    if detail in _HARD_DETAILS.get(subject, ()):
        return MailKind.HARD
    if subject == "7":
        return MailKind.HARD if _NO_MAILBOX.search(words) and not _POLICY.search(words) else MailKind.REFUSED
    if subject in _UNSPECIFIC or detail == "0" or _NO_MAILBOX.search(words):
        return by_words(words, reply_code(words))
    return MailKind.SOFT


def by_words(words: str, reply: str | None) -> MailKind:
    """Return the kind of a failure without a usable enhanced code."""
    if _FULL.search(words) or reply == "552":
        return MailKind.SOFT
    if reply and reply.startswith("4"):
        return MailKind.SOFT
    if _NO_MAILBOX.search(words):
        return MailKind.HARD
    if _POLICY.search(words):
        return MailKind.REFUSED
    # RFC 5321 section 4.2.3: the mailbox is unavailable, not local, or its name is not allowed.
    return MailKind.HARD if reply in ("550", "551", "553") and not _PASSING.search(words) else MailKind.SOFT


def is_delay(words: str) -> bool:
    """Return whether a text says that the delivery goes on, and no permanent failure."""
    code, reply = stated_code(words), reply_code(words)
    return bool(_STILL_TRYING.search(words)) and not (code or reply or "").startswith("5")


def states_reason(words: str) -> bool:
    """Return whether a text has a phrase by which servers explain a failure."""
    return any(pattern.search(words) for pattern in (_NO_MAILBOX, _FULL, _POLICY))


def stated_code(words: str) -> str | None:
    """Return the enhanced status code in a reply, if there is one other than x.0.0."""
    for pattern in (_AFTER_REPLY, _ENHANCED):
        for match in pattern.finditer(words):
            if not match[1].endswith(".0.0"):
                return match[1]
    return None


def reply_code(words: str) -> str | None:
    """Return the first reply code of SMTP in a text."""
    match = _REPLY.search(words)
    return match[1] if match else None


def _normal(status: str | None) -> str | None:
    match = _ENHANCED.search(status or "")
    return match[1] if match else None
