"""Turn an exception in one step of a visit into the failure of that source alone (L2)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from aggregator.errors import StoreError
from aggregator.model.polling import Failure, VisitResult
from aggregator.text import line

Made = TypeVar("Made")

MAX_REASON_CHARACTERS = 300
"""Maximum length of a reason that quotes a server or a document."""

logger = logging.getLogger("aggregator.visit")


def value_or_failure(step: Callable[[], Made]) -> Made | Failure:
    """Return what `step` returns, or a Failure for any exception except StoreError.

    Unlike `quarantine.attempt` this includes errors of the machine, which one document can cause. Errors of the
    database concern all sources and are raised.
    """
    try:
        return step()
    except StoreError:
        raise
    except Exception as error:
        logger.debug("a step of a visit raised an exception", exc_info=True)
        reason = line(f"the visit broke ({type(error).__name__}: {error})", MAX_REASON_CHARACTERS)
        return Failure(reason=reason or "the visit broke")


def as_failure(visit: VisitResult, reason: str) -> Failure:
    """Return a visit as failed for `reason`; a rate limit met on the way is kept (CL8)."""
    result = visit.result
    if isinstance(result, Failure):
        return replace(result, reason=reason)
    return replace(visit.side.rate_limit or Failure(reason=reason, status=result.status), reason=reason)
