"""Process stored requests after the response, whose duration then discloses nothing (SU1)."""

from __future__ import annotations

import logging

from aggregator import addresses
from aggregator.digests import subscriptions
from aggregator.errors import AggregatorError
from aggregator.ports import App

logger = logging.getLogger("aggregator.web.background")


def process_requests(app: App) -> None:
    """Queue the messages that stored requests ask for; log errors."""
    try:
        subscriptions.process_requests(app)
    except AggregatorError as error:  # the next run of the job that sends mail processes what is left
        logger.error("%s", addresses.without_addresses(str(error)))
