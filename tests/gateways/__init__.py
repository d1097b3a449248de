"""Tests of HTTP, SMTP, files, TLS and the sandbox."""
