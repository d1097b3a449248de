"""Check `docs/check.py`: rule codes in both directions, words, docstrings, shape."""

import subprocess
import sys
from pathlib import Path

import pytest

from docs.checks import modules, prose, rules, shape, words

ROOT = Path(__file__).parent.parent
CLEAN = '"""Poll sources."""\n'


@pytest.fixture
def project(tmp_path):
    """A repository with two rules, a style page, and a module that cites both rules."""
    write(
        tmp_path,
        "docs/rules.md",
        "# Rules\n\n- **V1** Commit first, then poll (see V2).\n- **V2** Count visits.\n",
    )
    table = (
        "| not | instead |\n|---|---|\n| told | published |\n| kin | and similar |\n| so many | at most |\n"
    )
    write(tmp_path, "docs/style.md", f"# Style\n\n## Words\n\n{table}| leave … away | remove |\n")
    write(
        tmp_path, "aggregator/polling.py", '"""Poll sources (V1)."""\n\nEVERY = 1  # counted in visits (V2)\n'
    )
    return tmp_path


def write(root, path, text):
    """Write a file of the repository below `root`."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def codes(root):
    """Run the check of rule codes."""
    return list(rules.check(root, prose.passages(root)))


def found(root, *below):
    """Run the check of words and docstrings: path, line and text of each finding."""
    return [tuple(each) for each in words.report(root, prose.passages(root, below))[0]]


def test_defined_and_cited(project):
    """Rules that are all defined and cited bring no problem."""
    assert codes(project) == []


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("aggregator/a.py", '"""Poll.\n\nNever twice (CL99).\n"""\n', 3),
        ("aggregator/a.py", f"{CLEAN}# not twice: K7\n", 2),
        ("aggregator/a.py", f'{CLEAN}print("refused (SU3)")\n', 2),
        ("tests/test_a.py", f'{CLEAN}\n\ndef test():\n    """EX1: dates."""\n', 5),
        ("docs/operations.md", "Sources\n\nare polled (V3).\n", 3),
        ("README.md", "PB1 and\nPB20", 1),
    ],
)
def test_undefined(project, path, text, line):
    """A code without a definition is reported where it is cited."""
    write(project, path, text)
    assert codes(project)[0].startswith(f"{path}:{line}: docs/rules.md does not define ")


def test_no_codes(project):
    """Test data, character classes, times and C1 controls are not rule codes."""
    noise = '# C1 controls, 2026-10-01T00:00, [A-Z0-9], ISO9001, e1\nBODY = "TV-L E13"\n'
    write(project, "tests/test_a.py", CLEAN + noise)
    write(project, "tests/data/page.md", "E13")
    assert codes(project) == []


def test_not_cited(project):
    """A rule that only docs/rules.md mentions is reported, and one that is defined twice."""
    write(project, "aggregator/polling.py", '"""Poll sources (V1)."""\n')
    write(project, "docs/rules.md", (project / "docs/rules.md").read_text() + "- **V1** Again.\n")
    assert codes(project) == [
        "docs/rules.md: V1 is defined twice",
        "docs/rules.md: nothing cites V2; remove it or cite it where it is kept",
    ]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("# what a story Told\n", 2, "Told"),
        ("# at most\n# so many, not more\n", 3, "so many"),
        ('def poll():\n    """Poll.\n\n    Return so\n    many.\n    """\n', 5, "so many"),
        ('print(f"{1} was told")\n', 2, "told"),
        ("# leave one of them away\n", 2, "leave one of them away"),
    ],
)
def test_words(project, text, line, word):
    """A banned word is found in any case and over line ends, with its line and a better word."""
    write(project, "aggregator/a.py", CLEAN + text)
    (finding,) = found(project)
    assert finding[:2] == ("aggregator/a.py", line)
    assert f"“{word}”: use " in finding[2]


def test_no_words(project):
    """Parts of words, names, SQL and the table of docs/style.md itself are not reported."""
    write(project, "docs/style.md", (project / "docs/style.md").read_text() + "| a news | a story |\n")
    write(project, "aggregator/a.py", f"{CLEAN}told = 1  # kind, skin, untold, a news page, a newsletter\n")
    write(project, "aggregator/store/a.py", f'{CLEAN}SQL = "SELECT * FROM edition_entries"\n')
    write(project, "tests/test_a.py", f'{CLEAN}TEXT = "A story told by a partner"\n')
    assert found(project) == []


def test_words_by_file(project):
    """Findings are counted for each file, the largest count first; paths limit them."""
    write(project, "docs/a.md", "told")
    write(project, "docs/b.md", "told, told")
    write(project, "feeds.yaml", "# told")
    assert words.report(project, prose.passages(project))[1] == [
        "     2 docs/b.md",
        "     1 docs/a.md",
        "     1 feeds.yaml",
    ]
    assert {path for path, *_ in found(project, "docs/a.md", "feeds")} == {"docs/a.md", "feeds.yaml"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("EVERY = 1\n", "missing"),
        ('"""\nPoll.\n"""\n', "missing"),
        (f'"""{"x" * 91}"""\n', "91 characters"),
        (f'r"""{"x" * 91}"""\n', "91 characters"),
        (f'{CLEAN}\n\nclass A:\n    """{"x" * 91}\n\n    More.\n    """\n', "91 characters"),
        (f'{CLEAN}EVERY = 1\n"""V1, V2: an hour."""\n', "begins with a rule code"),
    ],
)
def test_docstrings(project, text, problem):
    """A docstring that is missing, has a long first line or begins with a code is reported."""
    write(project, "aggregator/a.py", text)
    (finding,) = found(project)
    assert problem in finding[2]


def test_docstrings_of_90_characters(project):
    """A first line of 90 characters, an empty module and a longer second line are accepted."""
    write(project, "aggregator/a.py", f'r"""{"x" * 90}\n\n{"y" * 100}\n"""\n')
    write(project, "aggregator/__init__.py", "")
    assert found(project) == []


def test_pages(project):
    """A comment or docstring that cites a page which does not exist is reported."""
    write(project, "aggregator/a.py", f"{CLEAN}# As in rules.md.\n# As in absent.md.\n")
    assert found(project) == [("aggregator/a.py", 3, "absent.md is not a page of this project")]


def test_shape(project):
    """Modules and functions above a limit and names that say nothing are reported."""
    body = "    pass\n"
    write(
        project,
        "aggregator/polling.py",
        f"{CLEAN}def short():\n{body * 59}\n\nasync def long():\n{body * 60}",
    )
    write(project, "aggregator/utils.py", "#\n" * 450)
    write(project, "aggregator/longer.py", "#\n" * 451)
    write(project, "tests/helpers.py", "#\n" * 1000)
    assert list(shape.check(project)) == [
        "aggregator/utils.py: the name does not say what the module does",
        "aggregator/longer.py: 451 lines, at most 450",
        "aggregator/polling.py:64: long() has 61 lines, at most 60",
        "aggregator: half of the modules have 450 lines or more, not below 150",
    ]


def test_modules(project):
    """The list of modules has each first docstring line, in the order of the layers."""
    layers = '[[tool.importlinter.contracts]]\ntype = "layers"\nlayers = ["cli", "app | polling"]\n'
    write(project, "pyproject.toml", layers)
    write(project, "aggregator/cli/__init__.py", '"""Run commands."""\n')
    write(project, "aggregator/cli/main.py", '"""Find the command.\n\nMore.\n"""\n')
    write(project, "aggregator/app.py", '"""Build all | parts."""\n')
    write(project, "docs/architecture.md", f"# A\n{modules.BEGIN}old\n{modules.END}after\n")
    assert "docs/architecture.md should not have the line 'old': make docs WRITE=1" in list(
        modules.check(project)
    )
    modules.write(project)
    assert list(modules.check(project)) == []
    assert (project / "docs/architecture.md").read_text().splitlines() == [
        "# A",
        modules.BEGIN.strip(),
        "",
        "### `cli/`",
        "",
        "Run commands.",
        "",
        "| module | duty |",
        "|---|---|",
        "| `cli/main.py` | Find the command. |",
        "",
        "- `app.py`: Build all \\| parts.",
        "- `polling.py`: Poll sources (V1).",
        "",
        modules.END.strip(),
        "after",
    ]


@pytest.mark.parametrize("path", ["polling/courtesy.py", "jobs/poll.py", "look.py"])
def test_former_names(project, path):
    """A module with a name or folder from before the layout by stages is reported."""
    write(project, f"aggregator/{path}", CLEAN)
    assert list(shape.check(project)) == [f"aggregator/{path}: the name does not say what the module does"]


def test_pages_without_banned_words():
    """The pages of rules, words and style follow their own table, as the program itself says."""
    pages = [
        "docs/rules.md",
        "docs/glossary.md",
        "docs/decisions.md",
        "docs/style.md",
        "docs/check",
        "tests/test_docs_check.py",
    ]
    done = subprocess.run(
        [sys.executable, "docs/check.py", "--words", *pages],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
