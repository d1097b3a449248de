"""The command that says how everything is: health of every source, last runs, owed mail, manners."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator import app as wiring
from aggregator.cli.output import ago, json_option, print_candidate, print_json, table
from aggregator.errors import AggregatorError
from aggregator.text import line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from aggregator.cli.options import Invocation
    from aggregator.model.polling import PolitenessReport
    from aggregator.model.reports import StatusReport


@click.command()
@json_option
@click.option(
    "--check", "checking", is_flag=True, help="For monitoring: say only what is wrong, exit with 1."
)
@click.option(
    "--textfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write Prometheus metrics to this file (node_exporter's textfile collector).",
)
@click.option(
    "--politeness", is_flag=True, help="How every partner's server was treated, replayed from the visit log."
)
@click.pass_obj
def status(
    invocation: Invocation, as_json: bool, checking: bool, textfile: Path | None, politeness: bool
) -> None:
    """Health of every source, last runs, owed mail."""

    if politeness:
        from aggregator.polling.politeness import report as report_politeness

        politeness_report = report_politeness(invocation.config())
        if as_json:
            print_json(
                {"sources": politeness_report, "broken": sum(len(m.broken) for m in politeness_report)}
            )
        else:
            _say_manners(politeness_report)
        return
    from aggregator import health

    report = health.report(invocation.config())
    now = wiring.clock()()
    if textfile:
        from aggregator.gateways import files
        from aggregator.publishing import metrics

        files.write_text(textfile, metrics.render(report).decode())
    if checking:
        if troubles := health.troubles(report, now):
            raise AggregatorError("; ".join(troubles))
        return
    if as_json:
        print_json(report)
    elif not textfile:
        _say_status(report, now)


def _say_status(report: StatusReport, now: datetime) -> None:
    from aggregator import containment, health

    rows: list[tuple[str, ...]] = [("source", "state", "last success", "next visit", "items", "reason")]
    for source in report.sources:
        rows.append(
            (
                source.id,
                source.state,
                ago(source.last_success, now),
                _next(source.next_visit, now),
                str(source.items),
                f"{source.reason}; {source.advice}" if source.reason else "",
            )
        )
    table(rows)
    parked = "".join(f", {count} {state}" for state, count in sorted(report.parked.items()))
    click.echo(f"\n{report.stories} stories of {report.items} items; {report.owed} letters owed{parked}")
    if report.relay:
        click.echo(f"the mail relay failed first {ago(report.relay.since, now)}: {report.relay.reason}")
    if report.hub:
        click.echo(f"the hub is not told of news at present: {report.hub}; subscribers find them by polling")
    if report.unplaced_since:
        click.echo(f"{report.unplaced} items have no story yet, the oldest {ago(report.unplaced_since, now)}")
    for channel, since in report.unwritten.items():
        click.echo(f"channel {channel} is to be written since {ago(since, now)}")
    for job in health.failing_jobs(report):
        reason = line(job.reason, 200)
        click.echo(
            f"the last {job.runs} runs of {job.job} did not end well, first {ago(job.since, now)}: {reason}"
        )
    for gone in report.suppressed:
        click.echo(f"{gone.address} gets no more letters: {gone.reason}; see `aggregator digest queue`")
    for run in report.runs:
        why = f": {line(str(run.report['reason']), 200)}" if run.report and "reason" in run.report else ""
        click.echo(f"{run.job:8} {ago(run.started, now):>12}  {run.outcome}{why}")
    if report.set_aside:
        click.echo("\nSet aside, because it broke a step of the program:")
    for one in report.set_aside:
        click.echo(containment.said_of(one))
    if report.merge_candidates:
        click.echo(
            "\nOne story or two? (aggregator story explain A B; then story merge A B, or story apart A B)"
        )
    for merge_candidate in report.merge_candidates:
        print_candidate(merge_candidate)


def _say_manners(politeness_report: Sequence[PolitenessReport]) -> None:
    rows: list[tuple[str, ...]] = [
        ("source", "visits", "requests a day", "conditional", "304", "smallest gap", "wasted", "rules broken")
    ]
    for told in politeness_report:
        gap = told.smallest_gap
        rows.append(
            (
                told.source_id,
                str(told.visits),
                f"{told.per_day:g}",
                f"{told.conditional:.0%}",
                f"{told.not_modified:.0%}",
                f"{gap / 60:.0f} min" if gap is not None else "",
                f"{told.wasted_bytes / 1000:.0f} kB",
                "; ".join(told.broken) or "none",
            )
        )
    table(rows)
    broken = sum(bool(told.broken) for told in politeness_report)
    click.echo(f"\n{len(politeness_report)} sources visited; rules were broken at {broken or 'none'} of them")


def _next(moment: datetime | None, now: datetime) -> str:

    return "now" if moment is None or moment <= now else ago(moment, now)
