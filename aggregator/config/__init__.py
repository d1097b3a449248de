"""feeds.yaml -> Config: every problem at once, each with file, line and key; nothing else is touched."""

from aggregator.config.load import load

__all__ = ["load"]
