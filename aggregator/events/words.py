"""List the words of dates and times in the languages of the community, by what they mean.

A list is for all languages together: a word must mean the same wherever the grammar asks for it. In the lists of
reasons, `*` stands for any ending or beginning of a word, `?` for a blank and `~` for at most four words; `!` begins a
word that does not follow.
"""

from __future__ import annotations

import re
from functools import cache


def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


UNTIL = _word_set("- až to until till til through thru bis au aux al ate até à a hasta do tot az asti до")
"""What connects the ends of a range: 4 to 6 May, 4. bis 6. Mai."""
UNTIL_TIME_ALONE = _word_set("alle às as las ore") - UNTIL
"""What connects only times: 9 alle 11."""
UNTIL_TIME = UNTIL | UNTIL_TIME_ALONE
"""What connects the ends of a range of times."""
AND = _word_set("and und et e y og och ja en i és in и oraz sekä ter + & / eller or oder ou")
"""What connects days that are named one by one; some of these words are also other words."""
BETWEEN = _word_set("between zwischen entre tra mellem mellan mellom tussen między mezi med между")
"""What makes "and" connect the ends of a range."""
BEFORE_DAY = _word_set(
    "the den der dem le la les las il lo el os o l d dia día dias am on em dne dnia de del dal du zum"
    " einschliesslich"
    " einschließlich including and incl met en m inklusive på w dniu och og med"
)
"""What may stand between the connector of a range and its last day."""
TO_DAY = (
    UNTIL
    | AND
    | BEFORE_DAY
    | _word_set(
        "bei vom ab from by before due spätestens senast senest viimeistään uiterlijk entro dal vóór legkésőbb"
    )
)
"""What stands directly before a day."""
ORDINALS = _word_set("st nd rd th er re ère ère nde de te ste º ª ° era ra ro")
"""What may follow the number of a day at once."""
OF = _word_set("of de di d del do des den of' ' i")
"""What may stand between day, month and year."""
HUNGARIAN_ENDINGS = _word_set("án én jén ján e a i tól től ig ától étől áig éig ei ai")
"""Endings that Hungarian adds to a day: 20-án, 20-tól 22-ig."""
HUNGARIAN_FROM = _word_set("tól től étől")
"""Endings behind which the last day of a range follows without a connector."""
AFTER_YEAR = _word_set("r г g roku år")
"""Words for year behind a number."""
TIME_LABELS = _word_set(
    "time zeit uhrzeit heure horaire ora orario hora horário tijd tid tidspunkt klokken kello czas godzina čas idő"
)
"""Labels before a time, which may stand in a sentence of their own."""
BETWEEN_DATE_AND_TIME = TIME_LABELS | _word_set(
    ", | · • » ; : ( ) - / at um à om ore alle kl . klo from von de ab da dalle od fra kello t @ the"
    " starting starts"
    " a las le o ob v w at kello kell das as às desde van vanaf от в klockan klokken godz godzinie time uhrzeit"
    " heure orario tijd"
    " begin beginning à partir at each jeweils ogni cada telkens varje hver aina zawsze vždy mindig online"
    " pelas aanvang aloitus between zwischen entre beginn début inizio comienzo inicio início start"
    " starttid horario beginnt commence inizia empieza comienza começa begint börjar begynder alkaa zaczyna"
    " začíná kezdődik alku początek začátek kezdés"
)
"""What may stand between a date and its time."""
BETWEEN_TIME_AND_DATE = _word_set(
    ", : | · • ; ( ) - / on am den del le il el em på op dne w the of on, la ter uhr"
)
"""What may stand between a time and its date."""

CLOCK = _word_set("klo kl klockan klokken kello kell ore godz godzina godzinie orario alle ob óra")
"""What makes the bare number behind it an hour."""
AT_TIME = _word_set("at um om à às alle dalle ob o v w kl")
"""What makes a number with a full stop behind it a time: "at 16.00"."""
HOURS = _word_set(
    "uhr h hrs hr uur óra órakor órától óráig hodin hod uri ч час часа klokka годині heures horas hours"
)
"""What makes the bare number before it an hour."""
NOON = _word_set("noon midday mittags midi mezzogiorno mediodía keskipäivällä poledne délben")
MIDNIGHT = _word_set(
    "midnight mitternacht minuit mezzanotte medianoche meia-noite keskiyö midnatt middernacht północ"
)
ZONES = {
    **dict.fromkeys(("utc", "gmt", "wet", "z"), 0),
    **dict.fromkeys(("cet", "mez", "bst", "west", "hnec"), 60),
    **dict.fromkeys(("cest", "mesz", "eet", "heec"), 120),
    "eest": 180,
    "aoe": -720,
    "est": -300,
    "edt": -240,
    "cst": -360,
    "cdt": -300,
    "mst": -420,
    "mdt": -360,
    "pst": -480,
    "pdt": -420,
    "jst": 540,
    "kst": 540,
    "sgt": 480,
    "ist": 330,
    "aest": 600,
    "aedt": 660,
}
"""Minutes east of Greenwich of zones; EST and CST are those of North America."""
ZONES_BY_PLACE = {"et": "America/New_York", "pt": "America/Los_Angeles"}
"""Zones of a place by an abbreviation that stands behind am or pm."""
ZONES_BY_NAME = {
    "uk": "Europe/London",
    "british": "Europe/London",
    "irish": "Europe/Dublin",
    "german": "Europe/Berlin",
    "western_european": "Europe/Lisbon",
    "central_european": "Europe/Brussels",
    "eastern_european": "Europe/Helsinki",
    "eastern": "America/New_York",
    "central": "America/Chicago",
    "mountain": "America/Denver",
    "pacific": "America/Los_Angeles",
}
"""Zones by their English names before "time", without "standard", "daylight", "summer"."""
REGIONS = ("Europe", "America", "Asia", "Australia", "Africa", "Pacific", "Atlantic", "Indian")
"""The first parts of the IANA names of zones whose second part is a city."""
TIME_OF = _word_set("time zeit ortszeit ora heure hora aikaa aika tid tijd czasu času")

_EVENT = (
    "conferenc* meeting* *meeting* seminar* *seminar congress* hackathon* *user?day* open?day*"
    " assembl* save?the?date forum* *forum lecture!theatre!theater!hall!room lectures *colloqui*"
    " *tagung* *konferenz* *treffen"
    " *versammlung* festival* event events workshop* *workshop* webinar* *talk talks"
    " session* summit* gathering retreat* exhibition* ausstellung* messe ceremony launch?event info*session"
    " sprechstunde* *stunde *chat stammtisch* roundtable* round?table panel* keynote*"
    " journée* colloque* rencontre* séminaire* congrès assemblée* atelier* conférence* réunion*"
    " salon exposé* convegn* riunion* seminari* incontr* assemblea giornat* conferenz* evento eventi simposi*"
    " laborator?o congreso* jornada* reunión* reunion* encuentro* taller* conferencia* simposio* asamblea*"
    " charla* coloquio* encontro* reunião* conferência* seminário* jornadas simpósio* palestra* assembleia* kokou*"
    " symposium* webinaari* symposio* tapaami*"
    " möte* *möte mötet workshopp* *dagar* evenemang* träff* årsmöte* møte* *møte"
    " seminaret arrangement* fagdag* årsmøte* samling* møder *mødet"
    " temadag* generalforsamling* congres* vergadering* evenement* conferentie*"
    " konferencj* spotkani* warsztat* zjazd* sympozj* wydarzeni* wykład* webinari* konferenc* setkání*"
    " seminář* přednášk* schůze* sympozi* kongres* webinář* konferenci* előad*"
    " rendezvény* kongresszus* műhely* ülés* srečanj* delavnic* posvet* predavanj* simpozij* dogod*"
    " radionic* održat* održava* conferinț* simpozion* va?avea?loc are?loc toimub toimuvad konverents*"
    " töötub* loeng*"
    " seminár* prednášk* uskutoční* tindrà?lloc συνέδριο* ημερίδα* σεμινάριο* çalıştay* семінар* вебінар*"
    " вебинар*"
    " конференц*"
    " конференци* семинар* среща* симпозиум* конгрес* лекция* събити* уъркшоп* работилниц* takes?place"
    " will?take?place aura?lieu ont?lieu ont?eu?lieu se?tiendra si?terrà tendrá?lugar se?celebrará"
    " terá?lugar decorrerá"
    " järjestetään pidetään äger?rum hålls finner?sted finder?sted holdes afholdes vindt?plaats vinden?plaats"
    " odbędzie?się odbędą?się koná?se se?koná proběhne megrendez* ще?се?проведе join?us come?and?meet wann:"
    " when: quando: quand: open?days user?days info?days info?day fachtag* fachtage* thementag* nutzertag*"
    " infotag* tag?der?offenen?tür open?dag open?hous* lange?nacht* portes?ouvertes puertas?abiertas"
    " portas?abertas porte?aperte avoimet?ovet"
    " åpen?dag åpent?hus åbent?hus öppet?hus *vorlesung slam phd?defen* thesis?defen*"
    " soutenance* defensa?de?tesis disputation* väitöstilaisuus promotie oratie aktionswoche themenwoche*"
    " themadag* studiedag* gebruikersdag* symposiumdag*"
    " temadager temadage forskningsdag* science?week studiedagen contactdag* themenabend* informationsabend*"
    " infoveranstaltung* tutkimuspäiv* online?meet* meet?up* *meetup* workshopdag* kick?off* journal?club"
    " findet~statt finden~statt new?date* neuer?termin* neues?datum nouvelle?date* nuova?data* nueva?fecha*"
    " nova?data* nytt?datum ny?dato nieuwe?datum nowy?termin nový?termín új?időpont nov?datum webinaire*"
    " webbinari* webináriu*"
    " *veranstaltung* *kongress* *symposi* *kolloqui* *vortrag* *vorträge* lesung lesungen *vorlesungen"
    " sommerfest* festakt* *konferens* *konference* *konferanse* *föreläsning* *forelesning* *foredrag*"
    " *lezing* *bijeenkomst* *seminaari* *luento* *luennot *työpaj* *tapahtum* *päivät *päivillä"
    " *konferenssi* *konferenci* *szeminárium* *előadás* *találkozó* nyílt?nap* methodentag* aktionstag* praxistag*"
)
_COURSE = (
    "course courses *training* summer?school* winter?school* spring?school* autumn?school* fall?school*"
    " tutorial* hands?on"
    " masterclass* master?class* bootcamp* *kurs *kurse *kurses kurs* schulung* *schulung* fortbildung*"
    " weiterbildung* lehrgang* sommerschule* winterschule* doctoral?school* training?school* phd?school*"
    " stage?de école?thématique* écoles?thématique* université?d?été corsi formazione formativ* formación"
    " curso cursos capacitación formação kurser *kursen utbildning*"
    " sommarskola* vinterskola* sommerskole* vinterskole* kurset etterutdanning* efteruddannelse* cursus*"
    " opleiding* zomerschool* winterschool* szkoleni* kurz kurzy kurzu školení letní?škola* zimní?škola*"
    " képzés* nyári?egyetem* nyári?iskola* téli?iskola* őszi?iskola* továbbképzés* tečaj*"
    " usposabljanj* poletna?šola* izobraževanj* курс"
    " курсове обучени* лятна?школа* herbstschule* frühjahrsschule* herbstakademie* sommerakademie*"
    " ferienschule* formation?en formation?à"
    " formation?aux formation?continue journée?de?formation sessions?de?formation formations école?d?été"
    " école?d?hiver école?d?automne cours?de cours?en corso?di corso?in corso?su corso?avanzato corso?online"
    " scuola?estiva scuola?invernale scuola?autunnale scuola?primaverile scuola?di?formazione"
    " escuela?de?verano escuela?de?invierno escuela?de?otoño escuela?de?primavera"
    " escola?de?verão escola?de?inverno escola?de?primavera escola?de?outono szkoła?letnia letnia?szkoła*"
    " szkoła?zimowa"
    " letniej?szkoły лятна?школа зимна?школа курс?по"
    " formation?« *kurssi* *koulutu* *kesäkoulu* *talvikoulu* *tanfolyam*"
)
_DEADLINE = (
    "deadline* due?date closing?date closes close?on closing?on apply?by apply?before apply?until register?by"
    " submit?by submit?before send?by by?the?latest no?later?than *early?bird* last?day?to last?day?for"
    " open?until applications?until registration?until late?registration* submission?until accepted?until"
    " extended?to extended?until expires cut?off anmeldeschluss* einsendeschluss* bewerbungsfrist* *frist"
    " fristende spätestens anmeldung?bis anmelden?bis bewerbung* bewerben einzureichen einreich*"
    " anmeldefrist*"
    " fristverlänger* verlängert?bis stichtag* frühbucher* melden?sie?sich?bis anmeldungen?bis date?limite*"
    " avant?le au?plus?tard jusqu?au jusqu?à dernier?délai inscriptions?jusqu* candidature* échéance*"
    " scadenz*"
    " entro?il entro?l entro?e?non?oltre termine?per termine?ultimo fino?al iscrizioni?fino* fecha?límite*"
    " plazo* hasta?el antes?del cierre?de prazo* data?limite* candidaturas até?ao?dia até?ao até?a até?dia"
    " inscrições?até* hakuaika* määräaika* viimeistään mennessä ilmoittautu*"
    " sista?ansökningsdag*"
    " sista?anmälningsdag* sista?dag* senast anmäl?dig?senast ansök?senast ansökan?stänger deadlin*"
    " *søknadsfrist* *påmeldingsfrist* fristen senest tilmeldingsfrist* ansøgningsfrist* tilmelding?senest"
    " uiterlijk aanmelden inschrijven sluitingsdatum aanmelddeadline vóór inschrijving* *deadline zgłoszenia"
    " zgłoszeń rejestracja?do ostateczny?termin termin?zgłosz* termin?składania upływa upływają nabór?do"
    " nie?później nabór uzávěrk* nejpozději"
    " přihlášky?do přihlásit?se?do termín?přihlá* přihlášek határidő* *határidő* legkésőbb jelentkezés*"
    " jelentkezni benyújtás* rok?za* rok?prijav* najkasneje prijave?do prijavite?se?do prijavni?rok"
    " termen?limită data?limită tähtaeg* uzávierk* prihlášky?do data?límit προθεσμία* son?başvuru"
    " краен?срок* срок най?късно до?дата кандидатстване* due?by due?on is?due are?due bewerbungsschluss"
    " einreichungsschluss meldeschluss annahmeschluss redaktionsschluss clôture?des clôture?le"
    " inscrições?encerra* candidaturas?encerra* hakuaika~päättyy ilmoittautuminen~päättyy haku~sulkeutuu"
    " bewerbungen frist: ausschreibung~endet bewerbung*~endet anmeldung~endet anmeldung~schließt"
    " registration~ends registration~closes applications~close nominations~close submissions~close"
    " proposals~close call~closes call~ends submission~closes submission~ends submissions~end"
    " abstracts~close voting~closes voting~ends"
    " inscriptions~ferment last?chance letzte?chance dernière?chance ultima?occasione última?oportunidad"
    " uiterste*"
    " *haku?päättyy *haku~päättyy"
)
_NOT_COMING = (
    "published* posted* updated* last?modified modified released* release?date version* volume* vol issue*"
    " born accepted?on accepted received revised effective copyright © retrieved accessed printed corrected"
    " created signed announced?on dated reviewed edited embargo* established founded in?force valid* isbn"
    " issn"
    " doi arxiv died passed?away obituary collected acquired measured sampled recorded *embargo"
    " veröffentlicht* publiziert"
    " aktualisiert* zuletzt stand stand: erstellt geändert geboren verstarb gültig* ausgabe band gegründet"
    " verstorben"
    " erschienen angenommen eingereicht?am publié* mis?à?jour mise?à?jour modifié* né née paru parue créé*"
    " décédé* fondé* pubblicat* aggiornat* modificat* nato nata uscito volume fondat* publicad* actualizad*"
    " modificad* nacido nacida fundad* publicação atualizad* nascid* julkaistu* päivitetty* muokattu*"
    " syntynyt"
    " perustettu* publicera* uppdatera* född fött publisert* oppdatert* endret født udgivet opdateret* ændret"
    " offentliggjort gepubliceerd* geplaatst bijgewerkt* gewijzigd* opgericht opublikowan* zaktualizowan*"
    " aktualizacj* urodzon* zmodyfikowan* dodano zveřejněn* publikován* aktualizován* narozen* upraven*"
    " vydáno"
    " közzétéve* megjelent frissítve* született módosítva objavljen* posodobljen* rojen* публикуван* обновен*"
    " роден* актуализиран* redigerad* lagt?ut opprettet appeared instead?of anstatt anstelle verschoben?vom"
    " au?lieu?de au?lieu?du invece?del invece?che en?lugar?de em?vez?de i?stället?för i?stedet?for"
    " in?plaats?van zamiast namesto ändrad* in?kraft into?force"
    " en?vigueur publication?date* date?of?publication date?of?issue date?added date?of?update"
    " veröffentlichungsdatum publikationsdatum erscheinungsdatum erscheinungstermin erstellungsdatum"
    " änderungsdatum datum?der?veröffentlichung datum?der?erstellung veröffentlichung: date?de?publication"
    " date?de?parution mise?en?ligne publication: fecha?de?publicación fecha?de?actualización publicación:"
    " data?di?pubblicazione data?di?aggiornamento ultimo?aggiornamento pubblicazione: data?de?atualização"
    " data?publikacji data?dodania datum?publikace datum?vydání vloženo publicatiedatum datum?publicatie"
    " datum?van?publicatie publiceringsdatum udgivelsesdato publiceringsdato offentliggørelsesdato"
    " publiseringsdato julkaisupäivä* julkaisuaika* megjelenés?dátuma megjelenés: közzététel?dátuma"
    " közzététel: datum?objave dátum?zverejnenia data?publicării"
)
_ORIGINALLY = (
    "originally ursprünglich initialement inizialmente originariamente inicialmente originalmente"
    " ursprungligen"
    " opprinnelig oprindeligt oorspronkelijk alun?perin pierwotnie původně eredetileg prvotno първоначално"
)
_OPENS = (
    "registration*~opens registration*~will?open application*~open applications~will?open call~opens"
    " call~will?open submission*~open submission*~opens submission*~will?open opening?of~registration*"
    " opening?of~call anmeldung*~öffnet anmeldung*~beginnt anmeldung*~startet bewerbung*~beginnt"
    " inscription*~ouvr* ouverture?des?inscriptions iscrizioni~apron* apertura?delle?iscrizioni"
    " apertura?iscrizioni inscripcion*~abr* plazo~abr* inscrições~abr* inschrijving*~opent anmälan~öppnar"
    " ansökan~öppnar påmelding*~åpner tilmelding*~åbner ilmoittautuminen~alkaa hakuaika~alkaa haku~alkaa"
    " rejestracja~rozpocz* registrace~začín* regisztráció~indul*"
)
_SINCE = (
    "as?of since from?now?on starting?from seit ab?dem depuis à?partir?du à?compter?du dal?giorno"
    " a?partire?dal desde"
    " desde?el a?partir?de alkaen lähtien sedan från?och?med siden fra?og?med sinds vanaf od?dnia od ode?dne"
    " počínaje óta kezdődően od?dne начиная?от считано?от"
)
_CLOSED = (
    "closed closure* is?shut holiday* vacation* opening?hours geschlossen schließ* schliess* betriebsferien"
    " öffnungszeiten betriebsurlaub fermé* fermeture* horaires?d?ouverture vacances chius* ferie"
    " orari?di?apertura cerrad* vacaciones horario?de fechad* férias suljettu* lomalla aukioloajat stängt"
    " stängd öppettider semester stengt åpningstider lukket åbningstider gesloten openingstijden vakantie"
    " zamknięt* urlop* godziny?otwarcia zavřen* otevírací zárva nyitvatartás zaprt* затворен* acquired"
    " collected measured sampled recorded funding?period project?period project?runs projektlaufzeit laufzeit"
    " maintenance downtime outage* unavailable break recess out?of?office service?hours wartung* urlaub*"
    " betriebspause semesterferien semesterbeginn vorlesungszeit befristet term?dates semester?dates"
    " runs?until renewed?until funded?until elected?until appointed?until supported?until gefördert?bis"
    " runs?through läuft?bis läuft?noch dauert?bis on?view?until lasts?until continues?until"
    " dure?jusqu* dura?fino manutenzione mantenimiento manutenção onderhoud* underhåll* vedligehold*"
    " vedlikehold* huolto* przerw* odstávk* karbantartás* vzdrževanj* поддръжка projet?de?recherche"
    " contract?duration"
    " shutdown driftstopp* driftsstopp* driftstans* driftsstans* driftavbrott* driftsavbrott* nedetid*"
    " storingen betriebsstörung* betriebsunterbrechung* interruption?de?service indisponib*"
    " interrupción?del?servicio interruzione?del?servizio interrupção?do?serviço *katko *katkos leállás*"
    " üzemszünet* výpad* awaria nedostupn* storing?op panne pannes guasto guasti avería averías corte?de"
)
_OPEN = (
    "open opens opened offen geöffnet freigeschaltet ouvert* aperte aperta aperto abiert* abert* avoinna auki"
    " öppen* åpen* åpne* åben* geopend otwart* trwa* otevřen* nyitva odprt* отворен* accepted?from"
    " accepted?between angenommen?vom can?be?submitted eingereicht?werden"
)
_PAST = (
    "we?met took?place was?held were?held has?taken have?taken came?together organised?the met?in"
    " trafen?sich haben?wir?uns trafen a?eu?lieu ont?eu?lieu s?est?tenu* s?est?déroulé* si?è?svolt*"
    " si?è?tenut* tuvo?lugar se?celebró teve?lugar decorreu realizou?se järjestettiin pidettiin kokoontui"
    " ägde?rum hölls träffades samlades fant?sted ble?holdt møttes samlet fandt?sted blev?afholdt mødtes"
    " vond?plaats vonden?plaats kwamen?samen odbył* zakończył* proběhl* konal* se?konala megrendezt* zajlott"
    " lezajlott találkoztak je?potekal* so?potekal* se?je?odvij* проведе?се състоя?се се?проведе fand~statt"
    " fanden~statt we?discussed we?gathered we?attended we?hosted participants?met participants?gathered"
    " avons?organisé avons?participé avons?accueilli abbiamo?organizzato abbiamo?partecipato si?sono?svolt*"
    " si?sono?tenut* si?sono?incontrat* haben?teilgenommen"
)
_REPORT = (
    "minutes?of minutes?from minutes: report?on report?of report?from proceedings?of recap looking?back"
    " recording?of recordings?of recording?from slides?of slides?from photos?of photos?from pictures?from"
    " impressions?from highlights?of highlights?from *protokoll zurückblick rückblick bericht?vo*"
    " bericht?über nachlese aufzeichnung* fotos?vo* bilder?vo* impressionen compte?rendu comptes?rendus"
    " procès?verba* retour?sur retour?en?images enregistrement?d* photos?d* bilan?d* resoconto verbale"
    " foto?d* acta?de acta crónica fotos?d* grabación?d* ata?da ata?de fotografias?d* gravação?d* verslag*"
    " notulen terugblik foto's?van opname?van relacj* protokół protokoł* sprawozdanie?z nagrani*?z zdjęcia?z"
    " zápis* záznam?z fotografie?z ohlédnutí minnesanteckningar återblick inspelning?från bilder?från"
    " referat* tilbageblik tilbakeblikk opptak?fra billeder?fra optagelse?fra pöytäkirja* muistio* tallenne*"
    " kuvia jegyzőkönyv* emlékeztető* beszámoló* zapisnik* zápisnic* протокол* celebramos reunimos last?week"
    " last?month yesterday letzte?woche letzten?monat gestern semaine?dernière settimana?scorsa"
    " semana?pasada semana?passada viime?viikolla förra?veckan forrige?uke sidste?uge vorige?week"
    " w?zeszłym?tygodniu minulý?týden múlt?héten prejšnji?teden миналата?седмица"
)
_STATUS = {
    "cancelled": "cancelled canceled called?off will?not?take?place"
    " cancellation!polic!fee!terms!condition!deadline cancellations"
    " abgesagt* absage* entfällt fällt~aus entfallen findet~nicht?statt n?aura?pas?lieu non?si?terrà"
    " no?se?celebrará gaat?niet?doo*"
    " annulé* annulat* annullat*"
    " cancellato cancellata cancellati cancellate"
    " cancelad* anulad* peruttu* peruutettu* perutaan inställd* inställt avlyst* aflyst* geannuleerd*"
    " afgelast* odwołan* zrušen* elmarad* törölve odpovedan* отменен*",
    "postponed": "postponed verschoben* vertagt* reporté* rinviat* posticipat* aplazad* pospuest* adiad*"
    " lykätty*"
    " siirretty* uppskjut* framflytt* utsatt* udskudt* udsat* uitgesteld* przełożon* odložen* elhalaszt*"
    " preložen* prestavljen* отложен* deferred aufgeschoben verschoven odklád* odlož* przesunięt*"
    " décalé* pospone* aplaza udskyd* skjut*?upp utsett* siirtyy!verkkoon",
    "rescheduled": "rescheduled originally?planned ursprünglich?geplant"
    " initialement?prévu* new?date* date?changed neuer?termin* neues?datum nouvelle?date* nuova?data*"
    " nueva?fecha* nova?data* uusi?ajankohta* nytt?datum* ny?dato* nieuwe?datum* nowy?termin* nová?data"
    " nový?termín*"
    " új?időpont* nov?datum* нова?дата*",
    "moved-online": "moved?online moves?online goes?online now?online held?online?instead online?statt"
    " findet?nun?online?statt wird?online jetzt?online passe?en?ligne si?sposta?online pasa?a?ser?online"
    " siirtyy?verkkoon flyttas?online flyttes?online verplaatst?naar?online przeniesion*?online"
    " přesunut*?online",
    "extended": "extended!abstract!reality!version deadline?extension verlängert* fristverlängerung*"
    " prolongé*"
    " prolongation* prorogat* proroga"
    " prorrogad* ampliad*?el?plazo prolongad* ampliad* jatkettu* jatketaan förlängd* förlängt forlenget*"
    " forlænget*"
    " verlengd* przedłużon* prodloužen* meghosszabbít* podaljšan* удължен*",
}
_ONLINE = (
    "online virtual* zoom webinar* webinair* teams webex livestream* remote?event digital?event streamed"
    " en?ligne"
    " distanciel visioconférence* visio in?linea da?remoto a?distanza en?línea línea virtuale* virtuell*"
    " etäyhteydellä verkossa verkkoon etänä på?nätet digitalt digital zdalnie online* wirtualn* on?line"
    " virtuáln*"
    " virtuális* na?spletu spletni* онлайн виртуал* webbinari* webinaari* webináriu* vebinar*"
)
_HYBRID = (
    "hybrid* hybride* ibrid* híbrid* hybridi* hibryd* hybridní* hibrid* хибрид*"
    " and?online und?online et?en?ligne oder?online or?online and?on?zoom and?via?zoom und?per?zoom"
    " et?sur?zoom et?par?zoom"
)
END_LABELS = _word_set(
    "end ends ende enddatum fin fine fim término slut slutt einde koniec konec vége konec край päättyy"
    " zakończenia ukončení befejezés finalización conclusão"
    " loppuu until bis"
)
"""What stands before the last day in a list of facts: "Start: 5 May, End: 7 May"."""
WHEN_LABELS = _word_set(
    "időpont kdy kiedy milloin når när tid tidspunkt kdaj czas"
    " when wann quand quando cuándo dates date start starts end beginn ende datum termin termine term time"
    " zeit début inizio inicio"
    " início dato dátum дата ajankohta päivämäärä news aktuelles uhr data fecha heure hora ora yesterday today"
    " tomorrow heute gestern morgen hier aujourd demain oggi ieri domani hoy ayer mañana hoje ontem amanhã next last"
)
"""Labels that are no names of places."""
PLACE_LABELS = _word_set(
    "place location venue where ort veranstaltungsort lieu luogo sede lugar local paikka plats sted plaats"
    " miejsce"
    " místo helyszín kraj място wo où dónde onde dove missä var hvor waar gdzie kde hol kje къде"
)
"""Words that a place follows after a colon."""
IN = _word_set(
    "in at à au aux a en em i på ved te w we v ve na в във near bei im near presso chez u -ban nel nella"
    " all no"
)
"""What stands before a place."""


@cache
def pattern(name: str) -> re.Pattern[str]:
    """Compile a list of words: a kind of event, a status, or a reason for or against an event."""
    lists = {
        "event": _EVENT,
        "course": _COURSE,
        "deadline": _DEADLINE,
        "not-coming": _NOT_COMING,
        "originally": _ORIGINALLY,
        "opens": _OPENS,
        "since": _SINCE,
        "closed": _CLOSED,
        "open": _OPEN,
        "past": _PAST,
        "report": _REPORT,
        "online": _ONLINE,
        "hybrid": _HYBRID,
        **_STATUS,
    }
    return re.compile(_one_of(lists[name].split()))


def _one_of(patterns: list[str]) -> str:
    """Write an expression for words of a list; it branches by the first character where it can."""
    free = sorted({_written(word) for word in patterns if word.startswith("*")})
    by_first: dict[str, list[str]] = {}
    for word in sorted(set(patterns), reverse=True):  # "termin?do" before "termin*"
        if not word.startswith("*"):
            by_first.setdefault(word[0], []).append(_written(word[1:]))
    fixed = [f"{re.escape(first)}(?:{'|'.join(rests)})" for first, rests in by_first.items()]
    parts = [rf"(?<!\w)(?:{'|'.join(fixed)})"] if fixed else []
    if free:
        parts.append("|".join(word.removeprefix(_ANY) for word in free))
    return "|".join(parts)


_ANY = r"\w{0,30}"
_FEW_WORDS = r"\W{1,5}(?:\w{1,30}\W{1,3}){0,4}"


def _written(word: str) -> str:
    """Write one word: `*` any ending, `?` a blank, `~` at most four words, `!` no such word."""
    body = (
        re.escape(word)
        .replace(r"\~", "~")
        .replace(r"\*", _ANY)
        .replace(r"\?", r"\W{1,3}")
        .replace("~", _FEW_WORDS)
    )
    body = re.sub(r"!(\w+)", r"(?![\\s-]\1)", body)
    return body + (r"(?!\w)" if word[-1:].isalnum() or word.endswith("*") else "")
