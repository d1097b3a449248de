"""Tests of `aggregator.config`."""
