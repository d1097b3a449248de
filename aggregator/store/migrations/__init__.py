"""Older migrations of the schema, which are never edited."""
