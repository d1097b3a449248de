"""Compose the editions of digests from stories and deliver them by mail."""
