"""Places a news may happen at: towns and countries, with their names in other languages. A hint, not a gazetteer."""

from __future__ import annotations

_TOWNS = """
aachen aarhus aberdeen algarve alicante amsterdam ankara antwerp=antwerpen=anvers athens=athen=athina athens
augsburg barcelona basel=bale basle
bayreuth belgrade=belgrad=beograd bergen berlin bern=berne bielefeld bilbao birmingham bochum bologna bonn
bordeaux boston braga bratislava
braunschweig bremen brescia bristol brno=brne=brunn brussels=brussel=bruxelles bucharest=bucuresti=bukarest
budapest cambridge cardiff catania coimbra
cologne=koln copenhagen=kobenhavn=kopenhagen cork cottbus cracow=krakow=krakau darmstadt debrecen delft dortmund
dresden dublin
dundee durham dusseldorf edinburgh eindhoven erlangen essen evora exeter florence=firenze=florenz frankfurt
freiburg galway
gdansk=gdansku=danzig geilo geneva=geneve=genf=ginevra genoa=genova=genua ghent=gent=gand giessen glasgow
gothenburg=goteborg gottingen=gottinger
granada graz greifswald grenoble groningen haifa halle hamburg hannover=hanover heidelberg heraklion helsinki
ilmenau innsbruck istanbul
jena jerusalem karlsruhe kiel kiev=kyiv klagenfurt konstanz=constance kosice kuopio lausanne leeds leicester
leiden leipzig
leuven=louvain liege lille limerick linkoping linz lisbon=lisboa=lissabon liverpool ljubljana lodz
london=londres=londra lubeck lublin ludwigshafen lund
luxembourg lyon madrid magdeburg mainz malaga malmo manchester mannheim marburg marseille milan=milano=mailand
montpellier montreal
munich=munchen=monaco munster=muenster nantes naples=napoli=neapel newcastle nice nijmegen norwich nottingham
nuremberg=nurnberg
odense olomouc=olomouci oslo osnabruck oulu oxford padua=padova palermo paris=parigi pavia pisa plzen porto
poznan=posen potsdam prague=praha=prag=praze
regensburg rehovot rennes reykjavik riga rome=roma=rom rostock rotterdam saarbrucken salamanca salzburg
santander seignosse seville=sevilla sheffield
sofia southampton stockholm strasbourg=strassburg stuttgart sydney szeged tallinn tampere tartu tel-aviv
thessaloniki toledo toulouse
trento trieste=triest trondheim tromso turin=torino turku=turkuun=abo tubingen ulm umea uppsala utrecht valencia
varna venice=venezia=venedig verona
vienna=wien vilnius wageningen warsaw=warszawa=warschau warwick woods-hole wroclaw=breslau wurzburg york zagreb
zaragoza zurich=zuerich
singapore tokyo kyoto melbourne brisbane perth canberra toronto vancouver chicago seattle philadelphia houston
cape-town=kapstadt montevideo
santiago mexico-city buenos-aires brasilia campinas bangalore mumbai delhi beijing shanghai seoul taipei nairobi
johannesburg lucknow
honnef=bad-honnef gatersleben kaiserslautern paderborn siegen kassel jerez ispra hinxton harwell martinsried
dagstuhl obergurgl brixen=bressanone split
portoroz ancona lecce bari cagliari chania crete=kreta debrecen gyor pecs szczecin torun vigo murcia cadiz
oviedo faro aveiro
""".split()
_COUNTRIES = """
albania australia=australian austria=austrian=osterreich belgium=belgian=belgien bulgaria=bulgarian
canada=canadian china=chinese croatia=croatian cyprus
czechia=czech=tschechien denmark=danish=danemark england=english estonia=estonian finland=finnish=finnland=suomi
france=french=frankreich
greece=greek=griechenland hungary=hungarian=ungarn iceland=icelandic india=indian ireland=irish israel=israeli
italy=italian=italien=italia japan=japanese
latvia=latvian lithuania=lithuanian netherlands=dutch=niederlande norway=norwegian=norwegen
poland=polish=polen=polska portugal=portuguese romania=romanian
scotland=scottish serbia=serbian slovakia=slovak slovenia=slovenian spain=spanish=spanien=espana
sweden=swedish=schweden switzerland=swiss=schweiz
turkey=turkish ukraine=ukrainian wales=welsh mexico=mexican brazil=brazilian argentina uruguay chile
""".split()


def _names(groups: list[str]) -> dict[str, str]:
    return {name: group.split("=")[0] for group in groups for name in group.split("=")}


TOWNS = _names(_TOWNS)
COUNTRIES = _names(_COUNTRIES)
