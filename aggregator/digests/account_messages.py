"""Compose messages that are no editions: confirm, welcome, link, sign-in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aggregator import link_tokens
from aggregator.digests import personal, schedule
from aggregator.digests.body import render_html, wrapped
from aggregator.i18n import formatting, phrases
from aggregator.model.config import Config, DigestPlan
from aggregator.model.digests import Addressee, MessageBody
from aggregator.model.subscribers import AccountMessage

_URLS = {AccountMessage.CONFIRM: personal.confirm_url, AccountMessage.SIGN_IN: personal.sign_in_url}
"""The pages that links lead to; others lead to the subscription."""


def compose_account_message(
    config: Config, web_url: str, key: bytes, to: Addressee, digests: tuple[str, ...], now: datetime
) -> MessageBody:
    """Compose a message about `digests` as of `now`, in the language of the subscriber.

    The same arguments give the same bytes (M4). The welcome message says what comes and when (SU8).
    """
    purpose = to.purpose
    assert purpose is not None, "an edition has a body of its own"
    words, site = phrases.messages(to.language), config.site
    token = link_tokens.link_token(key, to.nonce)
    at = _URLS.get(purpose, personal.manage_url)
    plans = [plan for plan in config.digests if plan.id in digests]
    values: dict[str, Any] = {
        "edition": {
            "language": phrases.text_language(to.language),
            "subject": words[f"{purpose}_subject"].format(site=site.title),
        },
        "why": words[f"{purpose}_why"].format(url=site.url),
        "digests": [_line(plan, to, now) for plan in plans] if purpose is not AccountMessage.LINK else [],
        "do": words[f"{purpose}_do"],
        "button": words[f"{purpose}_button"],
        "link": at(web_url, token),
        "end": words[f"{purpose}_end"],
        "site": site,
    }
    html = render_html("account.html.j2", **values)
    return MessageBody(subject=values["edition"]["subject"], text=_text(values), html=html)


def _line(plan: DigestPlan, to: Addressee, now: datetime) -> str:
    if to.purpose is not AccountMessage.WELCOME:
        return plan.title
    day = next_day(plan, to.language, now)
    return phrases.messages(to.language)["when"].format(title=plan.title, day=day)


def next_day(plan: DigestPlan, language: str, now: datetime) -> str:
    """Return the local day of the next edition of a digest in words."""
    moment = schedule.next_moment(plan.schedule, plan.timezone, now).astimezone(plan.timezone)
    return formatting.day(moment.date(), language)


def _text(values: dict[str, Any]) -> str:
    lines = [*wrapped(values["why"]), ""]
    digests = [line for digest in values["digests"] for line in wrapped(f"* {digest}", rest="  ")]
    if digests:
        lines += [*digests, ""]
    lines += [*wrapped(values["do"]), "", values["link"], "", *wrapped(values["end"])]
    lines += ["", "-- ", values["site"].title, values["site"].url]
    return "\n".join(lines) + "\n"
