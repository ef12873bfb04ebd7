"""Spanish."""

from __future__ import annotations

import re

from voiceagent.engine.grounding.tongues.tongue import Phrases, Tongue

_ONES = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve "
    "veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve"
).split()
_TENS = "treinta cuarenta cincuenta sesenta setenta ochenta noventa".split()
_AND = r"(?:(?:y|e|pero|entonces|pues|vale|ok|por favor) )*[¿ ]*"

SPANISH = Tongue(
    code="es",
    empty=frozenset(
        "a al algo algun alguna algunas algunos ante antes aqui asi aun aunque cada como con contra cual cuales cualquier cuando cuanta cuantas "
        "cuanto cuantos de debe deben debo del desde donde dos el ella ellas ellos en entre era eran es esa esas ese eso esos esta estan estar "
        "estas este esto estos ha haber hace hacer hacia han hasta hay he la las le les lo los mas me mi mis mucho muy nada ni no nos nosotros "
        "nuestra nuestro o os otra otro para pero poco por porque puede pueden puedo pues que quien quienes se sea ser si sido sin sobre son soy su "
        "sus tal tambien tan te tener tengo ti tiene tienen todo todos tu tus un una unas uno unos usted ustedes va van y ya yo".split()
    ),
    endings=tuple(
        "amientos imientos amiento imiento aciones acion mente idades idad adas ados idas idos ada ado ida ido ando iendo aron ieron ar er ir es "
        "os as an en o a e s".split()
    ),
    talk=frozenset(
        "hola buenas buenos dias tardes noches adios hasta luego pronto manana gracias muchas muy bien por favor si no vale ok de acuerdo perfecto "
        "genial estupendo perdon perdona perdone disculpa disculpe un momento espera espere como estas esta que tal quien eres es usted puedes puede "
        "hacer ayudarme ayudar me te tu yo soy ah oh eh hm para basta entendido ahora y el la lo eso aqui oyes oye".split()
    ),
    about_us=re.compile(
        r"\b(?:quién (?:eres|es usted)|cómo (?:estás|está usted|te llamas|se llama usted)|qué tal|qué (?:puedes|puede) hacer|"
        r"eres (?:un|una|real)|cuénta(?:me|nos)(?: un| una)? (?:chiste|historia|cuento)|habla más|repite|repítelo)\b"
    ),
    asking=re.compile(
        rf"^{_AND}(?:(?:a|de|en|para|con|por|desde|hasta|sobre|bajo) )?"
        r"(?:quién|quiénes|quien|qué|que|cuándo|cuando|dónde|donde|adónde|cómo|como|cuál|cuáles|cual|cuánt[oa]s?|cuant[oa]s?)\b"
        rf"|^{_AND}(?:es|son|hay|está|están|puedo|puede|pueden|debo|debe|tengo|tiene|tienen|existe|existen)\b"
        r"|^(?:dime|dígame|explica|explícame|explique|describe|nombra|muéstrame|enséñame)\b"
        r"|\b(?:quiero saber|quisiera saber|me gustaría saber|sabes|sabe usted|me pregunto)\b"
    ),
    joining=re.compile(r"^[¿ ]*(?:y|pero|o|también|entonces)\b|^[¿ ]*qué (?:hay|pasa) (?:de|con)\b"),
    placing=re.compile(r"^[¿ ]*(?:los|las|el|la|al|en|para|con|desde|hasta|durante)\b"),
    pointing=frozenset("ella ellos ellas lo le les eso esto esa ese esos esas alli ahi su sus suyo suya".split()),
    idle=re.compile(r"(?!)"),
    phrases=Phrases(
        not_found="No encuentro eso en sus documentos.",
        not_looked="No he podido consultar sus documentos ahora mismo. Pregúntemelo otra vez, por favor.",
        says="Según {teller}: ",
        says_on_page="Según {teller}, en la página {page}: ",
        document="«{title}»",
        untitled="el documento",
        small_numbers=(
            *_ONES,
            *(ten if not one else f"{ten} y {_ONES[one]}" for ten in _TENS for one in range(10)),
        ),
    ),
)
