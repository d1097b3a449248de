"""Compare `fetch` on threads with `fetch` on a Dask cluster on this machine.

usage: python benchmarks/cluster.py [--feeds 50 500] [--repeat 3] [--json]

The cluster has two worker processes with eight threads each. Feeds are served by `farm.py`. Shown are the medians of
wall time and of the CPU time of the `fetch` process with its children. With Dask the latter leaves out what the workers
do, so that it is the part that more machines do not reduce.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from distributed import LocalCluster
from poll import Farm, Measured, aggregator, farming, measure

ITEMS = 30
LIMIT_SECONDS = 900.0
CYCLES: dict[str, dict[str, object]] = {
    "cold": {"validators": 1},
    "all_304": {},
    "all_new": {"change": 1},
}
"""Cycles by name, each with the settings of the farm."""


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--feeds", type=int, nargs="+", default=[50, 500])
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--json", action="store_true")
    arguments = options.parse_args()
    with LocalCluster(
        n_workers=2,
        threads_per_worker=8,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
    ) as cluster:
        address = str(cluster.scheduler_address).removeprefix("tcp://")
        for feeds in arguments.feeds:
            for row in compared(feeds, arguments.repeat, address):
                print(json.dumps(row) if arguments.json else _line(row), flush=True)


def compared(feeds: int, repeat: int, scheduler: str) -> list[dict[str, Any]]:
    """Run every cycle with both executors, in turn, on new databases."""
    measured: dict[tuple[str, str], list[Measured]] = {}
    with farming(feeds, ITEMS) as farm, tempfile.TemporaryDirectory() as folder:
        for turn in range(repeat):
            programs = {
                name: _program(Path(folder) / f"{name}{turn}", farm, executor)
                for name, executor in (("threads", "threads"), ("dask", f"dask://{scheduler}"))
            }
            for cycle, settings in CYCLES.items():
                farm.set(**settings)
                for name, command in programs.items():
                    measured.setdefault((cycle, name), []).append(measure(command, LIMIT_SECONDS))
    return [
        {
            "feeds": feeds,
            "cycle": cycle,
            "executor": name,
            "wall_s": round(median(one.wall_s for one in values), 2),
            "cpu_s": round(median(one.cpu_s for one in values), 2),
        }
        for (cycle, name), values in measured.items()
    ]


def _program(folder: Path, farm: Farm, executor: str) -> list[str]:
    program = aggregator(folder, farm.urls)
    file = folder / "feeds.yaml"
    text = file.read_text()
    file.write_text(text.replace("fetch: {", f"fetch: {{executor: '{executor}', ", 1))
    return [*program.cycle]


def _line(row: dict[str, Any]) -> str:
    return "{feeds:>6} feeds  {cycle:<8} {executor:<8} wall {wall_s:>7} s  CPU {cpu_s:>7} s".format(**row)


if __name__ == "__main__":
    main()
