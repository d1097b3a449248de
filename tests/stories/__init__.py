"""Tests of the pure room that makes items of entries and stories of items."""
