"""Find in a title what it says about an event for which it names no date (EX6)."""

from __future__ import annotations

import re

from aggregator.model.events import EventStatus

MAX_LEADING_CHARACTERS = 100
"""Maximum characters of a text that are read beside the title; later text may be about conditions."""

_WORDS = {
    EventStatus.CANCELLED: "cancell?ed|called off|abgesagt|entfällt|fällt aus|findet nicht statt|annulée?|annullat[oa]"
    "|cancelad[oa]|peruttu|inställ[dt]|avlyst|aflyst|geannuleerd|odwołan[oea]|zrušen[oáý]?|elmarad",
    EventStatus.MOVED_ONLINE: "moved online|takes? place online instead|now online|findet online statt|nur online",
    EventStatus.RESCHEDULED: "rescheduled|new dates?|neuer termin|nouvelle date|nuova data|nueva fecha",
    EventStatus.POSTPONED: "postponed|verschoben|reportée?|rinviat[oa]|aplazad[oa]|adiad[oa]|siirretty"
    "|uppskjut(?:en|et)|utsatt|udsat|uitgesteld|przełożon[oea]|odložen[oaý]?|elhalaszt(?:va|ják)",
    EventStatus.EXTENDED: "extended|extension|verlängert|fristverlängerung|prolongée?|prorogat[oa]|prorrogad[oa]",
}
_STATUS = re.compile(
    r"(?<!\w)(?:" + "|".join(f"(?P<{status.name}>{words})" for status, words in _WORDS.items()) + r")(?!\w)"
)


def of(title: str, text: str) -> EventStatus | None:
    """Return the status that a title states, or else the beginning of its text; None for neither."""
    for words in (title, text[:MAX_LEADING_CHARACTERS]):
        if match := _STATUS.search(words.casefold()):
            return EventStatus[str(match.lastgroup)]
    return None
