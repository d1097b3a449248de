"""A letter to a publisher whose server or document makes trouble: facts in, friendly plain text out."""

from __future__ import annotations

import re
import textwrap
from datetime import datetime

from aggregator.model.discovery import Appeal, Trouble

WIDTH = 76

# What a failed visit was told with -> the word for the trouble; the first that fits.
_REASONS = (
    (r"bot wall", "wall"),
    (r"robots\.txt", "robots"),
    (r"\(401\)", "password"),
    (r"\(403\)", "forbidden"),
    (r"\(404\)|\(410\)", "missing"),
    (r"\(429\)", "too-many"),
    (r"\(503\)|answered 5\d\d", "error"),
    (r"web page, not|is not a feed|is not a calendar|not JSON|no JSON Feed|no records|no list of", "type"),
    (r"certificate", "certificate"),
    (r"\(TLS\)", "tls"),
    (r"https to http", "downgrade"),
    (r"redirect", "redirects"),
    (r"DNS", "dns"),
    (r"no complete answer|refused|reset|cut short|connection failed|not HTTP|length|decoded", "connection"),
)

# The word -> (what we met, what we ask for), in each language.
_TEXTS: dict[str, dict[str, tuple[str, str]]] = {
    "en": {
        "wall": (
            "A protection against bots ({detail}) answers us instead of your feed.",
            "Could you let our User-Agent (below) through, at least for this address? Feeds are meant to be read by"
            " programs, and every feed reader of your audience meets the same wall.",
        ),
        "robots": (
            "Your robots.txt keeps us from reading this page, and we respect that.",
            "If you would like your news to be passed on, could you allow this address for our robot `aggregator`,"
            " or tell us of a feed?",
        ),
        "password": (
            "Your server asks for a password ({detail}).",
            "Is there a public feed, or may we have access?",
        ),
        "forbidden": (
            "Your server does not let us in ({detail}).",
            "Could you allow our User-Agent (below), at least for this address?",
        ),
        "missing": (
            "The address is not found any more ({detail}).",
            "Has it moved? A permanent redirect (301) from the old address would bring all your readers along;"
            " otherwise we are glad to be told the new one.",
        ),
        "too-many": (
            "Your server tells us that we ask too often ({detail}).",
            "We would like to keep to your limits: which rhythm suits you? An answer with Retry-After is obeyed.",
        ),
        "error": ("Your server answers with an error ({detail}).", "Could you have a look at its log?"),
        "type": (
            "What comes is not the document that should be there: {detail}.",
            "Could you check what this address leads to, and that it is served as application/rss+xml,"
            " application/atom+xml or text/calendar?",
        ),
        "certificate": (
            "The certificate of your server cannot be verified: {detail}.",
            "Could you renew it, or send the intermediate certificates along? We do not skip this check.",
        ),
        "tls": (
            "No secure connection comes about: {detail}.",
            "Could you check the TLS settings of the server?",
        ),
        "downgrade": (
            "The address redirects from https to http, which we do not follow.",
            "Could you let the redirect lead to an https address?",
        ),
        "redirects": (
            "The redirects of the address lead nowhere: {detail}.",
            "Could you check the redirects?",
        ),
        "dns": (
            "The name of the server is unknown ({detail}).",
            "Has the site moved? Then we are glad to be told.",
        ),
        "connection": ("No whole answer reaches us: {detail}.", "Could you check the server or its network?"),
        "other": ("Reading it fails: {detail}.", "Could you have a look?"),
        "malformed": (
            "The document is not well-formed: {detail}. We can read it for now, but not every reader can.",
            "Could you let a validator show you the place, for example https://validator.w3.org/feed/ ?",
        ),
        "validators": (
            "Your server sends neither ETag nor Last-Modified. Therefore nobody can ask whether something is new:"
            " every reader fetches the whole document each time ({detail}), and who wants to be polite comes only once"
            " a day.",
            "Could you switch on ETag or Last-Modified for this address? Unchanged documents then cost a few hundred"
            " bytes, and your news reach people within the hour.",
        ),
        "moved": (
            "The address redirects permanently to {detail}.",
            "If that is right, nothing needs to be done but to leave the redirect in place; if it is a mistake,"
            " please correct it, because readers will keep the new address.",
        ),
    },
    "de": {
        "wall": (
            "Ein Schutz gegen Bots ({detail}) antwortet uns anstelle Ihres Feeds.",
            "Könnten Sie unseren User-Agent (siehe unten) durchlassen, wenigstens für diese Adresse? Feeds sind dafür"
            " da, von Programmen gelesen zu werden; die Feedreader Ihrer Leserinnen und Leser stehen vor derselben"
            " Wand.",
        ),
        "robots": (
            "Ihre robots.txt erlaubt uns nicht, diese Seite zu lesen, und daran halten wir uns.",
            "Wenn Ihre Nachrichten weitergegeben werden sollen: Könnten Sie diese Adresse für unseren Robot"
            " `aggregator` freigeben oder uns einen Feed nennen?",
        ),
        "password": (
            "Ihr Server verlangt ein Passwort ({detail}).",
            "Gibt es einen öffentlichen Feed, oder dürfen wir einen Zugang haben?",
        ),
        "forbidden": (
            "Ihr Server lässt uns nicht ein ({detail}).",
            "Könnten Sie unseren User-Agent (siehe unten) zulassen, wenigstens für diese Adresse?",
        ),
        "missing": (
            "Die Adresse wird nicht mehr gefunden ({detail}).",
            "Ist sie umgezogen? Eine dauerhafte Weiterleitung (301) von der alten Adresse nähme alle Leserinnen und"
            " Leser mit; sonst freuen wir uns über die neue Adresse.",
        ),
        "too-many": (
            "Ihr Server sagt, dass wir zu oft fragen ({detail}).",
            "Wir möchten uns an Ihre Grenzen halten: Welcher Abstand ist Ihnen recht? Retry-After beachten wir.",
        ),
        "error": (
            "Ihr Server antwortet mit einem Fehler ({detail}).",
            "Könnten Sie in sein Protokoll sehen?",
        ),
        "type": (
            "Was ankommt, ist nicht das erwartete Dokument: {detail}.",
            "Könnten Sie prüfen, wohin diese Adresse führt, und dass sie als application/rss+xml,"
            " application/atom+xml oder text/calendar ausgeliefert wird?",
        ),
        "certificate": (
            "Das Zertifikat Ihres Servers lässt sich nicht prüfen: {detail}.",
            "Könnten Sie es erneuern oder die Zwischenzertifikate mitsenden? Auf diese Prüfung verzichten wir nicht.",
        ),
        "tls": (
            "Es kommt keine sichere Verbindung zustande: {detail}.",
            "Könnten Sie die TLS-Einstellungen des Servers prüfen?",
        ),
        "downgrade": (
            "Die Adresse leitet von https auf http weiter; dem folgen wir nicht.",
            "Könnte die Weiterleitung auf eine https-Adresse führen?",
        ),
        "redirects": (
            "Die Weiterleitungen der Adresse führen ins Leere: {detail}.",
            "Könnten Sie die Weiterleitungen prüfen?",
        ),
        "dns": (
            "Der Name des Servers ist unbekannt ({detail}).",
            "Ist die Seite umgezogen? Dann freuen wir uns über die neue Adresse.",
        ),
        "connection": (
            "Es erreicht uns keine vollständige Antwort: {detail}.",
            "Könnten Sie den Server oder seine Netzanbindung prüfen?",
        ),
        "other": ("Das Lesen misslingt: {detail}.", "Könnten Sie einmal nachsehen?"),
        "malformed": (
            "Das Dokument ist nicht wohlgeformt: {detail}. Noch können wir es lesen, aber nicht jedes Programm kann"
            " das.",
            "Ein Validator zeigt Ihnen die Stelle, zum Beispiel https://validator.w3.org/feed/ .",
        ),
        "validators": (
            "Ihr Server sendet weder ETag noch Last-Modified. Deshalb kann niemand fragen, ob es etwas Neues gibt:"
            " Jedes Programm holt jedes Mal das ganze Dokument ({detail}), und wer höflich sein will, kommt nur"
            " einmal am Tag.",
            "Könnten Sie für diese Adresse ETag oder Last-Modified einschalten? Unveränderte Dokumente kosten dann nur"
            " einige hundert Byte, und Ihre Nachrichten sind binnen einer Stunde bei den Leuten.",
        ),
        "moved": (
            "Die Adresse leitet dauerhaft weiter auf {detail}.",
            "Wenn das so gemeint ist, lassen Sie die Weiterleitung bitte einfach bestehen; wenn nicht, korrigieren Sie"
            " sie bitte, denn Programme merken sich die neue Adresse.",
        ),
    },
}
_FRAME = {
    "en": {
        "subject": "Subject: Your feed {url}",
        "hello": "Dear colleagues at {name},",
        "why": "we pass on your news to the community, with credit and a link to you, on {title} ({site}). At the"
        " moment something stands in the way:",
        "not-yet": "we would like to pass on your news to the community, with credit and a link to you, on {title}"
        " ({site}). At the moment something stands in the way:",
        "address": "Address: {url}",
        "since": "since {day} ({times} visits)",
        "once": "on {day}",
        "success": "We last read it without trouble on {day}.",
        "ask": "What would help:",
        "how": "How we visit you: one request at a time, about {per_day} a day, conditional wherever your server allows"
        " it; Retry-After is obeyed, and certificates are checked. You recognise us by",
        "end": "If anything about our visits is not as you would like it, please write to {contact}. Thank you for your"
        " news and for your help!",
        "regards": "Kind regards\n{title}\n{contact}",
    },
    "de": {
        "subject": "Betreff: Ihr Feed {url}",
        "hello": "Liebe Kolleginnen und Kollegen ({name}),",
        "why": "wir geben Ihre Nachrichten auf {title} ({site}) an die Community weiter, mit Nennung und Link zu Ihnen."
        " Zurzeit steht dem etwas im Weg:",
        "not-yet": "wir würden Ihre Nachrichten gern auf {title} ({site}) an die Community weitergeben, mit Nennung und"
        " Link zu Ihnen. Zurzeit steht dem etwas im Weg:",
        "address": "Adresse: {url}",
        "since": "seit {day} ({times} Besuche)",
        "once": "am {day}",
        "success": "Zuletzt konnten wir sie am {day} ohne Schwierigkeiten lesen.",
        "ask": "Was helfen würde:",
        "how": "Wie wir Sie besuchen: eine Anfrage nach der anderen, etwa {per_day} am Tag, bedingt, wo immer Ihr"
        " Server das erlaubt; Retry-After wird beachtet, Zertifikate werden geprüft. Sie erkennen uns an",
        "end": "Wenn Ihnen an unseren Besuchen etwas nicht recht ist, schreiben Sie bitte an {contact}. Vielen Dank für"
        " Ihre Nachrichten und Ihre Hilfe!",
        "regards": "Mit freundlichen Grüßen\n{title}\n{contact}",
    },
}


def word(reason: str) -> str | None:
    """The trouble that a failed visit was about; None for what its publisher has nothing to do with."""
    if re.search(
        r"layout has probably changed|none has a title and a link|max_bytes|private address", reason
    ):
        return None
    return next((name for pattern, name in _REASONS if re.search(pattern, reason)), "other")


def letter(appeal: Appeal) -> str:
    """The letter, in German where the publisher's language is German, else in English."""
    language = "de" if re.match(r"de\b", appeal.language, re.IGNORECASE) else "en"
    frame, texts = _FRAME[language], _TEXTS[language]
    site = appeal.site
    met, asked = [], []
    for trouble in appeal.troubles:
        fact, wish = texts[trouble.what]
        met.append(fact.format(detail=trouble.detail) + _when(trouble, language))
        asked.append(wish)
    parts = [
        frame["subject"].format(url=appeal.url),
        _filled(frame["hello"].format(name=appeal.name)),
        _filled(frame["why" if appeal.last_success else "not-yet"].format(title=site.title, site=site.url)),
        _listed(met),
        frame["address"].format(url=appeal.url),
        *(
            [_filled(frame["success"].format(day=_day(appeal.last_success, language)))]
            if appeal.last_success
            else []
        ),
        frame["ask"] + "\n" + _listed(asked),
        _filled(frame["how"].format(per_day=_number(appeal.per_day, language))),
        f"  User-Agent: {appeal.user_agent}",
        _filled(frame["end"].format(contact=site.contact)),
        frame["regards"].format(title=site.title, contact=site.contact),
    ]
    return "\n\n".join(parts) + "\n"


def _when(trouble: Trouble, language: str) -> str:
    if trouble.since is None:
        return ""
    form = _FRAME[language]["since" if trouble.times > 1 else "once"]
    return f" [{form.format(day=_day(trouble.since, language), times=trouble.times)}]"


def _day(moment: datetime, language: str) -> str:
    return f"{moment:%d.%m.%Y %H:%M} UTC" if language == "de" else f"{moment:%Y-%m-%d %H:%M} UTC"


def _number(number: float, language: str) -> str:
    text = f"{number:.3g}"
    return text.replace(".", ",") if language == "de" else text


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _listed(texts: list[str]) -> str:
    return "\n".join(
        textwrap.fill(
            text,
            WIDTH,
            initial_indent="- ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for text in texts
    )
