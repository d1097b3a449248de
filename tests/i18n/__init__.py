"""Tests of phrases and formats in each language."""
