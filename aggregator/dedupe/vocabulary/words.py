"""Words of the field in English and German, and beyond: what they mean, and how little they weigh."""

from __future__ import annotations

import re
import unicodedata

from aggregator.items.caches import WORD_CHARACTERS, cached

_MARKS = re.compile("[\u0300-\u036f]+")


def fold(text: str) -> str:
    """`text` without case and diacritics, so that spellings of one word are equal."""
    if text.isascii():
        return text.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))


# Folded words that say nothing about what a news is about; in the languages of the community.
STOP = frozenset(
    # en
    "a about above after again all also among an and any are as at back be became because become becomes been before"
    " being between both but by can could did do does done during each etc for from further get gets give gives goes"
    " had has have he her here his how i if in including into is it its itself just last like made make makes many may"
    " me more most much my new news next no nor not now of off on once one only or other our out over own part per"
    " please s said same see she should since so some soon still such take takes taking than that the their them then"
    " there these they this those through to too under until up us use used using very via was way we were what when"
    " where which while who whose why will with within would you your"
    " euro euros eur usd dollar dollars"
    # de
    " aber alle allem allen aller alles als also am an auch auf aus bei beim bereits bis da dabei damit dann das dass"
    " dem den denn der des die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem"
    " einen einer eines"
    " er es fur ganz gegen haben hat hier ihr ihre im in ins ist ja jetzt kann kein konnen man mehr mit muss nach nicht"
    " noch nun nur oder ohne per sehr sein seine seit sich sie sind so soll sowie uber um und uns unser"
    " unsere unter vom"
    " von vor war was weiter wenn wer werden wie wieder will wir wird wo wurde wurden zu zum zur zwischen leider vorab"
    # fr es it pt nl fi pl cs sv da
    " le la les un une des du de et en au aux est par pour sur dans avec que qui ce cette se son sa ses plus ne pas ou"
    " el los las una unos del al y con por para su sus como mas este esta lo se es il gli i uno di da dal dalla nel"
    " nella nei alla alle allo agli ai con per che e ed si sono non piu della delle dello degli o os as um uma do dos"
    " das no na nos nas em com ao aos pelo pela seu sua foi het een van op te dat die voor met zijn is aan er om naar"
    " door ook bij uit wordt ja on ei se han ovat oli mukaan sekä w z na do sie jest od po o i oraz za dla we v se na"
    " je pro za ze do po s k ve och att det som en ett pa av for med den till ar i af til og er".split()
)

# Words every announcement is made of: they say what is done with a news, not which.
TEMPLATE = frozenset(
    "announce announcement available apply application applicant abstract attend begin book call candidate celebrate"
    " closes come content date day deadline detail discover edition event find first free further goes host information"
    " invite invitation issue item job join launch learn link look meet month news newsletter node offer online open"
    " opening participate people place position post poster present program project publish published"
    " publication read register"
    " registration release report result save second seek series session start submission submit support talk"
    " team thank time title today together update upcoming user various version visit wanted webinar week welcome wish"
    " work workshop course training meeting school seminar conference symposium congress year annual yearly"
    " monthly weekly"
    " young participant member membership nomination nominate award prize grant fund funding receive get hire vacancy"
    " interview portrait picture image installed ready portal page website article paper preprint"
    " beginner introduction advanced practical hand practice expert network community"
    " europe european international national global local university institute center centre facility core platform"
    " germany german english opened launched founded wanted winner door tour society poll"
    " job phd postdoc postdoctoral doctoral student engineer manager head technician officer assistant professor fellow"
    " awarded cancelled postponed extended granted decided honour elected elect ask summary application"
    " early bird chair board general assembly user group special annual-report bericht".split()
)

# Words everybody in this field uses in every other text.
FIELD = frozenset(
    "microscopy microscope bioimaging imaging image data analysis research science scientific scientist biology"
    " biological biomedical bioimage light electron fluorescence super resolution software tool method technology"
    " infrastructure service access sample cell tissue management analyst researcher instrument laboratory lab"
    " standard format metadata fair sharing share plugin python repository archive guideline equipment device technique"
    " quality".split()
)

# Techniques name no event: two houses install, teach and publish them in one week. But a template filled with
# two of them tells two things.
TECHNIQUES = frozenset(
    "sted flim clem sem tem mri pet ct spim tirf sim palm storm minflux afm fret fcs frap hcs ai ml fair llm"
    " gpu cryo et em"
    " vem lm srm dna rna 2d 3d 4d confocal brillouin raman lightsheet multiphoton two-photon expansion"
    " volume micro nano"
    " spectroscopy tomography segmentation deconvolution denoising tracking".split()
)

# What is done with a news or its subject: two tellings may use any two of them.
ACTS = frozenset(
    "announce announcement available apply attend awarded award begin bring call celebrate closes come"
    " content decided detail discover edition elect elected event find founded fund get granted host hosts"
    " information invite issue item join launch launched learn link look meet month news offer open opened"
    " opening participate place post present publish published read receive release report save second see"
    " seek series start support team thank time title today together update upcoming various version visit"
    " wanted welcome win winner winning work year get name named ask free summary".split()
)

# What a house says of itself: the same words of another house are another news.
HOUSE = frozenset(
    "closed closure maintenance greeting christmas easter holiday opening-hours anniversary staff vacancy"
    " newsletter report-annual our down outag upgrade downtim".split()
)

# Folded German (and a few other) words and their English concept; several words part by blanks.
_PAIRS = """
abgesagt=cancelled entfallt=cancelled entfallen=cancelled ausfall=cancelled cancelled=cancelled
canceled=cancelled annule=cancelled
verschoben=postponed rescheduled=postponed postponed=postponed verlangert=extended verlangerung=extended
fristverlangerung=extended
extension=extended extended=extended prolonged=extended
umfrage=survey befragung=survey befragen=survey enquete=survey encuesta=survey questionnaire=survey
fragebogen=survey kurzumfrage=survey
poll=survey fragen=ask ask=ask asks=ask bitten=ask
kurs=course kurse=course lehrgang=course schulung=training fortbildung=training weiterbildung=training
corso=course curso=course cours=course
formazione=training formation=training ausbildung=training
treffen=meeting tagung=conference konferenz=conference konference=conference conferencia=conference
jahrestagung=annual+conference jahrestreffen=annual+meeting
encontro=meeting reunion=meeting nutzertreffen=user+meeting kongress=congress vortrag=talk lecture=talk
vortragsreihe=series
sommerschule=summer+school winterschule=winter+school herbstschule=autumn+school fruhjahrsschule=spring+school
ausschreibung=call aufruf=call convocatoria=call bando=call appel=call utlysning=call utlyser=call
foerderaufruf=funding+call
bewerbung=application bewerbungen=application bewerben=apply bewerbungsfrist=application+deadline
apply=application applications=application
frist=deadline einsendeschluss=deadline anmeldeschluss=registration+deadline anmeldung=registration
anmelden=registration register=registration
registrieren=registration inscriptions=registration inscripcion=registration registered=registration
nominierung=nomination nominierungen=nomination nominieren=nomination nominations=nomination nominate=nomination
preis=award prize=award auszeichnung=award premio=award prix=award verliehen=awarded preistrager=winner
preistragerin=winner
nachwuchspreis=young+scientist+award nachwuchs=young forderung=funding fordert=fund fordern=fund gefordert=fund
finanzieren=fund
finanziert=fund funded=fund funds=fund funding=fund grant=fund grants=fund rahoitus=fund fordermittel=fund
zuwendung=fund forderpreis=award
stipendium=fellowship stelle=position stellenausschreibung=job stellenangebot=job vacancy=job jobs=job
gesucht=wanted seeks=wanted sucht=wanted
wissenschaftler=scientist wissenschaftlerin=scientist wissenschaftlich=scientific forscher=researcher
forscherin=researcher forschung=research
forschende=researcher forschungsprojekt=research+project softwareentwickler=software+engineer
entwickler=engineer leitung=head leiter=head leiterin=head
mitarbeiter=staff mitarbeiterin=staff
bildanalyse=image+analysis bildanalytiker=image+analyst analytiker=analyst bilddaten=image+data bild=image
bilder=image bildes=image
bildgebung=imaging bildgebend=imaging bildgebungszentrum=imaging+center imaging=imaging
bildverarbeitung=image+processing
bilddatenmanagement=image+data+management datenmanagement=data+management
datenmanagementplane=data+management+plan forschungsdaten=research+data
forschungsdatenmanagement=research+data+management daten=data dati=data donnees=data datos=data
metadaten=metadata datensatz=dataset datensatze=dataset
mikroskopie=microscopy microscopia=microscopy microscopie=microscopy mikroskopi=microscopy
microscopio=microscope mikroskop=microscope
mikroskope=microscope mikroskopiker=microscopist lichtmikroskopie=light+microscopy
lichtmikroskop=light+microscope lichtblatt=lightsheet
lichtblattmikroskop=lightsheet+microscope elektronenmikroskopie=electron+microscopy
elektronenmikroskop=electron+microscope elektronen=electron
hochauflosend=high+resolution superresolucion=super+resolution
gesellschaft=society fachgesellschaft=society verein=society society=society verband=society gegrundet=founded
grundung=founded founding=founded founded=founded foundation=foundation
stiftung=foundation deutsche=german deutscher=german deutsches=german deutschland=germany europaisch=european
europaische=european europaischen=european
international=international zentrum=center centre=center zentren=center einrichtung=facility
einrichtungen=facility geratezentren=core+facility
geratezentrum=core+facility gerate=instrument gerat=instrument grossgerat=instrument
gerateausstattung=instrument infrastruktur=infrastructure
eroffnet=opened eroffnete=opened eroffnung=opened inaugurata=opened inaugurated=opened opens=opened
opened=opened opening=opened eingeweiht=opened
offen=open geoffnet=open ouverture=open abierta=open aperto=open
gestartet=launched startet=launched gestart=launched launch=launched launches=launched kick=launched
neu=new neue=new neuer=new neues=new veroffentlicht=published erschienen=published appeared=published
veroffentlichung=publication publikation=publication
artikel=article beitrag=article studie=study jahresbericht=annual+report bericht=report ruckblick=recap
recap=recap retrospect=recap
ergebnisse=result ergebnis=result results=result programm=program programme=program online=online
onlinekurs=online+course
rundbrief=newsletter newsletter=newsletter mitglieder=member mitglied=member members=member vorsitz=chair
vorsitzende=chair wahl=election wahlen=election
gewahlt=elected elected=elected elects=elected election=election elections=election ballot=election ballots=election
freie=free kostenlos=free gratuit=free gratuito=free platze=place platz=place places=place restplatze=place
monat=month monats=month woche=week tag=day tage=day jahr=year jahre=year jahren=year years=year
jubilaum=anniversary anniversary=anniversary feiert=celebrate celebrates=celebrate
nachhaltig=sustainable nachhaltigkeit=sustainability energieverbrauch=energy+use energie=energy
wartung=maintenance wartungsarbeiten=maintenance geschlossen=closed schliessung=closed closed=closed
betriebsferien=closed weihnachten=christmas
weihnachtsgrusse=christmas+greeting greetings=greeting
teil=part ausgabe=issue nummer=number version=version versionen=version freigegeben=release released=release
releases=release
verfugbar=available ab=available hoher=high poster=poster posters=poster vortrage=talk abstracts=abstract
resumos=abstract zusammenfassungen=abstract
proben=sample probe=sample probenvorbereitung=sample+preparation pflanzen=plant pflanze=plant zelle=cell
zellen=cell gewebe=tissue
herz=heart niere=kidney leber=liver gehirn=brain hirn=brain maus=mouse lunge=lung haut=skin knochen=bone
grundkurs=beginner+course einfuhrung=introduction introductory=introduction anfanger=beginner beginners=beginner
fortgeschrittene=advanced
fortgeschritten=advanced schule=school hochschule=university universitat=university universite=university
universidad=university universidade=university
universita=university universiteit=university univerzita=university yliopisto=university universitet=university
uniwersytet=university
institut=institute instituto=institute istituto=institute gemeinsam=joint gemeinsame=joint gemeinsamen=joint
konsortium=consortium konsortien=consortium consortia=consortium
beschlossen=decided entscheidung=decision zusage=granted bewilligt=granted netzwerk=network nationale=national
nationalen=national weltweit=worldwide
kostenfrei=free nutzer=user nutzerinnen=user users=user zugang=access acceso=access acces=access accesso=access
zugriff=access vorschlage=proposal
antrage=proposal antrag=proposal propuestas=proposal proposals=proposal absichtserklarungen=letter+intent
absichtserklarung=letter+intent
ehrt=honour honours=honour ministerin=minister minister=minister bundesministerin=minister besuch=visit
besucht=visit weltweite=worldwide
schulprojekt=school+project preisverleihung=award+ceremony wettbewerb=competition challenge=challenge
willkommen=welcome lernen=learning
nodo=node knoten=node wezlem=node uzel=node
sommer=summer fruhling=spring fruhjahr=spring herbst=autumn fall=autumn
speichern=store teilen=share sammeln=collect anonym=anonymous
bilanz=recap raum=room mikroskopraum=microscope+room labor=laboratory tur=door turen=door verleihung=award
sonderforschungsbereich=collaborative+research+center
"""
CONCEPTS: dict[str, tuple[str, ...]] = {
    word: tuple(concept.split("+")) for word, _, concept in (pair.partition("=") for pair in _PAIRS.split())
}
for _concept in {concept for found in CONCEPTS.values() for concept in found}:
    CONCEPTS.setdefault(_concept, (_concept,))
_STEMS = {
    word: CONCEPTS[word]
    for word in (
        "bild daten analyse management mikroskopie mikroskop bildgebung zentrum umfrage kurs schulung treffen tagung"
        " konferenz forderung forschung preis netzwerk infrastruktur elektronen gesellschaft bilddaten datenmanagement"
        " metadaten programm nutzer proben pflanzen energie gewebe wettbewerb schule ausschreibung bewerbung anmeldung"
    ).split()
    if word in CONCEPTS
} | {
    "licht": ("light",),
    "analyse": ("analysis",),
    "management": ("management",),
    "daten": ("data",),
    "sommer": ("summer",),
    "winter": ("winter",),
    "jahres": ("annual",),
    "online": ("online",),
    "proteomik": ("proteomics",),
    "kern": ("core",),
}
_LONGEST_FIRST = sorted(_STEMS, key=len, reverse=True)
_KNOWN = TEMPLATE | FIELD | TECHNIQUES


@cached(8_192, WORD_CHARACTERS)
def concepts(word: str) -> tuple[str, ...]:
    """What a folded word means, in the community's English: of one concept, or of the parts of a German compound."""
    if word in STOP:
        return ()
    found = CONCEPTS.get(word)
    if found:
        return tuple(c for c in found if c not in STOP)
    if word in _KNOWN:
        return (word,)
    if word.isdigit():
        return ()
    for ending in ("s", "es", "en", "n", "innen", "er", "e", "ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2 and (stem in CONCEPTS or stem in _KNOWN):
            return CONCEPTS.get(stem) or (stem,)
    if len(word) > 9 and (parts := _compound(word)):
        return parts
    return (root(word),)


LONGEST = 60
"""Characters of the longest compound anybody writes."""


@cached(
    8_192, WORD_CHARACTERS
)  # without it a word made of known words in many ways would take exponential time
def _compound(word: str) -> tuple[str, ...]:
    """The concepts of a German compound of which every part is known, or nothing."""
    if not word or len(word) > LONGEST:
        return ()
    for stem in _LONGEST_FIRST:
        if word.startswith(stem):
            rest = word[len(stem) :]
            if not rest or rest in ("s", "n", "en", "e", "er"):
                return _STEMS[stem]
            for joint in ("", "s", "n", "es"):
                if rest.startswith(joint) and (more := _compound(rest[len(joint) :])):
                    return (*_STEMS[stem], *more)
    return ()


def root(word: str) -> str:
    """What a word shares with its forms and with its cognates in other languages."""
    if len(word) < 5:
        return word
    plain = word.replace("ph", "f").replace("th", "t").replace("k", "c").replace("y", "i").replace("z", "s")
    plain = "".join(c for c, before in zip(plain, " " + plain, strict=False) if c != before)
    return plain[:7] if len(plain) > 7 else plain.rstrip("aeios") or plain


def weight(concept: str) -> float:
    """How much a shared concept says, before the archive is asked how common it is."""
    if concept in TEMPLATE:
        return 0.3
    return 0.5 if concept in FIELD or concept in TECHNIQUES else 1.0


# Products every house has, teaches and writes about: they do not say whose news it is.
_TOOLS = (
    "omero fiji imagej cellprofiler qupath napari cellpose stardist ilastik icy knime imaris arivis huygens matlab"
    " trackmate bigstitcher bigdataviewer mobie webknossos deepimagej zerocostdl4mic scikit cytomine vaa3d amira"
    " zeiss leica nikon evident olympus abberior bruker andor thorlabs picoquant hamamatsu thermo fei jeol tescan"
    " stellaris airyscan elyra lattice lightsheet7 lsm dmi falcon nsparc thunder confocal sem tem"
    " jupyter github docker conda galaxy nextflow python java slurm"
).split()
TOOLS = frozenset(_TOOLS) | {root(word) for word in _TOOLS}

SEASONS = frozenset({"spring", "summer", "autumn", "winter"})
TYPES = {
    name: kind
    for kind, names in {
        "meeting": "meeting conference congress symposium assembly",
        "training": "workshop course training",
        "school": "school",
        "tutorial": "tutorial",
        "webinar": "webinar",
        "hackathon": "hackathon",
        "talk": "seminar talk colloquium",
        "survey": "survey questionnaire",
        "election": "election elected",
        "award": "award",
        "job": "job position vacancy postdoc phd",
        "release": "release",
        "newsletter": "newsletter",
        "paper": "paper preprint article publication",
        "call": "call",
        "atlas": "atlas",
        "interview": "interview portrait",
    }.items()
    for name in names.split()
}
"""Words that say what sort of thing a title announces."""

NUMBER_WORDS = {
    word: number
    for number, words in {
        2: "two zwei deux dos due dois duas twee zwolf-2",
        3: "three drei trois tres tre drie",
        4: "four vier quatre cuatro quattro quatro",
        5: "five funf cinq cinco cinque vijf",
        6: "six sechs seis sei zes",
        7: "seven sieben sept siete sette sete zeven",
        8: "eight acht huit ocho otto oito",
        9: "nine neun neuf nueve nove negen",
        10: "ten zehn dix diez dieci dez tien",
        11: "eleven elf onze once undici",
        12: "twelve zwolf douze doce dodici twaalf",
        13: "thirteen dreizehn treize trece tredici",
        14: "fourteen vierzehn quatorze catorce",
        15: "fifteen funfzehn quinze quince",
        16: "sixteen sechzehn",
        17: "seventeen siebzehn",
        18: "eighteen achtzehn",
        19: "nineteen neunzehn",
        20: "twenty zwanzig vingt veinte venti vinte twintig",
    }.items()
    for word in words.split()
}
ORDINAL_WORDS = {
    word: number
    for number, words in enumerate(
        (
            "first erste erster erstes ersten premier premiere primero primera primo prima eerste",
            "second zweite zweiter zweites zweiten deuxieme segundo segunda secondo tweede",
            "third dritte dritter drittes dritten troisieme tercero terzo derde",
            "fourth vierte vierter viertes vierten quatrieme cuarto quarto",
            "fifth funfte funfter funften cinquieme quinto",
            "sixth sechste sechster sechsten sixieme sexto",
            "seventh siebte siebter siebten",
            "eighth achte achter achten",
            "ninth neunte neunter neunten",
            "tenth zehnte zehnter zehnten",
            "eleventh elfte elfter elften",
            "twelfth zwolfte zwolfter zwolften",
            "thirteenth dreizehnte dreizehnten",
            "fourteenth vierzehnte vierzehnten",
            "fifteenth funfzehnte funfzehnten",
        ),
        start=1,
    )
    for word in words.split()
}
