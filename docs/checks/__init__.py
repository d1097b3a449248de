"""Check documentation, words and shape of the repository; run by `docs/check.py`."""
