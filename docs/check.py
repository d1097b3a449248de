"""Check the documentation against the code: pages, rule codes, words and shape.

Without an option all checks run that hold today. `--words` and `--shape` list what deviates from docs/style.md; they
join the others once nothing does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from checks import modules, pages, prose, rules, shape, words

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Print the problems that were found; return 1 if there are any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the JSON Schema and the list of modules")
    parser.add_argument(
        "--words", nargs="*", metavar="PATH", help="list banned words and docstrings to shorten"
    )
    parser.add_argument("--shape", action="store_true", help="list long modules and functions")
    options = parser.parse_args()
    if options.words is not None:
        found, counts = words.report(ROOT, prose.passages(ROOT, options.words))
        return _printed([f"{each.path}:{each.line}: {each.text}" for each in found] + counts)
    if options.shape:
        return _printed(shape.check(ROOT))
    if options.write:
        pages.write_schema()
        modules.write(ROOT)
    return _printed([*pages.check(), *modules.check(ROOT), *rules.check(ROOT, prose.passages(ROOT))])


def _printed(problems: Iterable[str]) -> int:
    found = list(problems)
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
