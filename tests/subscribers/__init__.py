"""Tests of subscribers: pages, messages, limits, commands, rights."""
