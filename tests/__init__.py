"""Test the package, whose folders these mirror.

Fixtures are in `conftest.py`, values in `builders.py`, commands in `command.py`, servers in `web_server.py` and
`smtp_server.py`.
"""
