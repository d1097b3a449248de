"""Measure time, CPU and memory of `aggregator fetch`, lemon24/reader and a minimal loop.

    python benchmarks/poll.py --feeds 500 --items 30 --changed 0.05 --latency 200 [--repeat 3] [--json]
                              [--again 3] [--only NAME,…] [--documents DIR] [--large 5000]

Every program runs each cycle as a new process, with interpreter start and imports, as under cron. The farm of feeds
(`farm.py`) is a process of its own, whose CPU time is not counted. The floor (`peers.py`) is a loop of the same
GETs, with one TLS context. Only ratios within one run can be compared. Targets are the project's speed goals. Memory is
the largest sum of the proportional set sizes (PSS) of a program's processes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from types import FrameType, TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import tls_files

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = HERE / "peers.py"
PYTHON = sys.executable
CONCURRENCY = 16  # `fetch.concurrency` as shipped
MIB = 1024 * 1024

NOTHING_DUE_SOURCES = 70
NOTHING_DUE_RUNS = 5
SMALL_FEEDS = 50

# Proxies do not reach loopback addresses; variables of the program and of Python would change the measurement, such as
# PYTHONDONTWRITEBYTECODE, with which every run compiles the program.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.lower().endswith("_proxy") and not name.startswith(("AGGREGATOR_", "PYTHON"))
}


# --- measuring one process -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """Hold the measurements of one process and its descendants."""

    wall_s: float
    cpu_s: float
    memory_mb: float
    """The maximum PSS of all processes together; the peak RSS of a run without samples."""


class Failed(Exception):
    """A measured process failed or took too long, so that the run is invalid."""


def measure(command: Sequence[str], limit: float) -> Measured:
    """Run `command` to its end, at most `limit` seconds."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=ROOT,
            env=ENVIRONMENT,
            start_new_session=True,
        )
        with _Watch(process.pid, limit) as watch:
            # ru_maxrss of a child begins with the memory of this process, which therefore imports little.
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            late = f" (stopped after {limit:.0f} s)" if watch.late else ""
            words = " ".join(command)
            raise Failed(f"exit code {process.returncode}{late}: {words}\n{errors.read()[-2000:]}")
    return Measured(
        wall_s=wall,
        cpu_s=usage.ru_utime + usage.ru_stime,
        memory_mb=(watch.peak or usage.ru_maxrss * 1024) / MIB,
    )


class _Watch:
    """Sample the memory of a process tree, and kill it after `limit` seconds or an interrupt."""

    PERIOD = 0.05

    def __init__(self, pid: int, limit: float) -> None:
        self.pid, self.limit = pid, limit
        self.peak = 0
        self.late = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if kind:
            self._end()

    def _look(self) -> None:
        latest = time.monotonic() + self.limit
        while not self._over.wait(self.PERIOD):
            self.peak = max(self.peak, sum(map(_pss, _tree(self.pid))))
            if time.monotonic() > latest:
                self.late = True
                self._end()
                return

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _tree(pid: int) -> list[int]:
    """Return `pid` and its descendants."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _tree(int(child))
    except OSError:
        pass
    return found


def _pss(pid: int) -> int:
    """Return the proportional set size in bytes; 0 for a process that has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


# --- the farm ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Farm:
    """Hold the URLs of the feeds of a running farm, and its control endpoint (see farm.py)."""

    urls: list[str]
    control: str

    def set(self, **settings: object) -> None:
        """Change its responses, and reset its counters."""
        self._ask(settings)

    def counted(self) -> dict[str, int]:
        """Return the number of responses since the last call, by status."""
        return self._ask({})

    def _ask(self, settings: dict[str, object]) -> dict[str, int]:
        connection = http.client.HTTPConnection(urlsplit(self.control).netloc, timeout=300)
        connection.request("GET", f"/set?{urlencode(settings)}")
        counts: dict[str, int] = json.load(connection.getresponse())
        connection.close()
        return counts


@contextmanager
def farming(feeds: int, items: int, *more: str | Path) -> Iterator[Farm]:
    """Run a farm that ends with the block or this process, which closes its standard input."""
    command = [PYTHON, str(HERE / "farm.py"), "--feeds", str(feeds), "--items", str(items), *map(str, more)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin and process.stdout
        try:
            started = process.stdout.readline()
            if not started:
                raise Failed("the farm did not start")
            addresses = json.loads(started)
            yield Farm(urls=addresses["feeds"], control=addresses["control"])
            process.stdin.close()
            process.wait(timeout=10)
        finally:
            process.kill()


# --- measured programs -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Program:
    """Hold the commands of a program: those that set it up, and one for a cycle."""

    name: str
    cycle: Sequence[str]
    set_up: Sequence[str] = ()
    count: Sequence[str] = ()
    """Prints its number of items, as a number or as `{"items": number}`."""


def aggregator(folder: Path, urls: Sequence[str]) -> Program:
    """Set up the program with default settings, except for what loopback needs."""
    sources = "\n".join(f"- {{id: f{n}, name: Feed {n}, url: '{url}'}}" for n, url in enumerate(urls))
    folder.mkdir(parents=True)
    file = folder / "feeds.yaml"
    file.write_text(
        "site: {title: Farm, url: 'https://farm.example/', contact: polls@farm.example,"
        f" authority: 'farm.example,2025'}}\nfetch: {{allow_private: [127.0.0.0/8]}}\nsources:\n{sources}\n"
    )
    program = [PYTHON, "-m", "aggregator", "-c", str(file)]
    return Program("aggregator", [*program, "fetch", "--force"], count=[*program, "status", "--json"])


def reader(folder: Path, urls: Sequence[str]) -> Program:
    """Set up lemon24/reader with 10 workers; its feeds are added before the measurement."""
    folder.mkdir(parents=True)
    listed = folder / "urls.json"
    listed.write_text(json.dumps(urls))

    def command(action: str) -> list[str]:
        return [PYTHON, str(PEERS), "reader", action, str(folder / "reader.db"), str(listed)]

    return Program("reader", command("update"), set_up=command("add"), count=command("count"))


def floor(folder: Path, urls: Sequence[str]) -> Program:
    """Set up a loop of the same GETs by requests, which hashes the bodies."""
    folder.mkdir(parents=True)
    state = folder / "state.json"
    state.write_text(json.dumps({url: {} for url in urls}))
    return Program("floor", [PYTHON, str(PEERS), "floor", str(state)])


# --- the cycles ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Cycle:
    """Hold the settings of the farm for a cycle, and the expected number of bodies."""

    name: str
    title: str
    settings: dict[str, object]
    bodies: int
    feeds: int


def cycles(options: argparse.Namespace) -> list[Cycle]:
    """Return the cycles of the farm with `--feeds` feeds."""
    feeds, share = options.feeds, options.changed
    some = max(1, round(share * feeds)) if share else 0  # as farm.py counts
    result = [
        Cycle("cold", "cold, published", {}, feeds, feeds),
        Cycle("all_304", "all 304", {}, 0, feeds),
        Cycle("same_body", "200, same body", {"validators": 0}, feeds, feeds),
        Cycle("some_new", f"{share:.0%} new, published", {"validators": 1, "change": share}, some, feeds),
        Cycle("all_new", "100% new, published", {"change": 1}, feeds, feeds),
    ]
    if options.latency:
        title = f"all 304, {options.latency:g} ms"
        result.append(Cycle("all_304_latency", title, {"latency": options.latency}, 0, feeds))
    return _up_to_last(result, options.only)


def _up_to_last(farm_cycles: list[Cycle], only: Sequence[str]) -> list[Cycle]:
    """Return the cycles until the last one of `only`, because each needs those before it."""
    wanted = [n for n, cycle in enumerate(farm_cycles) if cycle.name in only]
    return farm_cycles[: max(wanted, default=-1) + 1] if only else farm_cycles


def of_farm(name: str, words: str, feeds: int) -> list[Cycle]:
    """Return the two cycles of another farm: the first one, and one without news."""
    return [
        Cycle(f"{name}_cold", f"{words}: cold", {}, feeds, feeds),
        Cycle(f"{name}_all_304", f"{words}: all 304", {}, 0, feeds),
    ]


Times = dict[Cycle, dict[str, list[Measured]]]
"""By cycle and program, one for each repetition."""


def run_cycles(
    options: argparse.Namespace, folder: Path, farm: Farm, chosen: Sequence[Cycle], problems: list[str]
) -> Times:
    """Run `chosen` cycles of all programs `repeat` times, each time with new databases."""
    limit = 60 + len(farm.urls) * (1.0 + options.latency / 1000)
    times: Times = {cycle: {} for cycle in chosen}
    for turn in range(options.repeat):
        place = folder / str(turn)
        programs = [aggregator(place / "aggregator", farm.urls), floor(place / "floor", farm.urls)]
        # reader knows no other certificate authorities than those of certifi.
        if not options.skip_reader and not farm.urls[0].startswith("https:"):
            programs.insert(1, reader(place / "reader", farm.urls))
        for program in programs:
            if program.set_up:
                measure(program.set_up, limit)
        farm.set(validators=1, latency=0)
        for cycle in chosen:
            again = 1 if cycle.settings.get("change") or cycle.name.endswith("cold") else options.again
            farm.set(**cycle.settings)
            for program in [program for _ in range(again) for program in programs]:
                _progress(f"{turn + 1}/{options.repeat} {cycle.title}: {program.name}")
                measured = measure(program.cycle, limit)
                times[cycle].setdefault(program.name, []).append(measured)
                counted = farm.counted()
                if program.name != "reader" or not options.documents:  # it rejects some documents each time
                    problems += _wrong_answers(cycle, program.name, counted, cycle.feeds)
        if chosen[0].name == "cold":
            items = sum(cycle.bodies for cycle in chosen if "change" in cycle.settings)
            problems += _wrong_items(programs, options.feeds * options.items + items, limit)
    return times


def run_farms(options: argparse.Namespace, folder: Path, problems: list[str]) -> Times:
    """Run the cycles of every farm: few feeds, HTTPS, real documents, many feeds."""
    times: Times = {}

    def run(name: str, words: str, feeds: int, *more: str | Path, chosen: Sequence[Cycle] = ()) -> None:
        if options.only and not any(each.startswith(name) for each in options.only) and not chosen:
            return
        with farming(feeds, options.items, *more) as farm:
            chosen = chosen or of_farm(name, words, len(farm.urls))
            times.update(run_cycles(options, folder / name, farm, chosen, problems))

    if own := cycles(options):
        run("farm", "", options.feeds, chosen=own)
    run("few", f"{SMALL_FEEDS} feeds", SMALL_FEEDS)
    if certificates := options.certificates:
        run("tls", "HTTPS", options.feeds, "--certificates", certificates)
    if options.documents:
        run("documents", "documents", 0, "--documents", options.documents)
    if options.large:
        run("large", f"{options.large} feeds", options.large)
    return times


def _wrong_answers(cycle: Cycle, name: str, counted: dict[str, int], feeds: int) -> Iterator[str]:
    """Report a cycle in which the farm sent another number of bodies than expected."""
    expected = {"200": cycle.bodies, "304": feeds - cycle.bodies}
    if any(counted.get(status, 0) != count for status, count in expected.items()):
        yield f"{cycle.title}: {name} was given {counted or 'nothing'} instead of {expected}"


def _wrong_items(programs: Sequence[Program], expected: int, limit: float) -> Iterator[str]:
    for program in programs:
        if not program.count:
            continue
        shown = subprocess.run(
            program.count, cwd=ROOT, env=ENVIRONMENT, capture_output=True, check=True, timeout=limit
        )
        said = json.loads(shown.stdout)
        known = said["items"] if isinstance(said, dict) else said
        if known != expected:
            yield f"{program.name} knows {known} items in the end instead of {expected}"


def run_small(folder: Path) -> dict[str, float]:
    """Measure a start with nothing due."""
    _progress("nothing due")
    limit = 60.0
    with farming(NOTHING_DUE_SOURCES, items=3) as farm:
        waiting = aggregator(folder / "due", farm.urls)
        measure(waiting.cycle, limit)
        nothing_due = [part for part in waiting.cycle if part != "--force"]
        beyond = []
        for _ in range(NOTHING_DUE_RUNS):
            bare = measure([PYTHON, "-c", "pass"], limit)
            beyond.append(measure(nothing_due, limit).wall_s - bare.wall_s)
    return {"nothing_due_wall_s": median(beyond)}


# --- the report ----------------------------------------------------------------------------------------

# Per cycle (measure, limit): ratios to reader, CPU to the floor, wall to feeds x latency / concurrency, memory.
TARGETS: dict[str, dict[str, float]] = {
    "cold": {"ratio_cpu": 0.5, "ratio_wall": 0.35},
    "all_304": {"ratio_cpu": 0.5, "ratio_cpu_floor": 1.5},
    "same_body": {"ratio_cpu": 0.05},
    "some_new": {"ratio_cpu": 0.35},
    "all_new": {"ratio_cpu": 0.15},
    "all_304_latency": {"ratio_wall_ideal": 1.2},
    "few_all_304": {"ratio_cpu": 0.8},
    "tls_all_304": {"ratio_tls": 1.3},
    "documents_cold": {"ratio_cpu": 0.6},
    "documents_all_304": {"ratio_cpu": 1.0},
}
MEMORY_TARGET = 150.0
SMALL_TARGETS = {"nothing_due_wall_s": 0.15}
SMALL_WORDS = {
    "nothing_due_wall_s": f"`fetch`, nothing due of {NOTHING_DUE_SOURCES}: wall s beyond `python -c pass`"
}


def report(
    options: argparse.Namespace, times: Times, small: dict[str, float], problems: list[str]
) -> dict[str, Any]:
    """Build the output of `--json`."""
    return {
        "feeds": options.feeds,
        "items": options.items,
        "changed": options.changed,
        "latency_ms": options.latency,
        "repeat": options.repeat,
        "again": options.again,
        "python": sys.version.split()[0],
        "reader": None if options.skip_reader else metadata.version("reader"),
        "cycles": _with_tls(
            {cycle.name: _cycle_report(cycle, of_it, options) for cycle, of_it in times.items()}
        ),
        "small": {name: round(value, 3) for name, value in small.items()},
        "small_targets": [_held(name, small[name], limit) for name, limit in SMALL_TARGETS.items()],
        "problems": problems,
    }


def _cycle_report(
    cycle: Cycle, times: dict[str, list[Measured]], options: argparse.Namespace
) -> dict[str, Any]:
    result: dict[str, Any] = {name: _medians(measured, cycle.feeds) for name, measured in times.items()}
    own, bare = result["aggregator"], result["floor"]
    peer = result.setdefault("reader", None)
    result["ratio_wall"] = round(own["wall_s"] / peer["wall_s"], 3) if peer else None
    result["ratio_cpu"] = round(own["cpu_s"] / peer["cpu_s"], 3) if peer else None
    result["ratio_wall_floor"] = round(own["wall_s"] / bare["wall_s"], 3)
    result["ratio_cpu_floor"] = round(own["cpu_s"] / bare["cpu_s"], 3)
    if "latency" in cycle.settings:
        ideal = options.feeds * options.latency / 1000 / CONCURRENCY
        result["ratio_wall_ideal"] = round(own["wall_s"] / ideal, 3)
    targets = TARGETS.get(cycle.name, {})
    result["targets"] = [
        _held(name, result[name], limit) for name, limit in targets.items() if name in result
    ]
    result["targets"].append(_held("memory_mb", own["memory_mb"], MEMORY_TARGET))
    return result


def _with_tls(cycle_reports: dict[str, Any]) -> dict[str, Any]:
    """Add what HTTPS costs, beside the same cycle without it and what it costs the floor."""
    plain, secure = cycle_reports.get("all_304"), cycle_reports.get("tls_all_304")
    if plain and secure:
        own, bare = ([each[name]["cpu_s"] for each in (plain, secure)] for name in ("aggregator", "floor"))
        secure["ratio_tls"] = round(own[1] / (own[0] + bare[1] - bare[0]), 3)
        limit = TARGETS["tls_all_304"]["ratio_tls"]
        secure["targets"].append(_held("ratio_tls", secure["ratio_tls"], limit))
    return cycle_reports


def _medians(measured: Sequence[Measured], feeds: int) -> dict[str, float]:
    cpu = median(one.cpu_s for one in measured)
    return {
        "wall_s": round(median(one.wall_s for one in measured), 3),
        "cpu_s": round(cpu, 3),
        "cpu_ms_per_feed": round(1000 * cpu / feeds, 3),
        "memory_mb": round(median(one.memory_mb for one in measured), 1),
    }


def _held(name: str, value: float | None, limit: float) -> dict[str, Any]:
    """Compare a target with a measurement; `met` is null without one."""
    met = None if value is None else value <= limit
    return {"measure": name, "value": value, "limit": limit, "met": met}


def table(reported: dict[str, Any], titles: dict[str, str]) -> str:
    """Format the report: a line for each program, with the ratio of the aggregator to it."""
    rows = [["cycle", "program", "wall s", "CPU s", "ms/feed", "MiB", "our wall / its", "our CPU / its"]]
    for name, cycle in reported["cycles"].items():
        results = {target["measure"]: _result(target) for target in cycle["targets"]}

        def ratio(measure: str, cycle: dict[str, Any] = cycle, results: dict[str, str] = results) -> str:
            return results.get(measure) or _number(cycle.get(measure))

        rows.append([titles[name], *_numbers("aggregator", cycle, results["memory_mb"]), "", ""])
        rows.append(["", *_numbers("reader", cycle), ratio("ratio_wall"), ratio("ratio_cpu")])
        rows.append(["", *_numbers("floor", cycle), ratio("ratio_wall_floor"), ratio("ratio_cpu_floor")])
        if "ratio_wall_ideal" in cycle:
            rows.append(["", "latency only", *[""] * 4, ratio("ratio_wall_ideal"), ""])
        if "ratio_tls" in cycle:
            rows.append(["", "HTTP, and HTTPS of floor", *[""] * 5, ratio("ratio_tls")])
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines += [f"{SMALL_WORDS[target['measure']]}: {_result(target)}" for target in reported["small_targets"]]
    peer = f"reader {reported['reader']}" if reported["reader"] else "reader not measured"
    above = (
        f"{reported['feeds']} feeds of {reported['items']} items, medians of"
        f" {reported['repeat']} x {reported['again']}, {peer}; targets hold for 500 feeds"
    )
    return "\n".join([above, *(line.rstrip() for line in lines)])


def _numbers(program: str, cycle: dict[str, Any], memory: str = "") -> list[str]:
    measured = cycle[program]
    if measured is None:
        return [program, *["-"] * 4]
    values = (_number(measured[key]) for key in ("wall_s", "cpu_s", "cpu_ms_per_feed"))
    return [program, *values, memory or f"{measured['memory_mb']:.0f}"]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _result(target: dict[str, Any]) -> str:
    word = {True: "met", False: "MISSED", None: ""}[target["met"]]
    return f"{_number(target['value'])} <= {target['limit']:g} {word}".rstrip()


def _progress(words: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)


# --- the command ---------------------------------------------------------------------------------------


def main() -> None:
    options = _options()
    # As pip does: the sandbox writes no bytecode, and would compile the parsers in each run.
    subprocess.run([PYTHON, "-m", "compileall", "-q", str(ROOT / "aggregator")], check=True, env=ENVIRONMENT)
    signal.signal(signal.SIGTERM, _leave)  # so that processes and folder are cleaned up
    problems: list[str] = []
    try:
        with tempfile.TemporaryDirectory(prefix="poll-") as name:
            if shutil.which("openssl"):
                options.certificates = Path(name) / "certificates"
                authority = tls_files.make(options.certificates, options.feeds)
                ENVIRONMENT["SSL_CERT_FILE"] = str(authority)
            small = run_small(Path(name))
            times = run_farms(options, Path(name), problems)
    except Failed as failure:
        sys.exit(f"poll.py: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
    _progress("")
    reported = report(options, times, small, problems)
    if options.json:
        print(json.dumps(reported, indent=2))
    else:
        print(table(reported, {cycle.name: cycle.title for cycle in times}))
    for problem in problems:
        print(f"not believable: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _leave(number: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + number)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure polling against the floor and lemon24/reader on a loopback farm."
    )
    parser.add_argument("--feeds", type=int, default=500, metavar="N")
    parser.add_argument("--items", type=int, default=30, metavar="M", help="items in each feed")
    parser.add_argument("--changed", type=float, default=0.05, metavar="SHARE", help="of feeds, 0 to 1")
    parser.add_argument("--latency", type=float, default=200, metavar="MS", help="of the last cycle; 0: none")
    parser.add_argument("--repeat", type=int, default=1, metavar="R", help="report medians of R runs")
    parser.add_argument(
        "--again", type=int, default=1, metavar="K", help="measure cycles without news K times in each run"
    )
    parser.add_argument("--skip-reader", action="store_true", help="do without lemon24/reader")
    parser.add_argument("--documents", type=Path, metavar="DIR", help="also measure the files in this folder")
    parser.add_argument("--large", type=int, default=0, metavar="N", help="also measure N feeds (5000)")
    parser.add_argument(
        "--only", type=_names, default=[], metavar="NAMES", help="of cycles, such as all_304,few,tls"
    )
    parser.add_argument("--json", action="store_true", help="print one object")
    options = parser.parse_args()
    options.certificates = None
    if options.feeds < 1 or options.items < 1 or options.repeat < 1 or not 0 <= options.changed <= 1:
        parser.error("--feeds, --items and --repeat are at least 1, --changed is between 0 and 1")
    if not options.skip_reader:
        try:
            metadata.version("reader")
        except metadata.PackageNotFoundError:
            options.skip_reader = True
            print("reader is not installed (pip install -e '.[bench]'): measured without it", file=sys.stderr)
    return options


if __name__ == "__main__":
    main()
