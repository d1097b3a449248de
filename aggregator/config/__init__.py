"""Read feeds.yaml and return a Config, or every problem with its line and key."""

from aggregator.config.load import load

__all__ = ["load"]
