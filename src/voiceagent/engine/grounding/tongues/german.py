"""German."""

from __future__ import annotations

import re

from voiceagent.engine.grounding.tongues.tongue import Phrases, Tongue

_ONES = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn"
).split()
_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
_JOINED = ("", "ein", *_ONES[2:10])

_AND = r"(?:(?:und|aber|also|dann|ok|okay|bitte) )*"

GERMAN = Tongue(
    code="de",
    empty=frozenset(
        "aber alle allem allen aller alles als also am an auch auf aus bei beim bin bis bist bitte da dabei dadurch dafur daher damit dann daran "
        "darf darin das dass davon dazu dein deine dem den denn der des dessen die dies diese diesem diesen dieser dieses doch dort du durch ein "
        "eine einem einen einer eines einfach er es etwas euch euer fur gegen gibt haben habe habt hat hatte hatten hier hinter ich ihm ihn ihnen "
        "ihr ihre ihrem ihren ihrer im in ins ist ja jede jedem jeden jeder jedes jetzt kann kannst kein keine keinem keinen keiner konnen "
        "konnte machen man mehr mein meine meinem mich mir mit muss musste nach nein nicht noch nun nur ob oder ohne schon sehr sein seine seinem "
        "seinen seiner seit sich sie sind so sollen sollte soll uber um und uns unser unsere unter viel viele vom von vor wann war waren warum was "
        "weil welche welchem welchen welcher welches wem wen wenn wer werde werden wie wieder will wir wird wo wofur woher wohin wollen worden "
        "wurde wurden zu zum zur zwischen".split()
    ),
    endings=tuple("ungen heiten keiten ischen ische isch ung heit keit lich ern est em en er es st te e n s t".split()),
    talk=frozenset(
        "hallo hi hey guten gute morgen tag abend nacht tschuss wiedersehen auf danke dank vielen schon schone schonen bitte sehr gern gerne ja "
        "nein doch nicht jetzt gut super toll prima perfekt ok okay alles klar genau richtig stimmt verstanden entschuldigung moment mal einen "
        "kurz warte noch und ich du sie bin bist sind dir ihnen es geht wie wer was heisst machst kannst konnen helfen mir das der die ein "
        "so ah oh ahm hm mhm stopp halt bis ist das spater bald wochenende wunsche dir euch auch da horst horen mich".split()
    ),
    about_us=re.compile(
        r"\b(?:wer bist du|wer sind sie|wie heißt du|wie heißen sie|wie geht(?: e|')s|was kannst du|was können sie|bist du (?:ein|eine|echt|da)|"
        r"erzähl(?:e|en sie)? (?:mir |uns )?(?:einen |noch einen )?(?:witz|geschichte)|sprich (?:lauter|langsamer)|(?:sag|wiederhol)(?:e|en sie)? das)\b"
    ),
    asking=re.compile(
        rf"^{_AND}(?:(?:in|an|am|auf|bei|mit|von|bis|ab|seit|für|unter|zu|um|aus) )?"
        r"(?:wer|wen|wem|wessen|was|wann|wo|woher|wohin|warum|wieso|weshalb|wie|wieviele?|welche[rsmn]?|womit|wofür|wovon|worauf)\b"
        rf"|^{_AND}(?:ist|sind|war|waren|hat|haben|gibt|kann|können|darf|dürfen|muss|müssen|soll|sollen|wird|werden|gilt|gelten|stimmt)\b"
        r"|^(?:bitte )?(?:sag|sage|sagen sie|erkläre?|erklären sie|nenne?|nennen sie|zeige?|zeigen sie|beschreibe?|beschreiben sie)\b"
        r"|\b(?:ich (?:möchte|will|würde gern|würde gerne) wissen|weißt du|wissen sie|ich frage mich)\b"
    ),
    joining=re.compile(r"^(?:und|aber|oder|auch|dann|also)\b|^(?:was ist mit|wie (?:ist|sieht) es (?:mit|bei))\b"),
    placing=re.compile(r"^(?:am|an|im|in|bei|beim|für|mit|von|zu|zum|zur|ab|bis|nach|vor|während)\b"),
    pointing=frozenset(
        "er sie es ihn ihm ihr ihnen ihre ihrer ihrem ihren sein seine seiner seinem seinen dessen deren dies diese dieser dieses diesen diesem dort "
        "davon dafur damit dazu daran darin darauf dabei danach denen".split()
    ),
    idle=re.compile(
        r"\b(?:Sie|Ihnen|Ihr(?:e[rsmn]?)?)\b|(?i:\b(?:gibt(?: e|')s|es gibt|ist es (?:möglich|erlaubt)|dauert es|geht es|wie spät ist es)\b)"
    ),
    phrases=Phrases(
        not_found="Das finde ich in Ihren Dokumenten nicht.",
        not_looked="Ich konnte gerade nicht in Ihren Dokumenten nachsehen. Bitte fragen Sie noch einmal.",
        says="In {teller} steht: ",
        says_on_page="In {teller} steht auf Seite {page}: ",
        document="„{title}“",
        untitled="dem Dokument",
        small_numbers=(
            *_ONES,
            *(ten if not one else f"{_JOINED[one]}und{ten}" for ten in _TENS for one in range(10)),
        ),
    ),
)
