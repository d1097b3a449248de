"""Moved."""

from aggregator.text import *  # noqa: F403
