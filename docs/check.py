"""Check the documentation against the code: pages, rule codes, words and shape.

Without an option all checks run that the whole repository passes. `--words` and `--shape` list deviations from
docs/style.md alone, with paths for files below them only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from checks import command_pages, modules, pages, prose, rules, shape, words

ROOT = Path(__file__).parent.parent
CHECK_STYLE = True
"""Whether a run without options reports words, docstrings and shape as well."""


def main() -> int:
    """Print the problems that were found; return 1 if there are any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write what is generated")
    parser.add_argument(
        "--words", nargs="*", metavar="PATH", help="list banned words and docstrings to shorten"
    )
    parser.add_argument("--shape", action="store_true", help="list long modules and functions")
    options = parser.parse_args()
    if options.words is not None:
        return _printed(_words(prose.passages(ROOT, options.words)))
    if options.shape:
        return _printed(shape.check(ROOT))
    if options.write:
        pages.write_schema()
        modules.write(ROOT)
        command_pages.write(ROOT)
    passages = list(prose.passages(ROOT))
    problems = [*pages.check(), *modules.check(ROOT), *rules.check(ROOT, passages)]
    if CHECK_STYLE:
        problems += [*_words(passages), *shape.check(ROOT)]
    return _printed(problems)


def _words(passages: Iterable[prose.Passage]) -> list[str]:
    findings, counts = words.report(ROOT, passages)
    return [f"{finding.path}:{finding.line}: {finding.text}" for finding in findings] + counts


def _printed(problems: Iterable[str]) -> int:
    lines = list(problems)
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
