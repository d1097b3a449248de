"""Compile regular expressions when they are first used: a run uses half of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from re import compile as lazy_re
else:

    class lazy_re:  # called like `re.compile`
        """Give a pattern the methods of `re.Pattern`; the first use of one compiles it."""

        def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
            self._written = (pattern, flags)

        def __getattr__(self, name: str) -> Any:
            """Compile the pattern, and take over all methods, so that later uses find them."""
            if name.startswith("_"):
                raise AttributeError(name)
            compiled = re.compile(*self._written)
            for each in dir(compiled):
                if not each.startswith("_"):
                    setattr(self, each, getattr(compiled, each))
            return getattr(compiled, name)


__all__ = ["lazy_re"]
