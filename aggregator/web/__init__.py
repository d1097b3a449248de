"""Serve published files and the health check over HTTP."""
