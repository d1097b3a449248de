"""List the phrases of static pages in English and German, for `i18n.page_words`."""

from __future__ import annotations

PAGE_WORDS: dict[str, dict[str, object]] = {
    "en": {
        # Navigation
        "home": "News",
        "everything": "Everything",
        "channels": "Channels",
        "events": "Events",
        "archive": "Archive",
        "topics": "Topics",
        "partners": "Partners",
        "editions": "Digests",
        "about": "About this site",
        "about_bot": "For server owners",
        # Front page and channels
        "subscribe_atom": "Subscribe: Atom feed",
        "calendar": "Calendar",
        "sources_opml": "All sources (OPML)",
        "no_news": "No news yet. They appear here as soon as the first partner was polled.",
        "updated_on": "updated {day}",
        "details": "Details",
        "feeds_of_parts": "Feeds of single sources and topics",
        "days_note": "Each day lists the stories first published here on it, and stories that a partner had published"
        " before; a date beside a partner's name is the partner's own.",
        "own_words": "News of the partners, in their own words; titles and the first lines only, unless a licence"
        " permits more.",
        "from_partners": "Published by",
        "all_partners": "All {n} partners",
        "all_topics": "All topics",
        "all_months": "All months",
        # One story
        "read_original": "Read at {partner}",
        "no_original": "{partner} has no page of its own for this story.",
        "published_by": "Published by",
        "corrections": "Corrections",
        "title_before": "Title before",
        "title_after": "Title after",
        "text_before": "Text before",
        "text_after": "Text after",
        "text_unkept": "The text was revised; its former wording is no longer kept.",
        "when_and_where": "When and where",
        "related": "Related stories",
        "licence": "Licence: {licence}",
        "excerpt_only": "These are the first lines only; the whole text is with its publisher.",
        "hidden_title": "No longer published",
        "hidden_text": "This story was withdrawn by its publisher or an editor.",
        "merged_title": "Now part of another story",
        "merged_text": "This story was merged into another one:",
        "permalink": "Permanent address of this story",
        # Archive, topics and partners
        "archive_of": "All stories of {title} by month",
        "stories_a_month": "Stories a month",
        "month_of": "Stories of {month}",
        "previous_month": "Earlier",
        "next_month": "Later",
        "archive_feed": "This month as an Atom feed",
        "archive_empty": "Nothing was published yet.",
        "topics_of": "What the stories are about; each topic has feeds of its own.",
        "partners_of": "Who publishes the news that are collected here; each partner has feeds of its own.",
        "no_topics": "No topics yet.",
        "no_partners": "No partners yet.",
        "last_story": "Last story: {day}",
        "no_story": "No story yet",
        "weeks": "Stories a week, last 52 weeks: {n} in all, at most {most}",
        "website": "Website",
        "n_stories": {"one": "1 story", "other": "{n} stories"},
        "n_partners": {"one": "1 partner", "other": "{n} partners"},
        # About
        "about_what": "What this is",
        "about_what_text": "{title} collects what its {partners} publish about their work, and reports each piece of"
        " news once, however many partners published it.",
        "about_texts": "Whose texts these are",
        "about_texts_text": "Every title and text belongs to the partner that published it, and every story leads to the"
        " original. Shown are the title and at most 300 characters, unless a licence or the partner permits more; that"
        " is then stated with the story.",
        "about_listed": "How to be listed, corrected or removed",
        "about_listed_text": "Write to {contact}. A partner may ask at any time that its feed is added, changed or no"
        " longer read, or that a story is removed.",
        "about_readers": "Privacy",
        "about_readers_text": "These pages have no scripts, no cookies and no counters, and load nothing from other"
        " servers.",
        "about_subscribe": "How to follow the news",
        "about_subscribe_text": "Every channel, partner and topic has feeds (Atom, RSS, JSON Feed) and, where it has"
        " events, a calendar.",
        # For server owners
        "bot_title": "The bot of {title}",
        "bot_intro": "If you found this address in the log of your server: this program reads the feed, calendar or news"
        " page of a partner, to show its news at {url}.",
        "bot_agent": "User-Agent",
        "bot_often": "How often it comes",
        "bot_often_text": "It reads each source at most every {every} and less often where little changes. It asks"
        " conditionally (ETag, Last-Modified), so that an unchanged document costs you a response without a body.",
        "bot_obeys": "What it obeys",
        "bot_obeys_text": "Retry-After and responses 429 and 503; the hints of a feed such as ttl and skipHours; 301, 308"
        " and 410; and robots.txt wherever it reads pages that are no feeds. It waits between two requests to one"
        " server, reads at most {bytes} of a document and never evades a barrier.",
        "bot_contact": "How to reach us",
        "bot_contact_text": "Write to {contact} to be visited less often, at other times, or not at all.",
        # Error page of other servers
        "missing_title": "Not found",
        "missing_text": "There is no page at this address.",
        # opensearch.xml
        "search_of": "Search {title}",
    },
    "de": {
        "home": "Neuigkeiten",
        "everything": "Alles",
        "channels": "Kanäle",
        "events": "Termine",
        "archive": "Archiv",
        "topics": "Themen",
        "partners": "Partner",
        "editions": "Newsletter",
        "about": "Über diese Seite",
        "about_bot": "Für Betreiber von Servern",
        "subscribe_atom": "Abonnieren: Atom-Feed",
        "calendar": "Kalender",
        "sources_opml": "Alle Quellen (OPML)",
        "no_news": "Noch keine Meldungen. Sie erscheinen hier, sobald der erste Partner gelesen wurde.",
        "updated_on": "geändert am {day}",
        "details": "Einzelheiten",
        "feeds_of_parts": "Feeds einzelner Quellen und Themen",
        "days_note": "Jeder Tag nennt die Meldungen, die an ihm hier erschienen, und solche, die ein Partner früher"
        " veröffentlicht hatte; ein Datum neben dem Namen eines Partners ist dessen eigenes.",
        "own_words": "Meldungen der Partner in ihren eigenen Worten; nur Titel und Anfang, wenn keine Lizenz mehr"
        " erlaubt.",
        "from_partners": "Veröffentlicht von",
        "all_partners": "Alle {n} Partner",
        "all_topics": "Alle Themen",
        "all_months": "Alle Monate",
        "read_original": "Bei {partner} lesen",
        "no_original": "{partner} hat keine eigene Seite zu dieser Meldung.",
        "published_by": "Veröffentlicht von",
        "corrections": "Berichtigungen",
        "title_before": "Titel bisher",
        "title_after": "Titel danach",
        "text_before": "Text bisher",
        "text_after": "Text danach",
        "text_unkept": "Der Text wurde überarbeitet; sein früherer Wortlaut ist nicht mehr gespeichert.",
        "when_and_where": "Zeit und Ort",
        "related": "Verwandte Meldungen",
        "licence": "Lizenz: {licence}",
        "excerpt_only": "Dies ist nur der Anfang; der ganze Text steht beim Herausgeber.",
        "hidden_title": "Nicht mehr veröffentlicht",
        "hidden_text": "Diese Meldung wurde vom Herausgeber oder der Redaktion zurückgezogen.",
        "merged_title": "Jetzt Teil einer anderen Meldung",
        "merged_text": "Diese Meldung wurde mit einer anderen zusammengeführt:",
        "permalink": "Dauerhafte Adresse dieser Meldung",
        "archive_of": "Alle Meldungen von {title} nach Monaten",
        "stories_a_month": "Meldungen im Monat",
        "month_of": "Meldungen im {month}",
        "previous_month": "Früher",
        "next_month": "Später",
        "archive_feed": "Dieser Monat als Atom-Feed",
        "archive_empty": "Noch wurde nichts veröffentlicht.",
        "topics_of": "Wovon die Meldungen handeln; jedes Thema hat eigene Feeds.",
        "partners_of": "Wer die hier gesammelten Meldungen veröffentlicht; jeder Partner hat eigene Feeds.",
        "no_topics": "Noch keine Themen.",
        "no_partners": "Noch keine Partner.",
        "last_story": "Letzte Meldung: {day}",
        "no_story": "Noch keine Meldung",
        "weeks": "Meldungen je Woche, letzte 52 Wochen: {n} insgesamt, höchstens {most}",
        "website": "Website",
        "n_stories": {"one": "1 Meldung", "other": "{n} Meldungen"},
        "n_partners": {"one": "1 Partner", "other": "{n} Partner"},
        "about_what": "Was dies ist",
        "about_what_text": "{title} sammelt, was {partners} über ihre Arbeit veröffentlichen, und meldet jede Neuigkeit"
        " einmal, von wie vielen Partnern sie auch kommt.",
        "about_texts": "Wem die Texte gehören",
        "about_texts_text": "Jeder Titel und Text gehört dem Partner, der ihn veröffentlicht hat, und jede Meldung führt"
        " zum Original. Gezeigt werden der Titel und höchstens 300 Zeichen, wenn nicht eine Lizenz oder der Partner mehr"
        " erlaubt; das steht dann bei der Meldung.",
        "about_listed": "Aufnahme, Berichtigung und Löschung",
        "about_listed_text": "Schreiben Sie an {contact}. Ein Partner kann jederzeit verlangen, dass sein Feed"
        " aufgenommen, geändert oder nicht mehr gelesen wird, oder dass eine Meldung verschwindet.",
        "about_readers": "Datenschutz",
        "about_readers_text": "Diese Seiten haben keine Skripte, keine Cookies und keine Zähler und laden nichts von"
        " anderen Servern.",
        "about_subscribe": "So bleiben Sie auf dem Laufenden",
        "about_subscribe_text": "Jeder Kanal, jeder Partner und jedes Thema hat Feeds (Atom, RSS, JSON Feed) und, wo es"
        " Termine gibt, einen Kalender.",
        "bot_title": "Der Bot von {title}",
        "bot_intro": "Falls Sie diese Adresse im Protokoll Ihres Servers gefunden haben: Dieses Programm liest den Feed,"
        " den Kalender oder die Nachrichtenseite eines Partners, um dessen Meldungen unter {url} zu zeigen.",
        "bot_agent": "User-Agent",
        "bot_often": "Wie oft es kommt",
        "bot_often_text": "Jede Quelle wird höchstens alle {every} gelesen und seltener, wo sich wenig ändert. Gefragt"
        " wird bedingt (ETag, Last-Modified): Ein unverändertes Dokument kostet Sie eine Antwort ohne Inhalt.",
        "bot_obeys": "Woran es sich hält",
        "bot_obeys_text": "Retry-After und die Antworten 429 und 503; Angaben eines Feeds wie ttl und skipHours; 301, 308"
        " und 410; und robots.txt, wo Seiten gelesen werden, die keine Feeds sind. Zwischen zwei Anfragen an einen"
        " Server wird gewartet, von einem Dokument werden höchstens {bytes} gelesen, und kein Hindernis wird umgangen.",
        "bot_contact": "So erreichen Sie uns",
        "bot_contact_text": "Schreiben Sie an {contact}, wenn wir seltener, zu anderen Zeiten oder gar nicht kommen"
        " sollen.",
        "missing_title": "Nicht gefunden",
        "missing_text": "Unter dieser Adresse gibt es keine Seite.",
        "search_of": "Suche in {title}",
    },
}
