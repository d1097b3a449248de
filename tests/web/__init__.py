"""Tests of the web app and of the server configurations in deploy/."""
