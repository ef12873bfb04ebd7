"""Made texts: personal data with right check digits in sentences of five languages, written and said, among numbers that are none."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.pii.labelled import Label, Sample
from bench.pii.words import number

LANGUAGES = ("en", "de", "fr", "es", "it")
_SAYING = {
    "en": ("at", "dot", "dash", "underscore"),
    "de": ("ät", "Punkt", "Minus", "Unterstrich"),
    "fr": ("arobase", "point", "tiret", "tiret bas"),
    "es": ("arroba", "punto", "guion", "guion bajo"),
    "it": ("chiocciola", "punto", "trattino", "trattino basso"),
}
_SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "card": (
            "My card number is {}.",
            "You can charge it to {}, please.",
            "the credit card is {} and it expires in June",
            "Okay, it's {}.",
        ),
        "phone": (
            "You can reach me at {}.",
            "Call me back on {} after five.",
            "my mobile is {}",
            "The number is {}, thanks.",
            "Sure, {}.",
        ),
        "iban": ("Please transfer it to {}.", "The IBAN is {}.", "my account is {} okay"),
        "email": (
            "Send it to {} please.",
            "My e-mail address is {}.",
            "it's {} and that's all",
            "You can write to {}, I read it daily.",
        ),
    },
    "de": {
        "card": (
            "Meine Kartennummer ist {}.",
            "Die Kreditkarte lautet {} und läuft im Juni ab.",
            "Bitte buchen Sie von {} ab.",
        ),
        "phone": (
            "Sie erreichen mich unter {}.",
            "Rufen Sie mich bitte unter {} zurück.",
            "Meine Handynummer ist {}.",
            "Ja, {}.",
        ),
        "iban": ("Die IBAN ist {}.", "Bitte überweisen Sie auf {}.", "mein Konto ist {}"),
        "email": ("Meine Adresse ist {} bitte.", "Schicken Sie es an {}.", "Die Mail geht an {}, danke."),
    },
    "fr": {
        "card": ("Mon numéro de carte est le {}.", "La carte, c'est {} je crois.", "Débitez le {} s'il vous plaît."),
        "phone": (
            "Vous pouvez me joindre au {}.",
            "Mon portable, c'est le {}.",
            "Rappelez-moi au {} ce soir.",
            "Oui, {}.",
        ),
        "iban": ("L'IBAN est {}.", "Faites le virement sur {}.", "mon compte est le {}"),
        "email": ("Mon adresse est {} merci.", "Écrivez à {} demain.", "Envoyez tout à {}."),
    },
    "es": {
        "card": ("Mi número de tarjeta es {}.", "La tarjeta es {} y caduca en junio.", "Cárguelo a {} por favor."),
        "phone": ("Me puede llamar al {}.", "Mi móvil es el {}.", "El número es {} gracias.", "Sí, {}."),
        "iban": ("El IBAN es {}.", "Haga la transferencia a {}.", "mi cuenta es {}"),
        "email": ("Mi correo es {} gracias.", "Escríbame a {}.", "Mándelo a {}, por favor."),
    },
    "it": {
        "card": ("Il numero della carta è {}.", "La mia carta è {} e scade a giugno.", "Addebiti su {} per favore."),
        "phone": ("Mi può chiamare al {}.", "Il mio cellulare è {}.", "Il numero è {} grazie.", "Sì, {}."),
        "iban": ("L'IBAN è {}.", "Faccia il bonifico su {}.", "il mio conto è {}"),
        "email": ("La mia mail è {} grazie.", "Scriva a {}.", "Mandi tutto a {}, per favore."),
    },
}
_ENGLISH_ONLY: dict[str, tuple[str, ...]] = {
    "us_ssn": ("My social security number is {}.", "the social is {}", "SSN {} for the application."),
    "ip": ("The server has the address {}.", "It came from {} last night.", "ping {} and tell me"),
    "mac": ("The device is {}.", "filter {} on the switch"),
    "routing_number": ("The routing number is {}.", "use routing {} for the wire"),
    "bank_account": ("My account number is {}.", "checking account {} please"),
    "birth_date": ("I was born on {}.", "My date of birth is {}.", "Birthday: {}"),
    "passport": ("My passport number is {}.", "the passport is {}"),
    "driver_licence": ("My driver's license number is {}.", "driving licence {}"),
    "wallet": ("Send the coins to {}.", "my wallet is {} now"),
    "national_id": ("My NHS number is {}.",),
}
_NOTHING = {
    "en": (
        "We sold {a} units for ${b} in {y}.", "Your order number is {n}.", "Flight {a} leaves at {t} from gate {s}.", "Version {s}.{s}.{s} came out in {y}.",
        "I have two dogs and one hundred and twenty five books.", "The meeting is on {d} at {t}.", "It takes three or four minutes, maybe five.",
        "The invoice {n} is for {b} dollars.", "Turn to page {s}, chapter {s}.", "There were {b} people in {y} and {a} in {z}.",
        "Find us at the corner, dot your i's and call it a day.", "Room {a} is on floor {s}.", "Count: one, two, three, go.", "Serial {n} was made in {y}.",
    ),
    "de": ("Wir haben {a} Stück "
        "für {b} Euro verkauft.", "Die Rechnung {n} ist vom {d}.", "Es dauert drei bis vier Minuten.", "Im Jahr {y} waren es {b} Leute."),
    "fr": ("Nous en avons vendu {a} en {y}.", "La facture {n} est du {d}.", "Il faut trois ou quatre minutes.", "C'était en {y}, il y a {s} ans."),
    "es": ("Vendimos {a} unidades en {y}.", "La factura {n} es del {d}.", "Tarda tres o cuatro minutos.", "Eran {b} personas en {y}."),
    "it": ("Ne abbiamo venduti {a} nel {y}.", "La fattura {n} è del {d}.", "Ci vogliono tre o quattro minuti.", "Erano {b} persone nel {y}."),
}  # fmt: skip
_LOCALS = "marek lopez nadia ferro tom jansen sofia brandt hugo weiss carla dupont erik lund paula rey".split()
_HOSTS = "example mail contoso posta fabrikam northwind webmail".split()
_TOPS = ("com", "org", "net", "de", "fr", "es", "it", "co.uk", "io")


def samples(seed: int, rounds: int) -> list[Sample]:
    """Every kind in every language it is made for, `rounds` times written and said, with as many texts that hold nothing."""
    rng = random.Random(seed)
    made: list[Sample] = []
    for _ in range(rounds):
        for language in LANGUAGES:
            for kind, sentences in _SENTENCES[language].items():
                for said in (False, True):
                    made.append(_sample(rng, language, kind, sentences, said))
            made.append(Sample(_filled(rng, rng.choice(_NOTHING[language])), ()))
        for kind, sentences in _ENGLISH_ONLY.items():
            made.append(
                _sample(
                    rng,
                    "en",
                    kind,
                    sentences,
                    said=rng.random() < 0.5
                    and kind in ("us_ssn", "ip", "routing_number", "bank_account", "national_id"),
                )
            )
        made.append(Sample(_filled(rng, rng.choice(_NOTHING["en"])), ()))
    return made


def _sample(rng: random.Random, language: str, kind: str, sentences: tuple[str, ...], said: bool) -> Sample:
    value = _VALUES[kind](rng, language)
    if said:
        value = say_email(rng, value, language) if kind == "email" else say(rng, value, language)
    sentence = rng.choice(sentences)
    if said and kind in ("card", "phone") and sentence.endswith("{}."):
        sentence = sentence[:-1]
    start = sentence.index("{}")
    before = _filled(rng, rng.choice(_NOTHING[language])) + " " if rng.random() < 0.3 else ""
    return Sample(
        before + sentence.replace("{}", value), (Label(kind, len(before) + start, len(before) + start + len(value)),)
    )


def _filled(rng: random.Random, sentence: str) -> str:
    values = {
        "a": rng.randint(2, 999), "b": f"{rng.randint(1, 99)},{rng.randint(0, 999):03}", "n": f"{rng.randint(10**7, 10**9)}", "s": rng.randint(1, 20),
        "y": rng.randint(1950, 2026), "z": rng.randint(1950, 2026), "t": f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}",
        "d": f"{rng.randint(1, 28)}.{rng.randint(1, 12)}.{rng.randint(1990, 2026)}",
    }  # fmt: skip
    return sentence.format(**values)


def say(rng: random.Random, value: str, language: str) -> str:
    """Figures in words: one by one, in pairs, doubled; letters by themselves; groups end with a comma or not."""
    style = rng.choice(("digits", "digits", "pairs", "doubles" if language == "en" else "digits"))
    comma = rng.random() < 0.4
    words: list[str] = []
    for block in value.replace("(", "").replace(")", "").replace("-", " ").replace("/", " ").split():
        words += _say_block(rng, block, language, style)
        if comma and words:
            words[-1] += ","
    text = " ".join(words).rstrip(",")
    return text.replace(" ,", ",")


def _say_block(rng: random.Random, block: str, language: str, style: str) -> list[str]:
    words: list[str] = []
    at = 0
    while at < len(block):
        char = block[at]
        repeat = len(block[at:]) - len(block[at:].lstrip(char))
        if char == "+":
            words.append({"it": "più", "es": "más"}.get(language, "plus"))
        elif char == ".":
            words.append(_SAYING[language][1])
        elif not char.isdecimal():
            words.append(char)
        elif style == "doubles" and repeat in (2, 3):
            words += (("double", "triple")[repeat - 2], _one(rng, char, language))
            at += repeat - 1
        elif style == "pairs" and _pairs(block[at : at + 3], language):
            words.append(number(int(block[at : at + 2]), language))
            at += 1
        else:
            words.append(_one(rng, char, language))
        at += 1
    return words


def _pairs(block: str, language: str) -> bool:
    """Whether two figures may be said as one number. `eighty four` for 80 and 4 would be 84, also to people."""
    if len(block) < 2 or not block[:2].isdecimal() or block[0] == "0":
        return False
    return not (block[1] == "0" and block[0] != "1" and language in ("en", "fr") and block[2:] not in ("", "0"))


def _one(rng: random.Random, digit: str, language: str) -> str:
    if language == "en" and digit == "0" and rng.random() < 0.5:
        return "oh"
    if language == "de" and digit == "2" and rng.random() < 0.3:
        return "zwo"
    return number(int(digit), language)


def say_email(rng: random.Random, address: str, language: str) -> str:
    at, dot, dash, low = _SAYING[language]
    local, _, host = address.partition("@")
    words = []
    for char_run in _runs(local):
        words.append(
            {".": dot, "-": dash, "_": low}.get(char_run)
            or (number(int(char_run), language) if char_run.isdecimal() else char_run)
        )
    return " ".join([*words, at, *host.replace(".", f" {dot} ").split()])


def _runs(text: str) -> list[str]:
    runs: list[str] = []
    for char in text:
        if (
            runs
            and runs[-1].isalpha() == char.isalpha()
            and runs[-1].isdecimal() == char.isdecimal()
            and char not in ".-_"
        ):
            runs[-1] += char
        else:
            runs.append(char)
    return runs


def _digits(rng: random.Random, count: int, first: str = "0123456789") -> str:
    return rng.choice(first) + "".join(rng.choice("0123456789") for _ in range(count - 1))


def _luhn_digit(digits: str) -> str:
    return next(
        d
        for d in "0123456789"
        if sum(sum(divmod(int(c) * (1 + i % 2), 10)) for i, c in enumerate(reversed(digits + d))) % 10 == 0
    )


def _card(rng: random.Random, _language: str) -> str:
    front, length = rng.choice(
        (
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("3530", 16),
            ("36", 14),
        )
    )
    digits = front + _digits(rng, length - len(front) - 1)
    digits += _luhn_digit(digits)
    separator = rng.choice((" ", " ", "-", ""))
    groups = (
        (digits[:4], digits[4:10], digits[10:]) if length < 16 else (digits[:4], digits[4:8], digits[8:12], digits[12:])
    )
    return separator.join(groups)


def _iban(rng: random.Random, language: str) -> str:
    country, length = {"en": ("GB", 22), "de": ("DE", 22), "fr": ("FR", 27), "es": ("ES", 24), "it": ("IT", 27)}[
        language
    ]
    account = _digits(rng, length - 4)
    if country == "GB":
        account = "".join(rng.choice("ABCDEFGHKLMNPRSTUVWX") for _ in range(4)) + account[4:]
    if country == "IT":
        account = rng.choice("ABCDEFGHKLMNPRSTUVWX") + account[1:]
    numeric = "".join(str(int(char, 36)) for char in account + country) + "00"
    whole = f"{country}{98 - int(numeric) % 97:02}{account}"
    return " ".join(whole[i : i + 4] for i in range(0, length, 4)) if rng.random() < 0.6 else whole


def _phone(rng: random.Random, language: str) -> str:
    d: Callable[[int], str] = lambda count: _digits(rng, count)  # noqa: E731
    area = _digits(rng, 3, "23456789")
    shapes = {
        "en": (
            f"({area}) {_digits(rng, 3, '23456789')}-{d(4)}", f"{area}-555-{d(4)}", f"+1 {area} 555 {d(4)}",
            f"07{d(3)} {d(6)}", f"020 7{d(3)} {d(4)}", f"+44 7{d(3)} {d(6)}",
        ),
        "de": (
            f"030 {_digits(rng, 8, '123456789')}", f"+49 1{rng.choice('567')}{d(1)} {d(8)}",
            f"0{rng.choice(('171', '152', '160'))} {d(7)}", f"089/{_digits(rng, 7, '123456789')}",
        ),
        "fr": (
            f"0{rng.choice('1234567')} {d(2)} {d(2)} {d(2)} {d(2)}", f"+33 6 {d(2)} {d(2)} {d(2)} {d(2)}",
            f"0{rng.choice('1467')}.{d(2)}.{d(2)}.{d(2)}.{d(2)}",
        ),
        "es": (f"6{d(2)} {d(2)} {d(2)} {d(2)}", f"+34 9{d(2)} {d(3)} {d(3)}", f"9{d(1)} {d(3)} {d(2)} {d(2)}"),
        "it": (f"3{d(2)} {d(7)}", f"06 {d(4)} {d(4)}", f"+39 3{d(2)} {d(3)} {d(4)}", f"02 {d(8)}"),
    }  # fmt: skip
    return rng.choice(shapes[language])


def _email(rng: random.Random, language: str) -> str:
    first, last = rng.sample(_LOCALS, 2)
    local = rng.choice(
        (
            f"{first}.{last}",
            f"{first}_{last}",
            f"{first}-{last}",
            first,
            f"{last}{rng.randint(10, 99)}",
            f"{first[0]}.{last}",
        )
    )
    return f"{local}@{rng.choice(_HOSTS)}.{rng.choice(_TOPS)}"


def _ssn(rng: random.Random, _language: str) -> str:
    return f"{rng.randint(1, 665):03}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"


def _ip(rng: random.Random, _language: str) -> str:
    return ".".join(str(rng.choice((rng.randint(1, 99), rng.randint(1, 9), 10))) for _ in range(4))


def _mac(rng: random.Random, _language: str) -> str:
    digits = rng.choice(("0123456789abcdef", "0123456789ABCDEF"))
    return rng.choice(":-").join(rng.choice(digits) + rng.choice(digits) for _ in range(6))


def _routing(rng: random.Random, _language: str) -> str:
    front = f"{rng.randint(1, 12):02}" + _digits(rng, 6)
    return front + str(-sum(int(c) * w for c, w in zip(front, (3, 7, 1, 3, 7, 1, 3, 7), strict=True)) % 10)


def _account(rng: random.Random, _language: str) -> str:
    return _digits(rng, rng.randint(8, 12), "123456789")


def _birth(rng: random.Random, _language: str) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1940, 2008)
    name = "January February March April May June July August September October November December".split()[month - 1]
    said = f"{name} {number(day, 'en')}, nineteen {number(max(11, year % 100), 'en')}"
    figures = (f"{day}/{month}/{year}", f"{year}-{month:02}-{day:02}")
    return rng.choice(
        (*figures, f"{name} {day}, {year}", f"{day} {name} {year}", f"the {day}th of {name} {year}", said)
    )


def _passport(rng: random.Random, _language: str) -> str:
    return rng.choice(
        (_digits(rng, 9), rng.choice("CDEX") + _digits(rng, 8), "".join(rng.choices("ABEKL", k=2)) + _digits(rng, 7))
    )


def _licence(rng: random.Random, _language: str) -> str:
    return rng.choice(
        (
            rng.choice("ABDKS") + _digits(rng, 7),
            rng.choice("DFS") + _digits(rng, 3) + "-" + _digits(rng, 4) + "-" + _digits(rng, 4),
        )
    )


def _wallet(rng: random.Random, _language: str) -> str:
    return "0x" + "".join(rng.choices("0123456789abcdef", k=40))


def _nhs(rng: random.Random, _language: str) -> str:
    while True:
        front = _digits(rng, 9, "4679")
        check = 11 - sum(int(c) * w for c, w in zip(front, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            return f"{front[:3]} {front[3:6]} {front[6:]}{check % 11}"


_VALUES: dict[str, Callable[[random.Random, str], str]] = {
    "card": _card, "phone": _phone, "iban": _iban, "email": _email, "us_ssn": _ssn, "ip": _ip, "mac": _mac, "routing_number": _routing,
    "bank_account": _account, "birth_date": _birth, "passport": _passport, "driver_licence": _licence, "wallet": _wallet, "national_id": _nhs,
}  # fmt: skip
