"""Tests of the documents we publish."""
