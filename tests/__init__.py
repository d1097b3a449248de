"""The tests mirror the package; `conftest.py` has the real servers, `builders.py` the values."""
