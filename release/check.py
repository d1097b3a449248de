"""Build the distribution and try it as users do: make release-check.

Each step prints one line. The files in `dist/` are those that were tried; RELEASING.md says what follows.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import venv
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = PROJECT["name"].replace("-", "_")
SMOKE = ("tests/test_text.py", "tests/test_urls.py", "tests/cli/test_init.py")
"""Tests that are run from the unpacked source distribution."""
SOURCES = (
    "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "RELEASING.md", "constraints.txt", "feeds.yaml",
    "requirements.txt", "deploy/Containerfile", "docs/operations.md", "tests/conftest.py",
)  # fmt: skip
"""Files that a source distribution must have."""
MAX_SECONDS = 900
"""Maximum time of one command in seconds."""
EMPTY: Mapping[str, str] = {}
TAIL_LINES = 30
"""Lines of the output of a failed command that are printed."""


class Failed(Exception):
    """A step failed; the message says why."""


class Skipped(Exception):
    """A step is not possible on this machine; the message says why."""


def main() -> int:
    """Run all steps in order; return 1 after the first that fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--version", metavar="X.Y.Z", help="also require this version and its date in CHANGELOG.md"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        work = Path(folder)
        steps: list[tuple[str, Callable[[], str]]] = [
            ("version", lambda: version(options.version)),
            ("build", build),
            ("wheel", wheel_contents),
            ("sdist", sdist_contents),
            ("metadata", metadata),
            ("install", lambda: install(work)),
            ("commands", lambda: commands(work)),
            ("uninstall", lambda: uninstall(work)),
            ("pipx", lambda: pipx(work)),
            ("sdist tests", lambda: sdist_tests(work)),
            ("container", lambda: container(work)),
        ]
        for name, step in steps:
            started = time.monotonic()
            try:
                state, result = "ok", step()
            except Skipped as reason:
                state, result = "skipped", str(reason)
            except (Failed, OSError) as reason:
                state, result = "FAILED", str(reason)
            print(f"{name:<12} {state:<8} {time.monotonic() - started:5.1f} s  {result}", flush=True)
            if state == "FAILED":
                return 1
    print(f"ready: {', '.join(sorted(file.name for file in DIST.iterdir()))} in {DIST}")
    return 0


# --- steps, in their order -----------------------------------------------------------------------------------


def version(wanted: str | None) -> str:
    """Compare the version with CHANGELOG.md."""
    match = re.search(r'^__version__ = "(.+)"$', (ROOT / "aggregator/__init__.py").read_text(), re.MULTILINE)
    if not match:
        raise Failed("aggregator/__init__.py has no __version__")
    heading = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    newest = heading[1] if heading else ""
    if wanted and (
        match[1] != wanted or not re.fullmatch(rf"\[{re.escape(wanted)}\] - \d{{4}}-\d\d-\d\d", newest)
    ):
        raise Failed(f"the version is {match[1]} and CHANGELOG.md begins with {newest!r}, not with {wanted}")
    return f"{match[1]}; CHANGELOG.md begins with {newest}"


def build() -> str:
    """Build the source distribution, and the wheel from it."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    return ", ".join(f"{file.name} ({file.stat().st_size // 1024} KiB)" for file in sorted(DIST.iterdir()))


def wheel_contents() -> str:
    """Check that the wheel has all files of the package and no others."""
    names = {name for name in zipfile.ZipFile(the("*.whl")).namelist() if ".dist-info/" not in name}
    package = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "aggregator").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    if differing := sorted(names ^ package):
        raise Failed(f"wheel and folder differ: {', '.join(differing[:10])}")
    return f"{len(names)} files, all of aggregator/ and nothing else"


def sdist_contents() -> str:
    """Check that the source distribution has what is needed to test and to run the program."""
    with tarfile.open(the("*.tar.gz")) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    if missing := [name for name in SOURCES if name not in names]:
        raise Failed(f"the source distribution lacks {', '.join(missing)}")
    if private := [name for name in names if re.match(r"(var|public|demo-run|dist|\.venv|\.git)/", name)]:
        raise Failed(f"the source distribution has {', '.join(private[:10])}")
    return f"{len(names)} files, with tests, documentation and deploy/"


def metadata() -> str:
    """Check description and metadata as the index does."""
    run(sys.executable, "-m", "twine", "check", "--strict", *sorted(DIST.iterdir()))
    urls = "" if PROJECT.get("urls") else "; project.urls is empty: enter it before uploading (RELEASING.md)"
    return f"twine finds nothing{urls}"


def install(work: Path) -> str:
    """Install the requirements by hash and the wheel into a new environment."""
    venv.create(work / "venv", with_pip=True)
    pip = (work / "venv/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "--require-hashes", "--requirement", ROOT / "requirements.txt")
    run(*pip, "install", "--no-deps", "--no-index", the("*.whl"))
    run(*pip, "check")
    return "requirements.txt by hash, then the wheel; pip check finds nothing"


def commands(work: Path) -> str:
    """Run the first commands of a new user, each in an empty folder."""
    program = work / "venv/bin/aggregator"
    return first_commands(program, work / "first")


def uninstall(work: Path) -> str:
    """Uninstall the program, and check that nothing of it is left."""
    run(work / "venv/bin/python", "-m", "pip", "--quiet", "uninstall", "--yes", PROJECT["name"])
    left = [
        path
        for path in (work / "venv").rglob("*")
        if path.name in ("aggregator", f"{NAME}.dist-info") and "__pycache__" not in path.parts
    ]
    if left := [path for path in left if path.is_file() or any(path.rglob("*.py"))]:
        raise Failed(f"left after uninstalling: {left[0]}")
    return "nothing is left"


def pipx(work: Path) -> str:
    """Install the wheel by pipx, run it, and uninstall it."""
    home = {name: str(work / "pipx" / name) for name in ("PIPX_HOME", "PIPX_BIN_DIR", "PIPX_MAN_DIR")}
    call = (sys.executable, "-m", "pipx")
    constraints = f"--pip-args=--constraint={ROOT / 'constraints.txt'}"
    run(*call, "install", "--python", sys.executable, constraints, the("*.whl"), env=home)
    program = Path(home["PIPX_BIN_DIR"]) / "aggregator"
    shown = run(program, "--version")
    run(*call, "uninstall", PROJECT["name"], env=home)
    if program.exists():
        raise Failed(f"{program} is left after uninstalling")
    return f"installs, runs ({shown.strip()}) and uninstalls"


def sdist_tests(work: Path) -> str:
    """Run some tests from the unpacked source distribution, with its own package."""
    with tarfile.open(the("*.tar.gz")) as packed:
        packed.extractall(work / "sdist", filter="data")
    (folder,) = (work / "sdist").iterdir()
    options = ("-p", "no:cacheprovider", *SMOKE)
    output = run(sys.executable, "-m", "pytest", *options, folder=folder, env={"PYTHONPATH": str(folder)})
    passed = re.search(r"\d+ passed", output)
    return f"{', '.join(SMOKE)}: {passed[0] if passed else 'pass'}"


def container(work: Path) -> str:
    """Build the image where an engine runs; elsewhere run the commands of its first stage."""
    for engine in ("podman", "docker"):
        if shutil.which(engine) and run_quietly(engine, "info"):
            tag = f"{PROJECT['name']}:release-check"
            run(engine, "build", "--tag", tag, "--file", ROOT / "deploy/Containerfile", ROOT)
            return f"{engine} builds it: {run(engine, 'run', '--rm', tag, 'aggregator', '--version').strip()}"
    if shutil.which("hadolint"):
        run("hadolint", ROOT / "deploy/Containerfile")
    first_stage(work)
    program = work / "opt/bin/aggregator"
    first_commands(program, work / "contained")
    raise Skipped(
        "no container engine runs here; the commands of its first stage install a program that runs"
    )


# --- their parts -----------------------------------------------------------------------------------------------


def first_commands(program: Path, folder: Path) -> str:
    """Run --version, init, check, demo and snapshot; return what was run."""
    folder.mkdir()
    expected = f"aggregator, version {the('*.whl').name.split('-')[1]}"
    if (shown := run(program, "--version", folder=folder).strip()) != expected:
        raise Failed(f"--version prints {shown!r}, not {expected!r}")
    run(program, "init", folder=folder)
    if "is valid" not in run(program, "check", folder=folder):
        raise Failed("check does not accept the feeds.yaml of init")
    run(program, "demo", folder=folder)
    if not (folder / "demo-run/public/atom.xml").is_file():
        raise Failed("demo wrote no demo-run/public/atom.xml")
    config = ("-c", folder / "demo-run/feeds.yaml")
    later = {"AGGREGATOR_NOW": "2026-11-01T00:00:00+00:00"}
    run(program, *config, "snapshot", "--out", "october", folder=folder, env=later)
    if shutil.which("sha256sum"):
        run("sha256sum", "--check", "--quiet", "SHA256SUMS", folder=folder / "october")
    completion = run(program, folder=folder, env={"_AGGREGATOR_COMPLETE": "bash_source"})
    if "_aggregator_completion" not in completion:
        raise Failed("there is no completion for bash")
    return "--version, init, check, demo, snapshot, completion"


def first_stage(work: Path) -> None:
    """Run the commands of the container file's first stage in a folder of its own."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "deploy/Containerfile").read_text())
    stage = text.partition(" AS build\n")[2].partition("\nFROM ")[0]
    source = work / "src"
    source.mkdir()
    for line in stage.splitlines():
        word, _, rest = line.partition(" ")
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                copy = source / target / (name if (ROOT / name).is_file() else "")
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, copy, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, copy)
        elif word == "RUN":
            command = rest.replace("/opt/aggregator", str(work / "opt")).replace(
                "python ", f"{sys.executable} ", 1
            )
            run("sh", "-c", command, folder=source)


def the(pattern: str) -> Path:
    """Return the only file in `dist/` with this pattern."""
    files = sorted(DIST.glob(pattern))
    if len(files) != 1:
        raise Failed(f"dist/ has {len(files)} files {pattern}")
    return files[0]


def run(*command: str | Path, folder: Path = ROOT, env: Mapping[str, str] = EMPTY) -> str:
    """Run a command without the paths of this environment; return its standard output.

    `env` is added to the environment.
    """
    given = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    try:
        ended = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env={**given, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{command[0]} took longer than {MAX_SECONDS} s") from error
    if ended.returncode:
        lines = (ended.stdout + ended.stderr).splitlines()[-TAIL_LINES:]
        shown = " ".join(str(word) for word in command)
        raise Failed("\n".join([f"`{shown}` ended with {ended.returncode}:", *lines]))
    return ended.stdout


def run_quietly(*command: str) -> bool:
    """Return whether a command succeeds."""
    try:
        run(*command)
    except Failed:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
