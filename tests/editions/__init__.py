"""Tests of schedules, letters and messages."""
