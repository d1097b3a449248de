"""Command line: read options, call one job, print its report to standard output."""

from aggregator.cli.main import cli, main

__all__ = ["cli", "main"]
