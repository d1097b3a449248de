"""Pure room: the bytes of a document -> its entries, one adapter per kind of source (`parsers.PARSERS`)."""

VERSION = "4"
"""Raised when any parser reads the same bytes differently: kept bodies are then read again (V4)."""
