"""Parse documents in the sandbox, with what a round has in common for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from aggregator.errors import SandboxFailure
from aggregator.model.config import TopicRule
from aggregator.model.documents import ArticleDetails
from aggregator.model.polling import Failure, ParseContext, ParsedVisit, Response, Validators
from aggregator.model.value_classes import dataclass
from aggregator.polling.parse import parse_visit
from aggregator.ports import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Articles:
    """Details of article pages by link, None if unreadable, and links left to the next visit."""

    read: Mapping[str, ArticleDetails | None]
    unread: frozenset[str]


NO_ARTICLES = Articles(read={}, unread=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxedParser:
    """Parse documents in `sandbox` by the topic rules of feeds.yaml, as of `now`."""

    sandbox: Sandbox
    rules: tuple[TopicRule, ...]
    now: datetime

    def document(
        self,
        context: ParseContext,
        response: Response,
        validators: Validators,
        *,
        body_hash: str,
        seconds: float,
        articles: Articles = NO_ARTICLES,
    ) -> ParsedVisit | Failure:
        """Return a parsed document with its body and the given validators and hash."""
        try:
            parsed = self.sandbox(
                parse_visit,
                context,
                response,
                self.rules,
                self.now,
                articles.read,
                articles.unread,
                seconds=seconds,
            )
        except SandboxFailure as error:
            return Failure(reason=str(error), status=response.status)
        if isinstance(parsed, Failure):
            return parsed
        return replace(parsed, validators=validators, body=response.body, body_hash=body_hash)
