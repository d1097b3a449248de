"""Convert an event to the fields of a form, and fields to a change of an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aggregator.dedupe.event_decisions import EventChange
from aggregator.model.events import Attendance, Event, EventKind, EventStatus, day_of
from aggregator.web.editor_request import RequestProblem
from aggregator.web.forms import Form, first_value

MAX_CHARACTERS = 300
"""Maximum length of a field when the form is shown again with a problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventForm:
    """The fields of the form as an editor wrote them; an empty one is unknown."""

    kind: str = EventKind.EVENT
    status: str = EventStatus.SCHEDULED
    start_day: str = ""
    start_time: str = ""
    end_day: str = ""
    end_time: str = ""
    zone: str = ""
    place: str = ""
    attendance: str = ""

    @classmethod
    def parse(cls, form: Form) -> EventForm:
        """Return the fields of a submitted form."""
        return cls(**{name: first_value(form, name)[:MAX_CHARACTERS] for name in cls.__dataclass_fields__})


def form_of(event: Event | None, site_zone: ZoneInfo) -> EventForm:
    """Return the form filled with an event, or an empty form."""
    if event is None:
        return EventForm(zone=site_zone.key)
    local_event = event.local(site_zone)
    start = local_event.start
    return EventForm(
        kind=event.kind,
        status=event.status,
        start_day=day_of(start).isoformat(),
        start_time=_time(start),
        end_day=day_of(local_event.end).isoformat(),
        end_time=_time(local_event.end),
        zone=str(start.tzinfo) if isinstance(start, datetime) else event.zone or site_zone.key,
        place=event.place or "",
        attendance=event.attendance or "",
    )


def change_of(form: EventForm) -> EventChange:
    """Return the change of an event that a form asks for. Raises RequestProblem.

    The zone is used only with times. Without a last day the event ends on its first day.
    """
    if not form.start_day:
        raise RequestProblem("no_start")
    if form.kind not in set(EventKind) or form.status not in set(EventStatus):
        raise RequestProblem("bad_choice")
    if form.attendance not in {"", *Attendance}:
        raise RequestProblem("bad_choice")
    end_day = form.end_day or (form.start_day if form.end_time else "")
    if form.start_time and not form.end_time and end_day == form.start_day:
        end_day = ""  # the time of the end is not known
    timed = bool(form.start_time or form.end_time)
    online = {Attendance.ONLINE: True, Attendance.ON_SITE: False}.get(Attendance(form.attendance or "both"))
    return EventChange(
        start=_iso(form.start_day, form.start_time),
        end=_iso(end_day, form.end_time) if end_day else None,
        zone=form.zone or None if timed else None,
        place=form.place,
        kind=EventKind(form.kind),
        status=EventStatus(form.status),
        online=online,
    )


def _iso(day: str, time: str) -> str:
    return f"{day}T{time}" if time else day


def _time(moment: object) -> str:
    return f"{moment:%H:%M}" if isinstance(moment, datetime) else ""
