"""French."""

from __future__ import annotations

import re

from voiceagent.engine.grounding.tongues.tongue import Phrases, Tongue

_ONES = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf"
).split()
_TENS = "vingt trente quarante cinquante soixante".split()


def _spelled(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number >= 80:
        rest = number - 80
        return "quatre-vingts" if not rest else f"quatre-vingt-{_ONES[rest]}"
    ten = _TENS[min(number, 69) // 10 - 2]
    rest = number - 60 if number >= 60 else number % 10
    if not rest:
        return ten
    return f"{ten} et {_ONES[rest]}" if rest in (1, 11) else f"{ten}-{_ONES[rest]}"


_AND = r"(?:(?:et|mais|alors|donc|ok|bon|puis|s'il vous plaît) )*"

FRENCH = Tongue(
    code="fr",
    empty=frozenset(
        "a ai ait alors apres as au aucun aussi autre aux avant avec avez avons bien c ca car ce ceci cela celle celles celui ces cet cette ceux "
        "chaque chez ci comme comment d dans de des deux depuis dit doit doivent donc dont du elle elles en encore entre es est et etait etaient "
        "ete etes etre eu fait faire faut font ici il ils j je jusqu l la le les leur leurs lors lui m ma mais me meme mes moi mon n ne ni nos "
        "notre nous on ont ou par parce pas peut peuvent peux plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se sera "
        "ses si son sont sous sur t ta te tes toi ton tous tout toute toutes tres tu un une vers voici vont vos votre vous y plait combien".split()
    ),
    endings=tuple(
        "issements issement ements ement ations ation ments ment euses euse eurs ives ive ees ee eaux es er ez ent ant ir s e".split()
    ),
    talk=frozenset(
        "bonjour bonsoir salut coucou au revoir merci beaucoup bien tres s il vous te plait oui non si d accord ok parfait super genial "
        "pardon excusez excuse moi un une moment instant attends attendez c est bon ca va comment allez tu toi je suis qui es etes que quoi peux "
        "pouvez faire m aider aide bonne journee soiree nuit bientot a demain ah oh euh hm stop arrete arretez compris pas maintenant et la le "
        "encore entendez entends".split()
    ),
    about_us=re.compile(
        r"\b(?:qui (?:es-tu|êtes-vous|es tu|êtes vous)|comment (?:vas-tu|allez-vous|tu t'appelles|vous appelez-vous|t'appelles-tu)|"
        r"ça va|que (?:peux-tu|pouvez-vous)|(?:es-tu|êtes-vous) (?:un|une|là)|raconte(?:z)?(?:-moi| moi)? (?:une|un)|"
        r"parle(?:z)? (?:plus|moins)|répète(?:z)?)\b"
    ),
    asking=re.compile(
        rf"^{_AND}(?:(?:à|a|de|en|dans|sur|pour|avec|par|depuis|jusqu'à|chez|sous) )?"
        r"(?:qui|que|qu'|quoi|quand|où|comment|pourquoi|combien|quel|quelle|quels|quelles|lequel|laquelle)(?:\b|(?<='))"
        rf"|^{_AND}(?:est-ce|y a-t-il|a-t-on|peut-on|dois-je|puis-je|faut-il|avez-vous|est-il|est-elle|sont-ils|sont-elles)"
        r"|^(?:(?:dis|dites|donne|donnez|explique|expliquez|décris|décrivez|montre|montrez)(?:-moi| moi)?|cite|citez|nomme|nommez)\b"
        r"|\b(?:je (?:veux|voudrais|souhaite|souhaiterais) savoir|sais-tu|savez-vous|je me demande)\b"
    ),
    joining=re.compile(r"^(?:et|mais|ou|aussi|puis|alors)\b|^qu'en est-il\b"),
    placing=re.compile(r"^(?:le|la|les|au|aux|en|dans|pour|avec|chez|après|avant|pendant|à)\b"),
    pointing=frozenset("il elle ils elles lui leur leurs y cela ca ceci celui celle ceux celles son sa ses".split()),
    idle=re.compile(r"(?i)\b(?:y a-t-il|il y a|est-il|faut-il|il faut|s'il (?:vous|te) plaît)\b"),
    phrases=Phrases(
        not_found="Je ne trouve pas cela dans vos documents.",
        not_looked="Je n'ai pas pu consulter vos documents à l'instant. Posez-moi la question encore une fois.",
        says="D'après {teller} : ",
        says_on_page="D'après {teller}, page {page} : ",
        document="« {title} »",
        untitled="le document",
        small_numbers=tuple(_spelled(number) for number in range(100)),
    ),
)
