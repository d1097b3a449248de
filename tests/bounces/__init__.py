"""Tests of bounces: reading mail, and what follows for addresses."""
