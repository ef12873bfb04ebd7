"""Values to plant: personal data with right check digits, secrets, and words that stand nowhere else; and how they are found again."""

from __future__ import annotations

import random
import re
import secrets
from dataclasses import dataclass, field
from typing import Literal

What = Literal["personal", "secret", "words"]
_PARTS = re.compile(r"(?<=\d)[ ()./-]{1,2}(?=\d)")
_SYLLABLES = (
    "bor",
    "dan",
    "fel",
    "gor",
    "hul",
    "jem",
    "kal",
    "lom",
    "mir",
    "nov",
    "pel",
    "rud",
    "sam",
    "tor",
    "vin",
    "zak",
)


@dataclass(frozen=True)
class Value:
    """text: as it was written.  needle: as it is looked for.  door: through which it went."""

    text: str
    needle: str
    kind: str
    what: What
    door: str


@dataclass
class Planted:
    """All of one run."""

    values: list[Value] = field(default_factory=list)
    door: str = ""
    _chance: random.Random = field(default_factory=lambda: random.Random(11))

    def count(self) -> int:
        return len(self.values)

    def word(self) -> str:
        """One that only who was there could have heard."""
        return self._kept(f"canary{secrets.token_hex(6)}", "word", "words")

    def secret(self) -> str:
        """A password, a key, a token."""
        return self._kept(f"va_sk_{secrets.token_urlsafe(30)}", "secret", "secret")

    def personal(self) -> str:
        """Each time another kind."""
        kinds = (self._email, self._card, self._phone, self._iban, self._ssn, self._name)
        return kinds[sum(one.what == "personal" for one in self.values) % len(kinds)]()

    def sentence(self) -> str:
        """As somebody says it."""
        value = self.personal()
        said = {"email": "my e-mail address is", "card": "my card number is", "phone": "my phone number is"}
        said |= {"iban": "my IBAN is", "ssn": "my social security number is", "person": "my name is"}
        return f"Please note that {said[self.values[-1].kind]} {value}, and the word is {self.word()}."

    def email(self) -> str:
        return self._email()

    def found(self, text: str) -> list[Value]:
        """Those that stand in `text`, as they were written, or with their figures parted in another way."""
        plain = _PARTS.sub("", text).lower()
        return [one for one in self.values if one.needle in plain]

    def context(self, text: str, value: Value) -> str:
        plain = _PARTS.sub("", text).lower()
        at = plain.find(value.needle)
        return repr(plain[max(0, at - 90) : at + len(value.needle) + 30])

    def _email(self) -> str:
        return self._kept(f"ann.{secrets.token_hex(4)}@private.example", "email", "personal")

    def _card(self) -> str:
        figures = "4" + "".join(str(self._chance.randrange(10)) for _ in range(14))
        figures += str(-_luhn(figures + "0") % 10)
        return self._kept(" ".join(figures[at : at + 4] for at in range(0, 16, 4)), "card", "personal")

    def _phone(self) -> str:
        return self._kept(
            f"+1 415 {self._chance.randrange(200, 1000)} {self._chance.randrange(10_000):04d}", "phone", "personal"
        )

    def _iban(self) -> str:
        account = "".join(str(self._chance.randrange(10)) for _ in range(18))
        check = 98 - int(f"{account}131400") % 97  # DE is 13 14
        return self._kept(f"DE{check:02d}{account}", "iban", "personal")

    def _ssn(self) -> str:
        parts = self._chance.randrange(100, 600), self._chance.randrange(10, 99), self._chance.randrange(1000, 9999)
        return self._kept("-".join(map(str, parts)), "ssn", "personal")

    def _name(self) -> str:
        last = "".join(self._chance.choice(_SYLLABLES) for _ in range(3)).capitalize()
        return self._kept(f"Martin {last}ski", "person", "personal")

    def _kept(self, text: str, kind: str, what: What) -> str:
        self.values.append(Value(text, _PARTS.sub("", text).lower(), kind, what, self.door))
        return text


def _luhn(figures: str) -> int:
    doubled = [int(one) * 2 if at % 2 else int(one) for at, one in enumerate(reversed(figures))]
    return sum(one - 9 if one > 9 else one for one in doubled)
